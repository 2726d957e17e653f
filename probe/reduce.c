/* reduce.c - see reduce.h. Pure functions: any thread. */
#include "probe/reduce.h"

#include <assert.h>
#include <string.h>

#include "algebra/linalg.h"
#include "common/memory.h"
#include "common/rng.h"

#define POWER_PASSES 2

nsky_status nsky_reduce(double *basis, double *small, const double *x, uint32_t n, uint32_t dim,
                        uint32_t rank, uint64_t seed, nsky_error *err)
{
    assert(basis && small && x && err && rank < n && rank < dim);
    double *gram = nsky_alloc((size_t)rank * rank, sizeof *gram, err);
    nsky_status status = gram ? NSKY_OK : err->status;

    if (status != NSKY_OK)
        return status;
    for (uint32_t i = 0; i < n; i++) {
        nsky_rng rng = nsky_rng_at(seed, 0x72616e67, i); /* "rang" */
        for (uint32_t k = 0; k < rank; k++)
            small[(size_t)i * rank + k] = nsky_rng_normal(&rng);
    }
    for (int pass = 0; pass < POWER_PASSES && status == NSKY_OK; pass++) {
        nsky_multiply_transposed(basis, x, small, n, dim, rank);
        if (!nsky_orthonormalise(basis, gram, dim, rank))
            status = nsky_fail(err, NSKY_EDATA, "the vectors span fewer than %u directions", rank);
        else
            nsky_multiply(small, x, basis, n, dim, rank);
    }
    nsky_free(gram);
    return status;
}

nsky_status nsky_align(double *basis, double *small, double *spectrum, uint32_t n, uint32_t dim,
                       uint32_t rank, nsky_error *err)
{
    const size_t larger = n > dim ? n : dim;
    double *gram = nsky_alloc((size_t)rank * rank, sizeof *gram, err);
    double *turn = nsky_alloc((size_t)rank * rank, sizeof *turn, err);
    double *turned = nsky_alloc(larger * rank, sizeof *turned, err);
    nsky_status status = gram && turn && turned ? NSKY_OK : err->status;

    if (status == NSKY_OK) {
        nsky_gram_columns(gram, small, n, rank);
        status = nsky_eigen(gram, spectrum, rank, err);
    }
    if (status == NSKY_OK) {
        for (uint32_t i = 0; i < rank; i++)
            for (uint32_t j = 0; j < rank; j++)
                turn[(size_t)j * rank + i] = gram[(size_t)i * rank + j];
        nsky_multiply(turned, small, turn, n, rank, rank);
        memcpy(small, turned, (size_t)n * rank * sizeof *turned);
        nsky_multiply(turned, basis, turn, dim, rank, rank);
        memcpy(basis, turned, (size_t)dim * rank * sizeof *turned);
    }
    nsky_free(gram);
    nsky_free(turn);
    nsky_free(turned);
    return status;
}
