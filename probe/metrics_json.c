/* metrics_json.c - see metrics_json.h. */
#include "probe/metrics_json.h"

#include <assert.h>

nsky_json *nsky_interval_json(nsky_interval interval)
{
    nsky_json *object = nsky_json_object();

    nsky_json_put_fixed(object, "value", interval.value, 6);
    nsky_json_put_fixed(object, "low", interval.low, 6);
    nsky_json_put_fixed(object, "high", interval.high, 6);
    return object;
}

void nsky_ranking_put(nsky_json *into, const nsky_ranking_metrics *metrics)
{
    assert(into && metrics);
    nsky_json *rates = nsky_json_array();

    nsky_json_put_integer(into, "positives", metrics->positives);
    nsky_json_put_integer(into, "negatives", metrics->negatives);
    nsky_json_put(into, "auroc", nsky_interval_json(metrics->auroc));
    nsky_json_put(into, "average_precision", nsky_interval_json(metrics->average_precision));
    for (int f = 0; f < NSKY_FPRS; f++) {
        nsky_json *rate = nsky_interval_json(metrics->tpr[f]);
        nsky_json_put_number(rate, "false_positive_rate", nsky_fprs[f]);
        nsky_json_append(rates, rate);
    }
    nsky_json_put(into, "recall", rates);
}
