/* graph_build.h (private) - a graph being built, for the files that build it. One thread drives. */
#ifndef NSKY_KNN_BUILD_H
#define NSKY_KNN_BUILD_H

#include "index/graph_private.h"
#include "index/parallel.h"

typedef struct nsky_knn_work {
    const nsky_knn_job *job;
    nsky_knn graph; /* tables in graph.block, written through the pointers below */
    uint32_t beam;
    float *mean, *rotation;
    uint32_t *entries, *links;
    uint8_t *codes;
    nsky_knn_kernel kernel;
    int32_t *norms;             /* [rows] squares of codes; 0: no vector */
    uint32_t *order;            /* [stored] */
    uint64_t stored, done, end; /* of order: those in the graph, the batch under way */
    uint8_t *marks;             /* bitmap of rows */
    uint64_t *pairs;            /* target << 32 | source; twice the room, for sorting */
    uint64_t pair_count, pair_tasks;
    atomic_bool failed;
    nsky_knn_walker walkers[NSKY_PARALLEL_MAX];
} nsky_knn_work;

/* graph_encode.c: the space, the scale, the entries, all rows' codes and norms; allocates the
 * graph's tables. */
NSKY_MUST_CHECK nsky_status nsky_knn_encode(nsky_knn_work *work, nsky_error *err);
/* graph_reach.c: rows that no walk can come to get a link from what lies nearest. */
NSKY_MUST_CHECK nsky_status nsky_knn_reach_all(nsky_knn_work *work, nsky_error *err);

#endif
