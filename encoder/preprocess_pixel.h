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

/* What a preprocessing makes of fluxes, ready for a card. */
typedef struct nsky_look {
    nsky_stretch_kind kind;
    nsky_stretch stretch;
    float root; /* sqrt(stretch.q) */
    uint32_t channel[3];
    float mean[3], deviation[3];
} nsky_look;

static inline nsky_look nsky_look_of(const nsky_preprocess *how)
{
    nsky_look look;

    look.kind = how->stretch;
    look.stretch = nsky_stretch_viewer;
    look.root = sqrtf(nsky_stretch_viewer.q);
    for (int c = 0; c < 3; c++) {
        look.channel[c] = how->channel[c];
        look.mean[c] = how->mean[c];
        look.deviation[c] = how->deviation[c];
    }
    return look;
}

/* The fluxes of a pixel, changed on the way, to the network's three inputs. */
NSKY_ON_DEVICE static inline void nsky_look_pixel(const nsky_look *look, float flux[3],
                                                  float out[3])
{
    if (look->kind == NSKY_STRETCH_STEIN)
        nsky_stein_pixel(&look->stretch, look->root, flux);
    else
        nsky_stretch_pixel(&look->stretch, look->root, flux);
    for (uint32_t c = 0; c < 3; c++) {
        uint32_t band = look->channel[c]; /* by selects: an index would put flux into memory */
        float value = band == 0 ? flux[0] : band == 1 ? flux[1] : flux[2];
        out[c] = (value - look->mean[c]) / look->deviation[c];
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
