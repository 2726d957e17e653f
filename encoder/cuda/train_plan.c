/* train_plan.c - which operations are one kernel, and who needs which bytes when: activations until
 * the backward run has passed them, derivatives from their first share to the operation they are
 * for. Thread rule: pure. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "encoder/cpu/plan.h"
#include "encoder/cuda/train_private.h"
#include "encoder/cuda/weights.h"

#define ALIGNMENT_BYTES 256u

/* Spans of a plan: values, their derivatives, and the extra shares of convolutions. */
enum { VALUES, GRADIENTS, EXTRAS, KINDS };
#define SPANS ((size_t)(NSKY_TRAIN_OPS_MAX + 1) * KINDS)

static nsky_cpu_span *span_of(nsky_cpu_span *spans, int kind, uint32_t i)
{
    return &spans[(size_t)kind * (NSKY_TRAIN_OPS_MAX + 1) + i];
}

bool nsky_train_is_image_conv(const nsky_train_net *net, const nsky_train_op *op)
{
    return op->kind == NSKY_TRAIN_CONV && !net->graph->values[op->in].exact;
}

uint32_t nsky_train_norm_out(const nsky_train_net *net, uint32_t op)
{
    const nsky_train_op *ops = net->graph->ops;

    return ops[net->sum_of[op] == NSKY_TRAIN_NONE ? op : net->sum_of[op]].out;
}

static uint32_t readers(const nsky_train_graph *g, uint32_t value)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < g->op_count; i++)
        count += (g->ops[i].in == value) + (g->ops[i].add == value);
    return count;
}

/* A sum of a norm's value, that nobody else reads, and of a value that is there before the norm. */
static void fuse(nsky_train_net *net)
{
    const nsky_train_graph *g = net->graph;

    for (uint32_t i = 0; i < g->op_count; i++) {
        net->sum_of[i] = NSKY_TRAIN_NONE;
        net->done_before[i] = false;
    }
    for (uint32_t s = 0; s < g->op_count; s++)
        for (uint32_t n = 0; n < s && g->ops[s].kind == NSKY_TRAIN_SUM; n++)
            if (g->ops[n].kind == NSKY_TRAIN_NORM && g->ops[n].out == g->ops[s].in &&
                !g->ops[n].relu && readers(g, g->ops[n].out) == 1 &&
                g->ops[s].add < g->ops[n].out) {
                net->sum_of[n] = s;
                net->done_before[s] = true;
            }
}

static nsky_rows rows_of(const nsky_train_net *net, uint32_t value)
{
    const nsky_train_value *v = &net->graph->values[value];

    return (nsky_rows){.count = (size_t)net->batch * v->height * v->width,
                       .channels = v->channels,
                       .room = v->exact ? v->channels : nsky_padded(v->channels),
                       .exact = v->exact};
}

static nsky_status bytes_of(const nsky_rows *r, size_t *bytes, nsky_error *err)
{
    if (!nsky_mul_size(r->count, r->room, bytes) ||
        !nsky_mul_size(*bytes, r->exact ? sizeof(float) : sizeof(uint16_t), bytes) ||
        !nsky_add_size(*bytes, ALIGNMENT_BYTES - 1, bytes))
        return nsky_fail(err, NSKY_ELIMIT, "%u channels of %zu pixels are too many", r->channels,
                         r->count);
    *bytes = *bytes / ALIGNMENT_BYTES * ALIGNMENT_BYTES;
    return NSKY_OK;
}

static void touch(nsky_cpu_span *span, uint32_t when)
{
    if (span->first > span->last)
        span->first = span->last = when;
    if (when < span->first)
        span->first = when;
    if (when > span->last)
        span->last = when;
}

/* Forwards, op i is step i. */
static void live_forwards(const nsky_train_net *net, nsky_cpu_span *spans)
{
    const nsky_train_graph *g = net->graph;

    touch(span_of(spans, VALUES, 0), 0);
    for (uint32_t i = 0; i < g->op_count; i++) {
        const nsky_train_op *op = &g->ops[i];
        if (net->done_before[i])
            continue;
        uint32_t out = op->kind == NSKY_TRAIN_NORM ? nsky_train_norm_out(net, i) : op->out;
        uint32_t add = net->sum_of[i] == NSKY_TRAIN_NONE ? op->add : g->ops[net->sum_of[i]].add;
        touch(span_of(spans, VALUES, op->in), i);
        touch(span_of(spans, VALUES, out), i);
        if (add != NSKY_TRAIN_NONE)
            touch(span_of(spans, VALUES, add), i);
    }
    touch(span_of(spans, VALUES, g->value_count - 1), g->op_count);
}

