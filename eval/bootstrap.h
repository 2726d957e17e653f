/* bootstrap.h - how far chance alone would move a number: groups of objects drawn anew.
 *
 * A replicate draws as many groups as there are, with replacement; objects count as often as their
 * group was drawn. Whole groups, because objects that share a galaxy are not independent. The same
 * replicate is the same draw for every number and every model, so differences can be compared.
 * Thread rule: read-only once made.
 */
#ifndef NSKY_EVAL_BOOTSTRAP_H
#define NSKY_EVAL_BOOTSTRAP_H

#include <stdint.h>

#include "common/error.h"
#include "probe/metrics.h"

#define NSKY_BOOTSTRAP_REPLICATES_MAX 10000
#define NSKY_BOOTSTRAP_BYTES_MAX (1ull << 30)

typedef struct nsky_bootstrap {
    uint32_t replicates, n, groups;
    uint64_t seed;
    const uint32_t *group; /* [n]; owned */
    uint8_t *drawn;        /* [replicates, groups] */
} nsky_bootstrap;

/* group [n] below groups; copied. NSKY_ELIMIT: replicates x groups above NSKY_BOOTSTRAP_BYTES_MAX.
 */
NSKY_MUST_CHECK nsky_status nsky_bootstrap_new(nsky_bootstrap **out, const uint32_t *group,
                                               uint32_t n, uint32_t groups, uint32_t replicates,
                                               uint64_t seed, nsky_error *err);
void nsky_bootstrap_free(nsky_bootstrap *bootstrap); /* NULL is a no-op */

/* How often an object counts in a replicate; replicate UINT32_MAX: once, the sample as it is. */
static inline uint32_t nsky_bootstrap_weight(const nsky_bootstrap *b, uint32_t replicate,
                                             uint32_t object)
{
    return replicate == UINT32_MAX ? 1 : b->drawn[(size_t)replicate * b->groups + b->group[object]];
}

/* Which of `count` draws of labels stands at place `slot` of a replicate, with replacement;
 * replicate UINT32_MAX: slot itself. */
uint32_t nsky_bootstrap_draw(const nsky_bootstrap *bootstrap, uint32_t replicate, uint32_t count,
                             uint32_t slot);

/* The 95% interval of samples [count] (percentiles), NaNs left out; sorts them. */
nsky_interval nsky_bootstrap_interval(double value, double *samples, uint32_t count);
/* Takes in another interval: what a bootstrap alone cannot know. */
nsky_interval nsky_interval_widest(nsky_interval a, nsky_interval b);

#endif
