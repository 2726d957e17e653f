/* stretch_pixel.h - the arithmetic of stretch.h for one pixel: basic operations in a fixed order,
 * no libm but the square root, so that a CPU's vector code and a card give the same bits (compiled
 * without fused operations). Thread rule: pure functions. */
#ifndef NSKY_STRETCH_PIXEL_H
#define NSKY_STRETCH_PIXEL_H

#include <math.h>
#include <stdint.h>

#include "common/device.h"
#include "image/stretch.h"

/* Far above any real flux, far below where the arithmetic here overflows float32. */
#define NSKY_STRETCH_FLUX_MAX 1e15f
#define NSKY_STRETCH_ARGUMENT_MAX 1e18f

/* NaN becomes 0; the rest is clamped. Written as selects so that it vectorises. */
NSKY_ON_DEVICE static inline float nsky_stretch_tame(float flux)
{
    float x = flux == flux ? flux : 0.0f;
    x = x > NSKY_STRETCH_FLUX_MAX ? NSKY_STRETCH_FLUX_MAX : x;
    return x < -NSKY_STRETCH_FLUX_MAX ? -NSKY_STRETCH_FLUX_MAX : x;
}

/* The same 32 bits, seen both ways. */
typedef union nsky_stretch_word {
    float number;
    uint32_t bits;
} nsky_stretch_word;

/*
 * Natural logarithm of a normal x >= 1 to about 1 ulp: Cephes' logf, branch-free. x = 2^e m with m
 * in [sqrt(1/2), sqrt(2)).
 */
NSKY_ON_DEVICE static inline float nsky_stretch_log(float x)
{
    nsky_stretch_word w;
    w.number = x;
    uint32_t shifted = w.bits - 0x3f3504f3u; /* bits of sqrt(1/2): the exponent rounds at sqrt(2) */
    float e = (float)((int32_t)shifted >> 23);
    w.bits = (shifted & 0x007fffffu) + 0x3f3504f3u;
    float m = w.number - 1.0f;

    float z = m * m;
    float p = 7.0376836292e-2f;
    p = p * m - 1.1514610310e-1f;
    p = p * m + 1.1676998740e-1f;
    p = p * m - 1.2420140846e-1f;
    p = p * m + 1.4249322787e-1f;
    p = p * m - 1.6668057665e-1f;
    p = p * m + 2.0000714765e-1f;
    p = p * m - 2.4999993993e-1f;
    p = p * m + 3.3333331174e-1f;
    p = p * m * z;
    p += e * -2.12194440e-4f;
    p -= 0.5f * z;
    return m + p + e * 0.693359375f;
}

/* asinh(y) for 0 <= y <= NSKY_STRETCH_ARGUMENT_MAX, relative error below 4e-7 also near 0. */
NSKY_ON_DEVICE static inline float nsky_stretch_asinh(float y)
{
    float t = y + y * y / (1.0f + sqrtf(1.0f + y * y)); /* asinh(y) = log1p(t) */
    float u = 1.0f + t;
    float lost = t - (u - 1.0f); /* what rounding u dropped: carries small t */
    return nsky_stretch_log(u) + lost / u;
}

NSKY_ON_DEVICE static inline float nsky_stretch_clip(float value)
{
    value = value > 0.0f ? value : 0.0f;
    return value < 1.0f ? value : 1.0f;
}

/* f / I, from the sum of the three bands' positive parts; root = sqrt(q). */
NSKY_ON_DEVICE static inline float nsky_stretch_gain(float sum, float q, float root)
{
    float intensity = sum / 3.0f;
    float y = q * intensity;
    y = y < NSKY_STRETCH_ARGUMENT_MAX ? y : NSKY_STRETCH_ARGUMENT_MAX;
    float f = nsky_stretch_asinh(y) / root;
    return f / (intensity > 0.0f ? intensity : 1e-6f); /* of 0: then f is 0, too */
}

/* Fluxes to colours, blue to red, in place. */
NSKY_ON_DEVICE static inline void nsky_stretch_pixel(const nsky_stretch *stretch, float root,
                                                     float v[3])
{
    float sum = 0.0f;

    for (int band = 0; band < 3; band++) {
        v[band] = nsky_stretch_tame(v[band]) * stretch->scale[band] + stretch->m;
        sum += v[band] > 0.0f ? v[band] : 0.0f;
    }
    float gain = nsky_stretch_gain(sum, stretch->q, root);
    for (int band = 0; band < 3; band++)
        v[band] = nsky_stretch_clip(v[band] * gain);
}

#endif
