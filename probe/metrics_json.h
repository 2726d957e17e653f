/* metrics_json.h - metrics as probes' files and `nearsky probe score` have them. Thread rule: pure.
 */
#ifndef NSKY_PROBE_METRICS_JSON_H
#define NSKY_PROBE_METRICS_JSON_H

#include "common/json.h"
#include "probe/metrics.h"

/* {value, low, high}; the caller's. */
nsky_json *nsky_interval_json(nsky_interval interval);
/* Puts positives, negatives, auroc, average_precision and recall at the false-positive rates. */
void nsky_ranking_put(nsky_json *into, const nsky_ranking_metrics *metrics);

#endif
