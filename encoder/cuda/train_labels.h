/* train_labels.h (private) - a learner from labels whose state stays on the card: what
 * train_learner.c opens where there is no key. Thread rule: one thread. */
#ifndef NSKY_CUDA_TRAIN_LABELS_H
#define NSKY_CUDA_TRAIN_LABELS_H

#include "encoder/cuda/train_heads.h"
#include "encoder/cuda/train_network.h"
#include "encoder/cuda/train_state.h"

/* What a step tells, on the card and then in host memory: one block, one copy. */
typedef struct nsky_labels_told {
    double *losses;   /* [batch, heads] */
    double *length;   /* [1] of the gradients */
    double *lengths;  /* [batch] of features; not written with a classifier */
    uint32_t *judged; /* [batch, heads] */
} nsky_labels_told;

typedef struct nsky_card_labels {
    nsky_dev *dev;
    nsky_learner_options options;
    uint32_t dim, parts, heads; /* heads: 1 with a classifier */
    size_t in_floats;           /* an image's */
    size_t fc_weight, fc_bias;  /* offsets of the heads' parameters */
    nsky_train_net *net;
    nsky_card_heads *loss;
    nsky_card_state state;
    /* device, of a step */
    float *images;     /* [batch, in] */
    double *goals;     /* [batch, heads] */
    uint32_t *classes; /* [batch, heads] */
    float *d_out;      /* [sub_batch, dim] */
    float *new_stats;  /* [parts, stat_floats] */
    void *told_block;
    nsky_labels_told told;
    /* pinned */
    void *said_block;
    nsky_labels_told said;
} nsky_card_labels;

/* --- train_labels.c --- */
/* options->key is NULL; what the options point to is borrowed until close. */
NSKY_MUST_CHECK nsky_status nsky_card_labels_open(nsky_card_labels **out,
                                                  const nsky_learner_options *options,
                                                  nsky_error *err);
void nsky_card_labels_close(nsky_card_labels *labels); /* NULL is a no-op */

/* --- train_labels_step.c --- */
/* As nsky_learner_step has them. */
NSKY_MUST_CHECK nsky_status nsky_card_labels_step(nsky_card_labels *labels, const float *images,
                                                  const uint32_t *which,
                                                  const nsky_learner_rates *rates,
                                                  nsky_learner_result *result, nsky_error *err);

#endif
