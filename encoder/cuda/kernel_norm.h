/* kernel_norm.h (private) - batch norms by this batch's statistics, and their derivatives; see
 * grid.h and kernels_train.h.
 *
 * A block sums up to 256 channels over one chunk of rows: lanes side by side take neighbouring
 * channels, lanes further on other rows, then one lane a channel adds up what the rows' lanes have.
 * A second kernel adds up the chunks. Thread rule: pure functions. */
#ifndef NSKY_CUDA_KERNEL_NORM_H
#define NSKY_CUDA_KERNEL_NORM_H

#include <math.h>

#include "encoder/cuda/kernel_rows.h"

/* --- which rows and channels a block has --- */

typedef struct nsky_patch {
    uint32_t eights, lanes_of_rows; /* lanes: eights times that many; the rest rests */
    uint32_t first_eight, chunk;
    size_t first, end; /* rows */
} nsky_patch;

NSKY_ON_BOTH static inline uint32_t nsky_patch_groups(uint32_t channels)
{
    return (nsky_eights_of(channels) + NSKY_SUM_EIGHTS - 1) / NSKY_SUM_EIGHTS;
}

NSKY_ON_DEVICE static inline nsky_patch nsky_patch_of(const nsky_chunks *chunks, size_t rows,
                                                      uint32_t channels, uint32_t block)
{
    uint32_t groups = nsky_patch_groups(channels), all = nsky_eights_of(channels);
    nsky_patch p;

    p.first_eight = block % groups * NSKY_SUM_EIGHTS;
    p.eights = all - p.first_eight < NSKY_SUM_EIGHTS ? all - p.first_eight : NSKY_SUM_EIGHTS;
    p.lanes_of_rows = NSKY_BLOCK_LANES / p.eights;
    p.chunk = block / groups;
    p.first = p.chunk * chunks->rows;
    p.end = p.first + chunks->rows < rows ? p.first + chunks->rows : rows;
    return p;
}

/* Chunks of a sum over so many rows: by their number and the channels alone, so that the order of
 * the sum is the same on every card. */
static inline nsky_chunks nsky_chunks_of(size_t rows, uint32_t channels)
{
    uint32_t eights = nsky_eights_of(channels);
    size_t side_by_side = NSKY_BLOCK_LANES / (eights < NSKY_SUM_EIGHTS ? eights : NSKY_SUM_EIGHTS);
    nsky_chunks out;

    out.rows = 8 * side_by_side;
    if (out.rows * NSKY_SUM_CHUNKS_MAX < rows)
        out.rows = (rows + NSKY_SUM_CHUNKS_MAX - 1) / NSKY_SUM_CHUNKS_MAX;
    out.count = (uint32_t)((rows + out.rows - 1) / out.rows);
    return out;
}

/* --- forwards --- */

static inline size_t nsky_norm_sums_count(const nsky_norm_sums_args *a)
{
    return (size_t)a->chunks.count * nsky_patch_groups(a->x.channels);
}

/* Off the chunk's first row: what is squared is then no larger than the spread. */
NSKY_ON_DEVICE static inline void nsky_norm_sums_block(const nsky_norm_sums_args *a, uint32_t block)
{
    NSKY_BLOCK_SHARED float off[NSKY_BLOCK_LANES][NSKY_EIGHT];
    NSKY_BLOCK_SHARED float square[NSKY_BLOCK_LANES][NSKY_EIGHT];
    const nsky_patch p = nsky_patch_of(&a->chunks, a->x.count, a->x.channels, block);

    NSKY_LANES(lane, p.eights * p.lanes_of_rows)
    {
        uint32_t eight = p.first_eight + lane % p.eights;
        float from[8], x[8], one[8], two[8];
        nsky_rows_load(&a->x, p.first, eight, from);
        for (uint32_t i = 0; i < NSKY_EIGHT; i++)
            one[i] = two[i] = 0;
        for (size_t row = p.first + lane / p.eights; row < p.end; row += p.lanes_of_rows) {
            nsky_rows_load(&a->x, row, eight, x);
            for (uint32_t i = 0; i < NSKY_EIGHT; i++) {
                float d = x[i] - from[i];
                one[i] += d;
                two[i] += d * d;
            }
        }
        for (uint32_t i = 0; i < NSKY_EIGHT; i++) {
            off[lane][i] = one[i];
            square[lane][i] = two[i];
        }
    }
    NSKY_LANES(lane, p.eights * NSKY_EIGHT)
    {
        uint32_t eight = lane / NSKY_EIGHT, i = lane % NSKY_EIGHT;
        uint32_t c = NSKY_EIGHT * (p.first_eight + eight) + i;
        double one = 0, two = 0, count = (double)(p.end - p.first);
        float from[8];
        for (uint32_t r = 0; r < p.lanes_of_rows; r++) {
            one += off[r * p.eights + eight][i];
            two += square[r * p.eights + eight][i];
        }
        nsky_rows_load(&a->x, p.first, p.first_eight + eight, from);
        if (c < a->x.channels) {
            float *sums = a->sums + (size_t)p.chunk * 2 * a->x.channels;
            sums[c] = (float)(from[i] + one / count);
            sums[a->x.channels + c] = (float)(two - one * one / count);
        }
    }
}

