/* kernel_heads.h (private) - the losses of heads_loss.c and nsky_cross_entropy; see grid.h and
 * kernels_heads.h. Thread rule: pure functions. */
#ifndef NSKY_CUDA_KERNEL_HEADS_H
#define NSKY_CUDA_KERNEL_HEADS_H

#include <math.h>

#include "encoder/cuda/kernel_loss.h"
#include "encoder/cuda/kernels_heads.h"

static inline size_t nsky_scale_rows_count(const nsky_scale_rows_args *a)
{
    return a->rows;
}

NSKY_ON_DEVICE static inline void nsky_scale_rows_block(const nsky_scale_rows_args *a, uint32_t row)
{
    NSKY_BLOCK_SHARED double squares[NSKY_BLOCK_LANES];
    NSKY_BLOCK_SHARED double length[1];
    const size_t at = (size_t)row * a->dim;

    NSKY_LANES(lane, NSKY_BLOCK_LANES)
    squares[lane] = nsky_dot_share(a->in + at, a->in + at, a->dim, lane);
    NSKY_LANES(first, 1)
    a->lengths[row] = length[first] = sqrt(nsky_sum_of_lanes(squares));
    NSKY_LANES(lane, NSKY_BLOCK_LANES)
    for (uint32_t i = lane; i < a->dim; i += NSKY_BLOCK_LANES)
        a->out[at + i] = (float)(a->in[at + i] * a->length / length[0]);
}

/* --- heads with outputs --- */

static inline size_t nsky_judge_count(const nsky_judge_args *a)
{
    return (size_t)a->rows * a->head_count;
}

/* Huber's: half the square up to 1, then straight on. */
NSKY_ON_DEVICE static inline void nsky_judge_number(const nsky_judge_args *a, uint32_t place,
                                                    const nsky_card_head *head, const float *said,
                                                    float *d_said)
{
    double off = said[0] - a->goals[place], size = fabs(off);

    a->losses[place] = size <= 1 ? 0.5 * off * off : size - 0.5;
    d_said[0] = (float)(a->scale * head->weight * fmax(-1.0, fmin(1.0, off)));
    a->judged[place] = NSKY_JUDGED;
}

/* The lanes of a block have a row's outputs of a head. */
NSKY_ON_DEVICE static inline void nsky_judge_classes(const nsky_judge_args *a, uint32_t place,
                                                     const nsky_card_head *head, const float *said,
                                                     float *d_said)
{
    NSKY_BLOCK_SHARED double sums[NSKY_BLOCK_LANES];
    NSKY_BLOCK_SHARED uint32_t largest[NSKY_BLOCK_LANES];
    NSKY_BLOCK_SHARED uint32_t best[1];
    NSKY_BLOCK_SHARED double sum[1];
    const uint32_t label = a->classes[place];

    NSKY_LANES(lane, NSKY_BLOCK_LANES)
    largest[lane] = nsky_largest_share(said, head->count, lane);
    NSKY_LANES(first, 1)
    best[first] = nsky_largest_of_lanes(said, head->count, largest);
    NSKY_LANES(lane, NSKY_BLOCK_LANES)
    {
        double part = 0;
        for (uint32_t k = lane; k < head->count; k += NSKY_BLOCK_LANES)
            part += exp((double)said[k] - said[best[0]]);
        sums[lane] = part;
    }
    NSKY_LANES(first, 1)
    {
        sum[first] = nsky_sum_of_lanes(sums);
        a->losses[place] = log(sum[first]) - ((double)said[label] - said[best[0]]);
        a->judged[place] = NSKY_JUDGED | (best[0] == label ? NSKY_JUDGED_RIGHT : 0);
    }
    NSKY_LANES(lane, NSKY_BLOCK_LANES)
    for (uint32_t k = lane; k < head->count; k += NSKY_BLOCK_LANES)
        d_said[k] = (float)(a->scale * head->weight *
                            (exp((double)said[k] - said[best[0]]) / sum[0] - (k == label)));
}

/* A block has one head's label of a row. */
NSKY_ON_DEVICE static inline void nsky_judge_block(const nsky_judge_args *a, uint32_t place)
{
    const nsky_card_head *head = &a->heads[place % a->head_count];
    const size_t at = (size_t)(place / a->head_count) * a->outputs + head->first;

    if (head->count == 0) /* a near one's */
        return;
    if (a->classes[place] == NSKY_NO_LABEL) {
        NSKY_LANES(lane, NSKY_BLOCK_LANES)
        for (uint32_t k = lane; k < head->count; k += NSKY_BLOCK_LANES)
            a->d_said[at + k] = 0;
        NSKY_LANES(first, 1)
        a->losses[place + first] = a->judged[place + first] = 0;
    } else if (head->number) {
        NSKY_LANES(first, 1)
        nsky_judge_number(a, place + first, head, a->said + at, a->d_said + at);
    } else {
        nsky_judge_classes(a, place, head, a->said + at, a->d_said + at);
    }
}

/* --- near heads --- */

static inline size_t nsky_near_count(const nsky_near_args *a)
{
    return a->rows;
}

NSKY_ON_DEVICE static inline uint32_t nsky_near_class(const nsky_near_args *a, uint32_t row)
{
    return a->classes[(size_t)row * a->head_count + a->head];
}

/* What a row has for company, of a lane and then of all. */
typedef struct nsky_company {
    double most, near; /* the largest product, and the sum of friends'; both times heat */
    uint32_t friends;
} nsky_company;

