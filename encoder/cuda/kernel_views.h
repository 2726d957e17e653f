/* kernel_views.h (private) - a view's pixels from its recipe; see kernels_views.h and grid.h. What
 * has another order of operations here than in encoder/train/augment*.c has other bits.
 * Thread rule: pure functions. */
#ifndef NSKY_CUDA_KERNEL_VIEWS_H
#define NSKY_CUDA_KERNEL_VIEWS_H

#include "common/rng_normal.h"
#include "encoder/cuda/grid.h"
#include "encoder/cuda/kernels_views.h"
#include "encoder/cuda/number.h"
#include "encoder/preprocess_pixel.h"

NSKY_ON_DEVICE static inline uint32_t nsky_view_side(const nsky_views_args *a, const nsky_view *v)
{
    return a->size + 2 * v->recipe.margin;
}

/* Where a view's band begins in flux and known. */
NSKY_ON_DEVICE static inline size_t nsky_view_plane(const nsky_views_args *a, size_t view,
                                                    uint32_t band)
{
    return (view * 3 + band) * a->side_max * a->side_max;
}

/* Flux, and 1 where it is observed, or zeros: outside, or missing. */
NSKY_ON_DEVICE static inline float nsky_view_pixel(const nsky_view *v, const uint16_t *pixels,
                                                   uint32_t band, int32_t x, int32_t y,
                                                   float *observed)
{
    *observed = 0;
    if (x < 0 || y < 0 || x >= (int32_t)v->width || y >= (int32_t)v->height)
        return 0;
    float value = nsky_float_of_half(
        pixels[v->at + ((size_t)band * v->height + (uint32_t)y) * v->width + (uint32_t)x]);
    if (!(value - value == 0))
        return 0;
    *observed = 1;
    return value;
}

/* An item is a pixel of a view's grid with its margin, all bands. */
NSKY_ON_DEVICE static inline void nsky_views_sample_item(const nsky_views_args *a, size_t item)
{
    size_t grid = (size_t)a->side_max * a->side_max, index = item / grid;
    const nsky_view *v = &a->views[index];
    const nsky_augment_recipe *r = &v->recipe;
    uint32_t side = nsky_view_side(a, v);
    uint32_t row = (uint32_t)(item % grid / side), column = (uint32_t)(item % grid % side);
    float fx, fy, wx[4], wy[4];

    if (row >= side)
        return;
    float x0 = r->origin[0] + (float)row * r->down[0], y0 = r->origin[1] + (float)row * r->down[1];
    int32_t ix = nsky_augment_split(x0 + (float)column * r->right[0], (float)v->width, &fx);
    int32_t iy = nsky_augment_split(y0 + (float)column * r->right[1], (float)v->height, &fy);
    nsky_augment_cubic(fx, wx);
    nsky_augment_cubic(fy, wy);
    for (uint32_t band = 0; band < 3; band++) {
        float flux[2] = {0, 0}, weight[2] = {0, 0}; /* even taps, odd taps: as the CPU adds them */
        for (int32_t j = 0; j < 4; j++) {
            float f[4], o[4];
            for (int32_t i = 0; i < 4; i++)
                f[i] = nsky_view_pixel(v, a->pixels, band, ix - 1 + i, iy - 1 + j, &o[i]);
            for (int odd = 0; odd < 2; odd++) {
                flux[odd] += (f[odd] * wx[odd] + f[odd + 2] * wx[odd + 2]) * wy[j];
                weight[odd] += (o[odd] * wx[odd] + o[odd + 2] * wx[odd + 2]) * wy[j];
            }
        }
        float known = weight[0] + weight[1];
        bool enough = known >= NSKY_AUGMENT_KNOWN_ENOUGH;
        size_t at = nsky_view_plane(a, index, band) + item % grid;
        a->flux[at] = enough ? (flux[0] + flux[1]) / known * r->bands[band].gain : 0;
        a->known[at] = enough;
    }
}

