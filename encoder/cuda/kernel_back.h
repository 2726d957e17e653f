/* kernel_back.h (private) - residual sums, pooling backwards, and products of small matrices; see
 * grid.h and kernels_train.h. Thread rule: pure functions. */
#ifndef NSKY_CUDA_KERNEL_BACK_H
#define NSKY_CUDA_KERNEL_BACK_H

#include <math.h>

#include "encoder/cuda/kernel_norm.h"

static inline size_t nsky_sum_count(const nsky_sum_args *a)
{
    return nsky_rows_eights(&a->y);
}

NSKY_ON_DEVICE static inline void nsky_sum_item(const nsky_sum_args *a, size_t item)
{
    uint32_t eights = nsky_eights_of(a->y.room), eight = (uint32_t)(item % eights);
    size_t row = item / eights;
    float sum[8], b[8];

    nsky_rows_load(&a->a, row, eight, sum);
    for (uint32_t i = 0; i < NSKY_EIGHT; i++)
        b[i] =
            a->bias && NSKY_EIGHT * eight + i < a->y.channels ? a->bias[NSKY_EIGHT * eight + i] : 0;
    if (a->b.at)
        nsky_rows_load(&a->b, row, eight, b);
    for (uint32_t i = 0; i < NSKY_EIGHT; i++) {
        sum[i] += b[i];
        if (a->relu && sum[i] < 0)
            sum[i] = 0;
    }
    nsky_rows_store(&a->y, row, eight, sum);
}

static inline size_t nsky_sum_back_count(const nsky_sum_back_args *a)
{
    return nsky_rows_eights(&a->dy);
}

NSKY_ON_DEVICE static inline void nsky_sum_back_item(const nsky_sum_back_args *a, size_t item)
{
    uint32_t eights = nsky_eights_of(a->dy.room), eight = (uint32_t)(item % eights);
    size_t row = item / eights;
    float d[8], again[8];

    nsky_through_relu(&a->dy, &a->y, row, eight, d);
    for (uint32_t i = 0; i < NSKY_EIGHT; i++)
        again[i] = d[i];
    nsky_rows_put(&a->da, row, eight, d, a->more_da);
    if (a->db.at)
        nsky_rows_put(&a->db, row, eight, again, a->more_db);
}

/* --- pooling --- */

static inline size_t nsky_maxpool_back_count(const nsky_maxpool_back_args *a)
{
    return (size_t)a->images * a->in_height * a->in_width * a->eights;
}

/* Where the largest pixel of each channel's window is, of nine; the first of equals. */
NSKY_ON_DEVICE static inline void nsky_window_largest(const nsky_maxpool_back_args *a, size_t image,
                                                      uint32_t oy, uint32_t ox, uint32_t eight,
                                                      uint32_t where[8])
{
    float best[8];

    for (uint32_t i = 0; i < NSKY_EIGHT; i++)
        where[i] = 9;
    for (uint32_t tap = 0; tap < 9; tap++) {
        uint32_t y = 2 * oy + tap / 3 - 1, x = 2 * ox + tap % 3 - 1; /* wrap when below zero */
        if (y >= a->in_height || x >= a->in_width)
            continue;
        nsky_eight in = a->x[((image * a->in_height + y) * a->in_width + x) * a->eights + eight];
        for (uint32_t i = 0; i < NSKY_EIGHT; i++) {
            float value = nsky_float_of(NSKY_NUMBER_BF16, in.v[i]);
            if (where[i] == 9 || value > best[i]) {
                best[i] = value;
                where[i] = tap;
            }
        }
    }
}

/* An item is eight channels of an input pixel, which asks the up to four windows it is in: nobody
 * writes where another does. */
NSKY_ON_DEVICE static inline void nsky_maxpool_back_item(const nsky_maxpool_back_args *a,
                                                         size_t item)
{
    uint32_t eight = (uint32_t)(item % a->eights);
    size_t pixel = item / a->eights, image = pixel / a->in_width / a->in_height;
    uint32_t x = (uint32_t)(pixel % a->in_width),
             y = (uint32_t)(pixel / a->in_width % a->in_height);
    float sum[8];
    nsky_eight out;

    for (uint32_t i = 0; i < NSKY_EIGHT; i++)
        sum[i] = a->more ? nsky_float_of(NSKY_NUMBER_BF16, a->dx[item].v[i]) : 0;
    for (uint32_t oy = y / 2; oy <= (y + 1) / 2 && oy < a->out_height; oy++)
        for (uint32_t ox = x / 2; ox <= (x + 1) / 2 && ox < a->out_width; ox++) {
            uint32_t where[8], tap = 3 * (y + 1 - 2 * oy) + (x + 1 - 2 * ox);
            nsky_eight d =
                a->dy[((image * a->out_height + oy) * a->out_width + ox) * a->eights + eight];
            nsky_window_largest(a, image, oy, ox, eight, where);
            for (uint32_t i = 0; i < NSKY_EIGHT; i++)
                if (where[i] == tap)
                    sum[i] += nsky_float_of(NSKY_NUMBER_BF16, d.v[i]);
        }
    for (uint32_t i = 0; i < NSKY_EIGHT; i++)
        out.v[i] = nsky_number_of(NSKY_NUMBER_BF16, sum[i]);
    a->dx[item] = out;
}