/* Mean and squares off it of two sets as one. */
typedef struct nsky_moments {
    double count, mean, squares;
} nsky_moments;

NSKY_ON_DEVICE static inline nsky_moments nsky_moments_add(nsky_moments a, nsky_moments b)
{
    double count = a.count + b.count, apart = b.mean - a.mean;
    nsky_moments out;

    out.count = count;
    out.mean = count > 0 ? a.mean + apart * (b.count / count) : 0;
    out.squares =
        count > 0 ? a.squares + b.squares + apart * apart * (a.count * b.count / count) : 0;
    return out;
}

static inline size_t nsky_norm_settle_count(const nsky_norm_settle_args *a)
{
    return nsky_eights_of(a->channels);
}

NSKY_ON_DEVICE static inline nsky_moments nsky_chunk_moments(const nsky_norm_settle_args *a,
                                                             uint32_t chunk, uint32_t c)
{
    const float *sums = a->sums + (size_t)chunk * 2 * a->channels;
    size_t first = chunk * a->chunks.rows;
    nsky_moments out;

    out.count = (double)(first + a->chunks.rows < a->rows ? a->chunks.rows : a->rows - first);
    out.mean = sums[c];
    out.squares = sums[a->channels + c];
    return out;
}

/* A block is eight channels; 32 lanes each, which take a run of chunks. */
NSKY_ON_DEVICE static inline void nsky_norm_settle_block(const nsky_norm_settle_args *a,
                                                         uint32_t block)
{
    NSKY_BLOCK_SHARED nsky_moments parts[NSKY_BLOCK_LANES];
    const uint32_t runs = NSKY_BLOCK_LANES / NSKY_EIGHT;

    NSKY_LANES(lane, NSKY_BLOCK_LANES)
    {
        uint32_t c = NSKY_EIGHT * block + lane % NSKY_EIGHT, run = lane / NSKY_EIGHT;
        uint32_t length = (a->chunks.count + runs - 1) / runs;
        nsky_moments m;
        m.count = m.mean = m.squares = 0;
        for (uint32_t k = run * length; k < (run + 1) * length; k++)
            if (k < a->chunks.count && c < a->channels)
                m = nsky_moments_add(m, nsky_chunk_moments(a, k, c));
        parts[lane] = m;
    }
    NSKY_LANES(lane, NSKY_EIGHT)
    {
        uint32_t c = NSKY_EIGHT * block + lane;
        nsky_moments m = parts[lane];
        for (uint32_t run = 1; run < runs; run++)
            m = nsky_moments_add(m, parts[run * NSKY_EIGHT + lane]);
        if (c < a->channels) {
            a->stats[c] = (float)m.mean;
            a->stats[a->channels + c] = (float)(m.squares / (m.count > 1 ? m.count - 1 : 1));
            a->inverse[c] = (float)(1 / sqrt(m.squares / m.count + a->epsilon));
        }
    }
}

static inline size_t nsky_norm_count(const nsky_norm_args *a)
{
    return nsky_rows_eights(&a->x);
}

/* An item is eight channels of a row. */
NSKY_ON_DEVICE static inline void nsky_norm_item(const nsky_norm_args *a, size_t item)
{
    uint32_t eights = nsky_eights_of(a->x.room), eight = (uint32_t)(item % eights);
    size_t row = item / eights;
    float x[8], add[8];

    nsky_rows_load(&a->x, row, eight, x);
    for (uint32_t i = 0; i < NSKY_EIGHT; i++)
        add[i] = 0;
    if (a->add.at)
        nsky_rows_load(&a->add, row, eight, add);
    for (uint32_t i = 0; i < NSKY_EIGHT; i++) {
        uint32_t c = NSKY_EIGHT * eight + i;
        if (c >= a->x.channels)
            continue;
        float y = (x[i] - a->mean[c]) * a->inverse[c] * a->weight[c] + a->bias[c] + add[i];
        x[i] = a->relu && y < 0 ? 0 : y;
    }
    nsky_rows_store(&a->y, row, eight, x);
}

/* --- backwards --- */

/* dy where y lets it through. */
NSKY_ON_DEVICE static inline void nsky_through_relu(const nsky_rows *dy, const nsky_rows *y,
                                                    size_t row, uint32_t eight, float out[8])
{
    float said[8];

    nsky_rows_load(dy, row, eight, out);
    if (!y->at)
        return;
    nsky_rows_load(y, row, eight, said);
    for (uint32_t i = 0; i < NSKY_EIGHT; i++)
        if (said[i] <= 0)
            out[i] = 0;
}

static inline size_t nsky_back_sums_count(const nsky_back_sums_args *a)
{
    return (size_t)a->chunks.count * nsky_patch_groups(a->dy.channels);
}

