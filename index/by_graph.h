/* by_graph.h - private: queries answered from the graph, and how hard to look in it. */
#ifndef NSKY_BY_GRAPH_H
#define NSKY_BY_GRAPH_H

#include <stdatomic.h>

#include "common/json.h"
#include "index/graph.h"
#include "index/recall.h"

/* How much is looked at. */
typedef struct nsky_knn_effort {
    uint32_t beam;           /* rows in view */
    uint32_t candidates;     /* compared exactly, at least, however few are wanted */
    double candidates_a_hit; /* times the hits wanted, where that is more */
} nsky_knn_effort;

typedef struct nsky_knn_ask {
    const float *direction; /* [padded], unit length */
    const uint8_t *allowed; /* bitmap, or NULL: all */
    uint64_t matching;      /* bits of it, or all rows */
    nsky_knn_effort effort;
    const uint64_t *exclude; /* rows that are not to come back */
    uint32_t exclude_count;
    nsky_topk *topk;   /* sorted on return; may end up with fewer than k */
    uint64_t compared; /* set: exact comparisons */
} nsky_knn_ask;

/* A query a thread (threads 0: one a core); answers depend neither on their number nor on
 * company. Any thread may call. */
NSKY_MUST_CHECK nsky_status nsky_by_graph(const nsky_knn *graph, const nsky_scan *scan,
                                          nsky_knn_ask *asks, uint32_t count, uint32_t threads,
                                          nsky_error *err);

/* The least effort whose recall@10 against an exact scan is target, or the most that is tried; and
 * its recall. scan: the stored vectors the graph was built of. */
NSKY_MUST_CHECK nsky_status nsky_knn_tune(nsky_knn_effort *out, nsky_recall *recall,
                                          const nsky_knn *graph, const nsky_scan *scan,
                                          double target, const atomic_bool *stop, nsky_error *err);

/* "graph" of a manifest's index, and back to efforts by nsky_effort: balanced, fast. NSKY_EDATA
 * names folder. */
nsky_json *nsky_knn_describe(const nsky_knn_effort *effort, const nsky_recall *recall);
NSKY_MUST_CHECK nsky_status nsky_knn_efforts_read(nsky_knn_effort efforts[2],
                                                  const nsky_json *graph, const char *folder,
                                                  nsky_error *err);

#endif
