/* search_private.h (private) - an open generation, for the files that implement search.h.
 * Thread rule: read-only after open. */
#ifndef NSKY_SEARCH_PRIVATE_H
#define NSKY_SEARCH_PRIVATE_H

#include "index/candidates.h"
#include "index/columns.h"
#include "index/faiss_index.h"
#include "index/scan.h"
#include "index/search.h"
#include "store/generation.h"

struct nsky_search {
    nsky_generation *generation;
    nsky_faiss *faiss; /* NULL: not indexed, everything is scanned */
    nsky_columns columns;
    nsky_scan scan;
    nsky_rerank rerank;
};

#endif
