/* train_learner.h (private) - a learner whose state stays on the card: parameters, their momentum
 * encoder, statistics and the queue; what train.c exports as ops.h's nsky_train_card. Of labels, it
 * is all in train_labels.h.
 * Thread rule: one thread. */
#ifndef NSKY_CUDA_TRAIN_LEARNER_H
#define NSKY_CUDA_TRAIN_LEARNER_H

#include "encoder/cuda/device.h"
#include "encoder/cuda/train_labels.h"
#include "encoder/cuda/train_loss.h"
#include "encoder/cuda/train_network.h"
#include "encoder/train/learner.h"

/* What a step tells, on the card and then in host memory: one block, one copy. */
typedef struct nsky_card_told {
    double *key_lengths, *lengths, *losses; /* [samples] each */
    double *length;                         /* [1] of the gradients */
    uint32_t *correct;                      /* [samples] */
} nsky_card_told;

typedef struct nsky_card_learner {
    nsky_card_labels *labels; /* NULL: pairs; else nothing of what follows is used */
    nsky_dev *dev;
    nsky_learner_options options;
    uint32_t dim, directions, parts, samples; /* parts: sub-batches; samples: of all directions */
    size_t in_floats;                         /* an image's */
    nsky_train_net *query, *key;
    nsky_card_loss *loss;
    /* device, as nsky_learner_state has them */
    float *params, *velocity, *stats, *slow_params, *slow_stats, *queue;
    uint32_t queue_at; /* host: the next row to be replaced */
    /* device, of a step */
    uint8_t *decays;                   /* [param_floats] */
    float *gradients;                  /* [param_floats] */
    float *images;                     /* [2, batch, in] */
    float *dealt_ones;                 /* [sub_batch, in]: keys' images */
    uint32_t *dealt;                   /* [directions, batch] */
    float *keys;                       /* [directions, batch, dim] */
    float *d_out;                      /* [sub_batch, dim] */
    float *new_stats, *new_slow_stats; /* [directions parts, stat_floats] */
    double *squares;                   /* of parts of the gradients */
    void *told_block;
    nsky_card_told told;
    /* pinned */
    void *staged; /* the largest of what is copied in or out */
    size_t staged_bytes;
    void *said_block;
    nsky_card_told said;
} nsky_card_learner;

/* --- train_learner.c --- */
NSKY_MUST_CHECK nsky_status nsky_card_learner_open(void **out, const nsky_learner_options *options,
                                                   nsky_error *err);
void nsky_card_learner_close(void *opened); /* NULL is a no-op */
NSKY_MUST_CHECK nsky_status nsky_card_learner_put(void *opened, const nsky_learner_state *state,
                                                  nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_card_learner_get(void *opened, nsky_learner_state *state,
                                                  float *gradients, nsky_error *err);

/* --- train_step.c --- */
NSKY_MUST_CHECK nsky_status nsky_card_learner_step(void *opened, const float *images,
                                                   const uint32_t *labels, const uint32_t *dealt,
                                                   const nsky_learner_rates *rates,
                                                   nsky_learner_result *result, nsky_error *err);

#endif
