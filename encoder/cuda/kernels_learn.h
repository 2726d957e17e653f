/* kernels_learn.h (private) - kernels of what is learned from and of how parameters follow, as
 * encoder/train/loss.c, sgd.c and learner_step.c have it on the host; see kernels_train.h for what
 * belongs to each name. Sums over rows and arrays are in double, in one order. Thread rule: a
 * stream's order.
 */
#ifndef NSKY_CUDA_KERNELS_LEARN_H
#define NSKY_CUDA_KERNELS_LEARN_H

#include "encoder/cuda/kernels_train.h"

#define NSKY_SQUARES_ITEMS 4096u /* of an array that one block adds up */

/* --- from vectors to a loss --- */

/* Rows to unit length. What becomes of rows of no length, or none that is finite, is for whoever
 * reads the lengths. */
typedef struct nsky_unit_args {
    const float *in;    /* [rows, dim] */
    float *out;         /* [.., dim] */
    const uint32_t *to; /* [rows] where each goes; NULL: to its own place */
    double *lengths;    /* [rows], at their own places */
    uint32_t rows, dim;
} nsky_unit_args;

/* out row i = in row from[i]. */
typedef struct nsky_gather_args {
    const float *in;
    const uint32_t *from;
    float *out;
    uint32_t rows;
    size_t dim;
} nsky_gather_args;

/* out = the queue's row where each row of cosines is largest, the first of equals. */
typedef struct nsky_nearest_args {
    const float *cosines; /* [rows, queue_rows] */
    const float *queue;   /* [queue_rows, dim] */
    float *out;           /* [rows, dim] */
    uint32_t rows, queue_rows, dim;
} nsky_nearest_args;

/* Cosines of queries with the queue to weights of their derivatives; the positive's weight, the
 * loss, and whether the positive is nearest of all. */
typedef struct nsky_weigh_args {
    float *cosines;               /* [rows, queue_rows], replaced */
    const float *unit, *positive; /* [rows, dim] */
    double *pull, *loss;          /* [rows] */
    uint32_t *correct;            /* [rows] */
    uint32_t rows, queue_rows, dim;
    float temperature;
    double factor;
} nsky_weigh_args;

/* Derivatives by unit queries to derivatives by the queries: d_unit [rows, dim] has the queue's
 * share. */
typedef struct nsky_through_args {
    const float *d_unit, *unit, *positive;
    const double *pull, *lengths; /* [rows] */
    float *d_query;               /* [rows, dim] */
    uint32_t rows, dim;
} nsky_through_args;

/* --- from gradients to parameters --- */

/* What changes from step to step, in device memory: so that launches may be recorded once. */
typedef struct nsky_step_numbers {
    double clip; /* 0: none are cut down */
    float rate, momentum, decay;
    float old_share, new_share; /* of the slow parameters */
    uint32_t first;             /* row of the queue to be replaced */
} nsky_step_numbers;

/* sums [blocks]: squares of each NSKY_SQUARES_ITEMS; then their root, the whole's length. */
typedef struct nsky_squares_args {
    const float *in;
    double *sums;
    size_t count;
} nsky_squares_args;

typedef struct nsky_length_args {
    const double *sums;
    double *length; /* [1] */
    size_t count;   /* of sums */
} nsky_length_args;

/* Cut down to the length of clip where it is longer. Here and below, where `now` is given the
 * step's numbers are there. */
typedef struct nsky_shorten_args {
    float *values;
    const double *length;
    double clip;
    size_t count;
    const nsky_step_numbers *now;
} nsky_shorten_args;

typedef struct nsky_sgd_args {
    float *params, *velocity; /* [count] */
    const float *gradients;
    const uint8_t *decays; /* [count] 1: a weight */
    float rate, momentum, decay;
    size_t count;
    const nsky_step_numbers *now;
} nsky_sgd_args;

typedef struct nsky_ema_args {
    float *slow;
    const float *fast;
    float old_share, new_share;
    size_t count;
    const nsky_step_numbers *now;
} nsky_ema_args;

/* Running statistics after the mean of parts [parts, count]. */
typedef struct nsky_follow_args {
    float *running;
    const float *in;
    float share; /* of the new */
    uint32_t parts;
    size_t count;
} nsky_follow_args;

/* The queue's rows from `first` on, and round again, replaced by keys [rows, dim]. */
typedef struct nsky_enqueue_args {
    float *queue; /* [queue_rows, dim] */
    const float *keys;
    uint32_t rows, queue_rows, first, dim; /* rows <= queue_rows */
    const nsky_step_numbers *now;
} nsky_enqueue_args;

#define NSKY_LEARN_KERNELS(ITEM, BLOCK) \
    BLOCK(unit)                         \
    ITEM(gather)                        \
    BLOCK(nearest)                      \
    BLOCK(weigh)                        \
    BLOCK(through)                      \
    BLOCK(squares)                      \
    BLOCK(length)                       \
    ITEM(shorten)                       \
    ITEM(sgd)                           \
    ITEM(ema)                           \
    ITEM(follow)                        \
    ITEM(enqueue)

#ifdef __cplusplus
extern "C" {
#endif
#define NSKY_DECLARE(name) int nsky_launch_##name(const nsky_##name##_args *args, void *stream);
NSKY_LEARN_KERNELS(NSKY_DECLARE, NSKY_DECLARE)
#undef NSKY_DECLARE
#ifdef __cplusplus
}
#endif

#endif
