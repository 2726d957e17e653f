/* build.c - what comes in, what goes out, and the pooling between. Thread rule: see network.h. */
#include <assert.h>

#include "encoder/cpu/network.h"

dnnl_status_t nsky_cpu_describe_value(const nsky_cpu_network *net, uint32_t value,
                                      dnnl_data_type_t type, dnnl_format_tag_t tag,
                                      onednn_desc *out)
{
    const nsky_value *shape = &net->graph->values[value];
    const dnnl_dims_t dims = {net->batch, shape->channels, shape->height, shape->width};

    return onednn_desc_new(out, ONEDNN_DIMS, dims, type, tag);
}

void nsky_cpu_place_value(nsky_cpu_network *net, uint32_t value, uint32_t tensor, uint32_t step)
{
    nsky_cpu_place *place = &net->places[value];

    place->tensor = tensor;
    place->converted = NSKY_CPU_NONE;
    place->step = step;
}

static nsky_status add_outside(nsky_cpu_network *net, uint32_t value, dnnl_format_tag_t tag,
                               uint32_t *tensor, nsky_error *err)
{
    onednn_desc desc = ONEDNN_DESC_NONE;
    dnnl_status_t failed = nsky_cpu_describe_value(net, value, dnnl_f32, tag, &desc);
    nsky_status status = failed ? nsky_cpu_fail(err, failed, "images of this size") : NSKY_OK;

    if (status == NSKY_OK)
        status = nsky_cpu_tensor_new(net, onednn_ref(&desc), NULL, tensor, err);
    if (status == NSKY_OK)
        net->tensors[*tensor].outside = true;
    onednn_desc_free(&desc);
    return status;
}

nsky_status nsky_cpu_add_outside(nsky_cpu_network *net, nsky_error *err)
{
    const nsky_graph *graph = net->graph;
    uint32_t kept;
    nsky_status status;

    /* [n, c, 1, 1] in nhwc is [n, c]: what the pooling gives when it works channels-last. */
    if ((status = add_outside(net, 0, dnnl_nchw, &net->images, err)) != NSKY_OK ||
        (status = add_outside(net, graph->ops[graph->op_count - 1].out, dnnl_nhwc, &net->vectors,
                              err)) != NSKY_OK)
        return status;
    nsky_cpu_place_value(net, 0, net->images, 0);
    if (!net->keep_values)
        return NSKY_OK;
    if ((status = nsky_cpu_tensor_new(net, onednn_memory_desc(net->tensors[net->images].memory),
                                      NULL, &kept, err)) != NSKY_OK)
        return status;
    nsky_cpu_place_value(net, 0, kept, 0);
    return nsky_cpu_copy(net, net->images, kept, err);
}

/* --- pooling --- */

/* The value with elements of this type: as it lies, else converted to channels-last. */
static nsky_status value_of_type(nsky_cpu_network *net, uint32_t value, dnnl_data_type_t type,
                                 uint32_t *out, nsky_error *err)
{
    onednn_desc desc = ONEDNN_DESC_NONE;
    dnnl_status_t failed;
    nsky_status status;

    *out = net->places[value].tensor;
    if (onednn_desc_type(onednn_memory_desc(net->tensors[*out].memory)) == type)
        return NSKY_OK;
    failed = nsky_cpu_describe_value(net, value, type, dnnl_nhwc, &desc);
    status = failed ? nsky_cpu_fail(err, failed, "a change of type")
                    : nsky_cpu_value_as(net, value, onednn_ref(&desc), out, err);
    onednn_desc_free(&desc);
    return status;
}

static nsky_status pool_choose(dnnl_primitive_desc_t *out, nsky_cpu_network *net, const nsky_op *op,
                               uint32_t src, nsky_error *err)
{
    const nsky_value *in = &net->graph->values[op->in];
    onednn_desc_ref src_desc = onednn_memory_desc(net->tensors[src].memory);
    bool max = op->kind == NSKY_OP_MAXPOOL;
    onednn_window window = max ? (onednn_window){3, 2, 1} : (onednn_window){in->height, 1, 0};
    onednn_desc dst = ONEDNN_DESC_NONE;
    dnnl_status_t failed = nsky_cpu_describe_value(net, op->out, onednn_desc_type(src_desc),
                                                   dnnl_format_tag_any, &dst);

    assert(max || in->height == in->width);
    if (!failed)
        failed = onednn_pool_new(out, net->engine,
                                 max ? dnnl_pooling_max : dnnl_pooling_avg_exclude_padding,
                                 src_desc, onednn_ref(&dst), window, net->attr);
    onednn_desc_free(&dst);
    return failed ? nsky_cpu_fail(err, failed, op->name) : NSKY_OK;
}

/* The last op writes straight into the caller's vectors when it can. */
static bool writes_vectors(const nsky_cpu_network *net, const nsky_op *op, onednn_desc_ref dst)
{
    return op->kind == NSKY_OP_AVGPOOL && !net->keep_values &&
           dnnl_memory_desc_equal(dst, onednn_memory_desc(net->tensors[net->vectors].memory));
}

static nsky_status add_pool(nsky_cpu_network *net, uint32_t op_index, nsky_error *err)
{
    const nsky_op *op = &net->graph->ops[op_index];
    dnnl_primitive_desc_t pool = NULL;
    dnnl_data_type_t type = op->kind == NSKY_OP_AVGPOOL ? dnnl_f32 : net->type;
    uint32_t src, dst = net->vectors;
    nsky_status status;

    if ((status = value_of_type(net, op->in, type, &src, err)) != NSKY_OK ||
        (status = pool_choose(&pool, net, op, src, err)) != NSKY_OK)
        return status;
    onednn_desc_ref desc = onednn_query(pool, dnnl_query_dst_md, 0);
    if (!writes_vectors(net, op, desc) &&
        (status = nsky_cpu_tensor_new(net, desc, NULL, &dst, err)) != NSKY_OK) {
        dnnl_primitive_desc_destroy(pool);
        return status;
    }
    const nsky_cpu_arg args[] = {{DNNL_ARG_SRC, src}, {DNNL_ARG_DST, dst}};
    nsky_cpu_place_value(net, op->out, dst, net->step_count);
    status = nsky_cpu_step_new(net, pool, args, 2, err);
    if (status == NSKY_OK && op->kind == NSKY_OP_AVGPOOL && dst != net->vectors)
        status = nsky_cpu_copy(net, dst, net->vectors, err);
    return status;
}

nsky_status nsky_cpu_add_op(nsky_cpu_network *net, uint32_t op_index, nsky_error *err)
{
    return net->graph->ops[op_index].kind == NSKY_OP_CONV ? nsky_cpu_add_conv(net, op_index, err)
                                                          : add_pool(net, op_index, err);
}
