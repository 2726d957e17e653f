/* train_check.h - a network that learned a step on the card, and all its numbers here. Thread rule:
 * one thread. */
#ifndef NSKY_GPU_TRAIN_CHECK_H
#define NSKY_GPU_TRAIN_CHECK_H

#include "encoder/cuda/device.h"
#include "encoder/cuda/train_network.h"

typedef struct check_train {
    nsky_dev *dev;
    nsky_train_net *net;
    const nsky_train_graph *graph;
    uint32_t batch;
    float *params, *d_params; /* [param_floats] */
    /* [value_count] of [batch, c, h, w]; NULL: the card has none */
    float *values[NSKY_TRAIN_OPS_MAX + 1], *gradients[NSKY_TRAIN_OPS_MAX + 1];
} check_train;

/* The largest error of operation i, both ways, in tolerances. */
double check_train_op(const check_train *t, uint32_t i);

#endif
