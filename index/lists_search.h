/* lists_search.h - private: a search through lists in the making, shared by lists_rank.c (which
 * lists) and lists_search.c (their rows). */
#ifndef NSKY_LISTS_SEARCH_H
#define NSKY_LISTS_SEARCH_H

#include "index/lists.h"
#include "index/reservoir.h"

typedef struct nsky_lists_search {
    const nsky_lists *lists;
    nsky_lists_query *queries;
    uint32_t count;
    nsky_code_kernel kernel;
    nsky_dot_kernel dot;
    float *turned;              /* [count, coded] */
    float *constants;           /* [count] */
    nsky_code_query *ranks;     /* [count]: for the centroids' coder */
    nsky_code_query *codes;     /* [count]: for the residuals' */
    uint64_t *best;             /* keys of the queries' best lists, best first */
    uint64_t *begins;           /* [count + 1] of a query's in them */
    uint64_t *keys;             /* of the reservoirs */
    nsky_reservoir *reservoirs; /* [count] */
    uint32_t threads;
    nsky_status *statuses; /* [threads] */
    nsky_error *errors;    /* [threads] */
} nsky_lists_search;

/* The direction of query q turned, and in whole numbers for both coders. */
NSKY_MUST_CHECK nsky_status nsky_lists_prepare(const nsky_lists_search *s, uint32_t q,
                                               nsky_error *err);
/* The nearest lists of query q by their centroids' codes, among those of the nearest groups: `want`
 * keys (1 <= want <= lists), best first, to out. More may be wanted than before, and then come in
 * an order of their own. */
NSKY_MUST_CHECK nsky_status nsky_lists_rank(const nsky_lists_search *s, uint32_t q, uint32_t want,
                                            uint64_t *out, nsky_error *err);

#endif
