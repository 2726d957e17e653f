/* graph.c - layers one after the other, and their parameters' places. Thread rule: see graph.h. */
#include "encoder/train/graph.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/rng.h"
#include "encoder/arch.h"

#define STREAM 0x74726E77u /* "trnw": apart from other uses of a seed */

void nsky_train_graph_init(nsky_train_graph *graph, uint32_t channels, uint32_t side)
{
    assert(graph && channels > 0 && side > 0);
    memset(graph, 0, sizeof *graph);
    graph->values[graph->value_count++] = (nsky_train_value){channels, side, side, false};
}

static nsky_train_op *add_op(nsky_train_graph *graph, nsky_train_kind kind, const char *name,
                             uint32_t in)
{
    assert(graph->op_count < NSKY_TRAIN_OPS_MAX && in < graph->value_count);
    nsky_train_op *op = &graph->ops[graph->op_count++];

    *op = (nsky_train_op){.kind = kind,
                          .in = in,
                          .add = NSKY_TRAIN_NONE,
                          .out = graph->value_count,
                          .weight = NSKY_TRAIN_NONE,
                          .bias = NSKY_TRAIN_NONE};
    snprintf(op->name, sizeof op->name, "%s", name);
    graph->values[graph->value_count++] = graph->values[in];
    return op;
}

static uint32_t add_param(nsky_train_graph *graph, const char *owner, const char *part,
                          uint32_t dims, const uint32_t shape[4])
{
    assert(graph->param_count < NSKY_TRAIN_PARAMS_MAX);
    nsky_train_param *p = &graph->params[graph->param_count];

    snprintf(p->name, sizeof p->name, "%s.%s", owner, part);
    p->offset = graph->param_floats;
    p->count = 1;
    p->dims = dims;
    for (uint32_t d = 0; d < dims; d++)
        p->count *= p->shape[d] = shape[d];
    graph->param_floats += p->count;
    return graph->param_count++;
}

static void set_window(nsky_train_graph *graph, nsky_train_op *op, uint32_t kernel, uint32_t stride)
{
    nsky_train_value *out = &graph->values[op->out];

    op->kernel = kernel;
    op->stride = stride;
    op->padding = kernel / 2;
    assert(out->height + 2 * op->padding >= kernel && out->width + 2 * op->padding >= kernel);
    out->height = (out->height + 2 * op->padding - kernel) / stride + 1;
    out->width = (out->width + 2 * op->padding - kernel) / stride + 1;
}

/* shape [channels, in] of a linear layer, [channels, in, kernel, kernel] of a convolution. */
static uint32_t add_weighted(nsky_train_graph *graph, const char *name, uint32_t in,
                             uint32_t channels, uint32_t kernel, uint32_t stride, bool linear,
                             bool bias)
{
    nsky_train_op *op = add_op(graph, NSKY_TRAIN_CONV, name, in);
    const uint32_t from = graph->values[in].channels;
    const uint32_t shape[4] = {channels, from, kernel, kernel};

    assert(kernel % 2 == 1 && stride > 0);
    set_window(graph, op, kernel, stride);
    graph->values[op->out].channels = channels;
    op->weight = add_param(graph, name, "weight", linear ? 2 : 4, shape);
    nsky_train_param *weight = &graph->params[op->weight];
    weight->fan_in = from * kernel * kernel;
    weight->fan_out = linear ? 0 : channels * kernel * kernel;
    weight->decays = true;
    if (bias) {
        op->bias = add_param(graph, name, "bias", 1, shape);
        graph->params[op->bias].fan_in = weight->fan_in;
    }
    return op->out;
}

uint32_t nsky_train_add_conv(nsky_train_graph *graph, const char *name, uint32_t in,
                             uint32_t channels, uint32_t kernel, uint32_t stride, bool bias)
{
    return add_weighted(graph, name, in, channels, kernel, stride, false, bias);
}

uint32_t nsky_train_add_linear(nsky_train_graph *graph, const char *name, uint32_t in,
                               uint32_t channels, bool bias)
{
    assert(graph->values[in].height == 1 && graph->values[in].width == 1);
    return add_weighted(graph, name, in, channels, 1, 1, true, bias);
}

void nsky_train_add_loose(nsky_train_graph *graph, const char *name, uint32_t in, uint32_t channels)
{
    const uint32_t from = graph->values[in].channels, shape[4] = {channels, from};
    nsky_train_param *weight = &graph->params[add_param(graph, name, "weight", 2, shape)];
    nsky_train_param *bias = &graph->params[add_param(graph, name, "bias", 1, shape)];

    assert(graph->values[in].height == 1 && graph->values[in].width == 1);
    weight->fan_in = bias->fan_in = from;
    weight->decays = true;
}

uint32_t nsky_train_add_norm(nsky_train_graph *graph, const char *name, uint32_t in, bool relu)
{
    assert(graph->norm_count < NSKY_TRAIN_NORMS_MAX);
    nsky_train_op *op = add_op(graph, NSKY_TRAIN_NORM, name, in);
    const uint32_t shape[4] = {graph->values[in].channels};
    nsky_train_norm *norm = &graph->norms[graph->norm_count];

    op->relu = relu;
    op->norm = graph->norm_count++;
    op->weight = add_param(graph, name, "weight", 1, shape);
    op->bias = add_param(graph, name, "bias", 1, shape);
    snprintf(norm->name, sizeof norm->name, "%s", name);
    norm->channels = shape[0];
    norm->offset = graph->stat_floats;
    graph->stat_floats += 2 * (size_t)shape[0];
    return op->out;
}

