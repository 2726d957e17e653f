/* graph.c - a model as the operations that run it: convolutions with their batch norms folded in.
 *
 * Folding is algebra: bn(conv(x)) = conv(x) g + (b - mean g) with g = weight / sqrt(var + eps).
 * Thread rule: read-only once built; any thread.
 */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/memory.h"
#include "encoder/arch.h"
#include "encoder/backend.h"

#define NORM_EPSILON 1e-5 /* torchvision's */
#define SIZE_MIN 8u

/* The graph and what it points to. */
typedef struct graph_block {
    nsky_graph graph; /* first: freed through it */
    nsky_conv convs[NSKY_CONVS_MAX];
    float *weights; /* [sum over convs of out (in k k + 1)] */
} graph_block;

static const float *part(const nsky_model *model, const char *name, const char *which)
{
    char full[2 * NSKY_CONV_NAME_BYTES];

    snprintf(full, sizeof full, "%s.%s", name, which);
    const nsky_weight *w = nsky_model_weight(model, full);
    assert(w); /* nsky_model_open saw to it */
    return w->data;
}

/* weight [out, in k k] and bias [out], both of the folded convolution. */
static nsky_status fold(const nsky_model *model, const nsky_conv *c, float *weight, float *bias,
                        nsky_error *err)
{
    const float *w = part(model, c->name, "weight");
    const float *gain = part(model, c->norm, "weight"), *shift = part(model, c->norm, "bias");
    const float *mean = part(model, c->norm, "running_mean");
    const float *variance = part(model, c->norm, "running_var");
    size_t fan = (size_t)c->in_channels * c->kernel * c->kernel;

    for (uint32_t o = 0; o < c->out_channels; o++) {
        double scale = gain[o] / sqrt((double)variance[o] + NORM_EPSILON);
        bias[o] = (float)(shift[o] - mean[o] * scale);
        bool finite = isfinite(bias[o]);
        for (size_t i = 0; i < fan; i++) {
            weight[o * fan + i] = (float)(w[o * fan + i] * scale);
            finite = finite && isfinite(weight[o * fan + i]);
        }
        if (!finite)
            return nsky_fail(err, NSKY_EDATA, "%s: %s overflows float32 when folded into %s",
                             nsky_model_info_of(model)->name, c->norm, c->name);
    }
    return NSKY_OK;
}

static uint32_t side_after(uint32_t side, uint32_t kernel, uint32_t stride, uint32_t padding)
{
    return (side + 2 * padding - kernel) / stride + 1;
}

/* Appends an op that reads `in`; returns the value it writes. */
static nsky_op *add_op(nsky_graph *graph, nsky_op_kind kind, const char *name, uint32_t in,
                       uint32_t channels)
{
    nsky_op *op = &graph->ops[graph->op_count++];
    nsky_value *out = &graph->values[graph->value_count];
    const nsky_value *from = &graph->values[in];

    *op = (nsky_op){.kind = kind, .name = name, .in = in, .out = graph->value_count++, .add = -1};
    *out = (nsky_value){channels, from->height, from->width, 0};
    return op;
}

static void set_window(nsky_graph *graph, nsky_op *op, uint32_t kernel, uint32_t stride,
                       uint32_t padding)
{
    nsky_value *out = &graph->values[op->out];

    op->kernel = kernel;
    op->stride = stride;
    op->padding = padding;
    out->height = side_after(out->height, kernel, stride, padding);
    out->width = side_after(out->width, kernel, stride, padding);
}

/* The topology: shortcut, inner convolutions, then the last one that adds the shortcut. */
static nsky_status add_convs(graph_block *block, const nsky_model *model, uint32_t count,
                             nsky_error *err)
{
    nsky_graph *graph = &block->graph;
    float *at = block->weights;
    uint32_t current = 0, shortcut = 0;
    bool has_shortcut = false;

    for (uint32_t i = 0; i < count; i++) {
        const nsky_conv *c = &block->convs[i];
        size_t weights = (size_t)c->out_channels * c->in_channels * c->kernel * c->kernel;
        if (c->first && !has_shortcut)
            shortcut = current;
        has_shortcut = c->role == NSKY_CONV_SHORTCUT;
        nsky_op *op = add_op(graph, NSKY_OP_CONV, c->name, current, c->out_channels);
        set_window(graph, op, c->kernel, c->stride, c->padding);
        op->relu = c->role != NSKY_CONV_SHORTCUT;
        op->weight = at;
        op->bias = at + weights;
        nsky_status status = fold(model, c, at, at + weights, err);
        if (status != NSKY_OK)
            return status;
        at += weights + c->out_channels;
        if (c->role == NSKY_CONV_LAST)
            op->add = (int32_t)shortcut;
        if (c->role == NSKY_CONV_SHORTCUT)
            shortcut = op->out;
        else
            current = op->out;
        if (c->role == NSKY_CONV_STEM && nsky_model_info_of(model)->stem == NSKY_STEM_IMAGENET) {
            op = add_op(graph, NSKY_OP_MAXPOOL, "maxpool", current, c->out_channels);
            set_window(graph, op, 3, 2, 1);
            current = op->out;
        }
    }
    nsky_op *pool = add_op(graph, NSKY_OP_AVGPOOL, "avgpool", current, graph->dim);
    graph->values[pool->out].height = graph->values[pool->out].width = 1;
    return NSKY_OK;
}

nsky_status nsky_graph_build(nsky_graph **out, const nsky_model *model, uint32_t size,
                             nsky_error *err)
{
    assert(out && model && err);
    const nsky_model_info *info = nsky_model_info_of(model);
    graph_block *block = NULL;
    size_t floats = 0;
    nsky_status status = NSKY_ENOMEM;

    *out = NULL;
    if (size < SIZE_MIN || size > NSKY_STAMP_SIDE_MAX)
        return nsky_fail(err, NSKY_EINVAL, "input of %u pixels a side: %u to %u are possible", size,
                         SIZE_MIN, NSKY_STAMP_SIDE_MAX);
    if (!(block = nsky_alloc_zero(1, sizeof *block, err)))
        return status;
    uint32_t count = nsky_arch_convs(info->arch, info->stem, block->convs);
    for (uint32_t i = 0; i < count; i++) {
        const nsky_conv *c = &block->convs[i];
        floats += (size_t)c->out_channels * (c->in_channels * c->kernel * c->kernel + 1);
    }
    nsky_graph *graph = &block->graph;
    if (!(graph->ops = nsky_alloc_zero(count + 2, sizeof *graph->ops, err)) ||
        !(graph->values = nsky_alloc_zero(count + 3, sizeof *graph->values, err)) ||
        !(block->weights = nsky_alloc_aligned(floats, sizeof(float), err)))
        goto done;
    graph->size = size;
    graph->dim = info->dim;
    graph->values[graph->value_count++] = (nsky_value){3, size, size, 0};
    if ((status = add_convs(block, model, count, err)) != NSKY_OK)
        goto done;
    *out = graph;
    block = NULL;
done:
    nsky_graph_free(block ? &block->graph : NULL);
    return status;
}

void nsky_graph_free(nsky_graph *graph)
{
    if (!graph)
        return;
    graph_block *block = (graph_block *)graph;
    nsky_free(graph->ops);
    nsky_free(graph->values);
    nsky_free(block->weights);
    nsky_free(block);
}