NSKY_ON_DEVICE static inline nsky_company nsky_company_share(const nsky_near_args *a, uint32_t row,
                                                             uint32_t lane)
{
    const float *products = a->products + (size_t)row * a->rows;
    const uint32_t own = nsky_near_class(a, row);
    nsky_company c = {-INFINITY, 0, 0};

    for (uint32_t k = lane; k < a->rows; k += NSKY_BLOCK_LANES) {
        const uint32_t other = nsky_near_class(a, k);
        if (k == row || other == NSKY_NO_LABEL)
            continue;
        c.most = fmax(c.most, products[k] * a->heat);
        c.friends += other == own;
        c.near += other == own ? products[k] * a->heat : 0;
    }
    return c;
}

NSKY_ON_DEVICE static inline nsky_company nsky_company_of_lanes(const nsky_company *lanes)
{
    nsky_company c = lanes[0];

    for (uint32_t i = 1; i < NSKY_BLOCK_LANES; i++) {
        c.most = fmax(c.most, lanes[i].most);
        c.near += lanes[i].near;
        c.friends += lanes[i].friends;
    }
    return c;
}

NSKY_ON_DEVICE static inline double nsky_near_sum_share(const nsky_near_args *a, uint32_t row,
                                                        double most, uint32_t lane)
{
    const float *products = a->products + (size_t)row * a->rows;
    double sum = 0;

    for (uint32_t k = lane; k < a->rows; k += NSKY_BLOCK_LANES)
        if (k != row && nsky_near_class(a, k) != NSKY_NO_LABEL)
            sum += exp(products[k] * a->heat - most);
    return sum;
}

/* sum: of the row's exponentials. */
NSKY_ON_DEVICE static inline float nsky_near_pull(const nsky_near_args *a, uint32_t row, uint32_t k,
                                                  const nsky_company *c, double sum)
{
    const uint32_t own = nsky_near_class(a, row), other = nsky_near_class(a, k);

    if (k == row || own == NSKY_NO_LABEL || other == NSKY_NO_LABEL || c->friends == 0)
        return 0;
    double share = exp(a->products[(size_t)row * a->rows + k] * a->heat - c->most) / sum;
    return (float)(a->scale * a->heat * (share - (other == own ? 1.0 / c->friends : 0)));
}

NSKY_ON_DEVICE static inline void nsky_near_block(const nsky_near_args *a, uint32_t row)
{
    NSKY_BLOCK_SHARED double sums[NSKY_BLOCK_LANES];
    NSKY_BLOCK_SHARED nsky_company lanes[NSKY_BLOCK_LANES];
    NSKY_BLOCK_SHARED nsky_company company[1];
    NSKY_BLOCK_SHARED double sum[1];
    const size_t place = (size_t)row * a->head_count + a->head;

    NSKY_LANES(lane, NSKY_BLOCK_LANES)
    lanes[lane] = nsky_company_share(a, row, lane);
    NSKY_LANES(first, 1)
    company[first] = nsky_company_of_lanes(lanes);
    NSKY_LANES(lane, NSKY_BLOCK_LANES)
    sums[lane] = nsky_near_sum_share(a, row, company[0].most, lane);
    NSKY_LANES(first, 1)
    {
        const bool judged = a->classes[place] != NSKY_NO_LABEL && company[first].friends > 0;
        sum[first] = nsky_sum_of_lanes(sums);
        a->judged[place] = judged ? NSKY_JUDGED : 0;
        a->losses[place] = judged ? company[first].most + log(sum[first]) -
                                        company[first].near / company[first].friends
                                  : 0;
    }
    NSKY_LANES(lane, NSKY_BLOCK_LANES)
    for (uint32_t k = lane; k < a->rows; k += NSKY_BLOCK_LANES)
        a->pull[(size_t)row * a->rows + k] = nsky_near_pull(a, row, k, &company[0], sum[0]);
}

static inline size_t nsky_both_count(const nsky_both_args *a)
{
    return (size_t)a->rows * a->rows;
}

NSKY_ON_DEVICE static inline void nsky_both_item(const nsky_both_args *a, size_t item)
{
    const size_t row = item / a->rows, column = item % a->rows;

    a->out[item] = a->in[item] + a->in[column * a->rows + row];
}

/* --- back to features and parameters --- */

static inline size_t nsky_unscale_count(const nsky_unscale_args *a)
{
    return a->rows;
}

/* Through the normalisation: what is along the vector itself does nothing. */
NSKY_ON_DEVICE static inline void nsky_unscale_block(const nsky_unscale_args *a, uint32_t row)
{
    NSKY_BLOCK_SHARED double sums[NSKY_BLOCK_LANES];
    NSKY_BLOCK_SHARED double along[1];
    const size_t at = (size_t)row * a->dim;
    const float *unit = a->unit + at, *d_unit = a->d_unit + at;

    NSKY_LANES(lane, NSKY_BLOCK_LANES)
    sums[lane] = nsky_dot_share(d_unit, unit, a->dim, lane);
    NSKY_LANES(first, 1)
    along[first] = nsky_sum_of_lanes(sums) / (a->length * a->length);
    NSKY_LANES(lane, NSKY_BLOCK_LANES)
    for (uint32_t i = lane; i < a->dim; i += NSKY_BLOCK_LANES)
        a->d_rows[at + i] = (float)((d_unit[i] - along[0] * unit[i]) * a->length / a->lengths[row]);
}

static inline size_t nsky_columns_count(const nsky_columns_args *a)
{
    return a->columns;
}

NSKY_ON_DEVICE static inline void nsky_columns_item(const nsky_columns_args *a, size_t column)
{
    double sum = 0;

    for (size_t row = 0; row < a->rows; row++)
        sum += a->in[row * a->columns + column];
    a->sum[column] += (float)sum;
}

#endif
