/* network_values.c - a network's values: how many bytes, where in the block, and read back.
 * Thread rule: one thread at a time. */
#include <assert.h>

#include "common/memory.h"
#include "encoder/cuda/bytes.h"
#include "encoder/cuda/network_private.h"
#include "encoder/cuda/weights.h"

#define ALIGNMENT_BYTES 256u
#define BATCH_MIN 32u
#define BATCH_GOOD 512u /* the last layers are 3 x 3 pixels: fewer images leave a card idle */
#define ACTIVATION_BYTES_MAX ((size_t)3 << 30) /* then the batch is halved */

static size_t value_bytes(const nsky_graph *graph, uint32_t value, nsky_number number,
                          uint32_t batch)
{
    const nsky_value *v = &graph->values[value];
    size_t bytes = (size_t)batch * v->height * v->width * nsky_padded(v->channels) *
                   nsky_number_bytes(nsky_number_at(graph, number, value));

    return (bytes + ALIGNMENT_BYTES - 1) / ALIGNMENT_BYTES * ALIGNMENT_BYTES;
}

static uint32_t last_value(const nsky_graph *graph)
{
    return graph->ops[graph->op_count - 1].out;
}

/* spans [value_count]: each from the op that writes it to the last that reads it. */
nsky_status nsky_network_plan(const nsky_graph *graph, nsky_number number, uint32_t batch,
                              bool keep, nsky_cpu_span *spans, size_t *total, nsky_error *err)
{
    for (uint32_t v = 0; v < graph->value_count; v++)
        spans[v] = (nsky_cpu_span){.bytes = value_bytes(graph, v, number, batch),
                                   .last = keep ? graph->op_count : 0};
    for (uint32_t i = 0; i < graph->op_count; i++) {
        const nsky_op *op = &graph->ops[i];
        if (!keep)
            spans[op->out].first = spans[op->out].last = i;
        if (!keep)
            spans[op->in].last = i;
        if (!keep && op->add >= 0)
            spans[op->add].last = i;
    }
    spans[last_value(graph)].bytes = 0; /* features are float32 and have a place of their own */
    return nsky_cpu_plan(spans, graph->value_count, total, err);
}

nsky_status nsky_network_batch(uint32_t *out, const nsky_graph *graph, nsky_number number,
                               nsky_error *err)
{
    assert(out && graph && err);
    nsky_cpu_span *spans = nsky_alloc(graph->value_count, sizeof *spans, err);
    size_t total = 0;
    nsky_status status = spans ? NSKY_OK : err->status;

    for (*out = BATCH_GOOD; status == NSKY_OK; *out /= 2) {
        status = nsky_network_plan(graph, number, *out, false, spans, &total, err);
        if (total <= ACTIVATION_BYTES_MAX || *out <= BATCH_MIN)
            break;
    }
    nsky_free(spans);
    return status;
}

void *nsky_network_value_at(const nsky_network *net, uint32_t value)
{
    return net->block + net->spans[value].offset;
}

/* [batch, h, w, padded c] -> [batch, c, h, w] float32. */
static void reorder(const nsky_network *net, uint32_t value, const void *in, float *out)
{
    const nsky_value *v = &net->graph->values[value];
    size_t plane = (size_t)v->height * v->width, room = nsky_padded(v->channels);
    nsky_number number = nsky_number_at(net->graph, net->number, value);
    float unit = number == NSKY_NUMBER_INT8 ? (float)nsky_bytes_unit(net->graph, value) : 1;

    for (size_t n = 0; n < net->batch; n++)
        for (size_t p = 0; p < plane; p++)
            for (size_t c = 0; c < v->channels; c++)
                out[(n * v->channels + c) * plane + p] =
                    unit * nsky_number_get(number, in, (n * plane + p) * room + c);
}

nsky_status nsky_network_value(nsky_network *net, uint32_t value, float *out, nsky_error *err)
{
    assert(net && value < net->graph->value_count && out && err);
    bool features = value == last_value(net->graph);
    size_t bytes = value_bytes(net->graph, value, net->number, net->batch);
    nsky_status status;

    if (features)
        status = nsky_dev_copy_out(net->dev, out, net->features,
                                   (size_t)net->batch * net->graph->dim * sizeof *out,
                                   NSKY_STREAM_COMPUTE, err);
    else if (!net->keep)
        return nsky_fail(err, NSKY_ENOTFOUND, "value %u was not kept", value);
    if (features)
        return status != NSKY_OK ? status : nsky_dev_sync(net->dev, NSKY_STREAM_COMPUTE, err);
    void *raw = nsky_alloc_aligned(bytes, 1, err);
    if (!raw)
        return err->status;
    if ((status = nsky_dev_copy_out(net->dev, raw, nsky_network_value_at(net, value), bytes,
                                    NSKY_STREAM_COMPUTE, err)) == NSKY_OK &&
        (status = nsky_dev_sync(net->dev, NSKY_STREAM_COMPUTE, err)) == NSKY_OK)
        reorder(net, value, raw, out);
    nsky_free(raw);
    return status;
}
