/* network.c - one plan for each convolution, one block for all activations, one launch a batch.
 * Thread rule: one thread at a time. */
#include "encoder/cuda/network_private.h"

#include <assert.h>
#include <string.h>

#include "common/memory.h"
#include "encoder/cuda/bytes.h"
#include "encoder/cuda/kernels.h"
#include "encoder/cuda/weights.h"

static nsky_conv_shape shape_of(const nsky_network *net, const nsky_op *op)
{
    const nsky_value *in = &net->graph->values[op->in], *out = &net->graph->values[op->out];
    nsky_number number = nsky_number_at(net->graph, net->number, op->in);

    return (nsky_conv_shape){.batch = net->batch,
                             .in_channels = nsky_padded(in->channels),
                             .in_height = in->height,
                             .in_width = in->width,
                             .out_channels = nsky_padded(out->channels),
                             .out_height = out->height,
                             .out_width = out->width,
                             .kernel = op->kernel,
                             .stride = op->stride,
                             .padding = op->padding,
                             .relu = op->relu,
                             .add = op->add >= 0,
                             .number = number,
                             .widen = number == NSKY_NUMBER_INT8 && !(out->largest > 0)};
}

/* Host memory for the ordered weights of all layers; what it holds goes to the card in one copy. */
static nsky_status send_weights(nsky_network *net, nsky_error *err)
{
    const nsky_graph *graph = net->graph;
    size_t bytes = 0;
    nsky_status status;

    for (uint32_t i = 0; i < graph->op_count; i++) {
        const nsky_op *op = &graph->ops[i];
        net->weight_at[i] = bytes;
        if (op->kind == NSKY_OP_CONV) /* a multiple of 16 bytes */
            bytes += nsky_weights_room(graph, op, nsky_number_at(graph, net->number, op->in));
    }
    char *ordered = nsky_alloc_aligned(bytes, 1, err);
    if (!ordered)
        return err->status;
    net->ordered = ordered;
    for (uint32_t i = 0; i < graph->op_count; i++) {
        const nsky_op *op = &graph->ops[i];
        if (op->kind != NSKY_OP_CONV)
            continue;
        nsky_weights_put(graph, op, nsky_number_at(graph, net->number, op->in),
                         ordered + net->weight_at[i]);
    }
    void *weights = NULL;
    status = nsky_dev_alloc(net->dev, &weights, bytes, "the weights", err);
    net->weights = weights;
    if (status == NSKY_OK)
        status = nsky_dev_copy_in(net->dev, weights, ordered, bytes, NSKY_STREAM_COMPUTE, err);
    if (status == NSKY_OK)
        status = nsky_dev_sync(net->dev, NSKY_STREAM_COMPUTE, err);
    if (status == NSKY_OK) {
        nsky_free(ordered);
        net->ordered = NULL;
    }
    return status;
}

static nsky_status make_convs(nsky_network *net, size_t *workspace, nsky_error *err)
{
    *workspace = 0;
    for (uint32_t i = 0; i < net->graph->op_count; i++) {
        const nsky_op *op = &net->graph->ops[i];
        if (op->kind != NSKY_OP_CONV)
            continue;
        const nsky_conv_shape shape = shape_of(net, op);
        nsky_status status = nsky_dev_conv_new(net->dev, &net->convs[i], &shape, err);
        if (status != NSKY_OK)
            return status;
        if (nsky_dev_conv_workspace(net->convs[i]) > *workspace)
            *workspace = nsky_dev_conv_workspace(net->convs[i]);
    }
    return NSKY_OK;
}

static nsky_status bind_conv(nsky_network *net, uint32_t i, nsky_error *err)
{
    const nsky_op *op = &net->graph->ops[i];
    nsky_conv_data data = {.x = nsky_network_value_at(net, op->in),
                           .add =
                               op->add >= 0 ? nsky_network_value_at(net, (uint32_t)op->add) : NULL,
                           .y = nsky_network_value_at(net, op->out)};

    nsky_weights_find(net->graph, op, nsky_number_at(net->graph, net->number, op->in),
                      net->weights + net->weight_at[i], &data);
    return nsky_dev_conv_bind(net->dev, net->convs[i], &data, net->workspace, err);
}