uint32_t nsky_train_add_sum(nsky_train_graph *graph, uint32_t in, uint32_t add)
{
    nsky_train_op *op = add_op(graph, NSKY_TRAIN_SUM, "sum", in);

    const nsky_train_value *a = &graph->values[in], *b = &graph->values[add];
    assert(add < op->out && a->channels == b->channels && a->height == b->height &&
           a->width == b->width && a->exact == b->exact);
    op->add = add;
    return op->out;
}

uint32_t nsky_train_add_maxpool(nsky_train_graph *graph, uint32_t in)
{
    nsky_train_op *op = add_op(graph, NSKY_TRAIN_MAXPOOL, "maxpool", in);

    set_window(graph, op, 3, 2);
    return op->out;
}

uint32_t nsky_train_add_avgpool(nsky_train_graph *graph, uint32_t in)
{
    nsky_train_op *op = add_op(graph, NSKY_TRAIN_AVGPOOL, "avgpool", in);
    nsky_train_value *out = &graph->values[op->out];

    out->height = out->width = 1;
    out->exact = true;
    return op->out;
}

static uint32_t add_normed(nsky_train_graph *graph, const nsky_conv *c, uint32_t in)
{
    uint32_t out =
        nsky_train_add_conv(graph, c->name, in, c->out_channels, c->kernel, c->stride, false);

    return nsky_train_add_norm(graph, c->norm, out,
                               c->role == NSKY_CONV_STEM || c->role == NSKY_CONV_INNER);
}

uint32_t nsky_train_add_resnet(nsky_train_graph *graph, nsky_arch arch, nsky_stem stem)
{
    nsky_conv convs[NSKY_CONVS_MAX];
    uint32_t count = nsky_arch_convs(arch, stem, convs), current = 0, shortcut = 0, value;
    bool has_shortcut = false;

    for (uint32_t i = 0; i < count; i++) {
        const nsky_conv *c = &convs[i];
        if (c->first && !has_shortcut)
            shortcut = current;
        has_shortcut = c->role == NSKY_CONV_SHORTCUT;
        value = add_normed(graph, c, current);
        if (c->role == NSKY_CONV_SHORTCUT)
            shortcut = value;
        else
            current =
                c->role == NSKY_CONV_LAST ? nsky_train_add_sum(graph, value, shortcut) : value;
        if (c->role == NSKY_CONV_STEM && stem == NSKY_STEM_IMAGENET)
            current = nsky_train_add_maxpool(graph, current);
    }
    return nsky_train_add_avgpool(graph, current);
}

uint32_t nsky_train_add_mlp(nsky_train_graph *graph, const char *name, uint32_t in, uint32_t hidden,
                            uint32_t out)
{
    char part[NSKY_TRAIN_NAME_BYTES];
    uint32_t value;

    snprintf(part, sizeof part, "%s.0", name);
    value = nsky_train_add_linear(graph, part, in, hidden, false); /* the norm shifts */
    snprintf(part, sizeof part, "%s.1", name);
    value = nsky_train_add_norm(graph, part, value, true);
    snprintf(part, sizeof part, "%s.3", name);
    return nsky_train_add_linear(graph, part, value, out, true);
}

size_t nsky_train_value_floats(const nsky_train_value *value)
{
    return (size_t)value->channels * value->height * value->width;
}

const nsky_train_value *nsky_train_output(const nsky_train_graph *graph)
{
    return &graph->values[graph->value_count - 1];
}

size_t nsky_train_in_floats(const nsky_train_graph *graph)
{
    return nsky_train_value_floats(&graph->values[0]);
}

size_t nsky_train_out_floats(const nsky_train_graph *graph)
{
    return nsky_train_value_floats(nsky_train_output(graph));
}

static void draw_uniform(nsky_rng *rng, float *out, size_t count, double bound)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (float)nsky_rng_range(rng, -bound, bound);
}

static void draw_normal(nsky_rng *rng, float *out, size_t count, double sigma)
{
    nsky_rng_fill_normal(rng, out, count);
    for (size_t i = 0; i < count; i++)
        out[i] *= (float)sigma;
}

void nsky_train_graph_draw(const nsky_train_graph *graph, uint64_t seed, float *params,
                           float *stats)
{
    assert(graph && params && stats);
    for (uint32_t i = 0; i < graph->param_count; i++) {
        const nsky_train_param *p = &graph->params[i];
        nsky_rng rng = nsky_rng_at(seed, STREAM, i);
        float *out = params + p->offset;
        bool one = strstr(p->name, ".weight");
        if (p->fan_out > 0)
            draw_normal(&rng, out, p->count, sqrt(2.0 / p->fan_out));
        else if (p->fan_in > 0)
            draw_uniform(&rng, out, p->count, 1 / sqrt(p->fan_in));
        else
            for (size_t k = 0; k < p->count; k++)
                out[k] = one ? 1.0f : 0.0f;
    }
    for (uint32_t i = 0; i < graph->norm_count; i++)
        for (uint32_t c = 0; c < 2 * graph->norms[i].channels; c++)
            stats[graph->norms[i].offset + c] = c < graph->norms[i].channels ? 0.0f : 1.0f;
}
