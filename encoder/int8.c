/* int8.c - which values are bytes, and the largest magnitude each of them has. Thread rule: one
 * thread. */
#include "encoder/int8.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

#define DIGITS 4

struct nsky_int8_gauge {
    const nsky_graph *graph;
    const nsky_backend_ops *ops;
    void *state;
    uint32_t batch, filled;
    uint64_t images;
    float *input;    /* [batch, 3, size, size] */
    float *features; /* [batch, dim] */
    float *value;    /* [batch, c, h, w] of the largest value */
    float *largest;  /* [value_count] */
};

static size_t floats_of(const nsky_value *v)
{
    return (size_t)v->channels * v->height * v->width;
}

static const nsky_op *writer_of(const nsky_graph *graph, uint32_t value)
{
    for (uint32_t i = 0; i < graph->op_count; i++)
        if (graph->ops[i].out == value)
            return &graph->ops[i];
    return NULL;
}

static bool pools_first(const nsky_graph *graph)
{
    return graph->op_count > 1 && graph->ops[1].kind == NSKY_OP_MAXPOOL;
}

bool nsky_int8_keeps(const nsky_graph *graph, uint32_t value)
{
    assert(graph && value < graph->value_count);
    const nsky_op *last = &graph->ops[graph->op_count - 1];

    if (value == last->in || value == last->out)
        return false;
    return !pools_first(graph) || (value != 0 && value != graph->ops[0].out);
}

const char *nsky_int8_name(const nsky_graph *graph, uint32_t value)
{
    const nsky_op *writer = writer_of(graph, value);

    return writer ? writer->name : "input";
}

static nsky_status gauge_open(nsky_int8_gauge *g, nsky_error *err)
{
    const nsky_graph *graph = g->graph;
    size_t image = floats_of(&graph->values[0]), most = 0;

    setenv("NSKY_KEEP_VALUES", "1", 1);
    nsky_status status = g->ops->open(&g->state, graph, NSKY_FP32, &g->batch, err);
    unsetenv("NSKY_KEEP_VALUES");
    if (status != NSKY_OK)
        return status;
    for (uint32_t v = 0; v < graph->value_count; v++)
        most = floats_of(&graph->values[v]) > most ? floats_of(&graph->values[v]) : most;
    if (!(g->input = nsky_alloc_aligned(g->batch, image * sizeof(float), err)) ||
        !(g->features = nsky_alloc_aligned(g->batch, graph->dim * sizeof(float), err)) ||
        !(g->value = nsky_alloc_aligned(g->batch, most * sizeof(float), err)) ||
        !(g->largest = nsky_alloc_zero(graph->value_count, sizeof(float), err)))
        return err->status;
    return NSKY_OK;
}

nsky_status nsky_int8_gauge_new(nsky_int8_gauge **out, const nsky_graph *graph,
                                const nsky_backend_ops *ops, nsky_error *err)
{
    assert(out && graph && ops && err);
    nsky_int8_gauge *g = nsky_alloc_zero(1, sizeof *g, err);

    *out = NULL;
    if (!g)
        return err->status;
    g->graph = graph;
    g->ops = ops;
    nsky_status status = gauge_open(g, err);
    if (status != NSKY_OK) {
        nsky_int8_gauge_free(g);
        return status;
    }
    *out = g;
    return NSKY_OK;
}

void nsky_int8_gauge_free(nsky_int8_gauge *g)
{
    if (!g)
        return;
    if (g->state)
        g->ops->close(g->state);
    nsky_free(g->input);
    nsky_free(g->features);
    nsky_free(g->value);
    nsky_free(g->largest);
    nsky_free(g);
}

/* NaN stays: it is noticed at the end. */
static void raise_to(float *largest, const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        float size = fabsf(values[i]);
        if (!(size <= *largest))
            *largest = size;
    }
}

/* The images that wait; the rest of the batch repeats one of them. */
static nsky_status measure(nsky_int8_gauge *g, nsky_error *err)
{
    const nsky_graph *graph = g->graph;
    size_t image = floats_of(&graph->values[0]);
    nsky_status status;

    for (uint32_t i = g->filled; i < g->batch; i++)
        memcpy(g->input + i * image, g->input, image * sizeof(float));
    if ((status = g->ops->run(g->state, g->input, g->features, err)) != NSKY_OK)
        return status;
    raise_to(&g->largest[0], g->input, g->batch * image);
    for (uint32_t v = 1; v < graph->value_count && status == NSKY_OK; v++) {
        if (!nsky_int8_keeps(graph, v))
            continue;
        if ((status = g->ops->value(g->state, v, g->value, err)) == NSKY_OK)
            raise_to(&g->largest[v], g->value, g->batch * floats_of(&graph->values[v]));
    }
    g->filled = 0;
    return status;
}

nsky_status nsky_int8_gauge_add(nsky_int8_gauge *g, const float *image, nsky_error *err)
{
    assert(g && image && err);
    size_t floats = floats_of(&g->graph->values[0]);

    memcpy(g->input + g->filled++ * floats, image, floats * sizeof(float));
    g->images++;
    return g->filled == g->batch ? measure(g, err) : NSKY_OK;
}

/* Up, to so many digits, within what a scale may be. */
static float rounded_up(float largest)
{
    double size = fmin(fmax(largest, NSKY_INT8_LEAST), 1 / NSKY_INT8_LEAST);
    double step = pow(10, floor(log10(size)) + 1 - DIGITS);

    return (float)(ceil(size / step) * step);
}

nsky_status nsky_int8_gauge_end(nsky_int8_gauge *g, nsky_graph *graph, nsky_error *err)
{
    assert(g && graph && graph->value_count == g->graph->value_count && err);
    nsky_status status;

    if (g->images == 0)
        return nsky_fail(err, NSKY_EDATA, "no stamp to calibrate with");
    if (g->filled > 0 && (status = measure(g, err)) != NSKY_OK)
        return status;
    for (uint32_t v = 0; v < graph->value_count; v++) {
        if (!isfinite(g->largest[v]))
            return nsky_fail(err, NSKY_EDATA, "the network's values at %s are not finite",
                             nsky_int8_name(graph, v));
        graph->values[v].largest = nsky_int8_keeps(graph, v) ? rounded_up(g->largest[v]) : 0;
    }
    return NSKY_OK;
}
