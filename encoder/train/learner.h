/* learner.h (private) - one step of training: images in, parameters a little better.
 *
 * A batch is worked through in sub-batches, which are what batch norms average over and what a
 * thread works on. Their gradients are added in their order, so that the number of threads changes
 * nothing, not a bit. For a batch norm the images of a sub-batch are no strangers: were keys
 * normalised in the same company as their queries, the network could tell the positive by the
 * company it keeps. So keys are dealt out anew for each step (the split batch norm of He et al.
 * 2020, who shuffle across GPUs).
 * Thread rule: a learner belongs to one thread; it has threads of its own.
 */
#ifndef NSKY_TRAIN_LEARNER_H
#define NSKY_TRAIN_LEARNER_H

#include "encoder/train/heads.h"
#include "encoder/train/loss.h"
#include "encoder/train/ops.h"
#include "encoder/train/sgd.h"

#define NSKY_LEARNER_THREADS_MAX 256u
#define NSKY_LEARNER_TASKS_MAX 4096u

typedef struct nsky_learner_options {
    const nsky_train_ops *ops;
    nsky_precision precision;
    const nsky_train_graph *query; /* borrowed until free */
    const nsky_train_graph *key;   /* its first layers, under slowly following parameters; NULL:
                                      labels are learned instead of pairs */
    const nsky_heads *heads;       /* without key: several kinds of labels, by the parameters
                                      fc.weight and fc.bias of query that no layer uses; or NULL */
    uint32_t batch, sub_batch;     /* batch is a multiple of sub_batch */
    uint32_t threads;
    uint32_t queue; /* negatives */
    float temperature;
    bool symmetric;    /* both views are queries */
    bool neighbours;   /* see nsky_contrast_run */
    bool same_company; /* tests: keys are not dealt out anew */
    uint64_t seed;
    /* Of a card's, for pairs: */
    const nsky_packing *packing;      /* views are made there: nsky_learner_step_packed; or NULL */
    void (*meanwhile)(void *context); /* called in a step once the card is at work, before it is
                                         waited for: to stage the next batch; or NULL */
    void *context;
    uint32_t rank, ranks; /* several cards learn together, and each is given its part of a batch:
                             rank of ranks equal ones. ranks 0 or 1: this one has all of it */
} nsky_learner_options;

/* All there is to keep of a training but counters. */
typedef struct nsky_learner_state {
    float *params, *velocity, *stats; /* [param_floats], [param_floats], [stat_floats] of query */
    float *slow_params, *slow_stats;  /* of key; without it an average of query's of late */
    float *queue;                     /* [queue, dim] unit rows; NULL without */
    uint32_t queue_at;                /* the oldest row: the next to be replaced */
} nsky_learner_state;

typedef struct nsky_learner nsky_learner;

typedef struct nsky_learner_rates {
    nsky_sgd sgd;
    double keep;   /* of the slow parameters */
    double clip;   /* gradients longer than this are cut down to it; 0: none are */
    uint64_t step; /* of the whole training: deals out the keys */
    bool stop;     /* this rank is asked to stop: all are told */
} nsky_learner_rates;

typedef struct nsky_learner_result {
    double loss;     /* a query's, on average */
    double accuracy; /* the share of queries whose positive, or (first head's) label, is first */
    double length;   /* of the gradients; NaN where none are clipped */
    double heads[NSKY_HEADS_MAX]; /* each head's loss, a label's on average; NaN: no labels */
    bool stop;                    /* some rank is asked to stop */
} nsky_learner_result;

/* Parameters are drawn from the seed, slow ones are the same, the queue is random directions. */
NSKY_MUST_CHECK nsky_status nsky_learner_new(nsky_learner **out,
                                             const nsky_learner_options *options, nsky_error *err);
void nsky_learner_free(nsky_learner *learner); /* NULL is a no-op */

/* Brings the state to where nsky_learner_state_of shows it: to be called behind steps, before it is
 * looked at. NSKY_EDEVICE: it was on a card that is lost. */
NSKY_MUST_CHECK nsky_status nsky_learner_fetch(nsky_learner *learner, nsky_error *err);
/* To read and, between steps, to write. */
nsky_learner_state *nsky_learner_state_of(nsky_learner *learner);

/* images [2, batch, in]: views of the same objects (with several ranks, of this one's part of the
 * batch), or with labels [1, batch, in] and labels
 * [batch] below the number of outputs, or with heads labels [batch, heads] as nsky_heads_find
 * gives them. NSKY_EDATA: diverged. After an error the state is as it was
 * before the step; with a lost card (NSKY_EDEVICE), as it was when last fetched. */
NSKY_MUST_CHECK nsky_status nsky_learner_step(nsky_learner *learner, const float *images,
                                              const uint32_t *labels,
                                              const nsky_learner_rates *rates,
                                              nsky_learner_result *result, nsky_error *err);
/* Before a step, or in the one before (options.meanwhile): the batch is copied, and on its way. */
NSKY_MUST_CHECK nsky_status nsky_learner_stage(nsky_learner *learner, const nsky_packed *batch,
                                               nsky_error *err);
/* The same from packed stamps, with options.packing: of 2 views each. batch NULL: what was staged
 * last. */
NSKY_MUST_CHECK nsky_status nsky_learner_step_packed(nsky_learner *learner,
                                                     const nsky_packed *batch,
                                                     const nsky_learner_rates *rates,
                                                     nsky_learner_result *result, nsky_error *err);

/* With several ranks, before the first step: meets the others. All must hold the same state;
 * meeting->same says more of what makes them alike. As nsky_train_card. */
NSKY_MUST_CHECK nsky_status nsky_learner_join(nsky_learner *learner,
                                              const nsky_train_meeting *meeting, nsky_error *err);
/* Behind the last step of all ranks: none will miss another. */
void nsky_learner_leave(nsky_learner *learner);
/* Of the last step, [param_floats], as far as it was fetched: for tests. */
const float *nsky_learner_gradients(const nsky_learner *learner);

#endif
