/* train_network.c - what a network that learns is made of, and its runs. Thread rule: see
 * train_network.h. */
#include "encoder/cuda/train_network.h"

#include <assert.h>
#include <string.h>

#include "common/memory.h"
#include "encoder/cuda/kernel_norm.h"
#include "encoder/cuda/kernels.h"
#include "encoder/cuda/train_private.h"
#include "encoder/cuda/weights.h"

static size_t floats_of(const nsky_train_value *v)
{
    return (size_t)v->channels * v->height * v->width;
}

static const nsky_train_value *last_value(const nsky_train_graph *graph)
{
    return &graph->values[graph->value_count - 1];
}

/* --- memory --- */

static nsky_status alloc(nsky_train_net *net, void *out, size_t bytes, const char *what,
                         nsky_error *err)
{
    void *block = NULL;
    nsky_status status = nsky_dev_alloc(net->dev, &block, bytes > 0 ? bytes : 1, what, err);

    memcpy(out, &block, sizeof block);
    return status;
}

static size_t weight_numbers(const nsky_train_net *net, const nsky_train_op *op)
{
    return (size_t)nsky_padded(net->graph->values[op->out].channels) * op->kernel * op->kernel *
           nsky_padded(net->graph->values[op->in].channels);
}

/* Sizes of what all operations share: weights, the largest one's derivative, the largest sums. */
static void measure(nsky_train_net *net, size_t *weights, size_t *largest, size_t *sums)
{
    const nsky_train_graph *g = net->graph;

    *weights = *largest = *sums = 0;
    for (uint32_t i = 0; i < g->op_count; i++) {
        const nsky_train_op *op = &g->ops[i];
        const nsky_rows *rows = &net->values[op->kind == NSKY_TRAIN_NORM ? op->in : op->out];
        size_t floats =
            (size_t)nsky_chunks_of(rows->count, rows->channels).count * 2 * rows->channels;
        if (floats > *sums)
            *sums = floats;
        if (!nsky_train_is_image_conv(net, op))
            continue;
        net->convs[i].weight_at = *weights;
        size_t numbers = weight_numbers(net, op);
        *weights += numbers; /* a multiple of 64: aligned */
        *largest = numbers > *largest ? numbers : *largest;
    }
}

static nsky_status alloc_all(nsky_train_net *net, nsky_error *err)
{
    const nsky_train_graph *g = net->graph;
    size_t weights, largest, sums;
    nsky_status status;

    measure(net, &weights, &largest, &sums);
    if ((status = alloc(net, &net->block, net->block_bytes, "the activations", err)) != NSKY_OK ||
        (status = alloc(net, &net->weights, weights * sizeof(uint16_t), "the weights", err)) !=
            NSKY_OK ||
        (status = alloc(net, &net->sums, sums * sizeof(float), "sums", err)) != NSKY_OK ||
        (status = alloc(net, &net->stats, g->stat_floats * sizeof(float), "statistics", err)) !=
            NSKY_OK ||
        (status = alloc(net, &net->inverse, g->stat_floats * sizeof(float), "statistics", err)) !=
            NSKY_OK ||
        (status = alloc(net, &net->out, net->batch * floats_of(last_value(g)) * sizeof(float),
                        "the vectors", err)) != NSKY_OK)
        return status;
    if (!net->learns)
        return NSKY_OK;
    if ((status = alloc(net, &net->d_weight, largest * sizeof(uint16_t), "a derivative", err)) !=
        NSKY_OK)
        return status;
    return alloc(net, &net->d_params, g->param_floats * sizeof(float), "the derivatives", err);
}

/* Offsets of the plan to addresses. */
static void *in_block(const nsky_train_net *net, const void *offset)
{
    return offset ? net->block + ((uintptr_t)offset - 1) : NULL;
}

static void settle_places(nsky_train_net *net)
{
    const nsky_train_graph *g = net->graph;

    for (uint32_t v = 0; v < g->value_count; v++) {
        net->values[v].at = in_block(net, net->values[v].at);
        net->gradients[v].at = in_block(net, net->gradients[v].at);
    }
    for (uint32_t i = 0; i < g->op_count; i++)
        net->extra[i] = in_block(net, net->extra[i]);
}

/* --- convolutions --- */

