/* score.c - search.h: linear scores of every row. Read-only over an open search: any thread. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "index/search_private.h"

#define BLOCK_VALUES (1ull << 26) /* of rows between two looks at whether to stop */

nsky_status nsky_linear_pack(const nsky_search *search, const nsky_linear *probes,
                             size_t stride_bytes, uint32_t count, float **out, nsky_error *err)
{
    const uint32_t dim = search->scan.vectors.dim, padded = nsky_scan_padded(dim);
    float *packed = nsky_alloc_zero((size_t)count * (padded + 1), sizeof *packed, err);

    *out = NULL;
    if (!packed)
        return err->status;
    for (uint32_t q = 0; q < count; q++) {
        const nsky_linear *probe = (const void *)((const char *)probes + q * stride_bytes);
        bool good = isfinite(probe->bias);
        for (uint32_t i = 0; i < dim; i++)
            good = good && isfinite(probe->weights[i]);
        if (!good) {
            nsky_free(packed);
            return nsky_fail(err, NSKY_EDATA, "probe %u: a weight is not finite", q);
        }
        memcpy(packed + (size_t)q * padded, probe->weights, dim * sizeof *packed);
        packed[(size_t)count * padded + q] = probe->bias;
    }
    *out = packed;
    return NSKY_OK;
}

/* Kernels want both padded with zeros. */
float nsky_score_vector(const nsky_linear *probe, const float *x, uint32_t dim)
{
    nsky_dot_kernel kernels[3];
    const uint32_t padded = nsky_scan_padded(dim);
    nsky_error err = NSKY_ERROR_INIT;
    float *room = nsky_alloc_zero((size_t)2 * padded, sizeof *room, &err);

    if (!room)
        return NAN;
    memcpy(room, x, dim * sizeof *room);
    memcpy(room + padded, probe->weights, dim * sizeof *room);
    nsky_dot_kernels(kernels);
    float score = kernels[0].dot(room, room + padded, padded) + probe->bias;
    nsky_free(room);
    return score;
}

void nsky_hide_deleted(const nsky_search *search, float *scores, uint64_t first, uint64_t end)
{
    for (uint64_t row = first; search->generation->deleted && row < end; row++)
        if (nsky_bit(search->generation->deleted, row))
            scores[row] = NAN;
}

nsky_status nsky_linear_check(uint32_t count, nsky_error *err)
{
    if (count >= 1 && count <= NSKY_SCORE_PROBES_MAX)
        return NSKY_OK;
    return nsky_fail(err, NSKY_EINVAL, "%u probes at once; 1 to %d are possible", count,
                     NSKY_SCORE_PROBES_MAX);
}

nsky_status nsky_search_scores(const nsky_search *search, const nsky_linear *probes, uint32_t count,
                               float *scores, nsky_progress *progress, const atomic_bool *stop,
                               nsky_error *err)
{
    assert(search && probes && scores && err);
    const uint64_t rows = search->scan.vectors.rows,
                   block = BLOCK_VALUES / search->scan.vectors.dim + 1;
    float *packed = NULL, *part = NULL;
    nsky_status status = nsky_linear_check(count, err);

    if (status == NSKY_OK)
        status = nsky_linear_pack(search, probes, sizeof *probes, count, &packed, err);
    if (status == NSKY_OK && !(part = nsky_alloc((size_t)count * block, sizeof *part, err)))
        status = err->status;
    for (uint64_t first = 0; first < rows && status == NSKY_OK; first += block) {
        uint64_t here = rows - first < block ? rows - first : block;
        const nsky_linear_scan linear = {
            .weights = packed,
            .bias = packed + (size_t)count * nsky_scan_padded(search->scan.vectors.dim),
            .count = count,
            .first = first,
            .rows = here,
            .scores = part,
        };
        if (stop && atomic_load(stop))
            status = nsky_fail(err, NSKY_ECANCELLED, "stopped");
        else
            status = nsky_scan_linear(&search->scan, &linear, err);
        for (uint32_t q = 0; status == NSKY_OK && q < count; q++) {
            memcpy(scores + q * rows + first, part + q * here, here * sizeof *scores);
            nsky_hide_deleted(search, scores + q * rows, first, first + here);
        }
        nsky_progress_add(progress, here);
    }
    nsky_free(part);
    nsky_free(packed);
    return status;
}

