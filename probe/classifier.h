/* classifier.h - vectors and labels to a linear classifier, with scores for rows it had not seen.
 *
 * Two classes: one direction, class 1 against class 0. More: one direction for each class against
 * the rest. A score is weights . x + bias of the vector as it is given: no scaling to remember.
 * L2-regularised logistic regression (LIBLINEAR), every class weighing the same, its strength by
 * stratified cross-validation; with fewer than NSKY_LOGISTIC_MIN labels in a class, linear
 * discriminants with shrunk covariance (Ledoit and Wolf).
 * Same input, same output, for any number of threads. Thread rule: any thread; blocks.
 */
#ifndef NSKY_PROBE_CLASSIFIER_H
#define NSKY_PROBE_CLASSIFIER_H

#include <stdint.h>

#include "common/error.h"
#include "probe/folds.h"

#define NSKY_LOGISTIC_MIN 10
#define NSKY_LABELS_MAX (1u << 20)
#define NSKY_LABEL_VALUES_MAX (1ull << 28) /* n * dim: LIBLINEAR takes 16 bytes for each */

typedef enum nsky_probe_method {
    NSKY_PROBE_AUTO,
    NSKY_PROBE_LOGISTIC,
    NSKY_PROBE_DISCRIMINANT,
} nsky_probe_method;

typedef struct nsky_classifier_options {
    nsky_probe_method method;
    double c;       /* strength of the fit, in units of nsky_classifier.c; 0: by cross-validation */
    uint32_t folds; /* 0: 5; never more than the smallest class has labels */
    uint64_t seed;  /* of the folds */
    uint32_t threads; /* 0: one for each core */
} nsky_classifier_options;

typedef struct nsky_classifier {
    uint32_t dim, classes, outputs; /* outputs: 1 for two classes, else classes */
    nsky_probe_method method;       /* LOGISTIC or DISCRIMINANT */
    double c;                       /* LIBLINEAR's C on vectors centred and of mean square length 1,
                                       with class weights n / (2 n_class) */
    double shrinkage;               /* of the discriminant */
    uint32_t folds;                 /* 0: too few labels to hold any out; then held_out is NaN */
    double *weights;                /* [outputs, dim] */
    double *bias;                   /* [outputs] */
    double *held_out;               /* [n, outputs]: scores by models that had not seen the row */
} nsky_classifier;

/*
 * x      [n, dim] float32, finite
 * label  [n] below classes (2..NSKY_CLASSES_MAX); every class must occur
 * NSKY_EINVAL  a class without labels, sizes of zero
 * NSKY_EDATA   a vector that is not finite (the row is named)
 * NSKY_ELIMIT  more than NSKY_LABELS_MAX rows or NSKY_LABEL_VALUES_MAX values
 */
NSKY_MUST_CHECK nsky_status nsky_classifier_fit(nsky_classifier **out, const float *x, uint32_t n,
                                                uint32_t dim, const uint32_t *label,
                                                uint32_t classes,
                                                const nsky_classifier_options *options,
                                                nsky_error *err);
void nsky_classifier_free(nsky_classifier *classifier); /* NULL is a no-op */

/* scores [n, outputs] of new vectors. */
void nsky_classifier_score(const nsky_classifier *classifier, const float *x, uint32_t n,
                           double *scores);
/* The class of one row of scores: the sign, or the highest. */
uint32_t nsky_classifier_guess(const nsky_classifier *classifier, const double *scores);

#endif
