/* metrics_private.h (private) - intervals, for the files that implement metrics.h.
 * Thread rule: pure functions. */
#ifndef NSKY_PROBE_METRICS_PRIVATE_H
#define NSKY_PROBE_METRICS_PRIVATE_H

#include "probe/metrics.h"

#define NSKY_Z95 1.959963984540054 /* of the normal distribution, two-sided */

/* low and high from the 2.5% and 97.5% of samples [count], which are sorted in place; NaNs are left
 * out. */
void nsky_percentiles(nsky_interval *interval, double *samples, uint32_t count);
/* Takes in the other interval's low and high. */
void nsky_widen(nsky_interval *interval, nsky_interval other);
int nsky_compare_doubles(const void *a, const void *b);

#endif
