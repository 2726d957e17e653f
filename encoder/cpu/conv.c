/* conv.c - the steps of a convolution. oneDNN picks the formats, and a residual is added where it
 * lies.
 *
 * Folding: oneDNN multiplies one row of output pixels at a time, which starves its kernels when
 * rows are short (measured: 140 of 250 GMAC/s for the 3x3 images at the end of a ResNet at 96 px).
 * Such convolutions run as one matrix product over all pixels of the batch: a 1x1 convolution of an
 * "image" one pixel high, its windows gathered first unless they are single pixels. The sums of one
 * output stay in one order whatever the row, so an image still cannot feel its neighbours.
 * Thread rule: see network.h. */
#include <assert.h>

#include "encoder/cpu/network.h"

/* Widths of output up to which folding won, measured for 256 and 512 channels. */
#define FOLD_WIDTH_MAX_BF16 5
#define FOLD_WIDTH_MAX_FP32 4

typedef struct conv_descs {
    onednn_desc src, weights, bias, dst;
    dnnl_primitive_attr_t attr;
} conv_descs;

typedef struct conv_choice {
    dnnl_primitive_desc_t primitive;
    bool folded;
    bool in_place; /* the residual's memory becomes the result's */
    conv_descs descs;
} conv_choice;

/* Nobody needs the value after this op. */
static bool may_overwrite(const nsky_cpu_network *net, uint32_t value, uint32_t op_index)
{
    const nsky_cpu_place *place = &net->places[value];
    const nsky_cpu_tensor *tensor = &net->tensors[place->tensor];

    return !net->keep_values && !tensor->outside && place->last_op == op_index &&
           value != net->graph->ops[op_index].in &&
           onednn_desc_type(onednn_memory_desc(tensor->memory)) == net->type;
}

static bool is_channels_last(const nsky_cpu_network *net, uint32_t value)
{
    onednn_desc desc = ONEDNN_DESC_NONE;
    const nsky_cpu_tensor *tensor = &net->tensors[net->places[value].tensor];
    bool equal = value > 0 && /* where images lie must not choose the kernel */
                 !nsky_cpu_describe_value(net, value, net->type, dnnl_nhwc, &desc) &&
                 dnnl_memory_desc_equal(onednn_memory_desc(tensor->memory), onednn_ref(&desc));

    onednn_desc_free(&desc);
    return equal;
}

static bool should_fold(const nsky_cpu_network *net, const nsky_op *op)
{
    uint32_t width_max = net->type == dnnl_bf16 ? FOLD_WIDTH_MAX_BF16 : FOLD_WIDTH_MAX_FP32;

    return net->graph->values[op->out].width <= width_max && is_channels_last(net, op->in) &&
           (op->add < 0 || is_channels_last(net, (uint32_t)op->add));
}

static dnnl_status_t describe_direct(conv_descs *out, const nsky_cpu_network *net,
                                     const nsky_op *op)
{
    const dnnl_dims_t weights = {net->graph->values[op->out].channels,
                                 net->graph->values[op->in].channels, op->kernel, op->kernel};
    dnnl_status_t s;

    if ((s = nsky_cpu_describe_value(net, op->in, net->type, dnnl_format_tag_any, &out->src)) ||
        (s = nsky_cpu_describe_value(net, op->out, net->type, dnnl_format_tag_any, &out->dst)))
        return s;
    return onednn_desc_new(&out->weights, ONEDNN_DIMS, weights, net->type, dnnl_format_tag_any);
}

/* Channels-last [n, h, w, c] is also [1, 1, n h w, c]. */
static dnnl_status_t describe_folded(conv_descs *out, const nsky_cpu_network *net,
                                     const nsky_op *op)
{
    const nsky_value *to = &net->graph->values[op->out];
    const dnnl_dim_t taps =
        (dnnl_dim_t)net->graph->values[op->in].channels * op->kernel * op->kernel;
    const dnnl_dim_t rows = (dnnl_dim_t)net->batch * to->height * to->width;
    const dnnl_dims_t src = {1, taps, 1, rows}, dst = {1, to->channels, 1, rows};
    const dnnl_dims_t weights = {to->channels, taps, 1, 1};
    dnnl_status_t s;

    if ((s = onednn_desc_new(&out->src, ONEDNN_DIMS, src, net->type, dnnl_nhwc)) ||
        (s = onednn_desc_new(&out->dst, ONEDNN_DIMS, dst, net->type, dnnl_nhwc)))
        return s;
    return onednn_desc_new(&out->weights, ONEDNN_DIMS, weights, net->type, dnnl_format_tag_any);
}

static dnnl_status_t describe(conv_choice *choice, const nsky_cpu_network *net, const nsky_op *op)
{
    conv_descs *descs = &choice->descs;
    const dnnl_dims_t bias = {net->graph->values[op->out].channels};
    dnnl_status_t s;

    if ((s = choice->folded ? describe_folded(descs, net, op) : describe_direct(descs, net, op)) ||
        (s = onednn_desc_new(&descs->bias, 1, bias, dnnl_f32, dnnl_a)) ||
        (s = dnnl_primitive_attr_clone(&descs->attr, net->attr)))
        return s;
    return onednn_post_ops(descs->attr, op->add >= 0, op->relu);
}

static dnnl_status_t try_conv(conv_choice *choice, const nsky_cpu_network *net, const nsky_op *op,
                              onednn_desc_ref dst)
{
    const conv_descs *descs = &choice->descs;
    const onednn_window window = choice->folded
                                     ? (onednn_window){1, 1, 0}
                                     : (onednn_window){op->kernel, op->stride, op->padding};

    return onednn_conv_new(&choice->primitive, net->engine, onednn_ref(&descs->src),
                           onednn_ref(&descs->weights), onednn_ref(&descs->bias), dst, window,
                           descs->attr);
}

