/* kernel_loss.h (private) - the contrastive loss of loss.h, a block a row; see grid.h and
 * kernels_learn.h. Thread rule: pure functions. */
#ifndef NSKY_CUDA_KERNEL_LOSS_H
#define NSKY_CUDA_KERNEL_LOSS_H

#include <math.h>

#include "encoder/cuda/grid.h"
#include "encoder/cuda/kernels_learn.h"

/* One lane adds up what the lanes have, in their order. */
NSKY_ON_DEVICE static inline double nsky_sum_of_lanes(const double *lanes)
{
    double sum = 0;

    for (uint32_t i = 0; i < NSKY_BLOCK_LANES; i++)
        sum += lanes[i];
    return sum;
}

/* A lane's share of a product of two rows. */
NSKY_ON_DEVICE static inline double nsky_dot_share(const float *a, const float *b, uint32_t dim,
                                                   uint32_t lane)
{
    double sum = 0;

    for (uint32_t i = lane; i < dim; i += NSKY_BLOCK_LANES)
        sum += (double)a[i] * b[i];
    return sum;
}

static inline size_t nsky_unit_count(const nsky_unit_args *a)
{
    return a->rows;
}

NSKY_ON_DEVICE static inline void nsky_unit_block(const nsky_unit_args *a, uint32_t row)
{
    NSKY_BLOCK_SHARED double squares[NSKY_BLOCK_LANES];
    NSKY_BLOCK_SHARED double length[1];
    const float *in = a->in + (size_t)row * a->dim;

    NSKY_LANES(lane, NSKY_BLOCK_LANES)
    squares[lane] = nsky_dot_share(in, in, a->dim, lane);
    NSKY_LANES(first, 1)
    a->lengths[row] = length[first] = sqrt(nsky_sum_of_lanes(squares));
    NSKY_LANES(lane, NSKY_BLOCK_LANES)
    {
        float *out = a->out + (size_t)(a->to ? a->to[row] : row) * a->dim;
        for (uint32_t i = lane; i < a->dim; i += NSKY_BLOCK_LANES)
            out[i] = (float)(in[i] / length[0]);
    }
}

static inline size_t nsky_gather_count(const nsky_gather_args *a)
{
    return a->rows * a->dim;
}

NSKY_ON_DEVICE static inline void nsky_gather_item(const nsky_gather_args *a, size_t item)
{
    a->out[item] = a->in[a->from[item / a->dim] * a->dim + item % a->dim];
}

/* A lane's largest of a row, and where; count where there is none. */
NSKY_ON_DEVICE static inline uint32_t nsky_largest_share(const float *values, uint32_t count,
                                                         uint32_t lane)
{
    uint32_t best = lane < count ? lane : count;

    for (uint32_t i = lane; i < count; i += NSKY_BLOCK_LANES)
        if (values[i] > values[best])
            best = i;
    return best;
}

/* Of the lanes' the largest, the first of equals. */
NSKY_ON_DEVICE static inline uint32_t nsky_largest_of_lanes(const float *values, uint32_t count,
                                                            const uint32_t *lanes)
{
    uint32_t best = lanes[0];

    for (uint32_t i = 1; i < NSKY_BLOCK_LANES; i++)
        if (lanes[i] < count && (values[lanes[i]] > values[best] ||
                                 (values[lanes[i]] == values[best] && lanes[i] < best)))
            best = lanes[i];
    return best;
}

static inline size_t nsky_nearest_count(const nsky_nearest_args *a)
{
    return a->rows;
}

NSKY_ON_DEVICE static inline void nsky_nearest_block(const nsky_nearest_args *a, uint32_t row)
{
    NSKY_BLOCK_SHARED uint32_t lanes[NSKY_BLOCK_LANES];
    NSKY_BLOCK_SHARED uint32_t best[1];
    const float *cosines = a->cosines + (size_t)row * a->queue_rows;

    NSKY_LANES(lane, NSKY_BLOCK_LANES)
    lanes[lane] = nsky_largest_share(cosines, a->queue_rows, lane);
    NSKY_LANES(first, 1)
    best[first] = nsky_largest_of_lanes(cosines, a->queue_rows, lanes);
    NSKY_LANES(lane, NSKY_BLOCK_LANES)
    for (uint32_t i = lane; i < a->dim; i += NSKY_BLOCK_LANES)
        a->out[(size_t)row * a->dim + i] = a->queue[(size_t)best[0] * a->dim + i];
}

