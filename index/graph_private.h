/* graph_private.h (private) - what the files of the graph share: kernels, walks, pruning. */
#ifndef NSKY_KNN_PRIVATE_H
#define NSKY_KNN_PRIVATE_H

#include "index/graph.h"

/* --- kernels (graph_kernels.c): all give the same whole numbers --- */
typedef struct nsky_knn_kernel {
    const char *name; /* "avx512vnni", "avx2", "c" */
    /* out[i] = sum over d of query[d] * codes[rows[i] * coded + d]; coded a multiple of 64. */
    void (*dots)(const int8_t *query, const uint8_t *codes, uint32_t coded, const uint32_t *rows,
                 uint32_t count, int32_t *out);
} nsky_knn_kernel;
/* All that this CPU runs, best first; the last is plain C. */
uint32_t nsky_knn_kernels(nsky_knn_kernel out[3]);

/* --- walks (graph_walk.c) --- */

/* A point of the codes' space as a direction to walk in. */
typedef struct nsky_knn_target {
    const int8_t *query;  /* [coded] */
    int32_t bias;         /* 128 times the sum of query: taken off every sum */
    const int32_t *norms; /* [rows] squares of codes: nearest first; NULL: largest product first */
    const uint8_t *allowed;
} nsky_knn_target;

typedef struct nsky_knn_hit {
    int32_t key; /* larger is better */
    uint32_t row;
} nsky_knn_hit;

/* Scratch of one thread; grows, never shrinks. Zeroed at first. */
typedef struct nsky_knn_walker {
    nsky_knn_hit *pool; /* [beam]: in view, best first */
    uint8_t *done;      /* [beam]: links followed */
    uint32_t beam, count;
    nsky_knn_hit *expanded; /* all rows whose links were followed, in that order */
    uint32_t expanded_count, expanded_max;
    nsky_knn_hit *found; /* [want]: allowed ones, best first; with `allowed` only */
    uint32_t found_count, want, found_max;
    uint32_t *seen; /* open hash table of rows, NSKY_KNN_NONE empty */
    uint32_t seen_count, seen_max, seen_held;
    uint64_t compared;
} nsky_knn_walker;

/* Walks from the entries; pool and found hold what was met. want 0 without `allowed`. */
NSKY_MUST_CHECK nsky_status nsky_knn_walk(nsky_knn_walker *walker, const nsky_knn *graph,
                                          const nsky_knn_kernel *kernel,
                                          const nsky_knn_target *target, uint32_t beam,
                                          uint32_t want, nsky_error *err);
void nsky_knn_walker_free(nsky_knn_walker *walker);
static inline bool nsky_knn_better(nsky_knn_hit a, nsky_knn_hit b)
{
    return a.key != b.key ? a.key > b.key : a.row < b.row;
}
/* Into a sorted array of at most max; false: too bad for it. *at is where it went. */
bool nsky_knn_insert(nsky_knn_hit *hits, uint32_t *count, uint32_t max, nsky_knn_hit hit,
                     uint32_t *at);

/* --- links (graph_prune.c) --- */

/* The row's values as signed bytes [coded]; returns 128 times their sum. */
int32_t nsky_knn_as_query(const nsky_knn *graph, uint32_t row, int8_t *query);

/* Of candidates [count], nearest to the row first and without it, those that are kept as links
 * [degree], NSKY_KNN_NONE behind: a candidate nearer to a kept one than to the row is left out,
 * for the walk gets there through that one. keys are negative squares of distances. Returns how
 * many. */
uint32_t nsky_knn_prune(const nsky_knn *graph, const nsky_knn_kernel *kernel, const int32_t *norms,
                        const nsky_knn_hit *candidates, uint32_t count, uint32_t *links);

/* --- files (graph_file.c) --- */
NSKY_MUST_CHECK nsky_status nsky_knn_write(const nsky_knn *graph, const char *folder,
                                           nsky_error *err);
/* Memory for the tables of a graph whose numbers are set; huge pages where there are any. */
NSKY_MUST_CHECK nsky_status nsky_knn_alloc(nsky_knn *graph, nsky_error *err);

#endif
