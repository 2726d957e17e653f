/* graph.h (private) - a network while it learns: operations, and where each number it learns lies.
 *
 * All parameters are ONE float32 array, all running statistics another; the graph says which part
 * is called what (torchvision's names). So the optimiser, the momentum encoder and checkpoints are
 * plain loops, whatever back end runs the network. Thread rule: read-only once built; any thread.
 */
#ifndef NSKY_TRAIN_GRAPH_H
#define NSKY_TRAIN_GRAPH_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/error.h"
#include "encoder/model.h"

#define NSKY_TRAIN_OPS_MAX 192
#define NSKY_TRAIN_PARAMS_MAX 256
#define NSKY_TRAIN_NORMS_MAX 72
#define NSKY_TRAIN_NAME_BYTES 40
#define NSKY_TRAIN_NONE UINT32_MAX
#define NSKY_TRAIN_EPSILON 1e-5 /* of batch norms: torchvision's */

typedef enum nsky_train_kind {
    NSKY_TRAIN_CONV,    /* a linear layer is one of kernel 1 on a 1 x 1 image */
    NSKY_TRAIN_NORM,    /* by this batch's mean and biased variance; then relu? */
    NSKY_TRAIN_SUM,     /* relu(in + add) */
    NSKY_TRAIN_MAXPOOL, /* 3x3, stride 2, padding 1 */
    NSKY_TRAIN_AVGPOOL, /* global; float32 from here on */
} nsky_train_kind;

typedef struct nsky_train_op {
    nsky_train_kind kind;
    char name[NSKY_TRAIN_NAME_BYTES];
    uint32_t in, add, out;            /* values; add: of SUM, else NSKY_TRAIN_NONE */
    uint32_t kernel, stride, padding; /* of CONV and MAXPOOL */
    bool relu;                        /* of NORM */
    uint32_t weight, bias;            /* parameters, or NSKY_TRAIN_NONE */
    uint32_t norm;                    /* of NORM */
} nsky_train_op;

/* Value 0 is the input; each op writes one more. */
typedef struct nsky_train_value {
    uint32_t channels, height, width;
    bool exact; /* float32 in every precision: what comes after the pooling */
} nsky_train_value;

typedef struct nsky_train_param {
    char name[NSKY_TRAIN_NAME_BYTES]; /* "layer1.0.conv1.weight" */
    size_t offset, count;             /* floats */
    uint32_t dims, shape[4];
    uint32_t fan_in, fan_out; /* of weights; 0: of a batch norm, or a bias */
    bool decays;              /* weights do; batch norms and biases do not */
} nsky_train_param;

/* Statistics: [channels] means at offset, then [channels] variances. */
typedef struct nsky_train_norm {
    char name[NSKY_TRAIN_NAME_BYTES]; /* "layer1.0.bn1" */
    size_t offset;
    uint32_t channels;
} nsky_train_norm;

typedef struct nsky_train_graph {
    nsky_train_op ops[NSKY_TRAIN_OPS_MAX];
    nsky_train_value values[NSKY_TRAIN_OPS_MAX + 1];
    nsky_train_param params[NSKY_TRAIN_PARAMS_MAX];
    nsky_train_norm norms[NSKY_TRAIN_NORMS_MAX];
    uint32_t op_count, value_count, param_count, norm_count;
    size_t param_floats, stat_floats;
} nsky_train_graph;

/* --- building: each returns the value it writes --- */
void nsky_train_graph_init(nsky_train_graph *graph, uint32_t channels, uint32_t side);
uint32_t nsky_train_add_conv(nsky_train_graph *graph, const char *name, uint32_t in,
                             uint32_t channels, uint32_t kernel, uint32_t stride, bool bias);
/* Of [channels, 1, 1]. */
uint32_t nsky_train_add_linear(nsky_train_graph *graph, const char *name, uint32_t in,
                               uint32_t channels, bool bias);
/* The parameters of a linear layer that whoever judges the output runs itself. */
void nsky_train_add_loose(nsky_train_graph *graph, const char *name, uint32_t in,
                          uint32_t channels);
uint32_t nsky_train_add_norm(nsky_train_graph *graph, const char *name, uint32_t in, bool relu);
uint32_t nsky_train_add_sum(nsky_train_graph *graph, uint32_t in, uint32_t add);
uint32_t nsky_train_add_maxpool(nsky_train_graph *graph, uint32_t in);
uint32_t nsky_train_add_avgpool(nsky_train_graph *graph, uint32_t in);

/* Everything up to the pooled features; returns their value. Trunks come first in both arrays. */
uint32_t nsky_train_add_resnet(nsky_train_graph *graph, nsky_arch arch, nsky_stem stem);
/* linear(hidden), batch norm, relu, linear(out): "NAME.0", "NAME.1", "NAME.3". */
uint32_t nsky_train_add_mlp(nsky_train_graph *graph, const char *name, uint32_t in, uint32_t hidden,
                            uint32_t out);

size_t nsky_train_value_floats(const nsky_train_value *value);
const nsky_train_value *nsky_train_output(const nsky_train_graph *graph);
/* Floats a sample of the input and of the output has. */
size_t nsky_train_in_floats(const nsky_train_graph *graph);
size_t nsky_train_out_floats(const nsky_train_graph *graph);

/* NULL: there is none. */
static inline const nsky_train_param *nsky_train_param_named(const nsky_train_graph *graph,
                                                             const char *name)
{
    for (uint32_t i = 0; i < graph->param_count; i++)
        if (strcmp(graph->params[i].name, name) == 0)
            return &graph->params[i];
    return NULL;
}

/* Where the parameters of heads begin, the loose layer "fc" of [outputs, features]; that it is
 * there is the graph's builder's promise. */
static inline void nsky_train_heads_at(const nsky_train_graph *graph, size_t outputs,
                                       size_t features, size_t *weight_at, size_t *bias_at)
{
    const nsky_train_param *weight = nsky_train_param_named(graph, "fc.weight");
    const nsky_train_param *bias = nsky_train_param_named(graph, "fc.bias");

    assert(weight && weight->count == outputs * features);
    assert(bias && bias->count == outputs);
    *weight_at = weight->offset;
    *bias_at = bias->offset;
}

/* Seeded: He-normal over fan-out for convolutions of an image, uniform within 1/sqrt(fan-in) for
 * linear layers and biases, batch norms at one and zero; statistics at zero and one. */
void nsky_train_graph_draw(const nsky_train_graph *graph, uint64_t seed, float *params,
                           float *stats);

#endif