nsky_status nsky_search_facts(const nsky_search *search, uint64_t row, nsky_row_facts *out,
                              nsky_error *err)
{
    const nsky_columns *columns = &search->columns;

    if (columns->rows != search->scan.vectors.rows)
        return nsky_fail(err, NSKY_EINVAL,
                         "magnitudes and positions need an index; run `nearsky index` first");
    if (row >= columns->rows)
        return nsky_fail(err, NSKY_ENOTFOUND, "row %llu has no vector yet",
                         (unsigned long long)row);
    for (int band = 0; band < 3; band++)
        out->mag[band] = columns->mag[band][row];
    out->z_phot = columns->z_phot[row];
    bool somewhere = !(columns->flags[row] & NSKY_FLAG_NOWHERE);
    out->ra_deg = somewhere ? nsky_columns_ra_deg(columns->ra[row]) : NAN;
    out->dec_deg = somewhere ? nsky_columns_dec_deg(columns->dec[row]) : NAN;
    out->known = columns->flags[row] & NSKY_FLAG_KNOWN;
    out->type = (nsky_type)(columns->flags[row] & NSKY_FLAG_TYPE);
    out->deleted = nsky_search_is_deleted(search, row);
    return NSKY_OK;
}

/* Unit length; false for a row of zeros. */
static bool load_unit(const nsky_search *search, uint64_t row, float *out)
{
    double square = 0;

    nsky_generation_vector(search->generation, row, out);
    for (uint32_t j = 0; j < search->scan.vectors.dim; j++)
        square += (double)out[j] * (double)out[j];
    for (uint32_t j = 0; j < search->scan.vectors.dim && square > 0; j++)
        out[j] = (float)((double)out[j] / sqrt(square));
    return square > 0;
}

/* One more than asked for is looked for: the row itself may be among them. */
nsky_status nsky_search_nearest(const nsky_search *search, const uint64_t *rows, uint32_t count,
                                const uint8_t *allowed, uint32_t k, nsky_hit *hits,
                                uint32_t *counts, nsky_error *err)
{
    assert(search && rows && allowed && hits && counts && err);
    assert(count >= 1 && count <= NSKY_NEAREST_MAX && k >= 1 && k < NSKY_SEARCH_K_MAX);
    const uint32_t padded = nsky_scan_padded(search->scan.vectors.dim);
    const uint8_t *bitmaps[NSKY_NEAREST_MAX];
    nsky_topk topks[NSKY_NEAREST_MAX];
    float *queries = nsky_alloc_zero((size_t)count * padded, sizeof *queries, err);
    nsky_hit *room = nsky_alloc((size_t)count * (k + 1), sizeof *room, err);
    nsky_status status = queries && room ? NSKY_OK : err->status;

    for (uint32_t q = 0; q < count && status == NSKY_OK; q++) {
        bitmaps[q] = allowed;
        topks[q] = (nsky_topk){room + (size_t)q * (k + 1), k + 1, 0};
        if (rows[q] >= search->scan.vectors.rows)
            status = nsky_fail(err, NSKY_ENOTFOUND, "row %llu has no vector yet",
                               (unsigned long long)rows[q]);
        else if (!load_unit(search, rows[q], queries + (size_t)q * padded))
            topks[q].k = 1; /* found and dropped below */
    }
    if (status == NSKY_OK)
        status = nsky_scan_run(&search->scan, queries, bitmaps, count, topks, err);
    for (uint32_t q = 0; q < count && status == NSKY_OK; q++) {
        counts[q] = 0;
        for (uint32_t i = 0; i < topks[q].count && counts[q] < k && topks[q].k > 1; i++)
            if (topks[q].hits[i].row != rows[q])
                hits[(size_t)q * k + counts[q]++] = topks[q].hits[i];
    }
    nsky_free(queries);
    nsky_free(room);
    return status;
}
