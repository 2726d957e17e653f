/* cpu.c - the back end on oneDNN: single-threaded, one encoder a core.
 *
 * oneDNN's OpenMP runtime counts threads per calling thread, so open, run and value set that to one
 * and put back what they found: running one encoder per core is as fast as sharing the cores of one
 * when the machine is idle, and two to three times faster when it is not.
 * Thread rule: one thread at a time in each state; states are independent. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/memory.h"
#include "encoder/backend.h"
#include "encoder/cpu/network.h"
#include "encoder/cpu/threads.h"

/* Within 2% of the throughput of 16 and more for a ResNet-50 at 96 px, at half the latency of an
 * upload; and the eight views of an image are one batch. */
#define DEFAULT_BATCH 8
#define BATCH_MAX 1024

typedef struct cpu_state {
    nsky_cpu_network *net;
    bool has_run;
} cpu_state;

static bool cpu_available(nsky_precision precision)
{
    const unsigned bf16 = dnnl_cpu_isa_avx512_core_bf16;

    /* Without the instructions oneDNN emulates bf16, slower than fp32. */
    return precision == NSKY_FP32 ||
           (precision == NSKY_BF16 && ((unsigned)dnnl_get_effective_cpu_isa() & bf16) == bf16);
}

static void cpu_describe(char *out, size_t bytes)
{
    const dnnl_version_t *version = dnnl_version();

    snprintf(out, bytes, "oneDNN %d.%d.%d: fp32%s", version->major, version->minor, version->patch,
             cpu_available(NSKY_BF16) ? ", bf16" : "");
}

static void cpu_close(void *opened)
{
    cpu_state *state = opened;

    if (state)
        nsky_cpu_network_free(state->net);
    nsky_free(state);
}

static nsky_status cpu_open(void **out, const nsky_graph *graph, nsky_precision precision,
                            uint32_t *batch, nsky_error *err)
{
    assert(out && graph && batch && err);
    cpu_state *state;
    nsky_status status;

    *out = NULL;
    if (!cpu_available(precision))
        return nsky_fail(err, NSKY_EDEVICE, "this CPU has no bf16 instructions; use fp32");
    if (*batch > BATCH_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "batch of %u; cpu takes up to %u", *batch, BATCH_MAX);
    if (*batch == 0)
        *batch = DEFAULT_BATCH;
    if (!(state = nsky_alloc_zero(1, sizeof *state, err)))
        return NSKY_ENOMEM;
    int threads = nsky_cpu_set_threads(1);
    status = nsky_cpu_network_new(&state->net, graph, precision, *batch, err);
    nsky_cpu_set_threads(threads);
    if (status != NSKY_OK) {
        cpu_close(state);
        return status;
    }
    *out = state;
    return NSKY_OK;
}

static dnnl_status_t run_step(nsky_cpu_network *net, const nsky_cpu_step *step)
{
    if (step->primitive)
        return dnnl_primitive_execute(step->primitive, net->stream, step->arg_count, step->args);
    nsky_cpu_gather_run(&step->gather, net->block + net->spans[step->from].offset,
                        net->block + net->spans[step->to].offset);
    return dnnl_success;
}

static dnnl_status_t run_steps(nsky_cpu_network *net, const float *images, float *out)
{
    dnnl_status_t failed =
        dnnl_memory_set_data_handle(net->tensors[net->images].memory, (void *)(uintptr_t)images);

    if (!failed)
        failed = dnnl_memory_set_data_handle(net->tensors[net->vectors].memory, out);
    for (uint32_t i = 0; i < net->step_count && !failed; i++)
        failed = run_step(net, &net->steps[i]);
    return failed ? failed : dnnl_stream_wait(net->stream);
}

static nsky_status cpu_run(void *opened, const float *images, float *out, nsky_error *err)
{
    assert(opened && images && out && err);
    cpu_state *state = opened;
    int threads = nsky_cpu_set_threads(1);
    dnnl_status_t failed = run_steps(state->net, images, out);

    nsky_cpu_set_threads(threads);
    state->has_run = !failed;
    return failed ? nsky_cpu_fail(err, failed, "the network") : NSKY_OK;
}

/* True when nothing wrote over the value after it was computed. */
static bool value_lasts(const nsky_cpu_network *net, uint32_t value)
{
    const nsky_cpu_place *place = &net->places[value];
    const nsky_cpu_span *span = &net->spans[place->tensor];

    if (net->tensors[place->tensor].outside)
        return false;
    for (uint32_t i = 0; i < net->tensor_count; i++)
        if (i != place->tensor && net->spans[i].first > place->step &&
            nsky_cpu_share_bytes(span, &net->spans[i]))
            return false;
    for (uint32_t i = 0; i < net->graph->value_count; i++)
        if (net->places[i].tensor == place->tensor && net->places[i].step > place->step)
            return false;
    return true;
}

static nsky_status read_tensor(nsky_cpu_network *net, uint32_t tensor, float *out, nsky_error *err)
{
    dnnl_memory_t from = net->tensors[tensor].memory, to = NULL;
    onednn_desc desc = ONEDNN_DESC_NONE;
    dnnl_status_t failed = onednn_desc_plain(&desc, onednn_memory_desc(from), dnnl_f32);
    nsky_status status;

    if (!failed)
        failed = dnnl_memory_create(&to, onednn_ref(&desc), net->engine, out);
    status = failed ? nsky_cpu_fail(err, failed, "a value") : nsky_cpu_copy_now(net, from, to, err);
    if (to)
        dnnl_memory_destroy(to);
    onednn_desc_free(&desc);
    return status;
}

static nsky_status cpu_value(void *opened, uint32_t value, float *out, nsky_error *err)
{
    assert(opened && out && err);
    cpu_state *state = opened;
    nsky_cpu_network *net = state->net;

    if (value >= net->graph->value_count)
        return nsky_fail(err, NSKY_ENOTFOUND, "the network has no value %u", value);
    if (!state->has_run || !value_lasts(net, value))
        return nsky_fail(err, NSKY_ENOTFOUND,
                         "value %u is no longer there; set NSKY_KEEP_VALUES=1 before opening",
                         value);
    int threads = nsky_cpu_set_threads(1);
    nsky_status status = read_tensor(net, net->places[value].tensor, out, err);
    nsky_cpu_set_threads(threads);
    return status;
}

const nsky_backend_ops nsky_backend_cpu = {
    .name = "cpu",
    .available = cpu_available,
    .describe = cpu_describe,
    .open = cpu_open,
    .run = cpu_run,
    .value = cpu_value,
    .close = cpu_close,
};
