/* neighbours.h - estimates without a fit: what the most similar objects are, and how they differ.
 * Thread rule: blocks; any thread. */
#ifndef NSKY_PROBE_NEIGHBOURS_H
#define NSKY_PROBE_NEIGHBOURS_H

#include "index/search.h"
#include "probe/labels.h"

#define NSKY_NEIGHBOURS_MAX 200

typedef struct nsky_estimate {
    uint64_t row;
    uint32_t neighbours; /* used; 0: the row has no vector */
    float similarity;    /* of the nearest; NaN */
    double value;        /* of numbers: their median; NaN without neighbours */
    double spread;       /* half of what lies between their 16% and 84% */
    uint32_t class;      /* of classes: the one most have, ties to the more similar */
    double share;        /* of the neighbours that have it */
} nsky_estimate;

/*
 * out [count], for rows [count], from the k labelled objects most similar to each, itself never
 * among them. numbers: labels are values. NSKY_EINVAL: k outside 1..NSKY_NEIGHBOURS_MAX.
 */
NSKY_MUST_CHECK nsky_status nsky_neighbour_estimates(nsky_estimate *out, const nsky_search *search,
                                                     const nsky_labels *labels, bool numbers,
                                                     const uint64_t *rows, uint64_t count,
                                                     uint32_t k, nsky_progress *progress,
                                                     nsky_error *err);
/* Their median, and half of what lies between their 16% and 84%; NaN for none. values [count] are
 * sorted. */
void nsky_median_and_spread(double *values, uint32_t count, double *median, double *spread);

#endif
