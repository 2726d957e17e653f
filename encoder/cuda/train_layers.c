/* train_layers.c - one operation at a time into the compute stream, forwards and backwards.
 * Thread rule: see train_network.h. */
#include <assert.h>

#include "encoder/cuda/kernel_norm.h"
#include "encoder/cuda/kernels.h"
#include "encoder/cuda/train_private.h"

static const nsky_rows none = {.at = NULL};

static const float *param(const nsky_train_net *net, uint32_t which)
{
    return which == NSKY_TRAIN_NONE ? NULL : net->params + net->graph->params[which].offset;
}

static float *d_param(const nsky_train_net *net, uint32_t which)
{
    return which == NSKY_TRAIN_NONE ? NULL : net->d_params + net->graph->params[which].offset;
}

/* --- convolutions and linear layers --- */

static nsky_status linear(nsky_train_net *net, const nsky_train_op *op, nsky_error *err)
{
    const nsky_rows *x = &net->values[op->in], *y = &net->values[op->out];
    nsky_matrix_args args = nsky_product_abt(x->at, param(net, op->weight), y->at, net->batch,
                                             y->channels, x->channels);

    args.bias = param(net, op->bias);
    return NSKY_TRAIN_LAUNCH(net->dev, matrix, &args, err);
}

static nsky_status conv(nsky_train_net *net, uint32_t i, nsky_error *err)
{
    const nsky_train_op *op = &net->graph->ops[i];
    const nsky_rows *y = &net->values[op->out];
    const nsky_sum_args shift = {.a = *y, .y = *y, .bias = param(net, op->bias)};
    nsky_status status;

    if (!nsky_train_is_image_conv(net, op))
        return linear(net, op, err);
    status = nsky_dev_conv_run(net->dev, net->convs[i].forward, err);
    return status == NSKY_OK && shift.bias ? NSKY_TRAIN_LAUNCH(net->dev, sum, &shift, err) : status;
}

/* Sums of rows: what a batch norm's parameters are told, and the bias of a convolution. */
static nsky_status settle_back(nsky_train_net *net, const nsky_back_sums_args *sums,
                               const nsky_train_op *op, nsky_error *err)
{
    const nsky_back_settle_args settle = {
        .sums = net->sums,
        .chunks = sums->chunks,
        .channels = sums->dy.channels,
        .d_weight = op->kind == NSKY_TRAIN_NORM ? d_param(net, op->weight) : NULL,
        .d_bias = d_param(net, op->bias)};
    nsky_status status = NSKY_TRAIN_LAUNCH(net->dev, back_sums, sums, err);

    return status == NSKY_OK ? NSKY_TRAIN_LAUNCH(net->dev, back_settle, &settle, err) : status;
}

static nsky_status bias_back(nsky_train_net *net, const nsky_train_op *op, nsky_error *err)
{
    const nsky_rows *dy = &net->gradients[op->out];
    const nsky_back_sums_args sums = {
        .dy = *dy, .chunks = nsky_chunks_of(dy->count, dy->channels), .sums = net->sums};

    return op->bias == NSKY_TRAIN_NONE ? NSKY_OK : settle_back(net, &sums, op, err);
}

static nsky_status linear_back(nsky_train_net *net, uint32_t i, nsky_error *err)
{
    const nsky_train_op *op = &net->graph->ops[i];
    const nsky_rows *x = &net->values[op->in], *dy = &net->gradients[op->out];
    const nsky_rows *dx = &net->gradients[op->in];
    const nsky_matrix_args by_weight = nsky_product_atb(dy->at, x->at, d_param(net, op->weight),
                                                        dy->channels, x->channels, net->batch);
    const nsky_matrix_args by_x =
        nsky_product_ab(dy->at, param(net, op->weight), net->more[i] ? net->extra[i] : dx->at,
                        net->batch, x->channels, dy->channels);
    nsky_status status = NSKY_TRAIN_LAUNCH(net->dev, matrix, &by_weight, err);

    return status == NSKY_OK ? NSKY_TRAIN_LAUNCH(net->dev, matrix, &by_x, err) : status;
}

static nsky_status image_conv_back(nsky_train_net *net, uint32_t i, nsky_error *err)
{
    const nsky_train_op *op = &net->graph->ops[i];
    const nsky_unweight_args unweight = {.in = net->d_weight,
                                         .out = d_param(net, op->weight),
                                         .out_channels = net->graph->values[op->out].channels,
                                         .in_channels = net->graph->values[op->in].channels,
                                         .taps = op->kernel * op->kernel};
    nsky_status status;

    if ((status = nsky_dev_conv_run(net->dev, net->convs[i].weight_back, err)) != NSKY_OK ||
        (status = NSKY_TRAIN_LAUNCH(net->dev, unweight, &unweight, err)) != NSKY_OK ||
        !net->convs[i].data_back)
        return status;
    return nsky_dev_conv_run(net->dev, net->convs[i].data_back, err);
}

