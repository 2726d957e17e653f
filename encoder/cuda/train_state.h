/* train_state.h (private) - what a learner keeps on the card and how it follows gradients, as sgd.c
 * and learner_step.c have it. All but new, put and get is put into the compute stream. Thread rule:
 * see train_network.h. */
#ifndef NSKY_CUDA_TRAIN_STATE_H
#define NSKY_CUDA_TRAIN_STATE_H

#include "encoder/cuda/device.h"
#include "encoder/cuda/kernels_learn.h"
#include "encoder/train/learner.h"

typedef struct nsky_card_state {
    nsky_dev *dev;                        /* borrowed */
    const nsky_train_graph *graph, *slow; /* slow: of the parameters that follow slowly */
    /* device, as nsky_learner_state has them */
    float *params, *velocity, *stats, *slow_params, *slow_stats;
    uint8_t *decays;  /* [param_floats] */
    float *gradients; /* [param_floats] */
    double *squares;  /* of parts of the gradients */
    void *staged;     /* pinned: the largest of what is copied in or out */
    size_t staged_bytes;
} nsky_card_state;

/* The graphs are borrowed until free. staged_bytes: at least so many. */
NSKY_MUST_CHECK nsky_status nsky_card_state_new(nsky_card_state *out, nsky_dev *dev,
                                                const nsky_train_graph *graph,
                                                const nsky_train_graph *slow, size_t staged_bytes,
                                                nsky_error *err);
void nsky_card_state_free(nsky_card_state *state); /* zeroed is a no-op */

/* Waits. gradients [param_floats], or NULL. */
NSKY_MUST_CHECK nsky_status nsky_card_state_put(nsky_card_state *state,
                                                const nsky_learner_state *from, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_card_state_get(nsky_card_state *state, nsky_learner_state *to,
                                                float *gradients, nsky_error *err);

/* Through pinned memory, and waiting: nothing of the caller's is touched behind its back. */
NSKY_MUST_CHECK nsky_status nsky_card_state_send(nsky_card_state *state, void *to, const void *from,
                                                 size_t bytes, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_card_state_fetch(nsky_card_state *state, void *to,
                                                  const void *from, size_t bytes, nsky_error *err);

/* length [1], device: the gradients'. */
NSKY_MUST_CHECK nsky_status nsky_card_state_measure(nsky_card_state *state, double *length,
                                                    nsky_error *err);
/* The gradients cut down to a length by their own, the parameters after them, the slow ones after
 * those. The step's numbers are rates, or where that is NULL they lie at `now` on the card, so that
 * what is put into the stream may be recorded. */
NSKY_MUST_CHECK nsky_status nsky_card_state_step(nsky_card_state *state,
                                                 const nsky_learner_rates *rates,
                                                 const nsky_step_numbers *now, const double *length,
                                                 nsky_error *err);
/* stats, or the slow ones, after the mean of parts [count, stat_floats]. */
NSKY_MUST_CHECK nsky_status nsky_card_state_follow(nsky_card_state *state, bool slow,
                                                   const float *parts, uint32_t count,
                                                   nsky_error *err);
/* slow_stats after stats, as slow parameters follow. */
NSKY_MUST_CHECK nsky_status nsky_card_state_average_stats(nsky_card_state *state, double keep,
                                                          nsky_error *err);

/* to [count] = from, in the compute stream. */
NSKY_MUST_CHECK nsky_status nsky_card_copy(nsky_dev *dev, float *to, const float *from,
                                           size_t count, nsky_error *err);

#endif
