/* recall.c - the exact scan is the oracle. */
#include "index/recall.h"

#include <assert.h>
#include <math.h>

#include "common/half.h"
#include "common/memory.h"
#include "common/rng.h"

#define QUERIES 200
#define DEPTH 100
#define SEED 20211021

/* How many of the first k of truth are among the first k of found. */
static uint32_t common_hits(const nsky_topk *truth, const nsky_topk *found, uint32_t k)
{
    uint32_t common = 0;
    for (uint32_t i = 0; i < k && i < truth->count; i++)
        for (uint32_t j = 0; j < k && j < found->count; j++)
            if (truth->hits[i].row == found->hits[j].row) {
                common++;
                break;
            }
    return common;
}

/* One query; adds to the sums. */
static nsky_status measure_row(const nsky_rerank *rerank, uint64_t row, float *query,
                               uint8_t *allowed, double sums[2], nsky_error *err)
{
    const nsky_scan *scan = rerank->scan;
    nsky_hit truth_hits[DEPTH], found_hits[DEPTH];
    nsky_topk truth = {truth_hits, DEPTH, 0}, found = {found_hits, DEPTH, 0};
    const uint8_t *bitmaps[1] = {allowed};
    uint64_t compared = 0;
    nsky_vectors_read(&scan->vectors, row, query);
    allowed[row >> 3] &= (uint8_t) ~(1u << (row & 7));
    nsky_status status = nsky_scan_run(scan, query, bitmaps, 1, &truth, err);
    allowed[row >> 3] |= (uint8_t)(1u << (row & 7));
    const nsky_rerank_query asked = {
        .direction = query, .share = 1, .depth = 1, .exclude = &row, .exclude_count = 1};
    if (status == NSKY_OK)
        status = nsky_rerank_run(rerank, &asked, &found, &compared, err);
    nsky_topk_sort(&found);
    sums[0] += common_hits(&truth, &found, 10) / 10.0;
    sums[1] += common_hits(&truth, &found, 100) / 100.0;
    return status;
}

nsky_status nsky_recall_measure(const nsky_rerank *rerank, nsky_recall *out, nsky_error *err)
{
    assert(rerank && out && err);
    const nsky_scan *scan = rerank->scan;
    nsky_rng rng = nsky_rng_at(SEED, 0, 0);
    double sums[2] = {0, 0};
    nsky_status status = NSKY_OK;
    float *query = nsky_alloc_zero(nsky_scan_padded(scan->vectors.dim), sizeof *query, err);
    uint8_t *allowed = nsky_alloc(scan->vectors.rows / 8 + 1, 1, err);
    if (!query || !allowed) {
        status = err->status;
        goto done;
    }
    for (uint64_t i = 0; i < scan->vectors.rows / 8 + 1; i++)
        allowed[i] = 0xff;
    *out = (nsky_recall){.queries =
                             scan->vectors.rows < QUERIES ? (uint32_t)scan->vectors.rows : QUERIES};
    for (uint32_t q = 0; q < out->queries && status == NSKY_OK; q++) {
        uint64_t row = scan->vectors.rows <= QUERIES ? q : nsky_rng_u64(&rng) % scan->vectors.rows;
        status = measure_row(rerank, row, query, allowed, sums, err);
    }
    out->at_10 = scan->vectors.rows > 10 ? sums[0] / out->queries : NAN;
    out->at_100 = scan->vectors.rows > 100 ? sums[1] / out->queries : NAN;
done:
    nsky_free(allowed);
    nsky_free(query);
    return status;
}
