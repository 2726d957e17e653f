/* train_conv.c - convolutions forwards, and backwards twice: by what comes in and by the weights.
 * oneDNN picks the formats forwards; backwards those are asked for again, so that activations need
 * no conversion, and only where no kernel has them does it pick anew. Derivatives by weights are
 * float32 in every precision. Thread rule: see train.h. */
#include <assert.h>

#include "encoder/cpu/train.h"

typedef struct descs {
    onednn_desc src, weights, bias, dst, plain; /* of any format; plain: weights as float32 */
} descs;

static void descs_free(descs *d)
{
    onednn_desc_free(&d->src);
    onednn_desc_free(&d->weights);
    onednn_desc_free(&d->bias);
    onednn_desc_free(&d->dst);
    onednn_desc_free(&d->plain);
}

static dnnl_status_t describe(descs *d, const nsky_cpu_train *train, const nsky_train_op *op)
{
    const nsky_train_value *in = &train->graph->values[op->in];
    const nsky_train_value *out = &train->graph->values[op->out];
    const dnnl_dims_t weights = {out->channels, in->channels, op->kernel, op->kernel};
    const dnnl_dims_t bias = {out->channels};
    dnnl_data_type_t type = nsky_cpu_train_type(train, op->out);
    dnnl_status_t s;

    if ((s = nsky_cpu_train_describe(train, op->in, type, dnnl_format_tag_any, &d->src)) ||
        (s = nsky_cpu_train_describe(train, op->out, type, dnnl_format_tag_any, &d->dst)) ||
        (s = onednn_desc_new(&d->weights, 4, weights, type, dnnl_format_tag_any)) ||
        (s = onednn_desc_new(&d->plain, 4, weights, dnnl_f32, dnnl_format_tag_any)))
        return s;
    return onednn_desc_new(&d->bias, 1, bias, dnnl_f32, dnnl_a);
}

static onednn_conv conv_of(const nsky_cpu_train *train, uint32_t op_index, const descs *d)
{
    const nsky_train_op *op = &train->graph->ops[op_index];

    return (onednn_conv){.src = onednn_ref(&d->src),
                         .weights = onednn_ref(&d->weights),
                         .bias = op->bias != NSKY_TRAIN_NONE ? onednn_ref(&d->bias) : NULL,
                         .dst = onednn_ref(&d->dst),
                         .window = {op->kernel, op->stride, op->padding},
                         .forward = train->kept[op_index].forward,
                         .attr = train->net->attr};
}

static nsky_status add_forward(nsky_cpu_train *train, uint32_t op_index, nsky_error *err)
{
    const nsky_train_op *op = &train->graph->ops[op_index];
    nsky_cpu_kept *kept = &train->kept[op_index];
    dnnl_primitive_desc_t primitive = kept->forward;
    nsky_cpu_arg args[4];
    uint32_t weights, bias;
    int count = 0;
    nsky_status status;

    if ((status = nsky_cpu_train_as(train, train->values[op->in],
                                    onednn_query(primitive, dnnl_query_src_md, 0), &kept->src,
                                    err)) != NSKY_OK ||
        (status = nsky_cpu_train_param_in(train, op->weight,
                                          onednn_query(primitive, dnnl_query_weights_md, 0),
                                          &weights, err)) != NSKY_OK ||
        (status = nsky_cpu_tensor_new(train->net, onednn_query(primitive, dnnl_query_dst_md, 0),
                                      NULL, &kept->dst, err)) != NSKY_OK)
        return status;
    args[count++] = (nsky_cpu_arg){DNNL_ARG_SRC, kept->src};
    args[count++] = (nsky_cpu_arg){DNNL_ARG_WEIGHTS, weights};
    args[count++] = (nsky_cpu_arg){DNNL_ARG_DST, kept->dst};
    if (op->bias != NSKY_TRAIN_NONE) {
        status = nsky_cpu_train_param_in(
            train, op->bias, onednn_query(primitive, dnnl_query_weights_md, 1), &bias, err);
        args[count++] = (nsky_cpu_arg){DNNL_ARG_BIAS, bias};
    }
    if (status != NSKY_OK)
        return status;
    train->values[op->out] = kept->dst;
    if (dnnl_primitive_desc_clone(&primitive, kept->forward) != dnnl_success)
        return nsky_fail(err, NSKY_ENOMEM, "oneDNN has no memory for %s", op->name);
    return nsky_cpu_train_kernel(train, primitive, args, count, err);
}

nsky_status nsky_cpu_train_conv(nsky_cpu_train *train, uint32_t op_index, nsky_error *err)
{
    const nsky_train_op *op = &train->graph->ops[op_index];
    descs d = {.src = ONEDNN_DESC_NONE};
    dnnl_status_t failed = describe(&d, train, op);

    if (!failed) {
        onednn_conv conv = conv_of(train, op_index, &d);
        failed = onednn_conv_forward(&train->kept[op_index].forward, train->net->engine, &conv);
    }
    descs_free(&d);
    return failed ? nsky_cpu_fail(err, failed, op->name) : add_forward(train, op_index, err);
}

/* --- backwards --- */

typedef dnnl_status_t (*create)(dnnl_primitive_desc_t *, dnnl_engine_t, const onednn_conv *);