static nsky_status new_conv(nsky_train_net *net, const nsky_train_op *op, nsky_conv_task task,
                            nsky_dev_conv **out, size_t *workspace, nsky_error *err)
{
    const nsky_train_value *x = &net->graph->values[op->in], *y = &net->graph->values[op->out];
    const nsky_conv_shape shape = {.batch = net->batch,
                                   .in_channels = nsky_padded(x->channels),
                                   .in_height = x->height,
                                   .in_width = x->width,
                                   .out_channels = nsky_padded(y->channels),
                                   .out_height = y->height,
                                   .out_width = y->width,
                                   .kernel = op->kernel,
                                   .stride = op->stride,
                                   .padding = op->padding,
                                   .number = NSKY_NUMBER_BF16,
                                   .task = task};
    nsky_status status = nsky_dev_conv_new(net->dev, out, &shape, err);

    if (status == NSKY_OK && nsky_dev_conv_workspace(*out) > *workspace)
        *workspace = nsky_dev_conv_workspace(*out);
    return status;
}

static nsky_status new_convs(nsky_train_net *net, nsky_error *err)
{
    size_t workspace = 0;
    nsky_status status = NSKY_OK;

    for (uint32_t i = 0; i < net->graph->op_count && status == NSKY_OK; i++) {
        const nsky_train_op *op = &net->graph->ops[i];
        nsky_train_convs *c = &net->convs[i];
        if (!nsky_train_is_image_conv(net, op))
            continue;
        status = new_conv(net, op, NSKY_CONV_PLAIN, &c->forward, &workspace, err);
        if (status == NSKY_OK && net->learns)
            status = new_conv(net, op, NSKY_CONV_WEIGHT_BACK, &c->weight_back, &workspace, err);
        if (status == NSKY_OK && net->learns && op->in > 0)
            status = new_conv(net, op, NSKY_CONV_DATA_BACK, &c->data_back, &workspace, err);
    }
    return status == NSKY_OK
               ? alloc(net, &net->workspace, workspace, "the convolutions' workspace", err)
               : status;
}

static nsky_status bind_convs(nsky_train_net *net, uint32_t i, nsky_error *err)
{
    const nsky_train_op *op = &net->graph->ops[i];
    nsky_train_convs *c = &net->convs[i];
    const void *x = net->values[op->in].at, *weight = net->weights + c->weight_at;
    const void *d_y = net->gradients[op->out].at;
    const nsky_conv_data forward = {.x = x, .weight = weight, .y = net->values[op->out].at};
    const nsky_conv_data by_weight = {.x = x, .d_y = d_y, .d_weight = net->d_weight};
    const nsky_conv_data by_x = {.weight = weight,
                                 .d_y = d_y,
                                 .d_x = net->extra[i] ? net->extra[i] : net->gradients[op->in].at};
    nsky_status status = nsky_dev_conv_bind(net->dev, c->forward, &forward, net->workspace, err);

    if (status == NSKY_OK && c->weight_back)
        status = nsky_dev_conv_bind(net->dev, c->weight_back, &by_weight, net->workspace, err);
    if (status == NSKY_OK && c->data_back)
        status = nsky_dev_conv_bind(net->dev, c->data_back, &by_x, net->workspace, err);
    return status;
}

static nsky_status fill_noise(nsky_train_net *net, void *to, size_t numbers, nsky_error *err)
{
    const nsky_noise_args noise = {.out = to, .count = numbers, .number = NSKY_NUMBER_BF16};

    return NSKY_TRAIN_LAUNCH(net->dev, noise, &noise, err);
}

/* The ways to compute are tried on noise, which is what numbers look like to a card. */
static nsky_status settle_convs(nsky_train_net *net, nsky_error *err)
{
    size_t weights = 0, largest, sums;
    nsky_status status;

    measure(net, &weights, &largest, &sums);
    if ((status = fill_noise(net, net->block, net->block_bytes / sizeof(uint16_t), err)) !=
            NSKY_OK ||
        (status = fill_noise(net, net->weights, weights, err)) != NSKY_OK)
        return status;
    for (uint32_t i = 0; i < net->graph->op_count && status == NSKY_OK; i++)
        if (net->convs[i].forward)
            status = bind_convs(net, i, err);
    if (status == NSKY_OK)
        nsky_dev_keep_choices(net->dev);
    return status;
}

/* --- life --- */

static nsky_status build(nsky_train_net *net, nsky_error *err)
{
    nsky_fill_args zero = {.count = net->graph->param_floats};
    nsky_status status;

    if ((status = nsky_train_plan(net, err)) != NSKY_OK ||
        (status = alloc_all(net, err)) != NSKY_OK)
        return status;
    settle_places(net);
    if ((status = new_convs(net, err)) != NSKY_OK || (status = settle_convs(net, err)) != NSKY_OK)
        return status;
    zero.out = net->d_params;
    if (net->learns && (status = NSKY_TRAIN_LAUNCH(net->dev, fill, &zero, err)) != NSKY_OK)
        return status;
    return nsky_dev_sync(net->dev, NSKY_STREAM_COMPUTE, err);
}

