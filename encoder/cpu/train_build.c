/* train_build.c - a graph as steps: forwards in order, backwards in the opposite one, and the ways
 * in and out. Thread rule: see train.h. */
#include <assert.h>

#include "encoder/cpu/train.h"

/* Convert source, weights twice, compute; backwards twice compute, three conversions, an addition,
 * three sums. */
#define STEPS_AN_OP_MAX 16
#define TENSORS_AN_OP_MAX 40 /* and a scratchpad for each step */

onednn_desc_ref nsky_cpu_train_desc(const nsky_cpu_train *train, uint32_t tensor)
{
    return onednn_memory_desc(train->net->tensors[tensor].memory);
}

dnnl_data_type_t nsky_cpu_train_type(const nsky_cpu_train *train, uint32_t value)
{
    return train->graph->values[value].exact ? dnnl_f32 : train->net->type;
}

dnnl_status_t nsky_cpu_train_describe(const nsky_cpu_train *train, uint32_t value,
                                      dnnl_data_type_t type, dnnl_format_tag_t tag,
                                      onednn_desc *out)
{
    const nsky_train_value *v = &train->graph->values[value];
    const dnnl_dims_t dims = {train->net->batch, v->channels, v->height, v->width};

    return onednn_desc_new(out, ONEDNN_DIMS, dims, type, tag);
}

static nsky_status new_outside(nsky_cpu_train *train, onednn_desc_ref desc, uint32_t *out,
                               nsky_error *err)
{
    nsky_status status = nsky_cpu_tensor_new(train->net, desc, NULL, out, err);

    if (status == NSKY_OK)
        train->net->tensors[*out].outside = true;
    return status;
}

/* [out, in, k, k] or [channels], float32 as the caller's array has it. */
static nsky_status param_outside(nsky_cpu_train *train, uint32_t index, uint32_t *out,
                                 nsky_error *err)
{
    const nsky_train_param *p = &train->graph->params[index];
    const dnnl_dims_t dims = {p->shape[0], p->shape[1], p->dims == 2 ? 1 : p->shape[2],
                              p->dims == 2 ? 1 : p->shape[3]};
    onednn_desc desc = ONEDNN_DESC_NONE;
    dnnl_status_t failed = p->dims == 1 ? onednn_desc_new(&desc, 1, dims, dnnl_f32, dnnl_a)
                                        : onednn_desc_new(&desc, 4, dims, dnnl_f32, dnnl_abcd);
    nsky_status status = failed ? nsky_cpu_fail(err, failed, p->name)
                                : new_outside(train, onednn_ref(&desc), out, err);

    onednn_desc_free(&desc);
    return status;
}

nsky_status nsky_cpu_train_param_in(nsky_cpu_train *train, uint32_t index, onednn_desc_ref desc,
                                    uint32_t *out, nsky_error *err)
{
    nsky_cpu_network *net = train->net;
    uint32_t phase = net->phase, from = NSKY_CPU_NONE;
    nsky_status status;

    if ((status = nsky_cpu_tensor_new(net, desc, NULL, out, err)) != NSKY_OK ||
        (status = param_outside(train, index, &from, err)) != NSKY_OK)
        return status;
    net->tensors[*out].lasting = true;
    assert(train->load_count < 2 * NSKY_TRAIN_PARAMS_MAX);
    train->loads[train->load_count++] = (nsky_cpu_port){from, train->graph->params[index].offset};
    net->phase = NSKY_CPU_LOAD;
    status = nsky_cpu_copy(net, from, *out, err);
    net->phase = phase;
    return status;
}

nsky_status nsky_cpu_train_param_out(nsky_cpu_train *train, uint32_t index, uint32_t tensor,
                                     nsky_error *err)
{
    nsky_cpu_network *net = train->net;
    dnnl_primitive_desc_t primitive = NULL;
    uint32_t phase = net->phase, to = NSKY_CPU_NONE;
    nsky_status status = param_outside(train, index, &to, err);

    if (status != NSKY_OK)
        return status;
    net->tensors[tensor].lasting = true;
    assert(train->sink_count < NSKY_TRAIN_PARAMS_MAX);
    train->sinks[train->sink_count++] = (nsky_cpu_port){to, train->graph->params[index].offset};
    dnnl_status_t failed = dnnl_reorder_primitive_desc_create(
        &primitive, nsky_cpu_train_desc(train, tensor), net->engine, nsky_cpu_train_desc(train, to),
        net->engine, train->add);
    if (failed)
        return nsky_cpu_fail(err, failed, "a sum of gradients");
    const nsky_cpu_arg args[] = {{DNNL_ARG_FROM, tensor}, {DNNL_ARG_TO, to}};
    net->phase = NSKY_CPU_COLLECT;
    status = nsky_cpu_step_new(net, primitive, args, 2, err);
    net->phase = phase;
    return status;
}

nsky_status nsky_cpu_train_kernel(nsky_cpu_train *train, dnnl_primitive_desc_t primitive,
                                  const nsky_cpu_arg *args, int arg_count, nsky_error *err)
{
    nsky_status status = nsky_cpu_step_new(train->net, primitive, args, arg_count, err);

    train->net->steps[train->net->step_count - 1].kernel = true;
    return status;
}