static inline size_t nsky_avgpool_back_count(const nsky_avgpool_back_args *a)
{
    return nsky_rows_eights(&a->dx);
}

NSKY_ON_DEVICE static inline void nsky_avgpool_back_item(const nsky_avgpool_back_args *a,
                                                         size_t item)
{
    uint32_t eights = nsky_eights_of(a->dx.room), eight = (uint32_t)(item % eights);
    size_t row = item / eights;
    const float *dy = a->dy + row / a->pixels * a->dx.channels;
    float d[8];

    for (uint32_t i = 0; i < NSKY_EIGHT; i++) {
        uint32_t c = NSKY_EIGHT * eight + i;
        d[i] = c < a->dx.channels ? dy[c] / (float)a->pixels : 0;
    }
    nsky_rows_put(&a->dx, row, eight, d, a->more);
}

/* --- products --- */

#define NSKY_TILE_ROOM (NSKY_TILE + 1) /* so that a column is not all in one bank of memory */

NSKY_ON_BOTH static inline uint32_t nsky_tiles(uint32_t length)
{
    return (length + NSKY_TILE - 1) / NSKY_TILE;
}

static inline size_t nsky_matrix_count(const nsky_matrix_args *a)
{
    return (size_t)a->splits * nsky_tiles(a->m) * nsky_tiles(a->n);
}

/* Into the columns of the tile: [NSKY_TILE_DEPTH][NSKY_TILE_ROOM]; outside the matrix is zero. */
NSKY_ON_DEVICE static inline void nsky_tile_load(float *tile, const float *from, size_t across,
                                                 size_t along, uint32_t first, uint32_t end,
                                                 uint32_t k, uint32_t k_end, uint32_t lane)
{
    for (uint32_t i = lane; i < NSKY_TILE * NSKY_TILE_DEPTH; i += NSKY_BLOCK_LANES) {
        /* Neighbouring lanes read neighbouring numbers, whichever way they lie. */
        uint32_t x = along == 1 ? i / NSKY_TILE_DEPTH : i % NSKY_TILE;
        uint32_t d = along == 1 ? i % NSKY_TILE_DEPTH : i / NSKY_TILE;
        bool inside = first + x < end && k + d < k_end;
        tile[d * NSKY_TILE_ROOM + x] =
            inside ? from[(size_t)(first + x) * across + (size_t)(k + d) * along] : 0;
    }
}

/* A block is 64 x 64 of the product over one part of k, a lane 4 x 4 of those: rows and columns
 * lane apart, so that lanes side by side read side by side. */
NSKY_ON_DEVICE static inline void nsky_matrix_block(const nsky_matrix_args *a, uint32_t block)
{
    NSKY_BLOCK_SHARED float left[NSKY_TILE_DEPTH * NSKY_TILE_ROOM];
    NSKY_BLOCK_SHARED float right[NSKY_TILE_DEPTH * NSKY_TILE_ROOM];
    NSKY_BLOCK_SHARED float sums[16][NSKY_BLOCK_LANES];
    const uint32_t tiles_n = nsky_tiles(a->n), split = block / (tiles_n * nsky_tiles(a->m));
    const uint32_t row = block / tiles_n % nsky_tiles(a->m) * NSKY_TILE;
    const uint32_t column = block % tiles_n * NSKY_TILE;
    const uint32_t part = (a->k + a->splits - 1) / a->splits;
    const uint32_t k_end = (split + 1) * part < a->k ? (split + 1) * part : a->k;

    NSKY_LANES(lane, NSKY_BLOCK_LANES)
    for (uint32_t i = 0; i < 16; i++)
        sums[i][lane] = 0;
    for (uint32_t k = split * part; k < k_end; k += NSKY_TILE_DEPTH) {
        NSKY_LANES(lane, NSKY_BLOCK_LANES)
        {
            nsky_tile_load(left, a->a, a->a_row, a->a_column, row, a->m, k, k_end, lane);
            nsky_tile_load(right, a->b, a->b_column, a->b_row, column, a->n, k, k_end, lane);
        }
        NSKY_LANES(lane, NSKY_BLOCK_LANES)
        {
            float sum[4][4], x, y[4];
            for (uint32_t i = 0; i < 16; i++)
                sum[i / 4][i % 4] = sums[i][lane];
            for (uint32_t d = 0; d < NSKY_TILE_DEPTH; d++) {
                for (uint32_t j = 0; j < 4; j++)
                    y[j] = right[d * NSKY_TILE_ROOM + lane % 16 + 16 * j];
                for (uint32_t i = 0; i < 4; i++) {
                    x = left[d * NSKY_TILE_ROOM + lane / 16 + 16 * i];
                    for (uint32_t j = 0; j < 4; j++)
                        sum[i][j] += x * y[j];
                }
            }
            for (uint32_t i = 0; i < 16; i++)
                sums[i][lane] = sum[i / 4][i % 4];
        }
    }
    NSKY_LANES(lane, NSKY_BLOCK_LANES)
    for (uint32_t i = 0; i < 16; i++) {
        uint32_t r = row + lane / 16 + 16 * (i / 4), c = column + lane % 16 + 16 * (i % 4);
        if (r < a->m && c < a->n)
            a->out[((size_t)split * a->m + r) * a->n + c] =
                sums[i][lane] + (a->bias ? a->bias[c] : 0);
    }
}

#endif