static inline size_t nsky_weigh_count(const nsky_weigh_args *a)
{
    return a->rows;
}

/* What the lanes of a row have in common. */
typedef struct nsky_weighing {
    double positive, most, scale;
} nsky_weighing;

NSKY_ON_DEVICE static inline void nsky_weigh_row(const nsky_weigh_args *a, uint32_t row,
                                                 const double *sums, nsky_weighing *w)
{
    double off = (w->positive - w->most) / a->temperature, e = exp(off);
    double sum = nsky_sum_of_lanes(sums) + e;

    a->loss[row] = log(sum) - off;
    a->pull[row] = a->factor * (e / sum - 1);
    w->scale = a->factor / sum;
}

NSKY_ON_DEVICE static inline void nsky_weigh_block(const nsky_weigh_args *a, uint32_t row)
{
    NSKY_BLOCK_SHARED double sums[NSKY_BLOCK_LANES];
    NSKY_BLOCK_SHARED uint32_t largest[NSKY_BLOCK_LANES];
    NSKY_BLOCK_SHARED nsky_weighing w[1];
    float *cosines = a->cosines + (size_t)row * a->queue_rows;
    const size_t at = (size_t)row * a->dim;

    NSKY_LANES(lane, NSKY_BLOCK_LANES)
    {
        sums[lane] = nsky_dot_share(a->unit + at, a->positive + at, a->dim, lane);
        largest[lane] = nsky_largest_share(cosines, a->queue_rows, lane);
    }
    NSKY_LANES(first, 1)
    {
        float best = cosines[nsky_largest_of_lanes(cosines, a->queue_rows, largest)];
        w[first].positive = nsky_sum_of_lanes(sums);
        w[first].most = best > w[first].positive ? best : w[first].positive;
        a->correct[row] = !(best > w[first].positive);
    }
    NSKY_LANES(lane, NSKY_BLOCK_LANES)
    {
        double sum = 0;
        for (uint32_t k = lane; k < a->queue_rows; k += NSKY_BLOCK_LANES) {
            float e = expf((float)((cosines[k] - w[0].most) / a->temperature));
            cosines[k] = e;
            sum += e;
        }
        sums[lane] = sum;
    }
    NSKY_LANES(first, 1)
    nsky_weigh_row(a, row, sums, &w[first]);
    NSKY_LANES(lane, NSKY_BLOCK_LANES)
    for (uint32_t k = lane; k < a->queue_rows; k += NSKY_BLOCK_LANES)
        cosines[k] = (float)(cosines[k] * w[0].scale);
}

static inline size_t nsky_through_count(const nsky_through_args *a)
{
    return a->rows;
}

/* Through the normalisation: the part along the query itself does nothing. */
NSKY_ON_DEVICE static inline void nsky_through_block(const nsky_through_args *a, uint32_t row)
{
    NSKY_BLOCK_SHARED double sums[NSKY_BLOCK_LANES];
    NSKY_BLOCK_SHARED double along[1];
    const size_t at = (size_t)row * a->dim;
    const float *unit = a->unit + at;
    float *d = a->d_query + at;

    NSKY_LANES(lane, NSKY_BLOCK_LANES)
    {
        for (uint32_t i = lane; i < a->dim; i += NSKY_BLOCK_LANES)
            d[i] = (float)(a->d_unit[at + i] + a->pull[row] * a->positive[at + i]);
        sums[lane] = nsky_dot_share(d, unit, a->dim, lane); /* its own alone */
    }
    NSKY_LANES(first, 1)
    along[first] = nsky_sum_of_lanes(sums);
    NSKY_LANES(lane, NSKY_BLOCK_LANES)
    for (uint32_t i = lane; i < a->dim; i += NSKY_BLOCK_LANES)
        d[i] = (float)((d[i] - along[0] * unit[i]) / a->lengths[row]);
}

#endif