/* One share of the derivative by a value; whether there were others before. */
static bool share(nsky_cpu_span *spans, uint32_t value, uint32_t when)
{
    nsky_cpu_span *span = span_of(spans, GRADIENTS, value);
    bool more = span->first <= span->last;

    if (value > 0) /* nobody needs the derivative by the images */
        touch(span, when);
    return more;
}

/* What an op reads backwards, and writes: op i is step 2 ops - i. */
static void live_backwards(nsky_train_net *net, nsky_cpu_span *spans)
{
    const nsky_train_graph *g = net->graph;

    touch(span_of(spans, GRADIENTS, g->value_count - 1), g->op_count);
    for (uint32_t i = g->op_count; i-- > 0;) {
        const nsky_train_op *op = &g->ops[i];
        uint32_t when = 2 * g->op_count - i, out = op->out, add = op->add;
        if (net->done_before[i])
            continue;
        if (net->sum_of[i] != NSKY_TRAIN_NONE) {
            out = nsky_train_norm_out(net, i);
            add = g->ops[net->sum_of[i]].add;
        }
        touch(span_of(spans, GRADIENTS, out), when);
        if (op->kind != NSKY_TRAIN_SUM && op->kind != NSKY_TRAIN_AVGPOOL)
            touch(span_of(spans, VALUES, op->in), when);
        if (op->kind == NSKY_TRAIN_SUM || op->kind == NSKY_TRAIN_NORM)
            touch(span_of(spans, VALUES, out), when); /* where it was cut off */
        net->more[i] = share(spans, op->in, when);
        if (add != NSKY_TRAIN_NONE)
            net->more_add[i] = share(spans, add, when);
        if (op->kind == NSKY_TRAIN_CONV && op->in > 0 && net->more[i])
            touch(span_of(spans, EXTRAS, i), when);
    }
}

/* Sizes and places; a place is an offset until the block is there. */
static nsky_status place(nsky_train_net *net, nsky_cpu_span *spans, nsky_error *err)
{
    const nsky_train_graph *g = net->graph;
    const char *asked = getenv("NSKY_KEEP_VALUES");
    bool keep = asked && strcmp(asked, "1") == 0; /* checks look at them afterwards */
    nsky_status status = NSKY_OK;

    for (uint32_t v = 0; v < g->value_count && status == NSKY_OK; v++) {
        nsky_rows rows = rows_of(net, v);
        size_t bytes = 0;
        net->values[v] = net->gradients[v] = rows;
        status = bytes_of(&rows, &bytes, err);
        span_of(spans, VALUES, v)->bytes = span_of(spans, GRADIENTS, v)->bytes = bytes;
    }
    for (uint32_t i = 0; i < g->op_count; i++)
        span_of(spans, EXTRAS, i)->bytes = span_of(spans, VALUES, g->ops[i].in)->bytes;
    for (uint32_t i = 0; i < SPANS; i++)
        if (spans[i].first > spans[i].last)
            spans[i].bytes = 0;
        else if (keep)
            spans[i] = (nsky_cpu_span){.bytes = spans[i].bytes, .last = 2 * g->op_count};
    return status == NSKY_OK ? nsky_cpu_plan(spans, (uint32_t)SPANS, &net->block_bytes, err)
                             : status;
}

static void *at_offset(const nsky_cpu_span *span)
{
    /* One more than the offset, so that the first byte has a name, too. */
    return span->bytes > 0 ? (void *)(uintptr_t)(span->offset + 1) : NULL;
}

nsky_status nsky_train_plan(nsky_train_net *net, nsky_error *err)
{
    assert(net && err);
    const nsky_train_graph *g = net->graph;
    nsky_cpu_span *spans = nsky_alloc_zero(SPANS, sizeof *spans, err);
    nsky_status status;

    if (!spans)
        return NSKY_ENOMEM;
    for (uint32_t i = 0; i < SPANS; i++)
        spans[i].first = 1; /* none touches it */
    fuse(net);
    live_forwards(net, spans);
    if (net->learns)
        live_backwards(net, spans);
    if ((status = place(net, spans, err)) == NSKY_OK) {
        for (uint32_t v = 0; v < g->value_count; v++) {
            net->values[v].at = at_offset(span_of(spans, VALUES, v));
            net->gradients[v].at = at_offset(span_of(spans, GRADIENTS, v));
        }
        for (uint32_t i = 0; i < g->op_count; i++)
            net->extra[i] = at_offset(span_of(spans, EXTRAS, i));
    }
    nsky_free(spans);
    return status;
}
