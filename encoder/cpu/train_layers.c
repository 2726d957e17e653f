/* train_layers.c - batch norms, residual sums and pooling, both ways. Thread rule: see train.h. */
#include <assert.h>

#include "encoder/cpu/train.h"

static nsky_status new_vector(nsky_cpu_train *train, uint32_t channels, uint32_t *out,
                              nsky_error *err)
{
    const dnnl_dims_t dims = {channels};
    onednn_desc desc = ONEDNN_DESC_NONE;
    dnnl_status_t failed = onednn_desc_new(&desc, 1, dims, dnnl_f32, dnnl_a);
    nsky_status status = failed
                             ? nsky_cpu_fail(err, failed, "a batch norm")
                             : nsky_cpu_tensor_new(train->net, onednn_ref(&desc), NULL, out, err);

    onednn_desc_free(&desc);
    return status;
}

static nsky_status new_vector_in(nsky_cpu_train *train, uint32_t param, uint32_t *out,
                                 nsky_error *err)
{
    const dnnl_dims_t dims = {train->graph->params[param].shape[0]};
    onednn_desc desc = ONEDNN_DESC_NONE;
    dnnl_status_t failed = onednn_desc_new(&desc, 1, dims, dnnl_f32, dnnl_a);
    nsky_status status = failed
                             ? nsky_cpu_fail(err, failed, "a batch norm")
                             : nsky_cpu_train_param_in(train, param, onednn_ref(&desc), out, err);

    onednn_desc_free(&desc);
    return status;
}

/* Tensors of a batch norm. */
static nsky_status norm_tensors(nsky_cpu_train *train, uint32_t op_index, nsky_error *err)
{
    const nsky_train_op *op = &train->graph->ops[op_index];
    nsky_cpu_kept *kept = &train->kept[op_index];
    uint32_t channels = train->graph->values[op->out].channels;
    onednn_desc_ref workspace = onednn_query(kept->forward, dnnl_query_workspace_md, 0);
    nsky_status status;

    kept->src = train->values[op->in];
    kept->workspace = NSKY_CPU_NONE;
    if ((status = nsky_cpu_tensor_new(train->net, nsky_cpu_train_desc(train, kept->src), NULL,
                                      &kept->dst, err)) != NSKY_OK ||
        (status = new_vector(train, channels, &kept->mean, err)) != NSKY_OK ||
        (status = new_vector(train, channels, &kept->variance, err)) != NSKY_OK ||
        (status = new_vector_in(train, op->weight, &kept->scale, err)) != NSKY_OK ||
        (status = new_vector_in(train, op->bias, &kept->shift, err)) != NSKY_OK)
        return status;
    /* Read by the caller after the forward run. */
    train->net->tensors[kept->mean].lasting = train->net->tensors[kept->variance].lasting = true;
    if (workspace && dnnl_memory_desc_get_size(workspace) > 0)
        status = nsky_cpu_tensor_new(train->net, workspace, NULL, &kept->workspace, err);
    return status;
}

nsky_status nsky_cpu_train_norm(nsky_cpu_train *train, uint32_t op_index, nsky_error *err)
{
    const nsky_train_op *op = &train->graph->ops[op_index];
    nsky_cpu_kept *kept = &train->kept[op_index];
    dnnl_primitive_desc_t primitive = NULL;
    dnnl_status_t failed = onednn_norm_forward(
        &kept->forward, train->net->engine, nsky_cpu_train_desc(train, train->values[op->in]),
        (float)NSKY_TRAIN_EPSILON, op->relu, train->net->attr);
    nsky_status status;

    if (failed)
        return nsky_cpu_fail(err, failed, op->name);
    if ((status = norm_tensors(train, op_index, err)) != NSKY_OK)
        return status;
    const nsky_cpu_arg args[] = {{DNNL_ARG_SRC, kept->src},
                                 {DNNL_ARG_DST, kept->dst},
                                 {DNNL_ARG_MEAN, kept->mean},
                                 {DNNL_ARG_VARIANCE, kept->variance},
                                 {DNNL_ARG_SCALE, kept->scale},
                                 {DNNL_ARG_SHIFT, kept->shift},
                                 {DNNL_ARG_WORKSPACE, kept->workspace}};
    train->values[op->out] = kept->dst;
    if (dnnl_primitive_desc_clone(&primitive, kept->forward) != dnnl_success)
        return nsky_fail(err, NSKY_ENOMEM, "oneDNN has no memory for %s", op->name);
    return nsky_cpu_train_kernel(train, primitive, args, kept->workspace == NSKY_CPU_NONE ? 6 : 7,
                                 err);
}

