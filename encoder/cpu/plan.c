/* plan.c - largest first, each at the lowest offset that is free while it lives. For chains with
 * short branches, as ResNets are, this comes out at or near the peak of what is alive at once.
 * Thread rule: pure. */
#include "encoder/cpu/plan.h"

#include <assert.h>

#include "common/memory.h"

#define UNPLACED SIZE_MAX

bool nsky_cpu_alive_together(const nsky_cpu_span *a, const nsky_cpu_span *b)
{
    return a->first <= a->last && b->first <= b->last && a->first <= b->last && b->first <= a->last;
}

bool nsky_cpu_share_bytes(const nsky_cpu_span *a, const nsky_cpu_span *b)
{
    return a->bytes && b->bytes && a->offset < b->offset + b->bytes &&
           b->offset < a->offset + a->bytes;
}

static nsky_cpu_span *largest_unplaced(nsky_cpu_span *spans, uint32_t count)
{
    nsky_cpu_span *largest = NULL;

    for (uint32_t i = 0; i < count; i++)
        if (spans[i].offset == UNPLACED && (!largest || spans[i].bytes > largest->bytes))
            largest = &spans[i];
    return largest;
}

/* The end of some placed span in the way of `span` where it stands now, or its own offset. */
static size_t past_obstacle(const nsky_cpu_span *span, const nsky_cpu_span *spans, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (&spans[i] != span && spans[i].offset != UNPLACED &&
            nsky_cpu_alive_together(span, &spans[i]) && nsky_cpu_share_bytes(span, &spans[i]))
            return spans[i].offset + spans[i].bytes;
    return span->offset;
}

nsky_status nsky_cpu_plan(nsky_cpu_span *spans, uint32_t count, size_t *total, nsky_error *err)
{
    assert(spans && total && err);
    size_t all = 0; /* an upper bound: if the sum fits, so does every offset below */
    nsky_cpu_span *span;

    for (uint32_t i = 0; i < count; i++) {
        if (!nsky_add_size(spans[i].bytes, NSKY_CPU_ALIGNMENT_BYTES - 1, &spans[i].bytes))
            return nsky_fail(err, NSKY_ELIMIT, "a buffer of the network is too large");
        spans[i].bytes -= spans[i].bytes % NSKY_CPU_ALIGNMENT_BYTES;
        if (!nsky_add_size(all, spans[i].bytes, &all))
            return nsky_fail(err, NSKY_ELIMIT, "the buffers of the network are too large");
        spans[i].offset = UNPLACED;
    }
    *total = 0;
    while ((span = largest_unplaced(spans, count))) {
        size_t next = 0;
        do {
            span->offset = next;
            next = past_obstacle(span, spans, count);
        } while (next != span->offset);
        if (span->offset + span->bytes > *total)
            *total = span->offset + span->bytes;
    }
    return NSKY_OK;
}
