/* train.c - training on oneDNN: single-threaded, one network a core. Thread rule: see train.h. */
#include "encoder/cpu/train.h"

#include <assert.h>
#include <string.h>

#include "common/clock.h"
#include "common/memory.h"
#include "encoder/cpu/threads.h"

static bool train_available(nsky_precision precision)
{
    return nsky_backend_cpu.available(precision);
}

static void train_close(void *opened)
{
    nsky_cpu_train *train = opened;

    if (!train)
        return;
    for (uint32_t i = 0; i < train->graph->op_count; i++)
        if (train->kept[i].forward)
            dnnl_primitive_desc_destroy(train->kept[i].forward);
    if (train->add)
        dnnl_primitive_attr_destroy(train->add);
    if (train->relu)
        dnnl_primitive_attr_destroy(train->relu);
    nsky_cpu_network_free(train->net);
    nsky_free(train);
}

static nsky_status train_open(void **out, const nsky_train_graph *graph, nsky_precision precision,
                              uint32_t batch, bool learns, nsky_error *err)
{
    assert(out && graph && batch > 0 && batch <= NSKY_TRAIN_BATCH_MAX && err);
    nsky_cpu_train *train;
    nsky_status status;

    *out = NULL;
    if (!train_available(precision))
        return nsky_fail(err, NSKY_EDEVICE, "this CPU has no bf16 instructions; use fp32");
    if (!(train = nsky_alloc_zero(1, sizeof *train, err)))
        return NSKY_ENOMEM;
    train->graph = graph;
    train->learns = learns;
    int threads = nsky_cpu_set_threads(1);
    status = nsky_cpu_train_build(train, precision, batch, err);
    nsky_cpu_set_threads(threads);
    if (status != NSKY_OK) {
        train_close(train);
        return status;
    }
    *out = train;
    return NSKY_OK;
}

static nsky_status run_phase(nsky_cpu_train *train, uint32_t phase, const char *what,
                             nsky_error *err)
{
    const nsky_cpu_network *net = train->net;
    int threads = nsky_cpu_set_threads(1);
    dnnl_status_t failed = dnnl_success;

    for (uint32_t i = 0; i < net->step_count && !failed; i++)
        if (net->steps[i].phase == phase)
            failed = dnnl_primitive_execute(net->steps[i].primitive, net->stream,
                                            net->steps[i].arg_count, net->steps[i].args);
    if (!failed)
        failed = dnnl_stream_wait(net->stream);
    nsky_cpu_set_threads(threads);
    return failed ? nsky_cpu_fail(err, failed, what) : NSKY_OK;
}

static void point(nsky_cpu_train *train, uint32_t tensor, const float *at)
{
    dnnl_status_t failed =
        dnnl_memory_set_data_handle(train->net->tensors[tensor].memory, (void *)(uintptr_t)at);
    assert(!failed); /* only a wrong memory object is refused */
}

static nsky_status train_load(void *opened, const float *params, nsky_error *err)
{
    assert(opened && params && err);
    nsky_cpu_train *train = opened;

    for (uint32_t i = 0; i < train->load_count; i++)
        point(train, train->loads[i].tensor, params + train->loads[i].offset);
    return run_phase(train, NSKY_CPU_LOAD, "the loading of parameters", err);
}

static nsky_status train_forward(void *opened, const float *in, float *out, nsky_error *err)
{
    assert(opened && in && out && err);
    nsky_cpu_train *train = opened;

    point(train, train->in, in);
    point(train, train->out, out);
    train->has_run = true;
    return run_phase(train, NSKY_CPU_FORWARD, "the network", err);
}

static const float *floats_of(const nsky_cpu_train *train, uint32_t tensor)
{
    void *handle = NULL;

    dnnl_memory_get_data_handle(train->net->tensors[tensor].memory, &handle);
    return handle;
}

static void train_stats(void *opened, float *out)
{
    assert(opened && out);
    const nsky_cpu_train *train = opened;

    assert(train->has_run);
    for (uint32_t i = 0; i < train->graph->op_count; i++) {
        const nsky_train_op *op = &train->graph->ops[i];
        if (op->kind != NSKY_TRAIN_NORM)
            continue;
        const nsky_train_norm *norm = &train->graph->norms[op->norm];
        const nsky_train_value *v = &train->graph->values[op->in];
        const float *mean = floats_of(train, train->kept[i].mean);
        const float *variance = floats_of(train, train->kept[i].variance);
        double n = (double)train->net->batch * v->height * v->width;
        for (uint32_t c = 0; c < norm->channels; c++) {
            out[norm->offset + c] = mean[c];
            /* oneDNN's is the biased one */
            out[norm->offset + norm->channels + c] =
                (float)(variance[c] * (n / (n > 1 ? n - 1 : 1)));
        }
    }
}

static nsky_status train_backward(void *opened, const float *d_out, nsky_error *err)
{
    assert(opened && d_out && err);
    nsky_cpu_train *train = opened;

    assert(train->learns && train->has_run);
    point(train, train->d_out, d_out);
    return run_phase(train, NSKY_CPU_BACKWARD, "the network backwards", err);
}

static nsky_status train_add_gradients(void *opened, float *sum, nsky_error *err)
{
    assert(opened && sum && err);
    nsky_cpu_train *train = opened;

    for (uint32_t i = 0; i < train->sink_count; i++)
        point(train, train->sinks[i].tensor, sum + train->sinks[i].offset);
    return run_phase(train, NSKY_CPU_COLLECT, "a sum of gradients", err);
}

static void train_multiply(uint32_t m, uint32_t n, uint32_t k, const float *a, const float *b,
                           bool transposed, float *out)
{
    int threads = nsky_cpu_set_threads(1);
    dnnl_status_t failed = dnnl_sgemm('N', transposed ? 'T' : 'N', m, n, k, 1.0f, a, k, b,
                                      transposed ? k : n, 0.0f, out, n);

    nsky_cpu_set_threads(threads);
    assert(!failed); /* only impossible sizes are refused */
}

static double train_kernel_s(void *opened, bool back)
{
    assert(opened);
    nsky_cpu_train *train = opened;
    uint32_t phase = back ? NSKY_CPU_BACKWARD : NSKY_CPU_FORWARD;
    int threads = nsky_cpu_set_threads(1);
    double start = nsky_thread_cpu_s();

    for (uint32_t i = 0; i < train->net->step_count; i++) {
        const nsky_cpu_step *step = &train->net->steps[i];
        if (step->phase == phase && step->kernel)
            dnnl_primitive_execute(step->primitive, train->net->stream, step->arg_count,
                                   step->args);
    }
    dnnl_stream_wait(train->net->stream);
    nsky_cpu_set_threads(threads);
    return nsky_thread_cpu_s() - start;
}

const nsky_train_ops nsky_train_cpu = {
    .name = "cpu",
    .available = train_available,
    .open = train_open,
    .load = train_load,
    .forward = train_forward,
    .stats = train_stats,
    .backward = train_backward,
    .add_gradients = train_add_gradients,
    .close = train_close,
    .multiply = train_multiply,
    .kernel_s = train_kernel_s,
};
