/* planes.c - see planes.h. The loops have no branches, so that compilers make vectors of them: this
 * is most of what adding and reading a stamp costs besides zstd.
 * Thread rule: pure functions over the caller's buffers. */
#include "store/planes.h"

#include <math.h>
#include <stdbool.h>

#include "common/half.h"
#include "store/bytes.h"

/* As integers: the bits of floats without sign sort as the floats do, and integers have a maximum
 * that vectorizes. */
int nsky_planes_exponent(const float *pixels, size_t count)
{
    int32_t largest = 0;
    int exponent;
    float value;

    for (size_t i = 0; i < count; i++) {
        int32_t bits;
        memcpy(&bits, pixels + i, sizeof bits);
        bits &= 0x7FFFFFFF;
        bits = bits < 0x7F800000 ? bits : 0; /* NaN, infinity */
        largest = bits > largest ? bits : largest;
    }
    if (largest == 0)
        return 0;
    memcpy(&value, &largest, sizeof value);
    frexpf(value, &exponent); /* value < 2^exponent */
    return 15 - exponent;
}

/* Multiplies by 2^exponent in two steps, for 2^exponent itself may not be a float. */
static void scale_by(float *out, const float *in, size_t count, int exponent)
{
    float first = ldexpf(1, exponent / 2), second = ldexpf(1, exponent - exponent / 2);

    for (size_t i = 0; i < count; i++)
        out[i] = in[i] * first * second;
}

static bool well_kept(float kept, float pixel)
{
    return (kept == pixel) | (isnan(kept) & isnan(pixel)) |
           (fabsf(kept - pixel) <= fabsf(pixel) * 0x1p-11f);
}

static size_t count_lost(const float *kept, const float *pixels, size_t count)
{
    int32_t lost = 0;

    for (size_t i = 0; i < count; i++)
        lost += !well_kept(kept[i], pixels[i]);
    return (size_t)lost;
}

static size_t put_exceptions(const nsky_planes *p, const float *pixels, size_t count)
{
    uint8_t *at = p->bytes + 2 * count;

    for (size_t i = 0; i < count; i++) {
        if (well_kept(p->values[i], pixels[i]))
            continue;
        nsky_put_u32(at, (uint32_t)i);
        nsky_put_f32(at + 4, pixels[i]);
        at += NSKY_EXCEPTION_BYTES;
    }
    return (size_t)(at - p->bytes);
}

size_t nsky_planes_put_half(const nsky_planes *p, const float *pixels, size_t count, int exponent,
                            uint32_t *exceptions)
{
    uint8_t *restrict low = p->bytes, *restrict high = p->bytes + count;
    const uint16_t *restrict halves = p->halves;

    scale_by(p->values, pixels, count, exponent);
    nsky_half_from_floats(p->halves, p->values, count);
    nsky_half_to_floats(p->values, p->halves, count);
    scale_by(p->values, p->values, count, -exponent);
    for (size_t i = 0; i < count; i++) {
        low[i] = (uint8_t)halves[i];
        high[i] = (uint8_t)(halves[i] >> 8);
    }
    size_t lost = count_lost(p->values, pixels, count);
    *exceptions = (uint32_t)lost;
    if (lost > count / 8) /* float32 is hardly larger; this also keeps within 4 * count bytes */
        return 0;
    return lost > 0 ? put_exceptions(p, pixels, count) : 2 * count;
}

size_t nsky_planes_put_float(const nsky_planes *p, const float *pixels, size_t count)
{
    for (size_t plane = 0; plane < 4; plane++) {
        uint8_t *restrict out = p->bytes + plane * count;
        for (size_t i = 0; i < count; i++) {
            uint32_t bits;
            memcpy(&bits, pixels + i, sizeof bits);
            out[i] = (uint8_t)(bits >> (8 * plane));
        }
    }
    return 4 * count;
}

const char *nsky_planes_get_half(const nsky_planes *p, float *pixels, size_t count, int exponent,
                                 uint32_t exceptions)
{
    const uint8_t *restrict low = p->bytes, *restrict high = p->bytes + count;
    const uint8_t *at = p->bytes + 2 * count;
    uint16_t *restrict halves = p->halves;

    for (size_t i = 0; i < count; i++)
        halves[i] = (uint16_t)(low[i] | high[i] << 8);
    nsky_half_to_floats(pixels, halves, count);
    scale_by(pixels, pixels, count, -exponent);
    for (uint32_t i = 0; i < exceptions; i++, at += NSKY_EXCEPTION_BYTES) {
        uint32_t index = nsky_get_u32(at);
        if (index >= count)
            return "one of its pixels lies outside the image";
        pixels[index] = nsky_get_f32(at + 4);
    }
    return NULL;
}

void nsky_planes_get_float(const nsky_planes *p, float *pixels, size_t count)
{
    const uint8_t *restrict in = p->bytes;

    for (size_t i = 0; i < count; i++) {
        uint32_t bits = in[i] | (uint32_t)in[count + i] << 8 | (uint32_t)in[2 * count + i] << 16 |
                        (uint32_t)in[3 * count + i] << 24;
        memcpy(pixels + i, &bits, sizeof bits);
    }
}
