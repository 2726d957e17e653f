/* codes_private.h (private) - what the sweep kernels share. */
#ifndef NSKY_CODES_PRIVATE_H
#define NSKY_CODES_PRIVATE_H

#include <stdbool.h>

#include "index/codes.h"

void nsky_code_sweep_avx2(const nsky_code_sweep_args *args);
uint64_t nsky_code_above_avx2(const float *scores, uint64_t block_count, float threshold,
                              uint16_t *masks);
void nsky_code_sweep_avx512(const nsky_code_sweep_args *args);
uint64_t nsky_code_above_avx512(const float *scores, uint64_t block_count, float threshold,
                                uint16_t *masks);

/* The one float expression: every kernel's lanes do these steps, each rounded by itself. */
static inline float nsky_code_finish(const nsky_code_query *query, float base, int32_t first,
                                     int32_t second)
{
    float head = base + query->offset;
    float sum = query->scales[0] * (float)first;
    if (query->plane_count == 2) {
        float low = query->scales[1] * (float)second;
        sum = sum + low;
    }
    return head + sum;
}

#endif
