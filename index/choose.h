/* choose.h - private: which index suits how many rows in how much memory. */
#ifndef NSKY_CHOOSE_H
#define NSKY_CHOOSE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

/* Below this a scan of everything is quicker than anyone notices. */
#define NSKY_FLAT_ROWS_MAX 50000

typedef struct nsky_index_plan {
    char kind[64];         /* "Flat" (of FAISS), or "Lists65536,PCA128,8bit" (lists.h) */
    uint32_t lists;        /* 0 for flat */
    uint32_t coded, bits;  /* dimensions of a code, bits of each; for lists */
    uint64_t train_rows;   /* sample the index learns from */
    uint64_t memory_bytes; /* estimate while serving */
    uint64_t segment_rows, merge_bytes; /* what keeps a build in memory_bytes_max */
    bool graph;                         /* beside the lists: "...,Graph32" (graph.h) */
} nsky_index_plan;

/* bits: 4 or 8, or 0: 8. lists: as many, also for few rows, or 0: by rule. NSKY_ELIMIT when even
 * the smallest codes do not fit: the text says how much would. */
NSKY_MUST_CHECK nsky_status nsky_index_choose(nsky_index_plan *out, uint64_t rows, uint32_t dim,
                                              uint32_t bits, uint32_t lists,
                                              uint64_t memory_bytes_max, nsky_error *err);

typedef enum nsky_knn_wish { NSKY_KNN_WHERE_IT_FITS, NSKY_KNN_NO, NSKY_KNN_YES } nsky_knn_wish;

/* Adds a graph to a plan with lists: where memory holds it, the lists and the vectors, or as
 * wished. A plan without lists stays as it is. */
void nsky_index_choose_graph(nsky_index_plan *plan, uint64_t rows, uint32_t dim, nsky_knn_wish wish,
                             uint64_t memory_bytes_max);

#endif
