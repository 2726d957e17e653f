/* oracle.c - see oracle.h. */
#include "index/oracle.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "common/rng.h"
#include "index/stop.h"

#define DEPTH NSKY_ORACLE_DEPTH
#define POSITIVES 10

static nsky_status allocate(nsky_oracle *o, uint32_t count, uint32_t dim, nsky_error *err)
{
    *o = (nsky_oracle){.count = count, .padded = nsky_scan_padded(dim)};
    o->directions = nsky_alloc_zero((size_t)count * o->padded, sizeof *o->directions, err);
    o->self = nsky_alloc(count, sizeof *o->self, err);
    o->truth = nsky_alloc((size_t)count * (DEPTH + 1), sizeof *o->truth, err);
    o->found = nsky_alloc_zero(count, sizeof *o->found, err);
    return o->directions && o->self && o->truth && o->found ? NSKY_OK : err->status;
}

void nsky_oracle_close(nsky_oracle *o)
{
    nsky_free(o->found);
    nsky_free(o->truth);
    nsky_free(o->self);
    nsky_free(o->directions);
    memset(o, 0, sizeof *o);
}

static bool to_unit(float *x, uint32_t dim)
{
    double square = 0;
    for (uint32_t d = 0; d < dim; d++)
        square += (double)x[d] * (double)x[d];
    for (uint32_t d = 0; d < dim && square > 0; d++)
        x[d] = (float)((double)x[d] / sqrt(square));
    return square > 0;
}

static void draw_rows(nsky_oracle *o, const nsky_scan *scan, uint64_t seed)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < 4 * o->count && kept < o->count; i++) {
        nsky_rng rng = nsky_rng_at(seed, 0, i);
        uint64_t row = nsky_rng_u64(&rng) % scan->vectors.rows;
        float *x = o->directions + (size_t)kept * o->padded;
        nsky_vectors_read(&scan->vectors, row, x);
        if (to_unit(x, scan->vectors.dim))
            o->self[kept++] = row;
    }
    o->count = kept;
}

/* sum [dim]: room */
static void draw_probes(nsky_oracle *o, const nsky_scan *scan, const nsky_oracle *rows,
                        const float *mean, double *sum)
{
    uint32_t kept = 0;
    for (uint32_t q = 0; q < rows->count && kept < o->count; q++) {
        float *w = o->directions + (size_t)kept * o->padded;
        const uint32_t positives = rows->found[q] < POSITIVES ? rows->found[q] : POSITIVES;
        if (positives == 0)
            continue;
        memset(sum, 0, scan->vectors.dim * sizeof *sum);
        for (uint32_t p = 0; p < positives; p++) {
            nsky_vectors_read(&scan->vectors, rows->truth[(size_t)q * (DEPTH + 1) + p].row, w);
            for (uint32_t d = 0; d < scan->vectors.dim; d++)
                sum[d] += (double)w[d];
        }
        for (uint32_t d = 0; d < scan->vectors.dim; d++)
            w[d] = (float)(sum[d] / positives - (double)mean[d]);
        if (to_unit(w, scan->vectors.dim))
            o->self[kept++] = UINT64_MAX;
    }
    o->count = kept;
}

/* One pass over everything for all of them. */
static nsky_status find_truth(nsky_oracle *o, const nsky_scan *scan, const atomic_bool *stop,
                              nsky_error *err)
{
    nsky_status status = nsky_index_check_stop(stop, err);
    nsky_topk *topks = nsky_alloc(o->count, sizeof *topks, err);
    if (!topks)
        return err->status;
    for (uint32_t q = 0; q < o->count; q++)
        topks[q] = (nsky_topk){o->truth + (size_t)q * (DEPTH + 1), DEPTH + 1, 0};
    if (status == NSKY_OK && o->count > 0)
        status = nsky_scan_run(scan, o->directions, NULL, o->count, topks, err);
    for (uint32_t q = 0; status == NSKY_OK && q < o->count; q++) {
        nsky_hit *truth = topks[q].hits;
        uint32_t kept = 0;
        for (uint32_t i = 0; i < topks[q].count; i++)
            if (truth[i].row != o->self[q])
                truth[kept++] = truth[i];
        o->found[q] = kept < DEPTH ? kept : DEPTH;
    }
    nsky_free(topks);
    return status;
}

nsky_status nsky_oracle_rows(nsky_oracle *out, const nsky_scan *scan, uint32_t count, uint64_t seed,
                             const atomic_bool *stop, nsky_error *err)
{
    assert(out && scan && count > 0 && err);
    nsky_status status = allocate(out, count, scan->vectors.dim, err);
    if (status != NSKY_OK)
        return status;
    draw_rows(out, scan, seed);
    return find_truth(out, scan, stop, err);
}

nsky_status nsky_oracle_probes(nsky_oracle *out, const nsky_scan *scan, uint32_t count,
                               const nsky_oracle *rows, const float *mean, const atomic_bool *stop,
                               nsky_error *err)
{
    assert(out && scan && count > 0 && rows && mean && err);
    nsky_status status = allocate(out, count, scan->vectors.dim, err);
    if (status != NSKY_OK)
        return status;
    double *sum = nsky_alloc(scan->vectors.dim, sizeof *sum, err);
    if (!sum)
        return err->status;
    draw_probes(out, scan, rows, mean, sum);
    nsky_free(sum);
    return find_truth(out, scan, stop, err);
}

double nsky_oracle_recall(const nsky_oracle *o, const nsky_topk *found, uint32_t k)
{
    double sum = 0;
    uint32_t counted = 0;
    for (uint32_t q = 0; q < o->count; q++) {
        const uint32_t true_ones = o->found[q] < k ? o->found[q] : k;
        uint32_t common = 0;
        for (uint32_t i = 0; i < true_ones; i++)
            for (uint32_t j = 0; j < found[q].count; j++)
                common += o->truth[(size_t)q * (DEPTH + 1) + i].row == found[q].hits[j].row;
        counted += true_ones > 0;
        sum += true_ones > 0 ? (double)common / true_ones : 0;
    }
    return counted > 0 ? sum / counted : NAN;
}
