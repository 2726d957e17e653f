/* heads.h (private) - several things learned at once from the same vector: classes, numbers as bins
 * or as they are, flags; each a column of labels with a weight, each linear.
 *
 * A head sees the pooled features scaled to one length, so that their direction, which is all that
 * neighbours are judged by, has to say everything. A longer vector is a larger step for heads: with
 * momentum 0.9, that of a number is stable below a learning rate of 3.8 / length^2. Weights are
 * [outputs, dim], the heads' outputs one after the other. A row without a label in a column teaches
 * that head nothing. Thread rule: heads are read-only once open; a loss belongs to one thread.
 */
#ifndef NSKY_TRAIN_HEADS_H
#define NSKY_TRAIN_HEADS_H

#include "common/json.h"
#include "encoder/train/ops.h"
#include "encoder/train/target.h"

#define NSKY_HEADS_MAX 16u
#define NSKY_HEAD_COLUMN_BYTES 48
#define NSKY_HEADS_LENGTH 4.0 /* of the vector they see */
#define NSKY_NEAR_TEMPERATURE 0.1
#define NSKY_HEAD_UNLABELLED UINT32_MAX

typedef struct nsky_head {
    char column[NSKY_HEAD_COLUMN_BYTES];
    nsky_target_kind kind;
    uint32_t bins;
    bool near;           /* no outputs: vectors of one class are to be near each other */
    double weight;       /* of its loss */
    uint32_t first;      /* of its outputs; it has target->class_count of them */
    nsky_target *target; /* NULL until nsky_heads_open */
} nsky_head;

typedef struct nsky_heads {
    nsky_head list[NSKY_HEADS_MAX];
    uint32_t count, outputs;
} nsky_heads;

/* "class:COLUMN,near:COLUMN,bins64:COLUMN:0.5,number:COLUMN:2,flag:COLUMN": the last number is the
 * weight, 1 where there is none. NSKY_EINVAL. */
NSKY_MUST_CHECK nsky_status nsky_heads_parse(nsky_heads *out, const char *words, nsky_error *err);
/* Labels of all heads from one file. like: heads of the same words whose classes, bins and scales
 * are taken, or NULL. NSKY_EINVAL, NSKY_EDATA as nsky_target_open has them. */
NSKY_MUST_CHECK nsky_status nsky_heads_open(nsky_heads *heads, const char *path,
                                            const nsky_heads *like, nsky_loader *loader,
                                            nsky_error *err);
void nsky_heads_close(nsky_heads *heads); /* zeroed is a no-op */

/* Rows that have a label of any head, ascending; the caller frees them with nsky_free. */
NSKY_MUST_CHECK nsky_status nsky_heads_rows(const nsky_heads *heads, uint64_t **rows,
                                            uint64_t *count, nsky_error *err);
/* Where each head has its label of a row: which [count], or NSKY_HEAD_UNLABELLED. */
void nsky_heads_find(const nsky_heads *heads, uint64_t row, uint32_t *which);

/* What the outputs mean, for the model's metadata. */
nsky_json *nsky_heads_describe(const nsky_heads *heads);

typedef struct nsky_heads_loss nsky_heads_loss;

typedef struct nsky_heads_result {
    double loss;                    /* weighted, summed over samples and heads */
    double of[NSKY_HEADS_MAX];      /* each head's, not weighted, summed over its labels */
    uint32_t count[NSKY_HEADS_MAX]; /* labels */
    uint32_t right;                 /* of the first head */
} nsky_heads_result;

/* heads and ops are borrowed until free. */
NSKY_MUST_CHECK nsky_status nsky_heads_loss_new(nsky_heads_loss **out, const nsky_heads *heads,
                                                const nsky_train_ops *ops, uint32_t samples,
                                                uint32_t dim, nsky_error *err);
void nsky_heads_loss_free(nsky_heads_loss *loss); /* NULL is a no-op */

/*
 * features [samples, dim] as the network pools them; weight [outputs, dim], bias [outputs]; which
 * [samples, heads]. Cross-entropy for classes, bins and flags; for numbers, in units of their
 * deviation, Huber's loss with its bend at 1. A near head asks of each sample, by cosines over
 * NSKY_NEAR_TEMPERATURE, for those of its class among the others of the run (Khosla et al. 2020);
 * one without company there teaches nothing. Overwrites d_features [samples, dim] and the loss's
 * own derivatives of weights and biases with those of scale times the summed loss.
 * NSKY_EDATA: features that are zero or not finite: the training has diverged.
 */
NSKY_MUST_CHECK nsky_status nsky_heads_loss_run(nsky_heads_loss *loss, const float *features,
                                                const float *weight, const float *bias,
                                                const uint32_t *which, double scale,
                                                float *d_features, nsky_heads_result *result,
                                                nsky_error *err);
/* Of the last run, added to d_weight [outputs, dim] and d_bias [outputs]. */
void nsky_heads_loss_collect(const nsky_heads_loss *loss, float *d_weight, float *d_bias);

#endif
