/* reduce.h - the few directions that hold nearly all of the spread of many rows: choosing
 * a strength by cross-validation needs no more, and costs a tenth. Thread rule: pure functions. */
#ifndef NSKY_PROBE_REDUCE_H
#define NSKY_PROBE_REDUCE_H

#include <stdint.h>

#include "common/error.h"

/*
 * basis [dim, rank] of orthonormal columns spanning (nearly) the leading principal directions of
 * centred x [n, dim], by a randomised range finder with two passes of power iteration (Halko,
 * Martinsson and Tropp 2011); small [n, rank] = x basis. rank < n, rank < dim.
 */
NSKY_MUST_CHECK nsky_status nsky_reduce(double *basis, double *small, const double *x, uint32_t n,
                                        uint32_t dim, uint32_t rank, uint64_t seed,
                                        nsky_error *err);
/* Turns basis and small, both within the same span, to where the columns of small have nothing in
 * common; spectrum [rank], ascending, is their square lengths. NSKY_EDATA: no convergence. */
NSKY_MUST_CHECK nsky_status nsky_align(double *basis, double *small, double *spectrum, uint32_t n,
                                       uint32_t dim, uint32_t rank, nsky_error *err);

#endif