NSKY_ON_DEVICE static inline void nsky_back_sums_block(const nsky_back_sums_args *a, uint32_t block)
{
    NSKY_BLOCK_SHARED float shift[NSKY_BLOCK_LANES][NSKY_EIGHT];
    NSKY_BLOCK_SHARED float scale[NSKY_BLOCK_LANES][NSKY_EIGHT];
    const nsky_patch p = nsky_patch_of(&a->chunks, a->dy.count, a->dy.channels, block);

    NSKY_LANES(lane, p.eights * p.lanes_of_rows)
    {
        uint32_t eight = p.first_eight + lane % p.eights;
        float x[8], d[8], mean[8], inverse[8], one[8], two[8];
        for (uint32_t i = 0; i < NSKY_EIGHT; i++) {
            uint32_t c = NSKY_EIGHT * eight + i;
            bool real = a->x.at && c < a->dy.channels;
            mean[i] = real ? a->mean[c] : 0;
            inverse[i] = real ? a->inverse[c] : 0;
            x[i] = one[i] = two[i] = 0;
        }
        for (size_t row = p.first + lane / p.eights; row < p.end; row += p.lanes_of_rows) {
            nsky_through_relu(&a->dy, &a->y, row, eight, d);
            if (a->x.at)
                nsky_rows_load(&a->x, row, eight, x);
            for (uint32_t i = 0; i < NSKY_EIGHT; i++) {
                one[i] += d[i];
                two[i] += d[i] * ((x[i] - mean[i]) * inverse[i]);
            }
        }
        for (uint32_t i = 0; i < NSKY_EIGHT; i++) {
            shift[lane][i] = one[i];
            scale[lane][i] = two[i];
        }
    }
    NSKY_LANES(lane, p.eights * NSKY_EIGHT)
    {
        uint32_t eight = lane / NSKY_EIGHT, i = lane % NSKY_EIGHT;
        uint32_t c = NSKY_EIGHT * (p.first_eight + eight) + i;
        double one = 0, two = 0;
        for (uint32_t r = 0; r < p.lanes_of_rows; r++) {
            one += shift[r * p.eights + eight][i];
            two += scale[r * p.eights + eight][i];
        }
        if (c < a->dy.channels) {
            float *sums = a->sums + (size_t)p.chunk * 2 * a->dy.channels;
            sums[c] = (float)one;
            sums[a->dy.channels + c] = (float)two;
        }
    }
}

static inline size_t nsky_back_settle_count(const nsky_back_settle_args *a)
{
    return nsky_eights_of(a->channels);
}

NSKY_ON_DEVICE static inline void nsky_back_settle_block(const nsky_back_settle_args *a,
                                                         uint32_t block)
{
    NSKY_BLOCK_SHARED double shift[NSKY_BLOCK_LANES], scale[NSKY_BLOCK_LANES];
    const uint32_t runs = NSKY_BLOCK_LANES / NSKY_EIGHT;

    NSKY_LANES(lane, NSKY_BLOCK_LANES)
    {
        uint32_t c = NSKY_EIGHT * block + lane % NSKY_EIGHT, run = lane / NSKY_EIGHT;
        uint32_t length = (a->chunks.count + runs - 1) / runs;
        double one = 0, two = 0;
        for (uint32_t k = run * length; k < (run + 1) * length; k++)
            if (k < a->chunks.count && c < a->channels) {
                one += a->sums[(size_t)k * 2 * a->channels + c];
                two += a->sums[((size_t)k * 2 + 1) * a->channels + c];
            }
        shift[lane] = one;
        scale[lane] = two;
    }
    NSKY_LANES(lane, NSKY_EIGHT)
    {
        uint32_t c = NSKY_EIGHT * block + lane;
        double one = 0, two = 0;
        for (uint32_t run = 0; run < runs; run++) {
            one += shift[run * NSKY_EIGHT + lane];
            two += scale[run * NSKY_EIGHT + lane];
        }
        if (c < a->channels) {
            a->d_bias[c] = (float)one;
            if (a->d_weight)
                a->d_weight[c] = (float)two;
        }
    }
}

static inline size_t nsky_norm_back_count(const nsky_norm_back_args *a)
{
    return nsky_rows_eights(&a->x);
}

/* With x' the normalised x: dx = weight / sigma (d - mean(d) - x' mean(d x')). */
NSKY_ON_DEVICE static inline void nsky_norm_back_item(const nsky_norm_back_args *a, size_t item)
{
    uint32_t eights = nsky_eights_of(a->x.room), eight = (uint32_t)(item % eights);
    size_t row = item / eights;
    float x[8], d[8], over = 1 / (float)a->x.count;

    nsky_rows_load(&a->x, row, eight, x);
    nsky_through_relu(&a->dy, &a->y, row, eight, d);
    for (uint32_t i = 0; i < NSKY_EIGHT; i++) {
        uint32_t c = NSKY_EIGHT * eight + i;
        if (c >= a->x.channels)
            continue;
        float normal = (x[i] - a->mean[c]) * a->inverse[c];
        x[i] = a->weight[c] * a->inverse[c] *
               (d[i] - a->d_bias[c] * over - normal * (a->d_weight[c] * over));
    }
    nsky_rows_put(&a->dx, row, eight, x, a->more_dx);
    if (a->d_add.at)
        nsky_rows_put(&a->d_add, row, eight, d, a->more_d_add);
}

#endif