nsky_status nsky_cpu_train_norm_back(nsky_cpu_train *train, uint32_t op_index, nsky_error *err)
{
    const nsky_train_op *op = &train->graph->ops[op_index];
    const nsky_cpu_kept *kept = &train->kept[op_index];
    onednn_desc_ref desc = nsky_cpu_train_desc(train, kept->src);
    dnnl_primitive_desc_t primitive = NULL;
    uint32_t channels = train->graph->values[op->out].channels;
    uint32_t d_src, d_scale = NSKY_CPU_NONE, d_shift = NSKY_CPU_NONE;
    dnnl_status_t failed =
        onednn_norm_backward(&primitive, train->net->engine, desc, (float)NSKY_TRAIN_EPSILON,
                             op->relu, kept->forward, train->net->attr);
    nsky_status status;

    if (failed)
        return nsky_cpu_fail(err, failed, op->name);
    if ((status = nsky_cpu_tensor_new(train->net, desc, NULL, &d_src, err)) != NSKY_OK ||
        (status = new_vector(train, channels, &d_scale, err)) != NSKY_OK ||
        (status = new_vector(train, channels, &d_shift, err)) != NSKY_OK) {
        dnnl_primitive_desc_destroy(primitive);
        return status;
    }
    const nsky_cpu_arg args[] = {
        {DNNL_ARG_SRC, kept->src},           {DNNL_ARG_DIFF_DST, train->gradients[op->out]},
        {DNNL_ARG_DIFF_SRC, d_src},          {DNNL_ARG_MEAN, kept->mean},
        {DNNL_ARG_VARIANCE, kept->variance}, {DNNL_ARG_SCALE, kept->scale},
        {DNNL_ARG_SHIFT, kept->shift},       {DNNL_ARG_DIFF_SCALE, d_scale},
        {DNNL_ARG_DIFF_SHIFT, d_shift},      {DNNL_ARG_WORKSPACE, kept->workspace}};
    status = nsky_cpu_train_kernel(train, primitive, args,
                                   kept->workspace == NSKY_CPU_NONE ? 9 : 10, err);
    if (status == NSKY_OK)
        status = nsky_cpu_train_param_out(train, op->weight, d_scale, err);
    if (status == NSKY_OK)
        status = nsky_cpu_train_param_out(train, op->bias, d_shift, err);
    return status == NSKY_OK ? nsky_cpu_train_gradient(train, op->in, d_src, err) : status;
}

nsky_status nsky_cpu_train_sum(nsky_cpu_train *train, uint32_t op_index, nsky_error *err)
{
    const nsky_train_op *op = &train->graph->ops[op_index];
    nsky_cpu_kept *kept = &train->kept[op_index];
    onednn_desc_ref desc = nsky_cpu_train_desc(train, train->values[op->in]);
    dnnl_primitive_desc_t primitive = NULL;
    uint32_t add;
    nsky_status status;

    if ((status = nsky_cpu_train_as(train, train->values[op->add], desc, &add, err)) != NSKY_OK ||
        (status = nsky_cpu_tensor_new(train->net, desc, NULL, &kept->dst, err)) != NSKY_OK)
        return status;
    dnnl_status_t failed =
        onednn_add(&primitive, train->net->engine, desc, desc, desc, train->relu);
    if (failed)
        return nsky_cpu_fail(err, failed, "a residual sum");
    const nsky_cpu_arg args[] = {
        {DNNL_ARG_SRC_0, train->values[op->in]}, {DNNL_ARG_SRC_1, add}, {DNNL_ARG_DST, kept->dst}};
    train->values[op->out] = kept->dst;
    return nsky_cpu_step_new(train->net, primitive, args, 3, err);
}

nsky_status nsky_cpu_train_sum_back(nsky_cpu_train *train, uint32_t op_index, nsky_error *err)
{
    const nsky_train_op *op = &train->graph->ops[op_index];
    uint32_t dst = train->kept[op_index].dst, result;
    onednn_desc_ref desc = nsky_cpu_train_desc(train, dst);
    dnnl_primitive_desc_t primitive = NULL;
    nsky_status status = nsky_cpu_tensor_new(train->net, desc, NULL, &result, err);
    dnnl_status_t failed;

    if (status != NSKY_OK)
        return status;
    if ((failed = onednn_relu_backward(&primitive, train->net->engine, desc, train->net->attr)))
        return nsky_cpu_fail(err, failed, "a residual sum backwards");
    const nsky_cpu_arg args[] = {{DNNL_ARG_DST, dst},
                                 {DNNL_ARG_DIFF_DST, train->gradients[op->out]},
                                 {DNNL_ARG_DIFF_SRC, result}};
    if ((status = nsky_cpu_step_new(train->net, primitive, args, 3, err)) != NSKY_OK ||
        (status = nsky_cpu_train_gradient(train, op->in, result, err)) != NSKY_OK)
        return status;
    return nsky_cpu_train_gradient(train, op->add, result, err);
}

static onednn_window window_of(const nsky_cpu_train *train, const nsky_train_op *op)
{
    if (op->kind == NSKY_TRAIN_MAXPOOL)
        return (onednn_window){op->kernel, op->stride, op->padding};
    assert(train->graph->values[op->in].height == train->graph->values[op->in].width);
    return (onednn_window){train->graph->values[op->in].height, 1, 0};
}

