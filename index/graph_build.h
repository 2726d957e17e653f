/* graph_build.h (private) - a graph being built, for the files that build it. One thread drives. */
#ifndef NSKY_GRAPH_BUILD_H
#define NSKY_GRAPH_BUILD_H

#include "index/graph_private.h"
#include "index/parallel.h"

typedef struct nsky_graph_work {
    const nsky_graph_job *job;
    nsky_graph graph; /* tables in graph.block, written through the pointers below */
    uint32_t beam;
    float *mean, *rotation;
    uint32_t *entries, *links;
    uint8_t *codes;
    nsky_graph_kernel kernel;
    int32_t *norms;             /* [rows] squares of codes; 0: no vector */
    uint32_t *order;            /* [stored] */
    uint64_t stored, done, end; /* of order: those in the graph, the batch under way */
    uint8_t *marks;             /* bitmap of rows */
    uint64_t *pairs;            /* target << 32 | source; twice the room, for sorting */
    uint64_t pair_count, pair_tasks;
    atomic_bool failed;
    nsky_graph_walker walkers[NSKY_PARALLEL_MAX];
} nsky_graph_work;

/* graph_encode.c: the space, the scale, the entries, all rows' codes and norms; allocates the
 * graph's tables. */
NSKY_MUST_CHECK nsky_status nsky_graph_encode(nsky_graph_work *work, nsky_error *err);
/* graph_reach.c: rows that no walk can come to get a link from what lies nearest. */
NSKY_MUST_CHECK nsky_status nsky_graph_reach_all(nsky_graph_work *work, nsky_error *err);

#endif
