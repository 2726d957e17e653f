/* kernel_pool.h (private) - pooling, and vectors of unit length; see grid.h.
 * Thread rule: pure functions. */
#ifndef NSKY_CUDA_KERNEL_POOL_H
#define NSKY_CUDA_KERNEL_POOL_H

#include <math.h>

#include "encoder/cuda/grid.h"
#include "encoder/cuda/kernels.h"

/* An item is eight channels of an output pixel. */
NSKY_ON_DEVICE static inline void nsky_maxpool_item(const nsky_maxpool_args *a, size_t item)
{
    uint32_t eight = (uint32_t)(item % a->eights), ox, oy;
    size_t pixel = item / a->eights, image;
    nsky_floats best;

    ox = (uint32_t)(pixel % a->out_width);
    oy = (uint32_t)(pixel / a->out_width % a->out_height);
    image = pixel / a->out_width / a->out_height;
    for (uint32_t c = 0; c < NSKY_EIGHT; c++)
        best.v[c] = -INFINITY;
    for (uint32_t ky = 0; ky < 3; ky++)
        for (uint32_t kx = 0; kx < 3; kx++) {
            uint32_t y = 2 * oy + ky - 1, x = 2 * ox + kx - 1; /* wrap when below zero */
            if (y >= a->in_height || x >= a->in_width)
                continue;
            nsky_floats in =
                nsky_eight_get(a->number, a->in,
                               ((image * a->in_height + y) * a->in_width + x) * a->eights + eight);
            for (uint32_t c = 0; c < NSKY_EIGHT; c++)
                if (in.v[c] > best.v[c] || in.v[c] != in.v[c])
                    best.v[c] = in.v[c];
        }
    if (a->to_bytes)
        for (uint32_t c = 0; c < NSKY_EIGHT; c++)
            best.v[c] *= a->gain;
    nsky_eight_put(a->to_bytes ? NSKY_NUMBER_INT8 : a->number, a->out, item, &best);
}

/* An item is eight channels of an image: few pixels are left, and neighbouring items read
 * neighbouring bytes. */
NSKY_ON_DEVICE static inline void nsky_avgpool_item(const nsky_avgpool_args *a, size_t item)
{
    uint32_t eight = (uint32_t)(item % a->eights);
    size_t image = item / a->eights;
    float sum[8];

    for (uint32_t c = 0; c < NSKY_EIGHT; c++)
        sum[c] = 0;
    for (uint32_t p = 0; p < a->pixels; p++) {
        nsky_floats in =
            nsky_eight_get(a->number, a->in, (image * a->pixels + p) * a->eights + eight);
        for (uint32_t c = 0; c < NSKY_EIGHT; c++)
            sum[c] += in.v[c];
    }
    for (uint32_t c = 0; c < NSKY_EIGHT; c++)
        if (NSKY_EIGHT * eight + c < a->dim)
            a->out[image * a->dim + (size_t)NSKY_EIGHT * eight + c] = sum[c] / (float)a->pixels;
}

/* A block is a stamp. Two stages: each lane sums its channels' squares, then one lane the lanes'.
 */
NSKY_ON_DEVICE static inline void nsky_finish_block(const nsky_finish_args *a, uint32_t stamp)
{
    NSKY_BLOCK_SHARED double features[NSKY_FEATURES_MAX];
    NSKY_BLOCK_SHARED double squares[NSKY_FINISH_LANES];
    NSKY_BLOCK_SHARED double scale[1];

    NSKY_LANES(lane, NSKY_FINISH_LANES)
    {
        double square = 0;
        for (uint32_t i = lane; i < a->dim; i += NSKY_FINISH_LANES) {
            double sum = 0;
            for (uint32_t v = 0; v < a->views; v++)
                sum += a->features[((size_t)stamp * a->views + v) * a->dim + i];
            features[i] = sum;
            square += sum * sum;
        }
        squares[lane] = square;
    }
    NSKY_LANES(first, 1)
    {
        double square = 0;
        for (uint32_t i = 0; i < NSKY_FINISH_LANES; i++)
            square += squares[i];
        bool finite = square - square == 0;
        a->faults[stamp] = (uint8_t)(!finite       ? NSKY_ROW_NOT_FINITE
                                     : square == 0 ? NSKY_ROW_BLANK
                                                   : NSKY_ROW_SOUND);
        scale[first] = finite && square > 0 ? 1 / sqrt(square) : 0;
    }
    NSKY_LANES(lane, NSKY_FINISH_LANES)
    for (uint32_t i = lane; i < a->dim; i += NSKY_FINISH_LANES)
        a->vectors[(size_t)stamp * a->dim + i] =
            scale[0] > 0 ? nsky_half_of_float((float)(features[i] * scale[0])) : (uint16_t)0;
}

/* An item is a number: mixed bits of where it stands. */
NSKY_ON_DEVICE static inline void nsky_noise_item(const nsky_noise_args *a, size_t item)
{
    uint32_t bits = (uint32_t)item * 2654435761u;

    bits ^= bits >> 15;
    bits *= 2246822519u;
    bits ^= bits >> 13;
    nsky_number_put(a->number, a->out, item, (float)(bits >> 8) * 0x1p-23f - 1);
}

#endif
