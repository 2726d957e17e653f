/* metrics.h - how good scores are, with intervals that cover: rankings, classes, redshifts.
 *
 * Scores may have ties and any scale; higher means more likely positive. What is not defined (a
 * class absent, too few negatives for a false-positive rate) is NaN. Intervals are 95%.
 * Thread rule: pure functions.
 */
#ifndef NSKY_PROBE_METRICS_H
#define NSKY_PROBE_METRICS_H

#include <stdint.h>

#include "common/error.h"

#define NSKY_FPRS 3 /* 1e-2, 1e-3, 1e-4 */
extern const double nsky_fprs[NSKY_FPRS];

typedef struct nsky_interval {
    double value, low, high;
} nsky_interval;

/* successes of trials, by Wilson's score method; trials 0: NaN, 0, 1. */
nsky_interval nsky_wilson(double successes, double trials);

typedef struct nsky_ranking_metrics {
    uint32_t positives, negatives;
    nsky_interval auroc;             /* ties count half */
    nsky_interval average_precision; /* sum of (R_i - R_i-1) P_i, ties as one step */
    nsky_interval tpr[NSKY_FPRS];    /* best recall at a false-positive rate <= nsky_fprs[i] */
} nsky_ranking_metrics;

/*
 * scores, positive [n]; positive is 0 or 1. Intervals: the widest of a bootstrap stratified by
 * class (replicates of it, drawn by seed; 0: none) and, for AUROC, Newcombe's method 5, for recalls
 * Wilson's: a bootstrap alone claims certainty where every positive was found.
 * NSKY_EDATA  a score that is NaN
 */
NSKY_MUST_CHECK nsky_status nsky_measure_ranking(nsky_ranking_metrics *out, const double *scores,
                                                 const uint8_t *positive, uint32_t n,
                                                 uint32_t replicates, uint64_t seed,
                                                 nsky_error *err);

/* Positives among the first `count` by score, a tie across the cut shared out evenly (so it may be
 * a fraction), divided by count. */
NSKY_MUST_CHECK nsky_status nsky_precision_at(nsky_interval *out, const double *scores,
                                              const uint8_t *positive, uint32_t n, uint32_t count,
                                              nsky_error *err);

/* One point of a curve: take everything with a score >= threshold. */
typedef struct nsky_operating_point {
    double threshold;
    uint32_t selected;          /* of n */
    nsky_interval completeness; /* of the positives */
    nsky_interval false_positive_rate;
    double purity; /* at the prevalence given: pi T / (pi T + (1 - pi) F) */
    double purity_low, purity_high;
} nsky_operating_point;

/* Points at completeness 1/points, 2/points, ... 1. out [points]. */
NSKY_MUST_CHECK nsky_status nsky_measure_curve(nsky_operating_point *out, uint32_t points,
                                               const double *scores, const uint8_t *positive,
                                               uint32_t n, double prevalence, nsky_error *err);

/*
 * Expected calibration error: the mean over ten equal-width bins of |share of positives - mean
 * probability|, weighted by rows. probability, positive [n].
 */
double nsky_calibration_error(const double *probability, const uint8_t *positive, uint32_t n);

typedef struct nsky_class_metrics {
    nsky_interval accuracy; /* Wilson */
    double macro_f1;        /* over the classes that occur in truth or guess */
} nsky_class_metrics;

/* truth, guess [n], each below classes (<= NSKY_CLASSES_MAX). */
NSKY_MUST_CHECK nsky_status nsky_measure_classes(nsky_class_metrics *out, const uint32_t *truth,
                                                 const uint32_t *guess, uint32_t n,
                                                 uint32_t classes, nsky_error *err);

typedef struct nsky_regression_metrics {
    uint32_t n;
    nsky_interval rmse, r2;
    /* of d = (estimate - truth) / (1 + truth), as photometric redshifts are judged: */
    nsky_interval bias;        /* mean of d */
    nsky_interval sigma_mad;   /* 1.4826 median |d - median d| */
    nsky_interval outliers_05; /* share with |d| > 0.05 */
    nsky_interval outliers_15; /* share with |d| > 0.15 */
} nsky_regression_metrics;

/* Intervals by `replicates` bootstrap samples of the rows (outliers: the widest of that and
 * Wilson's). NSKY_EDATA  a number that is not finite, or n < 2 */
NSKY_MUST_CHECK nsky_status nsky_measure_regression(nsky_regression_metrics *out,
                                                    const double *truth, const double *estimate,
                                                    uint32_t n, uint32_t replicates, uint64_t seed,
                                                    nsky_error *err);

#endif
