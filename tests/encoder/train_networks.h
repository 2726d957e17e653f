/* train_networks.h - small networks to train, and distances between what back ends make of them. */
#ifndef NSKY_TEST_TRAIN_NETWORKS_H
#define NSKY_TEST_TRAIN_NETWORKS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/rng.h"
#include "encoder/train/ops.h"

/* A ResNet in small: stem, pool, a block with a shortcut of its own, one without; 16 features. */
static inline uint32_t tiny_trunk(nsky_train_graph *g, uint32_t side)
{
    uint32_t in, skip, x;

    nsky_train_graph_init(g, 3, side);
    x = nsky_train_add_conv(g, "conv1", 0, 8, 3, 1, false);
    x = nsky_train_add_norm(g, "bn1", x, true);
    in = nsky_train_add_maxpool(g, x);
    skip = nsky_train_add_norm(g, "layer1.0.downsample.1",
                               nsky_train_add_conv(g, "layer1.0.downsample.0", in, 16, 1, 2, false),
                               false);
    x = nsky_train_add_conv(g, "layer1.0.conv1", in, 16, 3, 2, false);
    x = nsky_train_add_norm(g, "layer1.0.bn1", x, true);
    x = nsky_train_add_conv(g, "layer1.0.conv2", x, 16, 3, 1, false);
    x = nsky_train_add_norm(g, "layer1.0.bn2", x, false);
    in = nsky_train_add_sum(g, x, skip);
    x = nsky_train_add_conv(g, "layer1.1.conv1", in, 16, 3, 1, false);
    x = nsky_train_add_norm(g, "layer1.1.bn1", x, true);
    x = nsky_train_add_conv(g, "layer1.1.conv2", x, 16, 3, 1, false);
    x = nsky_train_add_norm(g, "layer1.1.bn2", x, false);
    x = nsky_train_add_sum(g, x, in);
    return nsky_train_add_avgpool(g, x);
}

static inline uint32_t tiny_network(nsky_train_graph *g, uint32_t side)
{
    return nsky_train_add_mlp(g, "projection", tiny_trunk(g, side), 16, 8);
}

typedef struct train_run {
    float *in, *out, *d_out, *params, *stats, *batch_stats, *gradients;
    size_t in_floats, out_floats;
} train_run;

/* Inputs and parameters from a seed; batch norms away from one and zero. */
static inline void run_init(train_run *r, const nsky_train_graph *g, uint32_t batch, uint64_t seed)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_rng rng = nsky_rng_at(seed, 77, 0);

    r->in_floats = batch * nsky_train_in_floats(g);
    r->out_floats = batch * nsky_train_out_floats(g);
    r->in = nsky_alloc(r->in_floats, sizeof(float), &err);
    r->out = nsky_alloc(r->out_floats, sizeof(float), &err);
    r->d_out = nsky_alloc(r->out_floats, sizeof(float), &err);
    r->params = nsky_alloc(g->param_floats, sizeof(float), &err);
    r->gradients = nsky_alloc_zero(g->param_floats, sizeof(float), &err);
    r->stats = nsky_alloc(g->stat_floats, sizeof(float), &err);
    r->batch_stats = nsky_alloc(g->stat_floats, sizeof(float), &err);
    assert_true(r->in && r->out && r->d_out && r->params && r->gradients && r->stats &&
                r->batch_stats);
    nsky_rng_fill_normal(&rng, r->in, r->in_floats);
    nsky_rng_fill_normal(&rng, r->d_out, r->out_floats);
    nsky_train_graph_draw(g, seed, r->params, r->stats);
    for (uint32_t i = 0; i < g->param_count; i++)
        if (g->params[i].fan_in == 0)
            for (size_t k = 0; k < g->params[i].count; k++)
                r->params[g->params[i].offset + k] += 0.3f * (float)nsky_rng_normal(&rng);
}

static inline void run_free(train_run *r)
{
    nsky_free(r->in);
    nsky_free(r->out);
    nsky_free(r->d_out);
    nsky_free(r->params);
    nsky_free(r->gradients);
    nsky_free(r->stats);
    nsky_free(r->batch_stats);
}

/* Forwards and backwards; gradients are set, not added. */
static inline void run_on(const nsky_train_ops *ops, const nsky_train_graph *g,
                          nsky_precision precision, uint32_t batch, train_run *r)
{
    nsky_error err = NSKY_ERROR_INIT;
    void *state;

    if (ops->open(&state, g, precision, batch, true, &err) != NSKY_OK)
        fail_msg("%s", err.text);
    memset(r->gradients, 0, g->param_floats * sizeof(float));
    for (size_t i = 0; i < r->out_floats; i++)
        r->out[i] = NAN;
    if (ops->load(state, r->params, &err) != NSKY_OK ||
        ops->forward(state, r->in, r->out, &err) != NSKY_OK ||
        ops->backward(state, r->d_out, &err) != NSKY_OK ||
        ops->add_gradients(state, r->gradients, &err) != NSKY_OK)
        fail_msg("%s", err.text);
    ops->stats(state, r->batch_stats);
    ops->close(state);
}

/* |a - b| / |b|, both as vectors; |a - b| where b is nothing. */
static inline double distance(const float *a, const float *b, size_t count)
{
    double off = 0, norm = 0;

    for (size_t i = 0; i < count; i++) {
        off += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        norm += (double)b[i] * b[i];
    }
    return norm > 1e-20 ? sqrt(off / norm) : sqrt(off);
}

#endif
