/* sgd.h (private) - how parameters follow their gradients, and the schedules of it. All are loops
 * over a range of the flat arrays: threads may take ranges of their own. Thread rule: pure. */
#ifndef NSKY_TRAIN_SGD_H
#define NSKY_TRAIN_SGD_H

#include "encoder/train/graph.h"

typedef struct nsky_sgd {
    double rate, momentum, decay;
} nsky_sgd;

/* As PyTorch's SGD: g += decay p (weights only); v = momentum v + g; p -= rate v. */
void nsky_sgd_step(const nsky_train_graph *graph, const nsky_sgd *how, size_t first, size_t end,
                   float *params, float *velocity, const float *gradients);
/* slow = keep slow + (1 - keep) fast. */
void nsky_ema_step(double keep, size_t first, size_t end, float *slow, const float *fast);

/* Up from 0 to peak over the first `warm` steps, then down to 0 along half a cosine. */
double nsky_rate_at(double peak, uint64_t step, uint64_t warm, uint64_t steps);
/* From start to 1 along half a cosine (Grill et al. 2020). */
double nsky_keep_at(double start, uint64_t step, uint64_t steps);

#endif
