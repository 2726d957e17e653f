/* search_private.h (private) - an open generation, for the files that implement search.h.
 * Thread rule: read-only after open. */
#ifndef NSKY_SEARCH_PRIVATE_H
#define NSKY_SEARCH_PRIVATE_H

#include "index/by_graph.h"
#include "index/by_lists.h"
#include "index/candidates.h"
#include "index/columns.h"
#include "index/faiss_index.h"
#include "index/passing.h"
#include "index/rank_lists.h"
#include "index/scan.h"
#include "index/search.h"
#include "store/generation.h"

struct nsky_search {
    nsky_generation *generation;
    nsky_faiss *faiss; /* NULL: not indexed by FAISS */
    uint64_t indexed;  /* rows the index knows; 0: there is none */
    uint32_t lists, nprobe;
    nsky_lists
        inverted; /* the lists of a large generation; inverted.lists is 0 where it has none */
    nsky_lists_effort efforts[2];     /* for them, by nsky_effort: balanced, fast */
    nsky_knn graph;                   /* beside the lists; graph.rows is 0 where there is none */
    nsky_knn_effort graph_efforts[2]; /* as efforts */
    uint64_t few; /* matches of a filter that are compared one by one, whatever the index */
    nsky_columns columns;
    nsky_passings *passings;
    nsky_scan scan;
    nsky_rerank rerank;
    struct nsky_ranking_once *ranking; /* NULL: there are no lists */
};

/* --- search.c: the index of search->generation, for the rest of a search that is zero --- */
NSKY_MUST_CHECK nsky_status nsky_search_open_index(nsky_search *search, nsky_error *err);
void nsky_search_close_index(nsky_search *search);

/* --- score.c, for rank_search.c --- */
NSKY_MUST_CHECK nsky_status nsky_linear_check(uint32_t count, nsky_error *err);
/* Weights padded with zeros, as the kernels want them: [count, padded], then the biases. A probe
 * follows the one before by stride_bytes. */
NSKY_MUST_CHECK nsky_status nsky_linear_pack(const nsky_search *search, const nsky_linear *probes,
                                             size_t stride_bytes, uint32_t count, float **out,
                                             nsky_error *err);
/* NaN for deleted rows of [first, end). */
void nsky_hide_deleted(const nsky_search *search, float *scores, uint64_t first, uint64_t end);

/* rank_search.c: what ranking through the lists needs is read when it is first asked for. */
typedef struct nsky_ranking_once nsky_ranking_once;
NSKY_MUST_CHECK nsky_status nsky_ranking_new(nsky_ranking_once **out,
                                             const nsky_generation *generation, nsky_error *err);
void nsky_ranking_close(nsky_ranking_once *ranking);
/* Any thread; the first waits for the disk. */
NSKY_MUST_CHECK nsky_status nsky_search_ranker(const nsky_search *search, const nsky_ranker **out,
                                               nsky_error *err);

/* What a query may return: bits NULL for every row; matching counts them. To be cleared.
 * NSKY_EINVAL: it needs columns that are not there. */
typedef struct nsky_allowed {
    const uint8_t *bits;      /* one of these: */
    uint8_t *own;             /* from nsky_alloc */
    const nsky_passing *kept; /* shared with other queries of the same filter */
    uint64_t matching;
} nsky_allowed;
NSKY_MUST_CHECK nsky_status nsky_allowed_rows(const nsky_search *search, const nsky_filter *filter,
                                              nsky_allowed *out, nsky_error *err);
void nsky_allowed_clear(const nsky_search *search, nsky_allowed *allowed); /* zeroed: a no-op */
/* Takes the rows out, making the bitmap where there was none, or a copy of a shared one. */
NSKY_MUST_CHECK nsky_status nsky_allowed_exclude(const nsky_search *search, nsky_allowed *allowed,
                                                 const uint64_t *rows, uint32_t count,
                                                 nsky_error *err);
/* How many of some rows pass, each counted once. */
uint64_t nsky_allowed_count(const nsky_search *search, const nsky_allowed *allowed,
                            const uint64_t *rows, uint32_t count);
static inline bool nsky_bit(const uint8_t *bits, uint64_t row)
{
    return !bits || (bits[row >> 3] >> (row & 7) & 1);
}

#endif