/* The ways to compute are tried on noise, which is what an activation looks like to a card. */
static nsky_status bind_convs(nsky_network *net, size_t block_bytes, nsky_error *err)
{
    /* Of int8 bf16's noise will do: any bytes are numbers. */
    nsky_number number = net->number == NSKY_NUMBER_INT8 ? NSKY_NUMBER_BF16 : net->number;
    const nsky_noise_args noise = {
        .out = net->block, .count = block_bytes / nsky_number_bytes(number), .number = number};
    nsky_status status = nsky_dev_check(
        net->dev, nsky_launch_noise(&noise, nsky_dev_stream(net->dev, NSKY_STREAM_COMPUTE)),
        "noise", err);

    for (uint32_t i = 0; i < net->graph->op_count && status == NSKY_OK; i++)
        if (net->convs[i])
            status = bind_conv(net, i, err);
    if (status == NSKY_OK)
        nsky_dev_keep_choices(net->dev);
    return status;
}

static nsky_status run_maxpool(nsky_network *net, const nsky_op *op, nsky_error *err)
{
    const nsky_value *in = &net->graph->values[op->in], *out = &net->graph->values[op->out];
    const nsky_maxpool_args args = {.in = nsky_network_value_at(net, op->in),
                                    .out = nsky_network_value_at(net, op->out),
                                    .images = net->batch,
                                    .eights = nsky_padded(in->channels) / NSKY_EIGHT,
                                    .in_height = in->height,
                                    .in_width = in->width,
                                    .out_height = out->height,
                                    .out_width = out->width,
                                    .number = nsky_number_at(net->graph, net->number, op->in),
                                    .to_bytes = net->number == NSKY_NUMBER_INT8 && out->largest > 0,
                                    .gain = (float)(1 / nsky_bytes_unit(net->graph, op->out))};

    return nsky_dev_check(
        net->dev, nsky_launch_maxpool(&args, nsky_dev_stream(net->dev, NSKY_STREAM_COMPUTE)),
        "max pooling", err);
}

static nsky_status run_avgpool(nsky_network *net, const nsky_op *op, nsky_error *err)
{
    const nsky_value *in = &net->graph->values[op->in];
    const nsky_avgpool_args args = {.in = nsky_network_value_at(net, op->in),
                                    .out = net->features,
                                    .images = net->batch,
                                    .pixels = in->height * in->width,
                                    .eights = nsky_padded(in->channels) / NSKY_EIGHT,
                                    .dim = in->channels,
                                    .number = nsky_number_at(net->graph, net->number, op->in)};

    return nsky_dev_check(
        net->dev, nsky_launch_avgpool(&args, nsky_dev_stream(net->dev, NSKY_STREAM_COMPUTE)),
        "average pooling", err);
}

static nsky_status run_ops(nsky_network *net, nsky_error *err)
{
    nsky_status status = NSKY_OK;

    for (uint32_t i = 0; i < net->graph->op_count && status == NSKY_OK; i++) {
        const nsky_op *op = &net->graph->ops[i];
        if (op->kind == NSKY_OP_CONV)
            status = nsky_dev_conv_run(net->dev, net->convs[i], err);
        else if (op->kind == NSKY_OP_MAXPOOL)
            status = run_maxpool(net, op, err);
        else
            status = run_avgpool(net, op, err);
    }
    return status;
}

/* Once as it is, so that nothing is initialised inside the capture, then for the record. */
static nsky_status capture(nsky_network *net, nsky_error *err)
{
    nsky_error first = NSKY_ERROR_INIT;
    nsky_status status, ended;

    if ((status = run_ops(net, err)) != NSKY_OK ||
        (status = nsky_dev_sync(net->dev, NSKY_STREAM_COMPUTE, err)) != NSKY_OK ||
        (status = nsky_dev_capture(net->dev, err)) != NSKY_OK)
        return status;
    status = run_ops(net, &first);
    ended = nsky_dev_captured(net->dev, &net->captured, err); /* whatever happened: it must end */
    if (status != NSKY_OK)
        *err = first;
    return status != NSKY_OK ? status : ended;
}

