/* candidates.c - see candidates.h. Read-only over its inputs: any thread. */
#include "index/candidates.h"

#include <assert.h>
#include <math.h>

#include "common/memory.h"

/* Measured need at recall 0.95 grows with k; the floor serves small k on coarse codes. */
#define CANDIDATES_PER_HIT 10
#define CANDIDATES_MIN 400

static bool is_excluded(uint64_t row, const uint64_t *exclude, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (exclude[i] == row)
            return true;
    return false;
}

static nsky_status scan_instead(const nsky_scan *scan, const float *direction,
                                const uint64_t *exclude, uint32_t exclude_count, nsky_topk *topk,
                                nsky_error *err)
{
    uint8_t *allowed = nsky_alloc(scan->rows / 8 + 1, 1, err);
    if (!allowed)
        return err->status;
    for (uint64_t i = 0; i < scan->rows / 8 + 1; i++)
        allowed[i] = 0xff; /* bits past the last row are never looked at */
    for (uint32_t i = 0; i < exclude_count; i++)
        if (exclude[i] < scan->rows)
            allowed[exclude[i] >> 3] &= (uint8_t) ~(1u << (exclude[i] & 7));
    const uint8_t *bitmaps[1] = {allowed};
    topk->count = 0;
    nsky_status status = nsky_scan_run(scan, direction, bitmaps, 1, topk, err);
    nsky_free(allowed);
    return status;
}

nsky_status nsky_rerank_run(const nsky_rerank *rerank, const float *direction,
                            const uint64_t *exclude, uint32_t exclude_count, nsky_topk *topk,
                            uint64_t *compared, nsky_error *err)
{
    assert(rerank && direction && topk && compared && err);
    const nsky_scan *scan = rerank->scan;
    uint64_t wanted = (uint64_t)topk->k * CANDIDATES_PER_HIT + exclude_count;
    if (wanted < CANDIDATES_MIN)
        wanted = CANDIDATES_MIN;
    if (wanted > scan->rows)
        wanted = scan->rows;
    int64_t *rows = nsky_alloc(wanted, sizeof *rows, err);
    float *scratch = nsky_alloc(nsky_scan_padded(scan->dim), sizeof *scratch, err);
    nsky_status status = rows && scratch ? NSKY_OK : err->status;
    if (status == NSKY_OK)
        status = nsky_faiss_search(rerank->faiss, direction, 1, wanted, rows, err);
    *compared = 0;
    for (uint64_t i = 0; status == NSKY_OK && i < wanted; i++) {
        if (rows[i] < 0 || (uint64_t)rows[i] >= scan->rows ||
            is_excluded((uint64_t)rows[i], exclude, exclude_count))
            continue;
        uint64_t row = (uint64_t)rows[i];
        float similarity = nsky_scan_row(scan, row, direction, scratch);
        ++*compared;
        if (!isnan(similarity))
            nsky_topk_offer(topk, (nsky_hit){row, similarity});
    }
    nsky_free(scratch);
    nsky_free(rows);
    if (status == NSKY_OK && topk->count < topk->k && *compared + exclude_count < scan->rows) {
        *compared = scan->rows;
        return scan_instead(scan, direction, exclude, exclude_count, topk, err);
    }
    nsky_topk_sort(topk);
    return status;
}
