/* calibrate.h - scores to probabilities, at the prevalence one means.
 *
 * Platt's sigmoid, p = 1 / (1 + exp(-(slope score + offset))), by the method of Lin, Lin and Weng
 * (2007), on scores of rows held out. Thread rule: pure functions.
 */
#ifndef NSKY_PROBE_CALIBRATE_H
#define NSKY_PROBE_CALIBRATE_H

#include <stdint.h>

#include "common/error.h"

typedef struct nsky_calibration {
    double slope, offset;
    double prevalence;    /* the share of positives that the probabilities are for */
    double covariance[3]; /* of the fit: slope-slope, slope-offset, offset-offset */
} nsky_calibration;

/* scores, positive [n]. The prevalence is the labels' own. NSKY_EINVAL: one class only, or a score
 * that is not finite. The slope is never negative: a score that misleads gets slope 0. */
NSKY_MUST_CHECK nsky_status nsky_calibrate(nsky_calibration *out, const double *scores,
                                           const uint8_t *positive, uint32_t n, nsky_error *err);
double nsky_calibrated(const nsky_calibration *calibration, double score);

/* The same evidence where positives are more or less common: moves the log-odds by the change of
 * prior, both in (0, 1). */
void nsky_calibration_shift(nsky_calibration *calibration, double prevalence);

/*
 * The prevalence among unlabelled rows that explains their scores best (what the expectation
 * maximisation of Saerens, Latinne and Decaestecker 2002 converges to), assuming that positives
 * look alike in both; low and high are 95%, for what the calibration's own error does to it. scores
 * [n].
 */
typedef struct nsky_prevalence {
    double value, low, high;
} nsky_prevalence;
NSKY_MUST_CHECK nsky_status nsky_prevalence_estimate(nsky_prevalence *out,
                                                     const nsky_calibration *calibration,
                                                     const double *scores, uint64_t n,
                                                     nsky_error *err);

#endif
