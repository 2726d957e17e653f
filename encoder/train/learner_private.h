/* learner_private.h (private) - what learner.c and learner_step.c share. */
#ifndef NSKY_TRAIN_LEARNER_PRIVATE_H
#define NSKY_TRAIN_LEARNER_PRIVATE_H

#include "encoder/train/learner.h"
#include "encoder/train/pool.h"

/* One for each thread. */
typedef struct nsky_learner_worker {
    void *query, *key; /* back end states */
    float *images;     /* [sub_batch, in]: keys' images, dealt out */
    float *out, *d_out;
    nsky_contrast *contrast;
    nsky_heads_loss *heads;
} nsky_learner_worker;

struct nsky_learner {
    nsky_learner_options options;
    nsky_learner_state state;
    uint32_t dim, directions, parts; /* parts: sub-batches of a batch */
    size_t in_floats;                /* an image's */
    nsky_pool *pool;
    nsky_learner_worker *workers;  /* [threads]; of no use with a card */
    void *card;                    /* ops->card's; NULL: all is here */
    bool card_is_ahead;            /* of the state here: it must be fetched */
    bool card_is_behind;           /* the state here may have been written */
    float *gradients;              /* [param_floats] */
    float *keys;                   /* [directions, batch, dim] */
    uint32_t *dealt;               /* [directions, batch]: which image comes at a key's place */
    float *stats, *slow_stats;     /* [directions parts, stat_floats] of this step's sub-batches */
    nsky_contrast_result *results; /* [directions parts] */
    nsky_heads_result *said;       /* [directions parts]; NULL without heads */
    size_t fc_weight, fc_bias;     /* offsets of the heads' parameters */
    /* of the step under way */
    const float *images;
    const uint32_t *labels;
    const nsky_learner_rates *rates;
};

#endif