static nsky_status conv_back(nsky_train_net *net, uint32_t i, nsky_error *err)
{
    const nsky_train_op *op = &net->graph->ops[i];
    const nsky_rows *dx = &net->gradients[op->in];
    nsky_rows extra = *dx;
    nsky_status status =
        nsky_train_is_image_conv(net, op) ? image_conv_back(net, i, err) : linear_back(net, i, err);

    if (status == NSKY_OK)
        status = bias_back(net, op, err);
    if (status != NSKY_OK || !net->extra[i])
        return status;
    extra.at = net->extra[i];
    const nsky_sum_args sum = {.a = *dx, .b = extra, .y = *dx};
    return NSKY_TRAIN_LAUNCH(net->dev, sum, &sum, err);
}

/* --- batch norms and residual sums --- */

/* The residual that is added on the way, and whether the result is cut off at zero. */
static nsky_rows residual(const nsky_train_net *net, uint32_t i, const nsky_rows *of)
{
    uint32_t sum = net->sum_of[i];

    return sum == NSKY_TRAIN_NONE ? none : of[net->graph->ops[sum].add];
}

static bool cuts(const nsky_train_net *net, uint32_t i)
{
    return net->sum_of[i] != NSKY_TRAIN_NONE || net->graph->ops[i].relu;
}

static nsky_status norm(nsky_train_net *net, uint32_t i, nsky_error *err)
{
    const nsky_train_op *op = &net->graph->ops[i];
    const nsky_rows *x = &net->values[op->in];
    size_t at = net->graph->norms[op->norm].offset;
    const nsky_norm_sums_args sums = {
        .x = *x, .chunks = nsky_chunks_of(x->count, x->channels), .sums = net->sums};
    const nsky_norm_settle_args settle = {.sums = net->sums,
                                          .chunks = sums.chunks,
                                          .rows = x->count,
                                          .channels = x->channels,
                                          .epsilon = NSKY_TRAIN_EPSILON,
                                          .stats = net->stats + at,
                                          .inverse = net->inverse + at};
    const nsky_norm_args args = {.x = *x,
                                 .add = residual(net, i, net->values),
                                 .y = net->values[nsky_train_norm_out(net, i)],
                                 .mean = net->stats + at,
                                 .inverse = net->inverse + at,
                                 .weight = param(net, op->weight),
                                 .bias = param(net, op->bias),
                                 .relu = cuts(net, i)};
    nsky_status status;

    if ((status = NSKY_TRAIN_LAUNCH(net->dev, norm_sums, &sums, err)) != NSKY_OK ||
        (status = NSKY_TRAIN_LAUNCH(net->dev, norm_settle, &settle, err)) != NSKY_OK)
        return status;
    return NSKY_TRAIN_LAUNCH(net->dev, norm, &args, err);
}

static nsky_status norm_back(nsky_train_net *net, uint32_t i, nsky_error *err)
{
    const nsky_train_op *op = &net->graph->ops[i];
    const nsky_rows *x = &net->values[op->in];
    uint32_t out = nsky_train_norm_out(net, i);
    size_t at = net->graph->norms[op->norm].offset;
    const nsky_back_sums_args sums = {.x = *x,
                                      .y = cuts(net, i) ? net->values[out] : none,
                                      .dy = net->gradients[out],
                                      .mean = net->stats + at,
                                      .inverse = net->inverse + at,
                                      .chunks = nsky_chunks_of(x->count, x->channels),
                                      .sums = net->sums};
    const nsky_norm_back_args back = {.x = *x,
                                      .y = sums.y,
                                      .dy = sums.dy,
                                      .dx = net->gradients[op->in],
                                      .d_add = residual(net, i, net->gradients),
                                      .mean = sums.mean,
                                      .inverse = sums.inverse,
                                      .weight = param(net, op->weight),
                                      .d_weight = d_param(net, op->weight),
                                      .d_bias = d_param(net, op->bias),
                                      .more_dx = net->more[i],
                                      .more_d_add = net->more_add[i]};
    nsky_status status = settle_back(net, &sums, op, err);

    return status == NSKY_OK && back.dx.at ? NSKY_TRAIN_LAUNCH(net->dev, norm_back, &back, err)
                                           : status;
}

static nsky_status sum(nsky_train_net *net, uint32_t i, nsky_error *err)
{
    const nsky_train_op *op = &net->graph->ops[i];
    const nsky_sum_args args = {.a = net->values[op->in],
                                .b = net->values[op->add],
                                .y = net->values[op->out],
                                .relu = true};

    return net->done_before[i] ? NSKY_OK : NSKY_TRAIN_LAUNCH(net->dev, sum, &args, err);
}

