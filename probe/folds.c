/* folds.c - see folds.h. Pure functions: any thread. */
#include "probe/folds.h"

#include <assert.h>

#include "common/memory.h"
#include "common/rng.h"

void nsky_shuffle(uint32_t *order, uint32_t n, uint64_t seed, uint32_t stream)
{
    nsky_rng rng = nsky_rng_at(seed, stream, 0);

    for (uint32_t i = 0; i < n; i++)
        order[i] = i;
    for (uint32_t i = n; i > 1; i--) {
        uint32_t j = nsky_rng_below(&rng, i), swap = order[i - 1];
        order[i - 1] = order[j];
        order[j] = swap;
    }
}

nsky_status nsky_folds_stratified(uint32_t *fold, const uint32_t *label, uint32_t n,
                                  uint32_t classes, uint32_t folds, uint64_t seed, nsky_error *err)
{
    assert(fold && folds > 0 && classes > 0 && err);
    uint32_t *order = nsky_alloc(n, sizeof *order, err);
    uint32_t *next = nsky_alloc_zero(classes, sizeof *next, err);

    if (!order || !next) {
        nsky_free(order);
        nsky_free(next);
        return err->status;
    }
    /* Classes start at different folds, so that folds are of one size when classes are small. */
    for (uint32_t c = 0; c < classes; c++)
        next[c] = c % folds;
    nsky_shuffle(order, n, seed, 0x666f6c64); /* "fold" */
    for (uint32_t i = 0; i < n; i++) {
        uint32_t class = label ? label[order[i]] : 0;
        assert(class < classes);
        fold[order[i]] = next[class];
        next[class] = (next[class] + 1) % folds;
    }
    nsky_free(order);
    nsky_free(next);
    return NSKY_OK;
}
