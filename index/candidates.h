/* candidates.h - private: from FAISS's candidates to exactly compared hits. */
#ifndef NSKY_CANDIDATES_H
#define NSKY_CANDIDATES_H

#include "index/faiss_index.h"
#include "index/scan.h"

typedef struct nsky_rerank {
    const nsky_faiss *faiss;
    const nsky_scan *scan; /* the stored vectors */
    uint64_t rows;         /* of them that FAISS knows: the first ones */
} nsky_rerank;

/* direction [padded] of unit length. */
typedef struct nsky_rerank_query {
    const float *direction;
    const uint8_t *allowed; /* bitmap of rows, or NULL: all */
    double share;           /* of the rows that are allowed: how much deeper to look; (0, 1] */
    double depth;           /* 1; less: fewer candidates */
    const uint64_t *exclude;
    uint32_t exclude_count;
} nsky_rerank_query;

/*
 * FAISS is asked for more rows than wanted (its codes are coarse, some are not allowed), those that
 * are allowed are compared exactly and offered to topk, which is not sorted. *compared counts them.
 * topk may end up with fewer than k although more are allowed. Any thread.
 */
NSKY_MUST_CHECK nsky_status nsky_rerank_run(const nsky_rerank *rerank,
                                            const nsky_rerank_query *query, nsky_topk *topk,
                                            uint64_t *compared, nsky_error *err);

#endif