nsky_status nsky_train_net_new(nsky_train_net **out, nsky_dev *dev, const nsky_train_graph *graph,
                               uint32_t batch, bool learns, nsky_error *err)
{
    assert(out && dev && graph && graph->op_count > 0 && batch > 0 && err);
    nsky_train_net *net = nsky_alloc_zero(1, sizeof *net, err);
    nsky_status status;

    *out = NULL;
    if (!net)
        return NSKY_ENOMEM;
    net->dev = dev;
    net->graph = graph;
    net->batch = batch;
    net->learns = learns;
    if ((status = build(net, err)) != NSKY_OK) {
        nsky_train_net_free(net);
        return status;
    }
    *out = net;
    return NSKY_OK;
}

void nsky_train_net_free(nsky_train_net *net)
{
    nsky_error gone = NSKY_ERROR_INIT;

    if (!net)
        return;
    /* What is under way needs what is freed here; a card that is lost has nothing under way. */
    if (nsky_dev_sync(net->dev, NSKY_STREAM_COMPUTE, &gone) != NSKY_OK)
        gone = (nsky_error)NSKY_ERROR_INIT;
    for (uint32_t i = 0; i < net->graph->op_count; i++) {
        nsky_dev_conv_free(net->dev, net->convs[i].forward);
        nsky_dev_conv_free(net->dev, net->convs[i].data_back);
        nsky_dev_conv_free(net->dev, net->convs[i].weight_back);
    }
    void *blocks[] = {net->block, net->weights, net->d_weight, net->workspace, net->sums,
                      net->stats, net->inverse, net->d_params, net->out};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        nsky_dev_free(net->dev, blocks[i]);
    nsky_free(net);
}

/* --- runs --- */

nsky_status nsky_train_net_load(nsky_train_net *net, const float *params, nsky_error *err)
{
    assert(net && params && err);
    const nsky_train_graph *g = net->graph;
    nsky_status status = NSKY_OK;

    net->params = params;
    for (uint32_t i = 0; i < g->op_count && status == NSKY_OK; i++) {
        const nsky_train_op *op = &g->ops[i];
        if (!net->convs[i].forward)
            continue;
        const nsky_weight_args args = {
            .in = params + g->params[op->weight].offset,
            .out = (nsky_eight *)(void *)(net->weights + net->convs[i].weight_at),
            .out_channels = g->values[op->out].channels,
            .in_channels = g->values[op->in].channels,
            .taps = op->kernel * op->kernel};
        status = NSKY_TRAIN_LAUNCH(net->dev, weight, &args, err);
    }
    return status;
}

nsky_status nsky_train_net_forward(nsky_train_net *net, const float *in, nsky_error *err)
{
    assert(net && net->params && in && err);
    const nsky_train_graph *g = net->graph;
    const nsky_train_value *first = &g->values[0], *last = last_value(g);
    const nsky_order_args order = {
        .in = in, .out = net->values[0], .pixels = first->height * first->width};
    const nsky_unorder_args unorder = {.in = net->values[g->value_count - 1],
                                       .out = net->out,
                                       .pixels = last->height * last->width};
    nsky_status status = NSKY_TRAIN_LAUNCH(net->dev, order, &order, err);

    for (uint32_t i = 0; i < g->op_count && status == NSKY_OK; i++)
        status = nsky_train_op_forward(net, i, err);
    return status == NSKY_OK ? NSKY_TRAIN_LAUNCH(net->dev, unorder, &unorder, err) : status;
}

const float *nsky_train_net_out(const nsky_train_net *net)
{
    assert(net);
    return net->out;
}

const float *nsky_train_net_stats(const nsky_train_net *net)
{
    assert(net);
    return net->stats;
}

nsky_status nsky_train_net_backward(nsky_train_net *net, const float *d_out, nsky_error *err)
{
    assert(net && net->learns && d_out && err);
    const nsky_train_graph *g = net->graph;
    const nsky_train_value *last = last_value(g);
    const nsky_order_args order = {.in = d_out,
                                   .out = net->gradients[g->value_count - 1],
                                   .pixels = last->height * last->width};
    nsky_status status = NSKY_TRAIN_LAUNCH(net->dev, order, &order, err);

    for (uint32_t i = g->op_count; i-- > 0 && status == NSKY_OK;)
        status = nsky_train_op_backward(net, i, err);
    return status;
}

nsky_status nsky_train_net_add_gradients(nsky_train_net *net, float *sum, nsky_error *err)
{
    assert(net && net->learns && sum && err);
    nsky_fold_args add = {
        .in = net->d_params, .count = net->graph->param_floats, .parts = 1, .more = true};

    add.out = sum;
    return NSKY_TRAIN_LAUNCH(net->dev, fold, &add, err);
}
