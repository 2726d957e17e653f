/* train_learner.h (private) - a learner whose state stays on the card: parameters, their momentum
 * encoder, statistics and the queue; what train.c exports as ops.h's nsky_train_card. Of labels, it
 * is all in train_labels.h.
 * Thread rule: one thread. */
#ifndef NSKY_CUDA_TRAIN_LEARNER_H
#define NSKY_CUDA_TRAIN_LEARNER_H

#include "encoder/cuda/device.h"
#include "encoder/cuda/kernels_learn.h"
#include "encoder/cuda/nccl.h"
#include "encoder/cuda/train_labels.h"
#include "encoder/cuda/train_loss.h"
#include "encoder/cuda/train_network.h"
#include "encoder/cuda/train_state.h"
#include "encoder/cuda/views.h"
#include "encoder/train/learner.h"

/* What a step is told, in pinned memory and then on the card: one block, one copy. */
typedef struct nsky_card_orders {
    nsky_step_numbers *numbers;
    double *stop;    /* [1] this rank is asked to stop: 0 or 1 */
    uint32_t *dealt; /* [directions, batch] which image comes at a key's place */
    uint32_t *place; /* [directions, batch] the other way round: where an image's key is made */
} nsky_card_orders;

/* What a step tells, on the card and then in host memory: one block, one copy. */
typedef struct nsky_card_told {
    double *key_lengths, *lengths, *losses; /* [samples] each; the first by keys' places */
    double *length;                         /* [ranks] of the gradients: the same on all */
    double *stops;                          /* [ranks] */
    uint32_t *correct;                      /* [samples] */
} nsky_card_told;

/* What is put into the stream without a look at it: recorded once, then started as a whole. */
typedef enum nsky_card_part {
    NSKY_CARD_KEYS,  /* parameters to both networks; keys, by their places */
    NSKY_CARD_LEARN, /* keys in their order; queries, losses, gradients */
    NSKY_CARD_UPDATE,
    NSKY_CARD_PARTS
} nsky_card_part;

typedef struct nsky_card_learner {
    nsky_card_labels *labels; /* NULL: pairs; else nothing of what follows is used */
    nsky_dev *dev;
    nsky_learner_options options;
    uint32_t dim, directions, parts, samples; /* parts: sub-batches; samples: of all directions */
    size_t in_floats;                         /* an image's */
    uint32_t rank, ranks;                     /* 0, 1: alone */
    uint32_t own_parts, first_part;           /* of every direction: this rank's sub-batches */
    uint32_t share, first;                    /* of a batch: this rank's objects */
    nsky_ranks *joined;                       /* NULL: alone */
    nsky_views *views;                        /* NULL: images come from the host */
    bool has_views;                           /* of the next step, in the stream */
    nsky_train_net *query, *key;
    nsky_card_loss *loss;
    nsky_card_state state;
    float *queue;      /* device, as nsky_learner_state has it */
    uint32_t queue_at; /* host: the next row to be replaced */
    /* device, of a step */
    float *images;     /* [2, batch, in]; of no use where views makes them */
    const float *seen; /* the same, wherever they are */
    float *dealt_ones; /* [sub_batch, in]: keys' images */
    void *orders_block;
    nsky_card_orders orders;
    float *placed;                     /* [directions, batch, dim]: keys by their places */
    float *keys;                       /* [directions, batch, dim] */
    float *d_out;                      /* [sub_batch, dim] */
    float *new_stats, *new_slow_stats; /* [directions parts, stat_floats] */
    void *told_block;
    nsky_card_told told;
    /* pinned */
    void *said_block;
    nsky_card_told said;
    void *given_block;
    nsky_card_orders given;
    /* parts as they were recorded; NULL: not yet */
    nsky_dev_graph *recorded[NSKY_CARD_PARTS];
    uint32_t played[NSKY_CARD_PARTS]; /* times each was put into the stream, up to a few */
    bool unrecorded;                  /* it is not to be, or cannot be */
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
NSKY_MUST_CHECK nsky_status nsky_card_learner_stage(void *opened, const nsky_packed *batch,
                                                    nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_card_learner_step_views(void *opened, const nsky_packed *batch,
                                                         const uint32_t *dealt,
                                                         const nsky_learner_rates *rates,
                                                         nsky_learner_result *result,
                                                         nsky_error *err);

/* --- train_parts.c --- */
/* One of the parts into the stream: as a recording, where the card takes that. */
NSKY_MUST_CHECK nsky_status nsky_card_play(nsky_card_learner *l, nsky_card_part part,
                                           nsky_error *err);

/* --- train_ranks.c: no-ops for one alone --- */
NSKY_MUST_CHECK nsky_status nsky_card_learner_join(void *opened, const nsky_train_meeting *meeting,
                                                   nsky_error *err);
void nsky_card_learner_leave(void *opened);
/* In the stream's order: what the ranks made of a batch becomes everybody's. */
NSKY_MUST_CHECK nsky_status nsky_card_share_images(nsky_card_learner *l, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_card_share_keys(nsky_card_learner *l, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_card_share_learned(nsky_card_learner *l, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_card_share_lengths(nsky_card_learner *l, nsky_error *err);
/* After waiting: that it went well. */
NSKY_MUST_CHECK nsky_status nsky_card_check_ranks(nsky_card_learner *l, nsky_error *err);

#endif
