/* kernels_train.h (private) - nearsky's own kernels of training: what they take, and how they are
 * started.
 *
 * Activations are rows, one a pixel of an image, of channels: bf16 padded to a multiple of eight
 * (what pads is zero and stays so), or float32 without padding behind the pooling. Parameters and
 * all sums are float32 or double. As in kernels.h every launch returns a cudaError_t as an int; for
 * each name in NSKY_TRAIN_KERNELS there are nsky_NAME_args, nsky_NAME_count (items or blocks),
 * nsky_NAME_item or nsky_NAME_block in a kernel_*.h, and nsky_launch_NAME. Sums have one order: the
 * same bits every time. Thread rule: a stream's order.
 */
#ifndef NSKY_CUDA_KERNELS_TRAIN_H
#define NSKY_CUDA_KERNELS_TRAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "encoder/cuda/number.h"

#define NSKY_BLOCK_LANES 256u    /* of every block kernel here */
#define NSKY_SUM_EIGHTS 32u      /* times eight channels a block sums at most */
#define NSKY_SUM_CHUNKS_MAX 512u /* of rows, in each of which a channel is summed by one block */
#define NSKY_TILE 64u            /* rows and columns of a product a block computes */
#define NSKY_TILE_DEPTH 16u      /* terms of it between two waits */

typedef struct nsky_rows {
    void *at; /* [count, room]; NULL: none */
    size_t count;
    uint32_t channels, room; /* room: with padding; the same where exact */
    bool exact;              /* float32 */
} nsky_rows;

/* [images, channels, pixels] float32 to rows, and back. */
typedef struct nsky_order_args {
    const float *in;
    nsky_rows out; /* images pixels of them */
    uint32_t pixels;
} nsky_order_args;

typedef struct nsky_unorder_args {
    nsky_rows in;
    float *out;
    uint32_t pixels;
} nsky_unorder_args;

/* Weights [out, in, taps] float32 to bf16 [out padded, taps, in padded], and derivatives back. */
typedef struct nsky_weight_args {
    const float *in;
    nsky_eight *out;
    uint32_t out_channels, in_channels, taps;
} nsky_weight_args;

typedef struct nsky_unweight_args {
    const uint16_t *in;
    float *out;
    uint32_t out_channels, in_channels, taps;
} nsky_unweight_args;

/* Rows are summed in chunks of equal size, the last one may be shorter. */
typedef struct nsky_chunks {
    uint32_t count;
    size_t rows;
} nsky_chunks;

/* Of each chunk and channel: mean, and squares off it. */
typedef struct nsky_norm_sums_args {
    nsky_rows x;
    nsky_chunks chunks;
    float *sums; /* [chunks, 2, channels] */
} nsky_norm_sums_args;

/* mean and variance of the batch: statistics as a running one takes them, [channels] means, then
 * [channels] unbiased variances; and 1 / sqrt(biased variance + epsilon). */
typedef struct nsky_norm_settle_args {
    const float *sums;
    nsky_chunks chunks;
    size_t rows;
    uint32_t channels;
    double epsilon;
    float *stats;   /* [2, channels] */
    float *inverse; /* [channels] */
} nsky_norm_settle_args;

/* y = relu?(normal(x) weight + bias [+ add]). */
typedef struct nsky_norm_args {
    nsky_rows x, add, y; /* add: of the residual */
    const float *mean, *inverse, *weight, *bias;
    bool relu;
} nsky_norm_args;

/* Of each chunk and channel: sums of d and of d normal(x), where d is dy, or nothing where y, if
 * there is one, is not above zero. Without x: the first sum alone. */
typedef struct nsky_back_sums_args {
    nsky_rows x, y, dy;
    const float *mean, *inverse;
    nsky_chunks chunks;
    float *sums; /* [chunks, 2, channels] */
} nsky_back_sums_args;

typedef struct nsky_back_settle_args {
    const float *sums;
    nsky_chunks chunks;
    uint32_t channels;
    float *d_weight, *d_bias; /* [channels]; d_weight NULL: not asked */
} nsky_back_settle_args;

/* dx of a batch norm, and the residual's derivative where there is one; either may be added to
 * what is there. */
typedef struct nsky_norm_back_args {
    nsky_rows x, y, dy, dx, d_add;
    const float *mean, *inverse, *weight, *d_weight, *d_bias;
    bool more_dx, more_d_add;
} nsky_norm_back_args;

/* y = relu(a + b), and back; also y += bias, and sums of derivatives, without relu. */
typedef struct nsky_sum_args {
    nsky_rows a, b, y; /* b: none, where bias is */
    const float *bias; /* [channels] or NULL */
    bool relu;
} nsky_sum_args;

typedef struct nsky_sum_back_args {
    nsky_rows y, dy, da, db;
    bool more_da, more_db;
} nsky_sum_back_args;

/* Of the largest of 3 x 3, stride 2, padding 1: to the first of equals. */
typedef struct nsky_maxpool_back_args {
    const nsky_eight *x, *dy;
    nsky_eight *dx;
    uint32_t images, eights, in_height, in_width, out_height, out_width;
    bool more;
} nsky_maxpool_back_args;

typedef struct nsky_avgpool_back_args {
    const float *dy; /* [images, channels] */
    nsky_rows dx;    /* images pixels of them */
    uint32_t pixels;
    bool more;
} nsky_avgpool_back_args;

/* out [splits, m, n]: products of a (m, k) and b (k, n) over parts of k; element (i, j) of a is
 * at i a_row + j a_column, so either may be transposed. */
typedef struct nsky_matrix_args {
    const float *a, *b;
    const float *bias; /* [n], with one split; or NULL */
    float *out;
    uint32_t m, n, k, splits;
    size_t a_row, a_column, b_row, b_column;
} nsky_matrix_args;

/* out = sum over parts of in [parts, count], in their order; more: += . */
typedef struct nsky_fold_args {
    const float *in;
    float *out;
    size_t count;
    uint32_t parts;
    bool more;
} nsky_fold_args;

typedef struct nsky_fill_args {
    float *out;
    size_t count;
    float value;
} nsky_fill_args;

/* ITEM: a function of an item's number; BLOCK: of a block's, with NSKY_BLOCK_LANES lanes. */
#define NSKY_TRAIN_KERNELS(ITEM, BLOCK) \
    ITEM(order)                         \
    ITEM(unorder)                       \
    ITEM(weight)                        \
    ITEM(unweight)                      \
    BLOCK(norm_sums)                    \
    BLOCK(norm_settle)                  \
    ITEM(norm)                          \
    BLOCK(back_sums)                    \
    BLOCK(back_settle)                  \
    ITEM(norm_back)                     \
    ITEM(sum)                           \
    ITEM(sum_back)                      \
    ITEM(maxpool_back)                  \
    ITEM(avgpool_back)                  \
    BLOCK(matrix)                       \
    ITEM(fold)                          \
    ITEM(fill)

#ifdef __cplusplus
extern "C" {
#endif
#define NSKY_DECLARE(name) int nsky_launch_##name(const nsky_##name##_args *args, void *stream);
NSKY_TRAIN_KERNELS(NSKY_DECLARE, NSKY_DECLARE)
#undef NSKY_DECLARE
#ifdef __cplusplus
}
#endif

#endif
