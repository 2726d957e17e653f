/* kernel_update.h (private) - how parameters, statistics and the queue follow, as sgd.c and
 * learner_step.c have it; see grid.h and kernels_learn.h. Thread rule: pure functions. */
#ifndef NSKY_CUDA_KERNEL_UPDATE_H
#define NSKY_CUDA_KERNEL_UPDATE_H

#include <math.h>

#include "encoder/cuda/kernel_loss.h"

static inline size_t nsky_squares_count(const nsky_squares_args *a)
{
    return (a->count + NSKY_SQUARES_ITEMS - 1) / NSKY_SQUARES_ITEMS;
}

NSKY_ON_DEVICE static inline void nsky_squares_block(const nsky_squares_args *a, uint32_t block)
{
    NSKY_BLOCK_SHARED double sums[NSKY_BLOCK_LANES];
    const size_t first = (size_t)block * NSKY_SQUARES_ITEMS, left = a->count - first;
    const uint32_t count = left < NSKY_SQUARES_ITEMS ? (uint32_t)left : NSKY_SQUARES_ITEMS;

    NSKY_LANES(lane, NSKY_BLOCK_LANES)
    sums[lane] = nsky_dot_share(a->in + first, a->in + first, count, lane);
    NSKY_LANES(one, 1)
    a->sums[block + one] = nsky_sum_of_lanes(sums);
}

static inline size_t nsky_length_count(const nsky_length_args *a)
{
    (void)a;
    return 1;
}

NSKY_ON_DEVICE static inline void nsky_length_block(const nsky_length_args *a, uint32_t block)
{
    NSKY_BLOCK_SHARED double sums[NSKY_BLOCK_LANES];

    NSKY_LANES(lane, NSKY_BLOCK_LANES)
    {
        double sum = 0;
        for (size_t i = lane; i < a->count; i += NSKY_BLOCK_LANES)
            sum += a->sums[i];
        sums[lane] = sum;
    }
    NSKY_LANES(one, 1)
    a->length[block + one] = sqrt(nsky_sum_of_lanes(sums));
}

static inline size_t nsky_shorten_count(const nsky_shorten_args *a)
{
    return a->count;
}

NSKY_ON_DEVICE static inline void nsky_shorten_item(const nsky_shorten_args *a, size_t item)
{
    double clip = a->now ? a->now->clip : a->clip;

    if (clip > 0 && *a->length > clip)
        a->values[item] = (float)(a->values[item] * (clip / *a->length));
}

static inline size_t nsky_sgd_count(const nsky_sgd_args *a)
{
    return a->count;
}

NSKY_ON_DEVICE static inline void nsky_sgd_item(const nsky_sgd_args *a, size_t item)
{
    float rate = a->now ? a->now->rate : a->rate;
    float momentum = a->now ? a->now->momentum : a->momentum;
    float decay = a->now ? a->now->decay : a->decay;
    float p = a->params[item], shrink = a->decays[item] ? decay : 0;
    float v = momentum * a->velocity[item] + (a->gradients[item] + shrink * p);

    a->velocity[item] = v;
    a->params[item] = p - rate * v;
}

static inline size_t nsky_ema_count(const nsky_ema_args *a)
{
    return a->count;
}

NSKY_ON_DEVICE static inline void nsky_ema_item(const nsky_ema_args *a, size_t item)
{
    float old_share = a->now ? a->now->old_share : a->old_share;
    float new_share = a->now ? a->now->new_share : a->new_share;

    a->slow[item] = old_share * a->slow[item] + new_share * a->fast[item];
}

static inline size_t nsky_follow_count(const nsky_follow_args *a)
{
    return a->count;
}

NSKY_ON_DEVICE static inline void nsky_follow_item(const nsky_follow_args *a, size_t item)
{
    double sum = 0;

    for (uint32_t p = 0; p < a->parts; p++)
        sum += a->in[p * a->count + item];
    a->running[item] += a->share * ((float)(sum / a->parts) - a->running[item]);
}

static inline size_t nsky_enqueue_count(const nsky_enqueue_args *a)
{
    return (size_t)a->rows * a->dim;
}

NSKY_ON_DEVICE static inline void nsky_enqueue_item(const nsky_enqueue_args *a, size_t item)
{
    size_t first = a->now ? a->now->first : a->first;
    size_t row = (first + item / a->dim) % a->queue_rows;

    a->queue[row * a->dim + item % a->dim] = a->keys[item];
}

#endif
