/* neighbours.h - the nearest of some objects among all of them, by exact cosine
 * (or Euclidean distance, where the features say so).
 *
 * Summed as index/scan.h does, so the same bits on every CPU and for any number of threads.
 * Thread rule: blocks; read-only input.
 */
#ifndef NSKY_EVAL_NEIGHBOURS_H
#define NSKY_EVAL_NEIGHBOURS_H

#include <stdint.h>

#include "common/error.h"
#include "eval/features.h"

#define NSKY_NEIGHBOUR_NONE UINT32_MAX

typedef struct nsky_neighbours_query {
    const nsky_features *features;
    const uint32_t *queries; /* [count] objects */
    uint32_t count, k;
    const uint32_t *side;     /* [n], or NULL. Only objects of another side than the query's own are
                                 found; NULL: every object but the query */
    const uint8_t *candidate; /* [n], or NULL: only objects marked here are found */
    uint32_t threads;
} nsky_neighbours_query;

/* out [count, k]: objects, nearest first, equal cosines by object; NSKY_NEIGHBOUR_NONE where there
 * are no more, and for queries that are blank. */
NSKY_MUST_CHECK nsky_status nsky_neighbours_find(uint32_t *out, const nsky_neighbours_query *query,
                                                 nsky_error *err);

#endif
