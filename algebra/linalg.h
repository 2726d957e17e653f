/* linalg.h - dense linear algebra; linalg.c alone includes OpenBLAS.
 * Row-major matrices. Thread rule: any thread. */
#ifndef NSKY_LINALG_H
#define NSKY_LINALG_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

/* Between these two OpenBLAS starts no threads of its own: for whoever calls it from several, or
 * often for little, when waiting for one another on a busy machine takes longest. Products then do
 * not depend on how many cores there are. Calls nest. */
void nsky_blas_alone(void);
void nsky_blas_again(void);

/* out [m, m] = a a^T of a [m, k], both triangles. */
void nsky_gram(double *out, const double *a, uint32_t m, uint32_t k);
/* out [k, k] = a^T a of a [m, k], both triangles. */
void nsky_gram_columns(double *out, const double *a, uint32_t m, uint32_t k);
/* out [m, n] = a [m, k] b [k, n] */
void nsky_multiply(double *out, const double *a, const double *b, uint32_t m, uint32_t k,
                   uint32_t n);
/* out [k, n] = a^T b of a [m, k], b [m, n] */
void nsky_multiply_transposed(double *out, const double *a, const double *b, uint32_t m, uint32_t k,
                              uint32_t n);
/* Solves a x = b for symmetric positive definite a [n, n], b [n, count] (row-major), both
 * overwritten; x is in b. false: not positive definite. */
bool nsky_solve_positive(double *a, double *b, uint32_t n, uint32_t count);
/* Makes the columns of a [m, k] orthonormal, m >= k, gram [k, k] scratch. false: rank too low. */
bool nsky_orthonormalise(double *a, double *gram, uint32_t m, uint32_t k);
/* Eigenvalues, ascending, and eigenvectors of symmetric a [n, n]: row i of a afterwards is the i-th
 * vector. NSKY_EDATA: no convergence. */
NSKY_MUST_CHECK nsky_status nsky_eigen(double *a, double *values, uint32_t n, nsky_error *err);

/* out [m, n] = a [m, k] b^T of b [n, k]; single precision, for what goes by the million. */
void nsky_multiply_floats(float *out, const float *a, const float *b, uint32_t m, uint32_t k,
                          uint32_t n);

#endif