/* A block is a view: missing pixels are numbered in their order, which takes two passes. */
NSKY_ON_DEVICE static inline void nsky_views_fill_block(const nsky_views_args *a, uint32_t view)
{
    NSKY_BLOCK_SHARED uint32_t first[NSKY_VIEW_LANES]; /* of each lane's share of pixels */
    NSKY_BLOCK_SHARED uint64_t blocks[2]; /* of noise: taken so far; where this band's begin */
    const nsky_view *v = &a->views[view];
    const nsky_augment_recipe *r = &v->recipe;
    size_t side = nsky_view_side(a, v), plane = side * side;
    size_t share = (plane + NSKY_VIEW_LANES - 1) / NSKY_VIEW_LANES;

    NSKY_LANES(begin, 1) blocks[begin] = 0;
    for (uint32_t band = 0; band < 3; band++) {
        float *flux = a->flux + nsky_view_plane(a, view, band);
        const uint8_t *known = a->known + nsky_view_plane(a, view, band);
        float sigma = r->bands[band].fill_sigma;
        NSKY_LANES(lane, NSKY_VIEW_LANES)
        {
            first[lane] = 0;
            for (size_t i = lane * share; i < plane && i < (lane + 1) * share; i++)
                first[lane] += !known[i];
        }
        NSKY_LANES(only, 1)
        {
            uint32_t missing = only; /* 0: the one lane */
            for (uint32_t i = 0; i < NSKY_VIEW_LANES; i++) {
                uint32_t here = first[i];
                first[i] = missing;
                missing += here;
            }
            blocks[1] = blocks[0];
            uint64_t taken = blocks[1] + (sigma > 0 ? nsky_rng_fill_blocks(missing) : 0);
            a->noise_at[(size_t)view * 3 + band] = taken;
            bool adds = r->bands[band].noise_sigma > 0;
            blocks[0] = taken + (adds ? nsky_rng_fill_blocks((uint64_t)a->size * a->size) : 0);
        }
        NSKY_LANES(lane, NSKY_VIEW_LANES)
        {
            uint32_t number = first[lane];
            for (size_t i = lane * share; sigma > 0 && i < plane && i < (lane + 1) * share; i++)
                if (!known[i])
                    flux[i] = sigma * nsky_rng_normal_at(r->key, r->counter, blocks[1], number++);
        }
    }
}

/* in[0] and its neighbours `step` apart, in pairs from the middle out. */
NSKY_ON_DEVICE static inline float nsky_view_blur(const nsky_augment_band *b, const float *in,
                                                  size_t step)
{
    float sum = in[0] * b->taps[0];

    for (size_t k = 1; k <= b->radius; k++)
        sum += (*(in - k * step) + in[k * step]) * b->taps[k];
    return sum;
}

/* An item is a pixel of one band's columns [size, side]. */
NSKY_ON_DEVICE static inline void nsky_views_blur_item(const nsky_views_args *a, size_t item)
{
    size_t room = (size_t)a->size * a->side_max, index = item / room / 3;
    uint32_t band = (uint32_t)(item / room % 3);
    const nsky_view *v = &a->views[index];
    const nsky_augment_band *b = &v->recipe.bands[band];
    size_t side = nsky_view_side(a, v), y = item % room / side, x = item % room % side;

    if (y >= a->size || b->radius == 0)
        return;
    const float *flux = a->flux + nsky_view_plane(a, index, band);
    a->columns[item] = nsky_view_blur(b, flux + (y + v->recipe.margin) * side + x, side);
}

/* An item is a pixel of a view. */
NSKY_ON_DEVICE static inline void nsky_views_end_item(const nsky_views_args *a, size_t item)
{
    size_t plane = (size_t)a->size * a->size, index = item / plane, at = item % plane;
    const nsky_view *v = &a->views[index];
    const nsky_augment_recipe *r = &v->recipe;
    size_t side = nsky_view_side(a, v), y = at / a->size, x = at % a->size + r->margin;
    float value[3], input[3];

    for (uint32_t band = 0; band < 3; band++) {
        const nsky_augment_band *b = &r->bands[band];
        size_t columns = (index * 3 + band) * a->size * a->side_max + y * side + x;
        if (b->radius > 0)
            value[band] = nsky_view_blur(b, a->columns + columns, 1);
        else
            value[band] = a->flux[nsky_view_plane(a, index, band) + (y + r->margin) * side + x];
        if (b->noise_sigma > 0)
            value[band] += b->noise_sigma * nsky_rng_normal_at(r->key, r->counter,
                                                               a->noise_at[index * 3 + band], at);
    }
    nsky_look_pixel(&a->look, value, input);
    for (uint32_t c = 0; c < 3; c++)
        a->out[(index * 3 + c) * plane + at] = input[c];
}

#endif
