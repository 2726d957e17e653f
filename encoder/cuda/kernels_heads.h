/* kernels_heads.h (private) - kernels of what is learned from labels, as encoder/train/heads_loss.c
 * and nsky_cross_entropy have it on the host; see kernels_train.h for what belongs to each name.
 * Sums are in double, in one order. Thread rule: a stream's order.
 */
#ifndef NSKY_CUDA_KERNELS_HEADS_H
#define NSKY_CUDA_KERNELS_HEADS_H

#include "encoder/cuda/kernels_train.h"

#define NSKY_NO_LABEL UINT32_MAX /* heads.h's NSKY_HEAD_UNLABELLED */

/* What became of a sample's label of a head. */
#define NSKY_JUDGED 1u       /* there was one that could be judged */
#define NSKY_JUDGED_RIGHT 2u /* and its class was said loudest */

/* A head, as the card needs it. */
typedef struct nsky_card_head {
    uint32_t first, count; /* of its outputs; count 0: a near one, which has none */
    bool number;           /* else classes */
    double weight;
} nsky_card_head;

/* Rows to one length. What becomes of rows of no length, or none that is finite, is for whoever
 * reads the lengths. */
typedef struct nsky_scale_rows_args {
    const float *in; /* [rows, dim] */
    float *out;      /* [rows, dim] */
    double *lengths; /* [rows] of in */
    uint32_t rows, dim;
    double length; /* of out */
} nsky_scale_rows_args;

/* Losses of heads that have outputs; derivatives are nothing where there is no label. */
typedef struct nsky_judge_args {
    const nsky_card_head *heads; /* [head_count] */
    const float *said;           /* [rows, outputs] */
    const uint32_t *classes;     /* [rows, head_count], or NSKY_NO_LABEL */
    const double *goals;         /* [rows, head_count] of numbers, in units of their deviation */
    float *d_said;               /* [rows, outputs] */
    double *losses;              /* [rows, head_count], not weighted */
    uint32_t *judged;            /* [rows, head_count] NSKY_JUDGED.. */
    uint32_t rows, head_count, outputs;
    double scale;
} nsky_judge_args;

/* A near head's loss of each sample, and its derivatives by the products with the others. */
typedef struct nsky_near_args {
    const float *products;   /* [rows, rows] of vectors */
    const uint32_t *classes; /* [rows, head_count] */
    float *pull;             /* [rows, rows] */
    double *losses;          /* [rows, head_count], not weighted */
    uint32_t *judged;        /* [rows, head_count] */
    uint32_t rows, head_count, head;
    double heat;  /* a product times it is a cosine over the temperature */
    double scale; /* the head's weight is in it */
} nsky_near_args;

/* out = in + its transpose: each product belongs to two vectors. */
typedef struct nsky_both_args {
    const float *in; /* [rows, rows] */
    float *out;
    uint32_t rows;
} nsky_both_args;

/* Derivatives by scaled rows to derivatives by the rows. */
typedef struct nsky_unscale_args {
    const float *d_unit, *unit; /* [rows, dim]; unit of that length */
    const double *lengths;      /* [rows] before */
    float *d_rows;              /* [rows, dim] */
    uint32_t rows, dim;
    double length;
} nsky_unscale_args;

/* sum [columns] += over the rows. */
typedef struct nsky_columns_args {
    const float *in; /* [rows, columns] */
    float *sum;
    uint32_t rows, columns;
} nsky_columns_args;

#define NSKY_HEADS_KERNELS(ITEM, BLOCK) \
    BLOCK(scale_rows)                   \
    BLOCK(judge)                        \
    BLOCK(near)                         \
    ITEM(both)                          \
    BLOCK(unscale)                      \
    ITEM(columns)

#ifdef __cplusplus
extern "C" {
#endif
#define NSKY_DECLARE(name) int nsky_launch_##name(const nsky_##name##_args *args, void *stream);
NSKY_HEADS_KERNELS(NSKY_DECLARE, NSKY_DECLARE)
#undef NSKY_DECLARE
#ifdef __cplusplus
}
#endif

#endif