/* Host memory first, then the card's. */
static nsky_status build(nsky_network *net, nsky_error *err)
{
    const nsky_graph *graph = net->graph;
    size_t block_bytes, workspace;
    void *block = NULL, *features = NULL;
    nsky_status status;

    if (net->number == NSKY_NUMBER_INT8 && (status = nsky_bytes_check(graph, err)) != NSKY_OK)
        return status;
    if (!(net->spans = nsky_alloc(graph->value_count, sizeof *net->spans, err)) ||
        !(net->convs = nsky_alloc_zero(graph->op_count, sizeof *net->convs, err)) ||
        !(net->weight_at = nsky_alloc(graph->op_count, sizeof *net->weight_at, err)))
        return err->status;
    if ((status = nsky_network_plan(graph, net->number, net->batch, net->keep, net->spans,
                                    &block_bytes, err)) != NSKY_OK ||
        (status = send_weights(net, err)) != NSKY_OK)
        return status;
    status = nsky_dev_alloc(net->dev, &block, block_bytes, "the activations", err);
    net->block = block;
    if (status == NSKY_OK)
        status =
            nsky_dev_alloc(net->dev, &features, (size_t)net->batch * graph->dim * sizeof(float),
                           "the features", err);
    net->features = features;
    if (status != NSKY_OK || (status = make_convs(net, &workspace, err)) != NSKY_OK)
        return status;
    if ((status = nsky_dev_alloc(net->dev, &net->workspace, workspace > 0 ? workspace : 1,
                                 "the convolutions' workspace", err)) != NSKY_OK)
        return status;
    if ((status = bind_convs(net, block_bytes, err)) != NSKY_OK)
        return status;
    return capture(net, err);
}

nsky_status nsky_network_new(nsky_network **out, nsky_dev *dev, const nsky_graph *graph,
                             nsky_number number, uint32_t batch, bool keep, nsky_error *err)
{
    assert(out && dev && graph && batch > 0 && batch <= NSKY_CUDA_BATCH_MAX && err);
    assert(graph->ops[graph->op_count - 1].kind == NSKY_OP_AVGPOOL);
    nsky_network *net = nsky_alloc_zero(1, sizeof *net, err);
    nsky_status status;

    *out = NULL;
    if (!net)
        return err->status;
    net->dev = dev;
    net->graph = graph;
    net->number = number;
    net->batch = batch;
    net->keep = keep;
    if ((status = build(net, err)) != NSKY_OK) {
        nsky_network_free(net);
        return status;
    }
    *out = net;
    return NSKY_OK;
}

void nsky_network_free(nsky_network *net)
{
    nsky_error gone = NSKY_ERROR_INIT;

    if (!net)
        return;
    /* What is under way needs what is freed here; a card that is lost has nothing under way. */
    if (nsky_dev_sync(net->dev, NSKY_STREAM_COMPUTE, &gone) != NSKY_OK)
        gone = (nsky_error)NSKY_ERROR_INIT;
    nsky_dev_graph_free(net->dev, net->captured);
    for (uint32_t i = 0; net->convs && i < net->graph->op_count; i++)
        nsky_dev_conv_free(net->dev, net->convs[i]);
    nsky_dev_free(net->dev, net->block);
    nsky_dev_free(net->dev, net->weights);
    nsky_dev_free(net->dev, net->workspace);
    nsky_dev_free(net->dev, net->features);
    nsky_free(net->ordered);
    nsky_free(net->spans);
    nsky_free(net->convs);
    nsky_free(net->weight_at);
    nsky_free(net);
}

void *nsky_network_input(const nsky_network *net)
{
    return nsky_network_value_at(net, 0);
}

const float *nsky_network_features(const nsky_network *net)
{
    return net->features;
}

nsky_number nsky_network_input_number(const nsky_network *net, float *gain)
{
    assert(net && gain);
    nsky_number number = nsky_number_at(net->graph, net->number, 0);

    *gain = number == NSKY_NUMBER_INT8 ? (float)(1 / nsky_bytes_unit(net->graph, 0)) : 1;
    return number;
}

nsky_status nsky_network_run(nsky_network *net, nsky_error *err)
{
    assert(net && err);
    return nsky_dev_launch(net->dev, net->captured, err);
}
