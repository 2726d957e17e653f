/* probe_assess.h - private: how well a probe does on labels that it did not learn from. */
#ifndef NSKY_CLI_PROBE_ASSESS_H
#define NSKY_CLI_PROBE_ASSESS_H

#include <stdint.h>

#include "common/error.h"
#include "common/json.h"
#include "probe/labels.h"
#include "probe/probe.h"

/* scores [labels->count, probe->outputs], of the labels' rows. Adds to `into` how many labels were
 * left out, and of the others, by the kind of probe, AUROC and recalls, accuracy and F1, or sigma
 * and outliers, with their 95% intervals. */
NSKY_MUST_CHECK nsky_status nsky_cli_probe_assess(const nsky_probe *probe,
                                                  const nsky_labels *labels, const double *scores,
                                                  nsky_json *into, nsky_error *err);
/* scores [outputs]: the output that is told of, the only one or the class that is guessed. */
uint32_t nsky_cli_probe_output(const nsky_probe *probe, const double *scores);

#endif
