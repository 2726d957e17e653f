/* judge.h (private) - what a fresh fit is worth: metrics, calibration and prevalence, from scores
 * of rows held out. Thread rule: as train.h. */
#ifndef NSKY_PROBE_JUDGE_H
#define NSKY_PROBE_JUDGE_H

#include "probe/train.h"

/* Fills calibration, prevalence_source and metrics. held_out [n, outputs], class [n]. */
NSKY_MUST_CHECK nsky_status nsky_judge_classes(nsky_probe *probe, const nsky_search *search,
                                               const double *held_out, const uint32_t *class,
                                               uint32_t n, const nsky_train_options *options,
                                               nsky_error *err);
/* Fills metrics. */
NSKY_MUST_CHECK nsky_status nsky_judge_numbers(nsky_probe *probe, const double *held_out,
                                               const double *value, uint32_t n,
                                               const nsky_train_options *options, nsky_error *err);
/* Fills mean, spread and novelty_unit from the vectors learned from, x [n, dim]. */
NSKY_MUST_CHECK nsky_status nsky_judge_novelty(nsky_probe *probe, const float *x, uint32_t n,
                                               nsky_error *err);

#endif
