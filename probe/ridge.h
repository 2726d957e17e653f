/* ridge.h - vectors and numbers to a linear estimate: ridge regression in closed form.
 *
 * The strength is the one with the least leave-one-out error, which has a closed form too; the
 * leave-one-out estimates come along. Thread rule: any thread; blocks.
 */
#ifndef NSKY_PROBE_RIDGE_H
#define NSKY_PROBE_RIDGE_H

#include <stdint.h>

#include "common/error.h"

typedef struct nsky_ridge {
    uint32_t dim;
    double alpha;    /* on vectors as given, centred: ||y - Xw||^2 + alpha ||w||^2 */
    double *weights; /* [dim] */
    double bias;
    double *held_out; /* [n]: estimates by leave-one-out */
} nsky_ridge;

/*
 * x [n, dim] float32, y [n]; all finite. alphas [count] to choose from, or NULL: 25 of them, spread
 * over ten decades around the mean square length of a centred vector.
 * NSKY_EINVAL  n < 3, or all y alike
 * NSKY_EDATA   a number that is not finite (the row is named)
 * NSKY_ELIMIT  as classifier.h
 */
NSKY_MUST_CHECK nsky_status nsky_ridge_fit(nsky_ridge **out, const float *x, uint32_t n,
                                           uint32_t dim, const double *y, const double *alphas,
                                           uint32_t count, nsky_error *err);
void nsky_ridge_free(nsky_ridge *ridge); /* NULL is a no-op */
double nsky_ridge_estimate(const nsky_ridge *ridge, const float *x);

#endif
