/* ops.h (private) - what runs a network forwards and backwards: ref/ in plain C (the oracle), cpu/
 * on oneDNN, cuda/ on a card; registry.h chooses.
 *
 * A state holds one sub-batch: the images that share their batch norms' statistics, and the unit of
 * work of a thread. States are independent of each other and belong to one thread at a time; the
 * arrays they are given are the caller's.
 */
#ifndef NSKY_TRAIN_OPS_H
#define NSKY_TRAIN_OPS_H

#include <stdatomic.h>

#include "encoder/encoder.h"
#include "encoder/train/graph.h"
#include "encoder/train/packed.h"

#define NSKY_TRAIN_BATCH_MAX 1024

struct nsky_learner_options;
struct nsky_learner_state;
struct nsky_learner_rates;
struct nsky_learner_result;

/* Where and with whom a training on several cards meets. */
typedef struct nsky_train_meeting {
    const char *folder;
    double timeout_s;        /* for the others to come */
    const atomic_bool *stop; /* may be NULL */
    uint8_t same[32];        /* of what must be alike on all ranks */
} nsky_train_meeting;

/* A whole learner (learner.h), whose state stays where the network is computed: only images and
 * labels go there, and only what is asked for comes back. One thread. */
typedef struct nsky_train_card {
    /* What the options point to is borrowed until close. */
    nsky_status (*open)(void **card, const struct nsky_learner_options *options, nsky_error *err);
    /* The state there, and back; gradients [param_floats] of the last step, or NULL. */
    nsky_status (*put)(void *card, const struct nsky_learner_state *state, nsky_error *err);
    nsky_status (*get)(void *card, struct nsky_learner_state *state, float *gradients,
                       nsky_error *err);
    /* images of this rank's part of the batch; labels as nsky_learner_step has them, NULL with
     * pairs; dealt [directions, batch], of the whole one: which image comes at a key's place, NULL
     * with labels. NSKY_EDATA: diverged, the state is as it was before the step; NSKY_EDEVICE: it
     * is lost. */
    nsky_status (*step)(void *card, const float *images, const uint32_t *labels,
                        const uint32_t *dealt, const struct nsky_learner_rates *rates,
                        struct nsky_learner_result *result, nsky_error *err);
    /* Copies the batch of the next step_views, and puts it on its way behind what is under way. */
    nsky_status (*stage)(void *card, const nsky_packed *batch, nsky_error *err);
    /* The same, making the views itself: of options->packing; batch NULL: of what was staged last.
     * NULL: this card makes none. */
    nsky_status (*step_views)(void *card, const nsky_packed *batch, const uint32_t *dealt,
                              const struct nsky_learner_rates *rates,
                              struct nsky_learner_result *result, nsky_error *err);
    /* With options->ranks above 1, before the first step: waits for the other ranks. NULL: this
     * card works alone. NSKY_EMISMATCH: another rank is not the same; NSKY_EBUSY, _EDEVICE,
     * _ECANCELLED, _EIO. */
    nsky_status (*join)(void *card, const nsky_train_meeting *meeting, nsky_error *err);
    /* Behind the last step of all ranks. */
    void (*leave)(void *card);
    void (*close)(void *card); /* NULL is a no-op */
} nsky_train_card;

typedef struct nsky_train_ops {
    const char *name;
    uint32_t workers; /* states at work together that make sense; 0: one for each core */
    bool (*available)(nsky_precision precision);
    /* graph is borrowed until close. learns = false: forward only, which needs less memory. */
    nsky_status (*open)(void **state, const nsky_train_graph *graph, nsky_precision precision,
                        uint32_t batch, bool learns, nsky_error *err);
    /* params [graph->param_floats]: converted to what the back end computes with. */
    nsky_status (*load)(void *state, const float *params, nsky_error *err);
    /* in [batch, c, h, w], kept until backward -> out [batch, c', h', w'], normalised by the
     * statistics of this batch. */
    nsky_status (*forward)(void *state, const float *in, float *out, nsky_error *err);
    /* Of the last forward: mean and unbiased variance of each batch norm, [graph->stat_floats]. */
    void (*stats)(void *state, float *out);
    /* d_out [batch, c', h', w']: the loss's derivative by the last forward's out. */
    nsky_status (*backward)(void *state, const float *d_out, nsky_error *err);
    /* sum [graph->param_floats] += the derivatives by the parameters of the last backward. */
    nsky_status (*add_gradients)(void *state, float *sum, nsky_error *err);
    void (*close)(void *state); /* NULL is a no-op */
    /* out [m, n] = a [m, k] times b: [k, n], or [n, k] when it is to be transposed. Any thread; the
     * same bits for the same sizes. */
    void (*multiply)(uint32_t m, uint32_t n, uint32_t k, const float *a, const float *b,
                     bool transposed, float *out);
    /* Seconds of this thread that the convolutions and batch norms of a forward, or backward, run
     * take by themselves; after one of each. NULL: not told. */
    double (*kernel_s)(void *state, bool back);
    const nsky_train_card *card; /* NULL: there is none */
} nsky_train_ops;

extern const nsky_train_ops nsky_train_ref; /* ref/: plain C in double, for small networks */
extern const nsky_train_ops nsky_train_cpu; /* cpu/: oneDNN, fp32 and bf16 */
/* cuda/: in a module of its own, cuda_module.h; bf16 */

#endif
