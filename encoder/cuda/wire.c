/* wire.c - see wire.h. A power of two brings the brightest pixel just under float16's largest, so
 * that what a store keeps as float16 crosses the bus without loss. Thread rule: pure. */
#include "encoder/cuda/wire.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/half.h"
#include "image/resample_tap.h"

/* A crop of the stamp, whose rows are `stride` apart. */
typedef struct crop {
    const float *first; /* the lowest row's first pixel, of band 0 */
    uint32_t width, height, stride;
    size_t plane; /* from band to band */
} crop;

double nsky_wire_ratio(const nsky_preprocess *how, const nsky_stamp *stamp)
{
    double ratio = (double)how->scale_arcsec_px / stamp->scale_arcsec_px;

    return fabs(ratio - 1) <= NSKY_SAME_SCALE ? 1 : ratio;
}

uint32_t nsky_wire_side(const nsky_preprocess *how, double ratio, uint32_t side)
{
    double needed = how->size; /* a plain crop */

    if (ratio != 1 || side % 2 != how->size % 2)
        needed = 2 * ceil((how->size - 1) / 2.0 * ratio + nsky_tap_reach(ratio)) + 2;
    if (!(needed < side))
        return side;
    return side - 2 * ((side - (uint32_t)needed) / 2);
}

static crop crop_of(const nsky_preprocess *how, const nsky_stamp *stamp, double ratio)
{
    uint32_t width = nsky_wire_side(how, ratio, stamp->width);
    uint32_t height = nsky_wire_side(how, ratio, stamp->height);
    size_t left = (stamp->width - width) / 2, below = (stamp->height - height) / 2;

    return (crop){.first = stamp->pixels + below * stamp->width + left,
                  .width = width,
                  .height = height,
                  .stride = stamp->width,
                  .plane = (size_t)stamp->width * stamp->height};
}

size_t nsky_wire_count(const nsky_preprocess *how, const nsky_stamp *stamp)
{
    const crop c = crop_of(how, stamp, nsky_wire_ratio(how, stamp));

    return (size_t)3 * c.width * c.height;
}

/* The largest finite magnitude, and whether any is infinite. */
static float largest_of(const crop *c, bool *infinite)
{
    float largest = 0;

    *infinite = false;
    for (size_t band = 0; band < 3; band++)
        for (size_t y = 0; y < c->height; y++) {
            const float *row = c->first + band * c->plane + y * c->stride;
            for (size_t x = 0; x < c->width; x++) {
                float size = fabsf(row[x]);
                *infinite |= size == INFINITY;
                largest = size > largest && size < INFINITY ? size : largest;
            }
        }
    return largest;
}

static void put_row(const float *row, uint32_t count, float first, float after, uint16_t *out)
{
    float scaled[NSKY_STAMP_SIDE_MAX];

    for (uint32_t x = 0; x < count; x++)
        scaled[x] = isfinite(row[x]) ? row[x] * first * after : NAN;
    nsky_half_from_floats(out, scaled, count);
}

nsky_status nsky_wire_put(const nsky_preprocess *how, const nsky_stamp *stamp, nsky_wire *wire,
                          uint16_t *pixels, nsky_error *err)
{
    assert(how && stamp && wire && pixels && err);
    assert(stamp->width <= NSKY_STAMP_SIDE_MAX && stamp->height <= NSKY_STAMP_SIDE_MAX);
    double ratio = nsky_wire_ratio(how, stamp);
    const crop c = crop_of(how, stamp, ratio);
    bool infinite, plain;
    float largest = largest_of(&c, &infinite);
    int exponent = 0;

    plain = ratio == 1 && stamp->width % 2 == how->size % 2 && stamp->height % 2 == how->size % 2;
    if (infinite && plain)
        return nsky_fail(err, NSKY_EDATA, "the image has an infinite pixel");
    if (largest > 0) {
        frexpf(largest, &exponent); /* largest < 2^exponent */
        exponent = 15 - exponent;
    }
    int half = exponent / 2;
    wire->width = c.width;
    wire->height = c.height;
    wire->ratio = ratio;
    wire->scale_first = ldexpf(1, -half);
    wire->scale_after = ldexpf(1, half - exponent);
    for (size_t band = 0; band < 3; band++)
        for (size_t y = 0; y < c.height; y++, pixels += c.width)
            put_row(c.first + band * c.plane + y * c.stride, c.width, ldexpf(1, half),
                    ldexpf(1, exponent - half), pixels);
    return NSKY_OK;
}
