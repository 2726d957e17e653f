/* network.c - choose primitives, plan the memory, fill in the weights. Thread rule: network.h. */
#include "encoder/cpu/network.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

#define STEPS_AN_OP_MAX 3 /* convert or gather, copy the residual or the vectors, compute */
#define TENSORS_AN_OP_MAX                                                   \
    8 /* converted, weights, bias, result, view; a scratchpad for each step \
       */

static nsky_status alloc_lists(nsky_cpu_network *net, uint32_t steps, uint32_t tensors,
                               nsky_error *err)
{
    net->step_capacity = steps;
    net->tensor_capacity = tensors;
    if (!(net->steps = nsky_alloc_zero(steps, sizeof *net->steps, err)) ||
        !(net->tensors = nsky_alloc_zero(tensors, sizeof *net->tensors, err)) ||
        !(net->spans = nsky_alloc_zero(tensors, sizeof *net->spans, err)))
        return NSKY_ENOMEM;
    return NSKY_OK;
}

static nsky_status open_engine(nsky_cpu_network *net, nsky_error *err)
{
    dnnl_status_t failed = dnnl_engine_create(&net->engine, dnnl_cpu, 0);

    if (!failed)
        failed = dnnl_stream_create(&net->stream, net->engine, dnnl_stream_default_flags);
    if (!failed)
        failed = dnnl_primitive_attr_create(&net->attr);
    if (!failed)
        failed = dnnl_primitive_attr_set_scratchpad_mode(net->attr, dnnl_scratchpad_mode_user);
    return failed ? nsky_cpu_fail(err, failed, "on this CPU") : NSKY_OK;
}

static void find_last_uses(nsky_cpu_network *net)
{
    for (uint32_t i = 0; i < net->graph->op_count; i++) {
        const nsky_op *op = &net->graph->ops[i];
        net->places[op->in].last_op = i;
        if (op->add >= 0)
            net->places[op->add].last_op = i;
    }
}

static nsky_status add_steps(nsky_cpu_network *net, nsky_error *err)
{
    nsky_status status = nsky_cpu_add_outside(net, err);

    for (uint32_t i = 0; i < net->graph->op_count && status == NSKY_OK; i++)
        status = nsky_cpu_add_op(net, i, err);
    return status;
}

/* One block for everything; weights and kept values live for ever. */
static nsky_status alloc_block(nsky_cpu_network *net, nsky_error *err)
{
    nsky_status status;

    for (uint32_t i = 0; i < net->tensor_count; i++) {
        nsky_cpu_span *span = &net->spans[i];
        if (net->tensors[i].outside)
            span->bytes = 0;
        if (net->tensors[i].constant || net->tensors[i].lasting || net->keep_values) {
            span->first = 0;
            span->last = UINT32_MAX;
        }
    }
    if ((status = nsky_cpu_plan(net->spans, net->tensor_count, &net->block_bytes, err)) != NSKY_OK)
        return status;
    if (!(net->block = nsky_alloc_aligned(net->block_bytes, 1, err)))
        return NSKY_ENOMEM;
    return NSKY_OK;
}

static nsky_status bind_tensors(nsky_cpu_network *net, nsky_error *err)
{
    for (uint32_t i = 0; i < net->tensor_count; i++) {
        dnnl_status_t failed = net->tensors[i].outside
                                   ? dnnl_success
                                   : dnnl_memory_set_data_handle(
                                         net->tensors[i].memory,
                                         net->block + net->spans[net->tensors[i].lies_in].offset);
        if (failed)
            return nsky_cpu_fail(err, failed, "a buffer");
    }
    return NSKY_OK;
}

/* float32 as it lies plainly to the format and type the primitive asked for. */
static nsky_status load_plain(nsky_cpu_network *net, const float *data, dnnl_memory_t to,
                              nsky_error *err)
{
    onednn_desc desc = ONEDNN_DESC_NONE;
    dnnl_memory_t plain = NULL;
    dnnl_status_t failed = onednn_desc_plain(&desc, onednn_memory_desc(to), dnnl_f32);
    nsky_status status;

    if (!failed)
        failed =
            dnnl_memory_create(&plain, onednn_ref(&desc), net->engine, (void *)(uintptr_t)data);
    status =
        failed ? nsky_cpu_fail(err, failed, "the weights") : nsky_cpu_copy_now(net, plain, to, err);
    if (plain)
        dnnl_memory_destroy(plain);
    onednn_desc_free(&desc);
    return status;
}

