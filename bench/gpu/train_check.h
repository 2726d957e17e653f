/* train_check.h - what the checks of training share: networks, a training's state, and a network
 * that learned a step on the card with all its numbers here. Thread rule: one thread. */
#ifndef NSKY_GPU_TRAIN_CHECK_H
#define NSKY_GPU_TRAIN_CHECK_H

#include "bench/gpu/check.h"
#include "encoder/cuda/device.h"
#include "encoder/cuda/train_network.h"
#include "encoder/train/learner.h"

typedef struct check_train {
    nsky_dev *dev;
    nsky_train_net *net;
    const nsky_train_graph *graph;
    uint32_t batch;
    float *params, *d_params; /* [param_floats] */
    /* [value_count] of [batch, c, h, w]; NULL: the card has none */
    float *values[NSKY_TRAIN_OPS_MAX + 1], *gradients[NSKY_TRAIN_OPS_MAX + 1];
} check_train;

/* With a head of 128 numbers. */
void check_train_graph(nsky_train_graph *graph, const check_args *args);

/* The state a training begins with, and room for gradients. */
typedef struct check_state {
    nsky_learner_state s;
    float *gradients; /* [param_floats] */
    float *block;
} check_state;

nsky_status check_state_new(check_state *out, const nsky_train_graph *graph, uint32_t queue,
                            nsky_error *err);
void check_state_free(check_state *state);

/* The largest error of operation i, both ways, in tolerances. */
double check_train_op(const check_train *t, uint32_t i);

#endif
