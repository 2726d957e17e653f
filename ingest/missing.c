/* missing.c - see missing.h. Every pixel of every stamp passes here; nearly always nothing is
 * wrong, and one pass that the compiler turns into vector code says so. */
#include "ingest/missing.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>

#define ZERO_FRACTION_MIN 0.05

double nsky_mark_missing(float *pixels, uint64_t count)
{
    uint32_t zeros = 0, odd = 0;

    assert(count > 0 && count <= UINT32_MAX);
    for (uint64_t i = 0; i < count; i++) {
        zeros += pixels[i] == 0;
        odd += !(fabsf(pixels[i]) <= FLT_MAX); /* NaN too */
    }
    bool drop_zeros = zeros >= ZERO_FRACTION_MIN * (double)count;
    if (odd == 0 && !drop_zeros)
        return 0;
    for (uint64_t i = 0; i < count; i++)
        if (!isfinite(pixels[i]) || (drop_zeros && pixels[i] == 0))
            pixels[i] = NAN;
    return (double)(odd + (drop_zeros ? zeros : 0)) / (double)count;
}