nsky_status nsky_cpu_train_as(nsky_cpu_train *train, uint32_t tensor, onednn_desc_ref desc,
                              uint32_t *out, nsky_error *err)
{
    nsky_status status;

    *out = tensor;
    if (dnnl_memory_desc_equal(nsky_cpu_train_desc(train, tensor), desc))
        return NSKY_OK;
    status = nsky_cpu_tensor_new(train->net, desc, NULL, out, err);
    return status == NSKY_OK ? nsky_cpu_copy(train->net, tensor, *out, err) : status;
}

/* The sum goes to bytes of its own: a share may be another value's derivative too. */
nsky_status nsky_cpu_train_gradient(nsky_cpu_train *train, uint32_t value, uint32_t tensor,
                                    nsky_error *err)
{
    onednn_desc_ref desc = nsky_cpu_train_desc(train, train->values[value]);
    uint32_t *sum = &train->gradients[value], share, result;
    dnnl_primitive_desc_t primitive = NULL;
    nsky_status status = nsky_cpu_train_as(train, tensor, desc, &share, err);

    if (status != NSKY_OK)
        return status;
    if (*sum == NSKY_CPU_NONE) {
        *sum = share;
        return NSKY_OK;
    }
    if ((status = nsky_cpu_tensor_new(train->net, desc, NULL, &result, err)) != NSKY_OK)
        return status;
    dnnl_status_t failed =
        onednn_add(&primitive, train->net->engine, desc, desc, desc, train->net->attr);
    if (failed)
        return nsky_cpu_fail(err, failed, "a sum of derivatives");
    const nsky_cpu_arg args[] = {
        {DNNL_ARG_SRC_0, *sum}, {DNNL_ARG_SRC_1, share}, {DNNL_ARG_DST, result}};
    *sum = result;
    return nsky_cpu_step_new(train->net, primitive, args, 3, err);
}

static nsky_status add_op(nsky_cpu_train *train, uint32_t op, nsky_error *err)
{
    static nsky_status (*const add[][2])(nsky_cpu_train *, uint32_t, nsky_error *) = {
        [NSKY_TRAIN_CONV] = {nsky_cpu_train_conv, nsky_cpu_train_conv_back},
        [NSKY_TRAIN_NORM] = {nsky_cpu_train_norm, nsky_cpu_train_norm_back},
        [NSKY_TRAIN_SUM] = {nsky_cpu_train_sum, nsky_cpu_train_sum_back},
        [NSKY_TRAIN_MAXPOOL] = {nsky_cpu_train_pool, nsky_cpu_train_pool_back},
        [NSKY_TRAIN_AVGPOOL] = {nsky_cpu_train_pool, nsky_cpu_train_pool_back},
    };

    return add[train->graph->ops[op].kind][train->net->phase == NSKY_CPU_BACKWARD](train, op, err);
}

static nsky_status add_outside(nsky_cpu_train *train, uint32_t value, uint32_t *out,
                               nsky_error *err)
{
    onednn_desc desc = ONEDNN_DESC_NONE;
    dnnl_status_t failed = nsky_cpu_train_describe(train, value, dnnl_f32, dnnl_nchw, &desc);
    nsky_status status = failed ? nsky_cpu_fail(err, failed, "images of this size")
                                : new_outside(train, onednn_ref(&desc), out, err);

    onednn_desc_free(&desc);
    return status;
}

static nsky_status add_forward(nsky_cpu_train *train, nsky_error *err)
{
    uint32_t last = train->graph->value_count - 1;
    nsky_status status = add_outside(train, 0, &train->in, err);

    train->net->phase = NSKY_CPU_FORWARD;
    train->values[0] = train->in;
    for (uint32_t i = 0; i < train->graph->op_count && status == NSKY_OK; i++)
        status = add_op(train, i, err);
    if (status != NSKY_OK || (status = add_outside(train, last, &train->out, err)) != NSKY_OK)
        return status;
    return nsky_cpu_copy(train->net, train->values[last], train->out, err);
}

static nsky_status add_backward(nsky_cpu_train *train, nsky_error *err)
{
    uint32_t last = train->graph->value_count - 1;
    nsky_status status;

    train->net->phase = NSKY_CPU_BACKWARD;
    for (uint32_t v = 0; v <= last; v++)
        train->gradients[v] = NSKY_CPU_NONE;
    if ((status = add_outside(train, last, &train->d_out, err)) != NSKY_OK)
        return status;
    status = nsky_cpu_train_gradient(train, last, train->d_out, err);
    for (uint32_t i = train->graph->op_count; i-- > 0 && status == NSKY_OK;)
        status = add_op(train, i, err);
    return status;
}

nsky_status nsky_cpu_train_build(nsky_cpu_train *train, nsky_precision precision, uint32_t batch,
                                 nsky_error *err)
{
    uint32_t ops = train->graph->op_count;
    nsky_status status = nsky_cpu_network_blank(
        &train->net, precision, batch, STEPS_AN_OP_MAX * ops + 4, TENSORS_AN_OP_MAX * ops + 8, err);
    dnnl_status_t failed = dnnl_success;

    if (status != NSKY_OK)
        return status;
    if ((failed = dnnl_primitive_attr_clone(&train->add, train->net->attr)) ||
        (failed = onednn_post_ops(train->add, 1, 0)) ||
        (failed = dnnl_primitive_attr_clone(&train->relu, train->net->attr)) ||
        (failed = onednn_post_ops(train->relu, 0, 1)))
        return nsky_cpu_fail(err, failed, "post-operations");
    if ((status = add_forward(train, err)) != NSKY_OK)
        return status;
    if (train->learns && (status = add_backward(train, err)) != NSKY_OK)
        return status;
    return nsky_cpu_network_bind(train->net, err);
}
