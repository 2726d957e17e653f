/* fit.h (private) - what the ways to fit a classifier share: the rows made ready, and the answer.
 * Thread rule: read-only while tasks run. */
#ifndef NSKY_PROBE_FIT_H
#define NSKY_PROBE_FIT_H

#include "probe/classifier.h"

#define NSKY_REDUCED_RANK 256

typedef struct nsky_fit {
    uint32_t n, dim, classes, outputs, folds, threads;
    const uint32_t *label; /* [n], borrowed */
    uint32_t *fold;        /* [n] */
    double *x;             /* [n, dim]: centred, mean square length 1 */
    double *mean;          /* [dim] */
    double scale;          /* x = (vector - mean) * scale */
    /* The leading directions; NULL where the rows are few enough to do without. */
    uint32_t rank;
    double *basis; /* [dim, rank] */
    double *small; /* [n, rank] */
    /* Of x^T x: along the basis [rank], or its diagonal [dim]; what a direction off the basis has.
     */
    double *spectrum;
    double rest;
} nsky_fit;

/* Is row i a positive of an output? */
static inline uint8_t nsky_fit_positive(const nsky_fit *fit, uint32_t output, uint32_t i)
{
    return fit->outputs == 1 ? fit->label[i] == 1 : fit->label[i] == output;
}

/* Both fill weights, bias (of the x above; the caller moves them to vectors as given), held_out and
 * c or shrinkage. c_wish 0: by cross-validation, or 1 where no row can be held out. */
NSKY_MUST_CHECK nsky_status nsky_fit_logistic(const nsky_fit *fit, double c_wish,
                                              nsky_classifier *out, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_fit_discriminant(const nsky_fit *fit, nsky_classifier *out,
                                                  nsky_error *err);

#endif