static nsky_status sum_back(nsky_train_net *net, uint32_t i, nsky_error *err)
{
    const nsky_train_op *op = &net->graph->ops[i];
    const nsky_sum_back_args args = {.y = net->values[op->out],
                                     .dy = net->gradients[op->out],
                                     .da = net->gradients[op->in],
                                     .db = net->gradients[op->add],
                                     .more_da = net->more[i],
                                     .more_db = net->more_add[i]};

    return net->done_before[i] ? NSKY_OK : NSKY_TRAIN_LAUNCH(net->dev, sum_back, &args, err);
}

/* --- pooling --- */

static nsky_status maxpool(nsky_train_net *net, const nsky_train_op *op, nsky_error *err)
{
    const nsky_train_value *in = &net->graph->values[op->in], *out = &net->graph->values[op->out];
    const nsky_maxpool_args args = {.in = net->values[op->in].at,
                                    .out = net->values[op->out].at,
                                    .images = net->batch,
                                    .eights = net->values[op->in].room / NSKY_EIGHT,
                                    .in_height = in->height,
                                    .in_width = in->width,
                                    .out_height = out->height,
                                    .out_width = out->width,
                                    .number = NSKY_NUMBER_BF16};

    return NSKY_TRAIN_LAUNCH(net->dev, maxpool, &args, err);
}

static nsky_status maxpool_back(nsky_train_net *net, uint32_t i, nsky_error *err)
{
    const nsky_train_op *op = &net->graph->ops[i];
    const nsky_train_value *in = &net->graph->values[op->in], *out = &net->graph->values[op->out];
    const nsky_maxpool_back_args args = {.x = net->values[op->in].at,
                                         .dy = net->gradients[op->out].at,
                                         .dx = net->gradients[op->in].at,
                                         .images = net->batch,
                                         .eights = net->values[op->in].room / NSKY_EIGHT,
                                         .in_height = in->height,
                                         .in_width = in->width,
                                         .out_height = out->height,
                                         .out_width = out->width,
                                         .more = net->more[i]};

    return args.dx ? NSKY_TRAIN_LAUNCH(net->dev, maxpool_back, &args, err) : NSKY_OK;
}

static nsky_status avgpool(nsky_train_net *net, const nsky_train_op *op, nsky_error *err)
{
    const nsky_train_value *in = &net->graph->values[op->in];
    const nsky_avgpool_args args = {.in = net->values[op->in].at,
                                    .out = net->values[op->out].at,
                                    .images = net->batch,
                                    .pixels = in->height * in->width,
                                    .eights = net->values[op->in].room / NSKY_EIGHT,
                                    .dim = in->channels,
                                    .number = NSKY_NUMBER_BF16};

    return NSKY_TRAIN_LAUNCH(net->dev, avgpool, &args, err);
}

static nsky_status avgpool_back(nsky_train_net *net, uint32_t i, nsky_error *err)
{
    const nsky_train_op *op = &net->graph->ops[i];
    const nsky_train_value *in = &net->graph->values[op->in];
    const nsky_avgpool_back_args args = {.dy = net->gradients[op->out].at,
                                         .dx = net->gradients[op->in],
                                         .pixels = in->height * in->width,
                                         .more = net->more[i]};

    return args.dx.at ? NSKY_TRAIN_LAUNCH(net->dev, avgpool_back, &args, err) : NSKY_OK;
}

nsky_status nsky_train_op_forward(nsky_train_net *net, uint32_t i, nsky_error *err)
{
    assert(net && i < net->graph->op_count && err);
    const nsky_train_op *op = &net->graph->ops[i];

    switch (op->kind) {
    case NSKY_TRAIN_CONV:
        return conv(net, i, err);
    case NSKY_TRAIN_NORM:
        return norm(net, i, err);
    case NSKY_TRAIN_SUM:
        return sum(net, i, err);
    case NSKY_TRAIN_MAXPOOL:
        return maxpool(net, op, err);
    default:
        return avgpool(net, op, err);
    }
}

nsky_status nsky_train_op_backward(nsky_train_net *net, uint32_t i, nsky_error *err)
{
    assert(net && i < net->graph->op_count && err);
    switch (net->graph->ops[i].kind) {
    case NSKY_TRAIN_CONV:
        return conv_back(net, i, err);
    case NSKY_TRAIN_NORM:
        return norm_back(net, i, err);
    case NSKY_TRAIN_SUM:
        return sum_back(net, i, err);
    case NSKY_TRAIN_MAXPOOL:
        return maxpool_back(net, i, err);
    default:
        return avgpool_back(net, i, err);
    }
}
