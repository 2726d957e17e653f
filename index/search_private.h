/* search_private.h (private) - an open generation, for the files that implement search.h.
 * Thread rule: read-only after open. */
#ifndef NSKY_SEARCH_PRIVATE_H
#define NSKY_SEARCH_PRIVATE_H

#include "index/by_lists.h"
#include "index/candidates.h"
#include "index/columns.h"
#include "index/faiss_index.h"
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
    nsky_lists_effort efforts[2]; /* for them, by nsky_effort: balanced, fast */
    uint64_t few; /* matches of a filter that are compared one by one, whatever the index */
    nsky_columns columns;
    nsky_scan scan;
    nsky_rerank rerank;
};

/* What a query may return: bits NULL for every row, else the caller's to free with nsky_free.
 * matching counts them. NSKY_EINVAL: it needs columns that are not there. */
typedef struct nsky_allowed {
    uint8_t *bits;
    uint64_t matching;
} nsky_allowed;
NSKY_MUST_CHECK nsky_status nsky_allowed_rows(const nsky_search *search, const nsky_filter *filter,
                                              nsky_allowed *out, nsky_error *err);
/* Takes the rows out, making the bitmap where there was none. */
NSKY_MUST_CHECK nsky_status nsky_allowed_exclude(const nsky_search *search, nsky_allowed *allowed,
                                                 const uint64_t *rows, uint32_t count,
                                                 nsky_error *err);
static inline bool nsky_bit(const uint8_t *bits, uint64_t row)
{
    return !bits || (bits[row >> 3] >> (row & 7) & 1);
}

#endif
