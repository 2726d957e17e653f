/* plan.h (private) - where each buffer of a run lies in one block. Thread rule: pure. */
#ifndef NSKY_CPU_PLAN_H
#define NSKY_CPU_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define NSKY_CPU_ALIGNMENT_BYTES 64 /* of every offset: a cache line, an AVX-512 register */

typedef struct nsky_cpu_span {
    size_t bytes;         /* 0: takes no room */
    size_t offset;        /* out */
    uint32_t first, last; /* the steps that touch it, inclusive; first > last: none does */
} nsky_cpu_span;

/* True when both need their bytes during some step. */
bool nsky_cpu_alive_together(const nsky_cpu_span *a, const nsky_cpu_span *b);
/* True when they were given a byte in common. */
bool nsky_cpu_share_bytes(const nsky_cpu_span *a, const nsky_cpu_span *b);

/* Gives each span its offset so that spans alive together share no byte; *total is the size of the
 * block. NSKY_ELIMIT when the sizes do not fit size_t. */
NSKY_MUST_CHECK nsky_status nsky_cpu_plan(nsky_cpu_span *spans, uint32_t count, size_t *total,
                                          nsky_error *err);

#endif
