/* preprocess_pixel.h - the arithmetic of preprocess.h for one pixel, for a CPU and for a card.
 * Thread rule: pure functions. */
#ifndef NSKY_PREPROCESS_PIXEL_H
#define NSKY_PREPROCESS_PIXEL_H

#include <math.h>
#include <stdint.h>

#include "common/device.h"
#include "encoder/preprocess.h"
#include "image/stretch_pixel.h"

/*
 * x (s + m f / I) with I = mean of max(0, x s + m), f = asinh(Q I) / sqrt(Q), clipped to [0, 1]:
 * the order of operations of the public training code, which is not the viewer's (x s + m) f / I.
 * Weights trained with it need it. In place; missing pixels are 0 flux.
 */
NSKY_ON_DEVICE static inline void nsky_stein_pixel(const nsky_stretch *s, float root, float x[3])
{
    float intensity = 0;

    for (int band = 0; band < 3; band++) {
        x[band] = x[band] == x[band] ? x[band] : 0.0f;
        intensity += fmaxf(0.0f, x[band] * s->scale[band] + s->m);
    }
    intensity /= 3;
    float f = intensity > 0 ? asinhf(s->q * intensity) / root / intensity : 0.0f;
    for (int band = 0; band < 3; band++) {
        float value = x[band] * (s->scale[band] + s->m * f);
        x[band] = fminf(fmaxf(value, 0.0f), 1.0f);
    }
}

/* Where pixel (x, y) of view v comes from: v & 3 quarter turns, then a flip for v >= 4. */
NSKY_ON_DEVICE static inline void nsky_view_source(uint32_t size, uint32_t view, uint32_t x,
                                                   uint32_t y, uint32_t *from_x, uint32_t *from_y)
{
    uint32_t last = size - 1, fx = view >= 4 ? last - x : x; /* undo the flip, then the turns */

    switch (view & 3) {
    case 1:
        *from_x = last - y, *from_y = fx;
        break;
    case 2:
        *from_x = last - fx, *from_y = last - y;
        break;
    case 3:
        *from_x = y, *from_y = last - fx;
        break;
    default:
        *from_x = fx, *from_y = y;
        break;
    }
}

#endif