/* With activations as they lie, else however oneDNN wants them. */
static dnnl_status_t choose(dnnl_primitive_desc_t *out, const nsky_cpu_train *train,
                            uint32_t op_index, const descs *d, create make, bool by_weights)
{
    const nsky_cpu_kept *kept = &train->kept[op_index];
    onednn_conv conv = conv_of(train, op_index, d);

    if (by_weights)
        conv.weights = onednn_ref(&d->plain);
    onednn_conv same = conv;
    same.src = nsky_cpu_train_desc(train, kept->src);
    same.dst = nsky_cpu_train_desc(train, kept->dst);
    return make(out, train->net->engine, &same) ? make(out, train->net->engine, &conv)
                                                : dnnl_success;
}

static nsky_status back_by_weights(nsky_cpu_train *train, uint32_t op_index, const descs *d,
                                   nsky_error *err)
{
    const nsky_train_op *op = &train->graph->ops[op_index];
    dnnl_primitive_desc_t primitive = NULL;
    dnnl_status_t failed =
        choose(&primitive, train, op_index, d, onednn_conv_backward_weights, true);
    uint32_t src, d_dst, d_weights, d_bias = NSKY_CPU_NONE;
    nsky_status status;

    if (failed)
        return nsky_cpu_fail(err, failed, op->name);
    if ((status = nsky_cpu_train_as(train, train->kept[op_index].src,
                                    onednn_query(primitive, dnnl_query_src_md, 0), &src, err)) !=
            NSKY_OK ||
        (status = nsky_cpu_train_as(train, train->gradients[op->out],
                                    onednn_query(primitive, dnnl_query_diff_dst_md, 0), &d_dst,
                                    err)) != NSKY_OK ||
        (status =
             nsky_cpu_tensor_new(train->net, onednn_query(primitive, dnnl_query_diff_weights_md, 0),
                                 NULL, &d_weights, err)) != NSKY_OK)
        goto done;
    if (op->bias != NSKY_TRAIN_NONE &&
        (status =
             nsky_cpu_tensor_new(train->net, onednn_query(primitive, dnnl_query_diff_weights_md, 1),
                                 NULL, &d_bias, err)) != NSKY_OK)
        goto done;
    const nsky_cpu_arg args[] = {{DNNL_ARG_SRC, src},
                                 {DNNL_ARG_DIFF_DST, d_dst},
                                 {DNNL_ARG_DIFF_WEIGHTS, d_weights},
                                 {DNNL_ARG_DIFF_BIAS, d_bias}};
    status = nsky_cpu_train_kernel(train, primitive, args, d_bias != NSKY_CPU_NONE ? 4 : 3, err);
    primitive = NULL; /* taken */
    if (status == NSKY_OK)
        status = nsky_cpu_train_param_out(train, op->weight, d_weights, err);
    if (status == NSKY_OK && d_bias != NSKY_CPU_NONE)
        status = nsky_cpu_train_param_out(train, op->bias, d_bias, err);
done:
    if (primitive)
        dnnl_primitive_desc_destroy(primitive);
    return status;
}

static nsky_status back_by_source(nsky_cpu_train *train, uint32_t op_index, const descs *d,
                                  nsky_error *err)
{
    const nsky_train_op *op = &train->graph->ops[op_index];
    dnnl_primitive_desc_t primitive = NULL;
    dnnl_status_t failed = choose(&primitive, train, op_index, d, onednn_conv_backward_data, false);
    uint32_t weights, d_dst, d_src;
    nsky_status status;

    if (failed)
        return nsky_cpu_fail(err, failed, op->name);
    if ((status = nsky_cpu_train_param_in(train, op->weight,
                                          onednn_query(primitive, dnnl_query_weights_md, 0),
                                          &weights, err)) != NSKY_OK ||
        (status = nsky_cpu_train_as(train, train->gradients[op->out],
                                    onednn_query(primitive, dnnl_query_diff_dst_md, 0), &d_dst,
                                    err)) != NSKY_OK ||
        (status =
             nsky_cpu_tensor_new(train->net, onednn_query(primitive, dnnl_query_diff_src_md, 0),
                                 NULL, &d_src, err)) != NSKY_OK) {
        dnnl_primitive_desc_destroy(primitive);
        return status;
    }
    const nsky_cpu_arg args[] = {
        {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DIFF_DST, d_dst}, {DNNL_ARG_DIFF_SRC, d_src}};
    status = nsky_cpu_train_kernel(train, primitive, args, 3, err);
    return status == NSKY_OK ? nsky_cpu_train_gradient(train, op->in, d_src, err) : status;
}

nsky_status nsky_cpu_train_conv_back(nsky_cpu_train *train, uint32_t op_index, nsky_error *err)
{
    const nsky_train_op *op = &train->graph->ops[op_index];
    descs d = {.src = ONEDNN_DESC_NONE};
    dnnl_status_t failed = describe(&d, train, op);
    nsky_status status = failed ? nsky_cpu_fail(err, failed, op->name) : NSKY_OK;

    if (status == NSKY_OK)
        status = back_by_weights(train, op_index, &d, err);
    if (status == NSKY_OK && op->in != 0) /* nobody learns the images */
        status = back_by_source(train, op_index, &d, err);
    descs_free(&d);
    return status;
}
