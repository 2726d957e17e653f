/* lists_search.h - private: a query in the lists' space, for lists_rank.c (which lists) and
 * lists_search.c (their rows). Plain data with one owner at a time. */
#ifndef NSKY_LISTS_SEARCH_H
#define NSKY_LISTS_SEARCH_H

#include "index/lists.h"
#include "index/reservoir.h"

typedef struct nsky_turned {
    const nsky_lists *lists;
    nsky_code_kernel kernel;
    nsky_dot_kernel dot;
    float constant;               /* direction . mean */
    float values[NSKY_CODED_MAX]; /* [coded] the direction turned */
    nsky_code_query codes;        /* for the coder of residuals */
    nsky_code_query rank;         /* for that of centroids, as seen from the mean */
    float from_mean[NSKY_CODED_MAX];
} nsky_turned;

/* direction [padded]. NSKY_EINVAL: it is not finite. */
NSKY_MUST_CHECK nsky_status nsky_turn(nsky_turned *out, const nsky_lists *lists,
                                      const float *direction, nsky_error *err);
/* The nearest lists by their centroids' codes, among those of the nearest groups: `want` keys
 * (1 <= want <= lists), best first, to out. More may be wanted than before, and then come in an
 * order of their own. */
NSKY_MUST_CHECK nsky_status nsky_turned_rank(const nsky_turned *turned, uint32_t want,
                                             uint64_t *out, nsky_error *err);

#endif
