/* bootstrap.c - see bootstrap.h. */
#include "eval/bootstrap.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/rng.h"

#define STREAM_GROUPS 0x67727073u /* "grps" */
#define STREAM_DRAWS 0x64726177u  /* "draw" */

nsky_status nsky_bootstrap_new(nsky_bootstrap **out, const uint32_t *group, uint32_t n,
                               uint32_t groups, uint32_t replicates, uint64_t seed, nsky_error *err)
{
    assert(out && group && n > 0 && groups > 0 && groups <= n && err);
    *out = NULL;
    if (replicates > NSKY_BOOTSTRAP_REPLICATES_MAX ||
        (uint64_t)replicates * groups > NSKY_BOOTSTRAP_BYTES_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "%u bootstrap samples of %u groups are too many",
                         replicates, groups);
    nsky_bootstrap *b = nsky_alloc_zero(1, sizeof *b, err);
    uint32_t *copy = nsky_alloc(n, sizeof *copy, err);
    uint8_t *drawn = nsky_alloc_zero((size_t)replicates * groups, 1, err);
    if (!b || !copy || !drawn) {
        nsky_free(b);
        nsky_free(copy);
        nsky_free(drawn);
        return err->status;
    }
    memcpy(copy, group, n * sizeof *copy);
    *b = (nsky_bootstrap){replicates, n, groups, seed, copy, drawn};
    for (uint32_t r = 0; r < replicates; r++) {
        nsky_rng rng = nsky_rng_at(seed, STREAM_GROUPS, r);
        for (uint32_t i = 0; i < groups; i++) {
            uint8_t *times = &drawn[(size_t)r * groups + nsky_rng_below(&rng, groups)];
            *times += *times < UINT8_MAX; /* 255 of the same: will not happen */
        }
    }
    *out = b;
    return NSKY_OK;
}

void nsky_bootstrap_free(nsky_bootstrap *bootstrap)
{
    if (!bootstrap)
        return;
    nsky_free((void *)bootstrap->group);
    nsky_free(bootstrap->drawn);
    nsky_free(bootstrap);
}

uint32_t nsky_bootstrap_draw(const nsky_bootstrap *b, uint32_t replicate, uint32_t count,
                             uint32_t slot)
{
    if (replicate == UINT32_MAX)
        return slot;
    nsky_rng rng = nsky_rng_at(b->seed, STREAM_DRAWS + slot, replicate);
    return nsky_rng_below(&rng, count);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

nsky_interval nsky_bootstrap_interval(double value, double *samples, uint32_t count)
{
    nsky_interval interval = {value, NAN, NAN};
    uint32_t good = 0;

    for (uint32_t i = 0; i < count; i++)
        if (!isnan(samples[i]))
            samples[good++] = samples[i];
    if (good == 0 || isnan(value))
        return interval;
    qsort(samples, good, sizeof *samples, ascending);
    interval.low = fmin(value, samples[(uint32_t)(0.025 * (good - 1))]);
    interval.high = fmax(value, samples[(uint32_t)ceil(0.975 * (good - 1))]);
    return interval;
}

nsky_interval nsky_interval_widest(nsky_interval a, nsky_interval b)
{
    a.low = fmin(a.low, b.low);
    a.high = fmax(a.high, b.high);
    return a;
}
