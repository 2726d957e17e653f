/* ranked.h - a ranking that is measured again and again with other weights: sorted once.
 * Thread rule: read-only once made. */
#ifndef NSKY_EVAL_RANKED_H
#define NSKY_EVAL_RANKED_H

#include <stdint.h>

#include "common/error.h"
#include "eval/bootstrap.h"
#include "probe/metrics.h"

typedef struct nsky_ranked_entry {
    double score;
    uint32_t object; /* of the truth: its group says how often it counts */
    uint32_t positive;
} nsky_ranked_entry;

typedef struct nsky_ranked {
    nsky_ranked_entry *entries; /* [count], highest score first */
    uint32_t count, positives, negatives;
} nsky_ranked;

typedef struct nsky_ranked_measures {
    double auroc;            /* ties count half */
    double tpr[NSKY_FPRS];   /* as metrics.h; NaN where there are fewer than 1/FPR negatives */
    double floor[NSKY_FPRS]; /* the scores to beat for those: strictly above is taken */
} nsky_ranked_measures;

/* Takes the entries, which were made by nsky_alloc, and sorts them. */
void nsky_ranked_init(nsky_ranked *out, nsky_ranked_entry *entries, uint32_t count);
void nsky_ranked_clear(nsky_ranked *ranked);
/* replicate UINT32_MAX: the sample as it is. NaN where a class has no weight. */
void nsky_ranked_measure(nsky_ranked_measures *out, const nsky_ranked *ranked,
                         const nsky_bootstrap *bootstrap, uint32_t replicate);

#endif
