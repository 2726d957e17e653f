/* logistic.h (private) - L2-regularised logistic regression; logistic.c alone includes LIBLINEAR.
 *
 * The primal solver (trust region Newton) is used: the dual ones draw from rand(), which is the
 * process's and not ours. Thread rule: a design is read-only once made; fits of one may run on any
 * number of threads.
 */
#ifndef NSKY_PROBE_LOGISTIC_H
#define NSKY_PROBE_LOGISTIC_H

#include <stdint.h>

#include "common/error.h"

/* Rows as LIBLINEAR reads them, with a constant 1 behind the last number. */
typedef struct nsky_design nsky_design;

/* x [n, dim] */
NSKY_MUST_CHECK nsky_status nsky_design_new(nsky_design **out, const double *x, uint32_t n,
                                            uint32_t dim, nsky_error *err);
void nsky_design_free(nsky_design *design); /* NULL is a no-op */

/*
 * Minimises |w|^2 / 2 + C sum_i weight_i log(1 + exp(-y_i w.x_i)) over the rows with fold !=
 * out_of, weight = count / (2 count_of_class). positive, fold [n]; out_of UINT32_MAX: all rows. w
 * [dim + 1]: where to start, and the answer (the last is the bias; it is regularised too). Both
 * classes must occur among the rows.
 */
NSKY_MUST_CHECK nsky_status nsky_logistic_fit(const nsky_design *design, const uint8_t *positive,
                                              const uint32_t *fold, uint32_t out_of, double c,
                                              double tolerance, double *w, nsky_error *err);

#endif
