/* sample.c - see sample.h. */
#include "probe/sample.h"

#include <assert.h>

#include "common/memory.h"

static uint64_t count_allowed(const uint8_t *allowed, uint64_t rows)
{
    uint64_t count = 0;

    for (uint64_t row = 0; row < rows; row++)
        count += allowed[row >> 3] >> (row & 7) & 1;
    return count;
}

/* Every stride-th run of the rows that are allowed. */
static uint32_t take_allowed(uint32_t *out, uint64_t rows, const uint8_t *allowed, uint64_t stride)
{
    uint64_t seen = 0;
    uint32_t count = 0;

    for (uint64_t row = 0; row < rows; row++)
        if (allowed[row >> 3] >> (row & 7) & 1 && seen++ / NSKY_SAMPLE_RUN % stride == 0)
            out[count++] = (uint32_t)row;
    return count;
}

static uint32_t take_any(uint32_t *out, uint64_t rows, uint64_t stride)
{
    uint32_t count = 0;

    for (uint64_t first = 0; first < rows; first += stride * NSKY_SAMPLE_RUN)
        for (uint64_t row = first; row < rows && row < first + NSKY_SAMPLE_RUN; row++)
            out[count++] = (uint32_t)row;
    return count;
}

nsky_status nsky_sample_rows(uint32_t **out, uint32_t *count, uint64_t rows, const uint8_t *allowed,
                             uint32_t most, nsky_error *err)
{
    assert(out && count && rows <= UINT32_MAX && most >= NSKY_SAMPLE_RUN && err);
    const uint64_t matching = allowed ? count_allowed(allowed, rows) : rows;
    const uint64_t runs_max = most / NSKY_SAMPLE_RUN;
    const uint64_t runs = (matching + NSKY_SAMPLE_RUN - 1) / NSKY_SAMPLE_RUN;
    const uint64_t stride = matching <= most ? 1 : (runs + runs_max - 1) / runs_max;

    *count = 0;
    if (!(*out = nsky_alloc(matching < most ? matching : most, sizeof **out, err)))
        return err->status;
    *count = allowed ? take_allowed(*out, rows, allowed, stride) : take_any(*out, rows, stride);
    return NSKY_OK;
}
