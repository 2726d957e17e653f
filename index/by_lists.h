/* by_lists.h - private: queries answered from inverted lists. */
#ifndef NSKY_BY_LISTS_H
#define NSKY_BY_LISTS_H

#include "common/json.h"
#include "index/lists.h"

/* How much is looked at. */
typedef struct nsky_lists_effort {
    uint32_t nprobe;         /* lists for ten hits; more for more */
    uint32_t candidates;     /* compared exactly, at least, however few are wanted */
    double candidates_a_hit; /* times the hits wanted, where that is more */
} nsky_lists_effort;

typedef struct nsky_lists_ask {
    const float *direction; /* [padded], unit length */
    const uint8_t *allowed; /* bitmap, or NULL: all */
    double share;           /* of all rows that are allowed, (0, 1] */
    nsky_lists_effort effort;
    const uint64_t *exclude; /* rows that are not to come back */
    uint32_t exclude_count;
    nsky_topk *topk;   /* not sorted on return; may end up with fewer than k */
    uint64_t compared; /* set: exact comparisons */
} nsky_lists_ask;

/* All of them together, a query a thread (threads 0: one a core). Any thread. */
NSKY_MUST_CHECK nsky_status nsky_by_lists(const nsky_lists *lists, const nsky_scan *scan,
                                          nsky_lists_ask *asks, uint32_t count, uint32_t threads,
                                          nsky_error *err);

#endif