/* [o, i, k, k] to [o, k, k, i] on the way. */
static nsky_status load_window_first(nsky_cpu_network *net, const nsky_cpu_tensor *tensor,
                                     nsky_error *err)
{
    const dnnl_dim_t *dims = onednn_desc_dims(onednn_memory_desc(tensor->memory));
    size_t window = tensor->window, in = (size_t)dims[1] / window, out = (size_t)dims[0];
    float *turned = nsky_alloc(out * window * in, sizeof *turned, err);
    nsky_status status;

    if (!turned)
        return NSKY_ENOMEM;
    for (size_t o = 0; o < out; o++)
        for (size_t i = 0; i < in; i++)
            for (size_t w = 0; w < window; w++)
                turned[(o * window + w) * in + i] = tensor->constant[(o * in + i) * window + w];
    status = load_plain(net, turned, tensor->memory, err);
    nsky_free(turned);
    return status;
}

static nsky_status load_constants(nsky_cpu_network *net, nsky_error *err)
{
    nsky_status status = NSKY_OK;

    for (uint32_t i = 0; i < net->tensor_count && status == NSKY_OK; i++)
        if (net->tensors[i].window > 1)
            status = load_window_first(net, &net->tensors[i], err);
        else if (net->tensors[i].constant)
            status = load_plain(net, net->tensors[i].constant, net->tensors[i].memory, err);
    return status;
}

nsky_status nsky_cpu_network_blank(nsky_cpu_network **out, nsky_precision precision, uint32_t batch,
                                   uint32_t steps, uint32_t tensors, nsky_error *err)
{
    assert(out && batch > 0 && err);
    nsky_cpu_network *net = nsky_alloc_zero(1, sizeof *net, err);
    nsky_status status;

    *out = NULL;
    if (!net)
        return NSKY_ENOMEM;
    net->type = precision == NSKY_BF16 ? dnnl_bf16 : dnnl_f32;
    net->batch = batch;
    if ((status = alloc_lists(net, steps, tensors, err)) == NSKY_OK)
        status = open_engine(net, err);
    if (status != NSKY_OK) {
        nsky_cpu_network_free(net);
        return status;
    }
    *out = net;
    return NSKY_OK;
}

nsky_status nsky_cpu_network_bind(nsky_cpu_network *net, nsky_error *err)
{
    nsky_status status = alloc_block(net, err);

    return status == NSKY_OK ? bind_tensors(net, err) : status;
}

nsky_status nsky_cpu_network_new(nsky_cpu_network **out, const nsky_graph *graph,
                                 nsky_precision precision, uint32_t batch, nsky_error *err)
{
    assert(out && graph && graph->op_count > 0 && batch > 0 && err);
    assert(graph->ops[graph->op_count - 1].kind == NSKY_OP_AVGPOOL);
    const char *keep = getenv("NSKY_KEEP_VALUES");
    nsky_cpu_network *net;
    nsky_status status;

    *out = NULL;
    if ((status =
             nsky_cpu_network_blank(&net, precision, batch, STEPS_AN_OP_MAX * graph->op_count + 1,
                                    TENSORS_AN_OP_MAX * graph->op_count + 4, err)) != NSKY_OK)
        return status;
    net->graph = graph;
    net->keep_values = keep && strcmp(keep, "1") == 0;
    if (!(net->places = nsky_alloc_zero(graph->value_count, sizeof *net->places, err))) {
        status = NSKY_ENOMEM;
        goto done;
    }
    find_last_uses(net);
    if ((status = add_steps(net, err)) != NSKY_OK ||
        (status = nsky_cpu_network_bind(net, err)) != NSKY_OK ||
        (status = load_constants(net, err)) != NSKY_OK)
        goto done;
    *out = net;
    net = NULL;
done:
    nsky_cpu_network_free(net);
    return status;
}

void nsky_cpu_network_free(nsky_cpu_network *net)
{
    if (!net)
        return;
    for (uint32_t i = 0; i < net->step_count; i++)
        if (net->steps[i].primitive)
            dnnl_primitive_destroy(net->steps[i].primitive);
    for (uint32_t i = 0; i < net->tensor_count; i++)
        dnnl_memory_destroy(net->tensors[i].memory);
    if (net->attr)
        dnnl_primitive_attr_destroy(net->attr);
    if (net->stream)
        dnnl_stream_destroy(net->stream);
    if (net->engine)
        dnnl_engine_destroy(net->engine);
    nsky_free(net->block);
    nsky_free(net->places);
    nsky_free(net->spans);
    nsky_free(net->tensors);
    nsky_free(net->steps);
    nsky_free(net);
}
