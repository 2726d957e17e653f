/* candidates.h - private: from FAISS's candidates to exactly ranked hits. */
#ifndef NSKY_CANDIDATES_H
#define NSKY_CANDIDATES_H

#include "index/faiss_index.h"
#include "index/scan.h"

typedef struct nsky_rerank {
    const nsky_faiss *faiss;
    const nsky_scan *scan; /* the stored vectors */
} nsky_rerank;

/*
 * direction [padded] of unit length. FAISS is asked for more rows than wanted (its codes are
 * coarse), those are compared exactly, the best topk->k kept and sorted. *compared counts them.
 * When fewer than k come back although more rows exist, the rest is found by an exact scan: never
 * fewer hits than there are. Any thread.
 */
NSKY_MUST_CHECK nsky_status nsky_rerank_run(const nsky_rerank *rerank, const float *direction,
                                            const uint64_t *exclude, uint32_t exclude_count,
                                            nsky_topk *topk, uint64_t *compared, nsky_error *err);

#endif
