/* oracle.h - private: queries with their exact answers, to try indexes and efforts on.
 *
 * Stored rows look for their neighbours, themselves left out; or directions as linear probes have
 * them. The answers come from one exact scan for all queries. One thread asks; the scan uses all.
 */
#ifndef NSKY_ORACLE_H
#define NSKY_ORACLE_H

#include <stdatomic.h>

#include "index/scan.h"

#define NSKY_ORACLE_ROWS 200 /* queries that recall is measured with */
#define NSKY_ORACLE_DEPTH 100
/* What so many queries do not know of recall@10: an effort is taken when it is better by this. */
#define NSKY_ORACLE_MARGIN 0.005
/* Recall@10 that may be lost for comparing fewer candidates; of recall@100 twice as much. */
#define NSKY_ORACLE_LOSS 0.002

typedef struct nsky_oracle {
    uint32_t count, padded;
    float *directions; /* [count, padded], unit length */
    uint64_t *self;    /* [count]: a row that is not to come back, or UINT64_MAX */
    nsky_hit *truth;   /* [count, NSKY_ORACLE_DEPTH + 1], best first, self taken out */
    uint32_t *found;   /* [count] of truth, at most NSKY_ORACLE_DEPTH */
} nsky_oracle;

/* Up to count rows that have a vector, evenly drawn by the seed. NSKY_ECANCELLED when *stop (may
 * be NULL) is set. Close it also after an error. */
NSKY_MUST_CHECK nsky_status nsky_oracle_rows(nsky_oracle *out, const nsky_scan *scan,
                                             uint32_t count, uint64_t seed, const atomic_bool *stop,
                                             nsky_error *err);
/* Up to count probes, one from each of rows: the mean of its ten nearest less mean [dim], the mean
 * of all. */
NSKY_MUST_CHECK nsky_status nsky_oracle_probes(nsky_oracle *out, const nsky_scan *scan,
                                               uint32_t count, const nsky_oracle *rows,
                                               const float *mean, const atomic_bool *stop,
                                               nsky_error *err);
void nsky_oracle_close(nsky_oracle *oracle); /* zeroes; a zeroed one is a no-op */

/* Recall at k: the mean of the shares of found [count]; NAN where no query has truth. */
double nsky_oracle_recall(const nsky_oracle *oracle, const nsky_topk *found, uint32_t k);
#endif