static dnnl_alg_kind_t kind_of(const nsky_train_op *op)
{
    return op->kind == NSKY_TRAIN_MAXPOOL ? dnnl_pooling_max : dnnl_pooling_avg_exclude_padding;
}

/* The average is taken of float32, channels-last. */
static nsky_status pool_source(nsky_cpu_train *train, const nsky_train_op *op, uint32_t *out,
                               nsky_error *err)
{
    onednn_desc desc = ONEDNN_DESC_NONE;
    dnnl_status_t failed;
    nsky_status status;

    *out = train->values[op->in];
    if (op->kind == NSKY_TRAIN_MAXPOOL)
        return NSKY_OK;
    failed = nsky_cpu_train_describe(train, op->in, dnnl_f32, dnnl_nhwc, &desc);
    status = failed ? nsky_cpu_fail(err, failed, op->name)
                    : nsky_cpu_train_as(train, train->values[op->in], onednn_ref(&desc), out, err);
    onednn_desc_free(&desc);
    return status;
}

nsky_status nsky_cpu_train_pool(nsky_cpu_train *train, uint32_t op_index, nsky_error *err)
{
    const nsky_train_op *op = &train->graph->ops[op_index];
    nsky_cpu_kept *kept = &train->kept[op_index];
    onednn_desc dst = ONEDNN_DESC_NONE;
    dnnl_primitive_desc_t primitive = NULL;
    nsky_status status = pool_source(train, op, &kept->src, err);
    dnnl_status_t failed;

    if (status != NSKY_OK)
        return status;
    onednn_desc_ref src = nsky_cpu_train_desc(train, kept->src);
    failed =
        nsky_cpu_train_describe(train, op->out, onednn_desc_type(src), dnnl_format_tag_any, &dst);
    if (!failed)
        failed = onednn_pool_forward(&kept->forward, train->net->engine, kind_of(op), src,
                                     onednn_ref(&dst), window_of(train, op), train->net->attr);
    onednn_desc_free(&dst);
    if (failed)
        return nsky_cpu_fail(err, failed, op->name);
    onednn_desc_ref workspace = onednn_query(kept->forward, dnnl_query_workspace_md, 0);
    kept->workspace = NSKY_CPU_NONE;
    status = nsky_cpu_tensor_new(train->net, onednn_query(kept->forward, dnnl_query_dst_md, 0),
                                 NULL, &kept->dst, err);
    if (status == NSKY_OK && workspace && dnnl_memory_desc_get_size(workspace) > 0)
        status = nsky_cpu_tensor_new(train->net, workspace, NULL, &kept->workspace, err);
    if (status != NSKY_OK)
        return status;
    const nsky_cpu_arg args[] = {{DNNL_ARG_SRC, kept->src},
                                 {DNNL_ARG_DST, kept->dst},
                                 {DNNL_ARG_WORKSPACE, kept->workspace}};
    train->values[op->out] = kept->dst;
    if (dnnl_primitive_desc_clone(&primitive, kept->forward) != dnnl_success)
        return nsky_fail(err, NSKY_ENOMEM, "oneDNN has no memory for %s", op->name);
    return nsky_cpu_step_new(train->net, primitive, args, kept->workspace == NSKY_CPU_NONE ? 2 : 3,
                             err);
}

nsky_status nsky_cpu_train_pool_back(nsky_cpu_train *train, uint32_t op_index, nsky_error *err)
{
    const nsky_train_op *op = &train->graph->ops[op_index];
    const nsky_cpu_kept *kept = &train->kept[op_index];
    dnnl_primitive_desc_t primitive = NULL;
    uint32_t d_src;
    dnnl_status_t failed = onednn_pool_backward(
        &primitive, train->net->engine, kind_of(op), nsky_cpu_train_desc(train, kept->src),
        nsky_cpu_train_desc(train, kept->dst), window_of(train, op), kept->forward,
        train->net->attr);
    nsky_status status;

    if (failed)
        return nsky_cpu_fail(err, failed, op->name);
    if ((status = nsky_cpu_tensor_new(train->net, nsky_cpu_train_desc(train, kept->src), NULL,
                                      &d_src, err)) != NSKY_OK) {
        dnnl_primitive_desc_destroy(primitive);
        return status;
    }
    const nsky_cpu_arg args[] = {{DNNL_ARG_DIFF_DST, train->gradients[op->out]},
                                 {DNNL_ARG_DIFF_SRC, d_src},
                                 {DNNL_ARG_WORKSPACE, kept->workspace}};
    status = nsky_cpu_step_new(train->net, primitive, args,
                               kept->workspace == NSKY_CPU_NONE ? 2 : 3, err);
    return status == NSKY_OK ? nsky_cpu_train_gradient(train, op->in, d_src, err) : status;
}