/* A residual in a format that no kernel writes is copied instead of overwritten. */
static nsky_status choose(conv_choice *choice, const nsky_cpu_network *net, uint32_t op_index,
                          nsky_error *err)
{
    const nsky_op *op = &net->graph->ops[op_index];
    onednn_desc_ref dst = NULL;
    dnnl_status_t failed;

    choice->folded = should_fold(net, op);
    choice->in_place = op->add >= 0 && may_overwrite(net, (uint32_t)op->add, op_index);
    if ((failed = describe(choice, net, op)))
        return nsky_cpu_fail(err, failed, op->name);
    if (choice->in_place && !choice->folded) {
        dst = onednn_memory_desc(net->tensors[net->places[op->add].tensor].memory);
        choice->in_place = !try_conv(choice, net, op, dst);
        if (choice->in_place)
            return NSKY_OK;
    }
    failed = try_conv(choice, net, op, onednn_ref(&choice->descs.dst));
    return failed ? nsky_cpu_fail(err, failed, op->name) : NSKY_OK;
}

static void choice_free(conv_choice *choice)
{
    conv_descs *descs = &choice->descs;

    onednn_desc_free(&descs->src);
    onednn_desc_free(&descs->weights);
    onednn_desc_free(&descs->bias);
    onednn_desc_free(&descs->dst);
    if (descs->attr)
        dnnl_primitive_attr_destroy(descs->attr);
    if (choice->primitive)
        dnnl_primitive_desc_destroy(choice->primitive);
}

static nsky_status add_source(nsky_cpu_network *net, const nsky_op *op, const conv_choice *choice,
                              uint32_t *out, nsky_error *err)
{
    onednn_desc_ref desc = onednn_query(choice->primitive, dnnl_query_src_md, 0);
    nsky_status status;

    if (!choice->folded)
        return nsky_cpu_value_as(net, op->in, desc, out, err);
    if (op->kernel == 1 && op->stride == 1 && op->padding == 0)
        return nsky_cpu_tensor_view(net, net->places[op->in].tensor, desc, out, err);
    if ((status = nsky_cpu_tensor_new(net, desc, NULL, out, err)) == NSKY_OK)
        nsky_cpu_gather_new(net, op, net->places[op->in].tensor, *out);
    return status;
}

static nsky_status add_weights(nsky_cpu_network *net, const nsky_op *op, const conv_choice *choice,
                               uint32_t *weights, uint32_t *bias, nsky_error *err)
{
    onednn_desc_ref desc = onednn_query(choice->primitive, dnnl_query_weights_md, 0);
    nsky_status status = nsky_cpu_tensor_new(net, desc, op->weight, weights, err);

    if (status != NSKY_OK)
        return status;
    if (choice->folded)
        net->tensors[*weights].window = op->kernel * op->kernel;
    desc = onednn_query(choice->primitive, dnnl_query_weights_md, 1);
    return nsky_cpu_tensor_new(net, desc, op->bias, bias, err);
}

/* Memory of the value to come. What is to be added to it already lies there. */
static nsky_status add_result(nsky_cpu_network *net, const nsky_op *op, const conv_choice *choice,
                              uint32_t *out, nsky_error *err)
{
    onednn_desc channels_last = ONEDNN_DESC_NONE;
    onednn_desc_ref desc = onednn_query(choice->primitive, dnnl_query_dst_md, 0);
    dnnl_status_t failed = dnnl_success;
    nsky_status status;

    if (choice->in_place) {
        *out = net->places[op->add].tensor;
        return NSKY_OK;
    }
    if (choice->folded) {
        failed = nsky_cpu_describe_value(net, op->out, net->type, dnnl_nhwc, &channels_last);
        desc = onednn_ref(&channels_last);
    }
    status = failed ? nsky_cpu_fail(err, failed, op->name)
                    : nsky_cpu_tensor_new(net, desc, NULL, out, err);
    onednn_desc_free(&channels_last);
    if (status == NSKY_OK && op->add >= 0)
        status = nsky_cpu_copy(net, net->places[op->add].tensor, *out, err);
    return status;
}

static nsky_status add_steps(nsky_cpu_network *net, const nsky_op *op, conv_choice *choice,
                             nsky_error *err)
{
    uint32_t src, weights, bias, result = 0, dst;
    dnnl_primitive_desc_t primitive = choice->primitive;
    nsky_status status;

    if ((status = add_source(net, op, choice, &src, err)) != NSKY_OK ||
        (status = add_weights(net, op, choice, &weights, &bias, err)) != NSKY_OK ||
        (status = add_result(net, op, choice, &result, err)) != NSKY_OK)
        return status;
    dst = result;
    if (choice->folded &&
        (status = nsky_cpu_tensor_view(net, result, onednn_query(primitive, dnnl_query_dst_md, 0),
                                       &dst, err)) != NSKY_OK)
        return status;
    const nsky_cpu_arg args[] = {{DNNL_ARG_SRC, src},
                                 {DNNL_ARG_WEIGHTS, weights},
                                 {DNNL_ARG_BIAS, bias},
                                 {DNNL_ARG_DST, dst}};
    nsky_cpu_place_value(net, op->out, result, net->step_count);
    choice->primitive = NULL; /* taken */
    return nsky_cpu_step_new(net, primitive, args, 4, err);
}

nsky_status nsky_cpu_add_conv(nsky_cpu_network *net, uint32_t op_index, nsky_error *err)
{
    conv_choice choice = {.descs = {.src = ONEDNN_DESC_NONE}};
    nsky_status status = choose(&choice, net, op_index, err);

    if (status == NSKY_OK)
        status = add_steps(net, &net->graph->ops[op_index], &choice, err);
    choice_free(&choice);
    return status;
}
