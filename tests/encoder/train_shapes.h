/* train_shapes.h - networks of one kind of operation each, in shapes that fit no register, and a
 * whole one. */
#ifndef NSKY_TEST_TRAIN_SHAPES_H
#define NSKY_TEST_TRAIN_SHAPES_H

#include "tests/encoder/train_networks.h"

typedef struct shape {
    uint32_t side, channels, out, kernel, stride;
    bool bias;
} shape;

static const shape shapes[] = {{7, 3, 8, 3, 1, false},   {8, 5, 6, 3, 2, true},
                               {9, 16, 32, 1, 2, false}, {11, 3, 16, 7, 2, false},
                               {1, 24, 10, 1, 1, true},  {6, 32, 16, 3, 1, false}};
#define SHAPES (sizeof shapes / sizeof *shapes)

/* Two convolutions: the first one's weights feel the second one's derivative by its input. */
static inline void conv_network(nsky_train_graph *g, const shape *s)
{
    nsky_train_graph_init(g, s->channels, s->side);
    nsky_train_add_conv(g, "b", nsky_train_add_conv(g, "a", 0, s->channels, 1, 1, true), s->out,
                        s->kernel, s->stride, s->bias);
}

static inline void norm_network(nsky_train_graph *g, const shape *s)
{
    nsky_train_graph_init(g, s->channels, s->side);
    uint32_t x = nsky_train_add_conv(g, "a", 0, s->out, 1, 1, false);
    nsky_train_add_norm(g, "c", nsky_train_add_norm(g, "b", x, true), false);
}

static inline void pool_network(nsky_train_graph *g, const shape *s)
{
    nsky_train_graph_init(g, s->channels, s->side);
    uint32_t x = nsky_train_add_conv(g, "a", 0, s->out, 1, 1, true);
    nsky_train_add_avgpool(g, nsky_train_add_maxpool(g, x));
}

/* A value that is read three times. */
static inline void sum_network(nsky_train_graph *g, const shape *s)
{
    nsky_train_graph_init(g, s->channels, s->side);
    uint32_t x = nsky_train_add_conv(g, "a", 0, s->out, 1, 1, true);
    uint32_t y = nsky_train_add_conv(g, "b", x, s->out, 3, 1, false);
    uint32_t z = nsky_train_add_sum(g, y, x);
    nsky_train_add_sum(g, nsky_train_add_conv(g, "c", z, s->out, 3, 1, false), x);
}

static inline void whole_network(nsky_train_graph *g, const shape *s)
{
    tiny_network(g, s->side < 6 ? 12 : 2 * s->side);
}

typedef void build(nsky_train_graph *, const shape *);
static build *const builds[] = {conv_network, norm_network, pool_network, sum_network,
                                whole_network};
#define BUILDS (sizeof builds / sizeof *builds)

#endif
