/* newton.h (private) - many logistic fits of the same rows at once: what each needs of the rows is
 * one matrix product for all of them, which is what makes cross-validation of many classes quick.
 *
 * Truncated Newton: conjugate gradients, preconditioned by the spectrum of the rows, then a line
 * search; it draws no random numbers. The objective and the test for having arrived are LIBLINEAR's
 * (logistic.h). Thread rule: any thread; OpenBLAS is kept from starting its own meanwhile.
 */
#ifndef NSKY_PROBE_NEWTON_H
#define NSKY_PROBE_NEWTON_H

#include <stdint.h>

#include "common/error.h"

typedef struct nsky_newton_rows {
    const double *x; /* [n, dim], centred */
    uint32_t n, dim;
    /* Of x^T x, to precondition by: nearly diag(spectrum [rank]) along the orthonormal columns of
     * basis [dim, rank], and about `rest` in every other direction. basis NULL: its diagonal,
     * spectrum [dim]. */
    const double *basis, *spectrum;
    uint32_t rank;
    double rest;
} nsky_newton_rows;

typedef struct nsky_newton_problem {
    const uint8_t *positive; /* [n] */
    const uint32_t *fold;    /* [n]; rows with fold == out_of are left out */
    uint32_t out_of;
    double c;
    double *w; /* [dim + 1]: where to start, and the answer */
} nsky_newton_problem;

/* Both classes must occur among each problem's rows. A problem that has not arrived after 100 steps
 * stays where it is. */
NSKY_MUST_CHECK nsky_status nsky_newton_fit(const nsky_newton_rows *rows,
                                            const nsky_newton_problem *problems, uint32_t count,
                                            double tolerance, uint32_t threads, nsky_error *err);

#endif
