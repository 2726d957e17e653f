/* augment_pixel.h (private) - the arithmetic of a view for one pixel, for a CPU and for a card, and
 * what a view is made by: a recipe. Thread rule: pure functions. */
#ifndef NSKY_AUGMENT_PIXEL_H
#define NSKY_AUGMENT_PIXEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/device.h"

#define NSKY_AUGMENT_RADIUS_MAX 32         /* pixels a blur's kernel reaches, at most */
#define NSKY_AUGMENT_KNOWN_ENOUGH 0.49999f /* as nsky_resample */

/* What becomes of one band. Sigmas 0: none. */
typedef struct nsky_augment_band {
    float gain;        /* of the resampled flux: reddening and a pixel's area */
    float fill_sigma;  /* noise where nothing was observed */
    float noise_sigma; /* noise added in the end */
    uint32_t radius;
    float taps[NSKY_AUGMENT_RADIUS_MAX + 1]; /* of the blur, from the middle out */
} nsky_augment_band;

/*
 * One view of a stamp, as numbers alone: (x, y) = origin + column right + row down of the stamp for
 * every pixel of [side, side], side = size + 2 margin. key and counter: where the pixels' noise
 * begins, at a whole block; each band in turn takes nsky_rng_fill_blocks of the pixels it fills (if
 * it does), then of size * size (if it adds noise).
 */
typedef struct nsky_augment_recipe {
    float origin[2], right[2], down[2];
    uint32_t margin; /* the largest radius */
    uint32_t key[2], counter[4];
    nsky_augment_band bands[3];
} nsky_augment_recipe;

/* Keys' cubic convolution, a = -1/2, for the taps at -1, 0, 1, 2 around a fraction f. */
NSKY_ON_DEVICE static inline __attribute__((always_inline)) void nsky_augment_cubic(float f,
                                                                                    float weight[4])
{
    float f2 = f * f, f3 = f2 * f;

    weight[0] = -0.5f * f3 + f2 - 0.5f * f;
    weight[1] = 1.5f * f3 - 2.5f * f2 + 1;
    weight[2] = -1.5f * f3 + 2 * f2 + 0.5f * f;
    weight[3] = 0.5f * f3 - 0.5f * f2;
}

/* Where along an axis of `side` pixels: clamped to where all beyond is empty anyway; the pixel at
 * or before it, and the fraction behind that. */
NSKY_ON_DEVICE static inline __attribute__((always_inline)) int32_t
nsky_augment_split(float at, float side, float *fraction)
{
    float most = side + 1;

    at = at < -2 ? -2 : at > most ? most : at;
    int32_t whole = (int32_t)(at + 2) - 2; /* floor: at + 2 >= 0 */
    *fraction = at - (float)whole;
    return whole;
}

#endif
