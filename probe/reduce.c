/* reduce.c - see reduce.h. Pure functions: any thread. */
#include "probe/reduce.h"

#include <assert.h>

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
