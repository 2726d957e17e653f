/* passing.h - private: which rows pass the filters that were asked for lately.
 *
 * A filter looks at the catalogue's values of every row, which at ten million takes 5 to 10 ms on
 * two cores where the search behind it takes a fraction of one (docs/index-living.md); and who
 * filters asks again with the same filter. So the bitmaps of the last few filters are kept with the
 * generation they are of. Thread rule: any thread. A bitmap stays as it is while somebody holds it,
 * kept or not.
 */
#ifndef NSKY_PASSING_H
#define NSKY_PASSING_H

#include "index/filter.h"

#define NSKY_PASSINGS 16                  /* filters, at most, */
#define NSKY_PASSINGS_BYTES (64ull << 20) /* and bytes of their bitmaps: six at 76 million rows */

typedef struct nsky_passings nsky_passings;
typedef struct nsky_passing {
    const uint8_t *bits; /* [bytes] */
    uint64_t bytes, matching;
} nsky_passing;

NSKY_MUST_CHECK nsky_status nsky_passings_new(nsky_passings **out, nsky_error *err);
void nsky_passings_free(nsky_passings *passings); /* nobody holds any; NULL is a no-op */

/* Not where rows are named one by one or by a bitmap, which are the caller's. */
bool nsky_passing_may_be_kept(const nsky_filter *filter, uint64_t bytes);
/* Held until it is given back; NULL: not there. */
const nsky_passing *nsky_passings_find(nsky_passings *passings, const nsky_filter *filter);
/* One that may be kept: bits [bytes] from nsky_alloc become its own, whatever the outcome. The
 * least lately used go where there is no room. *out is held. NSKY_ENOMEM. */
NSKY_MUST_CHECK nsky_status nsky_passings_keep(nsky_passings *passings, const nsky_filter *filter,
                                               uint8_t *bits, uint64_t bytes, uint64_t matching,
                                               const nsky_passing **out, nsky_error *err);
void nsky_passings_give_back(nsky_passings *passings, const nsky_passing *passing);

#endif
