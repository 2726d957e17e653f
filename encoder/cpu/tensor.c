/* tensor.c - the memory of a network and the steps that move it. Thread rule: see network.h. */
#include <assert.h>

#include "common/memory.h"
#include "encoder/cpu/network.h"

nsky_status nsky_cpu_fail(nsky_error *err, dnnl_status_t status, const char *what)
{
    if (status == dnnl_out_of_memory)
        return nsky_fail(err, NSKY_ENOMEM, "oneDNN has no memory for %s", what);
    return nsky_fail(err, NSKY_EDEVICE, "oneDNN cannot run %s%s (status %d); try --device ref",
                     what, status == dnnl_unimplemented ? ": not implemented on this CPU" : "",
                     (int)status);
}

nsky_status nsky_cpu_tensor_new(nsky_cpu_network *net, onednn_desc_ref desc, const float *constant,
                                uint32_t *out, nsky_error *err)
{
    assert(net->tensor_count < net->tensor_capacity);
    nsky_cpu_tensor *tensor = &net->tensors[net->tensor_count];
    nsky_cpu_span *span = &net->spans[net->tensor_count];
    dnnl_status_t status = dnnl_memory_create(&tensor->memory, desc, net->engine, DNNL_MEMORY_NONE);

    if (status)
        return nsky_cpu_fail(err, status, "a buffer");
    tensor->constant = constant;
    tensor->lies_in = net->tensor_count;
    *span = (nsky_cpu_span){.bytes = dnnl_memory_desc_get_size(desc), .first = 1, .last = 0};
    *out = net->tensor_count++;
    return NSKY_OK;
}

nsky_status nsky_cpu_tensor_view(nsky_cpu_network *net, uint32_t base, onednn_desc_ref desc,
                                 uint32_t *out, nsky_error *err)
{
    nsky_status status = nsky_cpu_tensor_new(net, desc, NULL, out, err);

    if (status != NSKY_OK)
        return status;
    assert(net->spans[*out].bytes == net->spans[base].bytes);
    net->spans[*out].bytes = 0;
    net->tensors[*out].lies_in = net->tensors[base].lies_in;
    return NSKY_OK;
}

/* From now on the tensor is alive from its first step to this one. */
static void touch(nsky_cpu_network *net, uint32_t tensor)
{
    nsky_cpu_span *span = &net->spans[net->tensors[tensor].lies_in];

    if (span->first > span->last)
        span->first = net->step_count;
    span->last = net->step_count;
}

static void add_arg(nsky_cpu_network *net, nsky_cpu_step *step, int name, uint32_t tensor)
{
    assert(step->arg_count < NSKY_CPU_ARGS_MAX);
    step->args[step->arg_count++] = (dnnl_exec_arg_t){name, net->tensors[tensor].memory};
    touch(net, tensor);
}

nsky_status nsky_cpu_step_new(nsky_cpu_network *net, dnnl_primitive_desc_t primitive,
                              const nsky_cpu_arg *args, int arg_count, nsky_error *err)
{
    assert(net->step_count < net->step_capacity);
    nsky_cpu_step *step = &net->steps[net->step_count];
    onednn_desc_ref scratch = onednn_query(primitive, dnnl_query_scratchpad_md, 0);
    dnnl_status_t failed = dnnl_primitive_create(&step->primitive, primitive);
    nsky_status status = failed ? nsky_cpu_fail(err, failed, "a step of the network") : NSKY_OK;
    uint32_t tensor = 0;

    step->phase = net->phase;
    for (int i = 0; i < arg_count && status == NSKY_OK; i++)
        add_arg(net, step, args[i].name, args[i].tensor);
    if (status == NSKY_OK && scratch && dnnl_memory_desc_get_size(scratch) > 0 &&
        (status = nsky_cpu_tensor_new(net, scratch, NULL, &tensor, err)) == NSKY_OK)
        add_arg(net, step, DNNL_ARG_SCRATCHPAD, tensor);
    net->step_count++; /* even half made: free looks at it */
    dnnl_primitive_desc_destroy(primitive);
    return status;
}

void nsky_cpu_gather_new(nsky_cpu_network *net, const nsky_op *op, uint32_t from, uint32_t to)
{
    assert(net->step_count < net->step_capacity);
    nsky_cpu_step *step = &net->steps[net->step_count];
    const nsky_value *in = &net->graph->values[op->in], *out = &net->graph->values[op->out];

    step->gather =
        (nsky_cpu_gather){.batch = net->batch,
                          .pixel_bytes = (size_t)in->channels * (net->type == dnnl_bf16 ? 2 : 4),
                          .height = in->height,
                          .width = in->width,
                          .out_height = out->height,
                          .out_width = out->width,
                          .kernel = op->kernel,
                          .stride = op->stride,
                          .padding = op->padding};
    step->from = from;
    step->to = to;
    touch(net, from);
    touch(net, to);
    net->step_count++;
}

static nsky_status copy_desc(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                             const_dnnl_primitive_attr_t attr, dnnl_memory_t from, dnnl_memory_t to,
                             nsky_error *err)
{
    dnnl_status_t failed = dnnl_reorder_primitive_desc_create(out, onednn_memory_desc(from), engine,
                                                              onednn_memory_desc(to), engine, attr);

    return failed ? nsky_cpu_fail(err, failed, "a change of format") : NSKY_OK;
}

nsky_status nsky_cpu_copy(nsky_cpu_network *net, uint32_t from, uint32_t to, nsky_error *err)
{
    const nsky_cpu_arg args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    dnnl_primitive_desc_t desc = NULL;
    nsky_status status = copy_desc(&desc, net->engine, net->attr, net->tensors[from].memory,
                                   net->tensors[to].memory, err);

    return status == NSKY_OK ? nsky_cpu_step_new(net, desc, args, 2, err) : status;
}

static bool has_format(const nsky_cpu_network *net, uint32_t tensor, onednn_desc_ref desc)
{
    return tensor != NSKY_CPU_NONE &&
           dnnl_memory_desc_equal(onednn_memory_desc(net->tensors[tensor].memory), desc);
}

nsky_status nsky_cpu_value_as(nsky_cpu_network *net, uint32_t value, onednn_desc_ref desc,
                              uint32_t *out, nsky_error *err)
{
    nsky_cpu_place *place = &net->places[value];
    nsky_status status;

    *out = place->tensor;
    if (has_format(net, place->tensor, desc))
        return NSKY_OK;
    *out = place->converted;
    if (has_format(net, place->converted, desc))
        return NSKY_OK;
    if ((status = nsky_cpu_tensor_new(net, desc, NULL, out, err)) != NSKY_OK)
        return status;
    place->converted = *out;
    return nsky_cpu_copy(net, place->tensor, *out, err);
}

nsky_status nsky_cpu_copy_now(nsky_cpu_network *net, dnnl_memory_t from, dnnl_memory_t to,
                              nsky_error *err)
{
    dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    dnnl_primitive_desc_t desc = NULL;
    dnnl_primitive_t primitive = NULL;
    nsky_status status = copy_desc(&desc, net->engine, NULL, from, to, err);
    dnnl_status_t failed;

    if (status != NSKY_OK)
        return status;
    failed = dnnl_primitive_create(&primitive, desc);
    if (!failed)
        failed = dnnl_primitive_execute(primitive, net->stream, 2, args);
    if (!failed)
        failed = dnnl_stream_wait(net->stream);
    if (primitive)
        dnnl_primitive_destroy(primitive);
    dnnl_primitive_desc_destroy(desc);
    return failed ? nsky_cpu_fail(err, failed, "a change of format") : NSKY_OK;
}
