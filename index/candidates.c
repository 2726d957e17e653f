/* candidates.c - see candidates.h. Read-only over its inputs: any thread. */
#include "index/candidates.h"

#include <assert.h>
#include <math.h>

#include "common/memory.h"

/* Measured need at recall 0.95 grows with k; the floor serves small k on coarse codes. */
#define CANDIDATES_PER_HIT 10
#define CANDIDATES_MIN 400
#define CANDIDATES_MAX 200000

static bool is_excluded(uint64_t row, const uint64_t *exclude, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (exclude[i] == row)
            return true;
    return false;
}

static bool is_wanted(const nsky_rerank *rerank, const nsky_rerank_query *query, int64_t row)
{
    return row >= 0 && (uint64_t)row < rerank->rows &&
           (!query->allowed || (query->allowed[row >> 3] >> (row & 7) & 1)) &&
           !is_excluded((uint64_t)row, query->exclude, query->exclude_count);
}

static uint64_t candidate_count(const nsky_rerank *rerank, const nsky_rerank_query *query,
                                uint32_t k)
{
    double wanted = (double)k * CANDIDATES_PER_HIT;

    wanted = fmax(wanted, CANDIDATES_MIN) * query->depth;
    wanted = fmax(wanted, k) / query->share + query->exclude_count;
    wanted = fmin(wanted, fmax(CANDIDATES_MAX, k));
    return wanted < (double)rerank->rows ? (uint64_t)wanted : rerank->rows;
}

nsky_status nsky_rerank_run(const nsky_rerank *rerank, const nsky_rerank_query *query,
                            nsky_topk *topk, uint64_t *compared, nsky_error *err)
{
    assert(rerank && query && topk && compared && err && query->share > 0 && query->depth > 0);
    const nsky_scan *scan = rerank->scan;
    const uint64_t wanted = candidate_count(rerank, query, topk->k);
    int64_t *rows = nsky_alloc(wanted, sizeof *rows, err);
    float *scratch = nsky_alloc(nsky_scan_padded(scan->vectors.dim), sizeof *scratch, err);
    nsky_status status = rows && scratch ? NSKY_OK : err->status;

    if (status == NSKY_OK)
        status = nsky_faiss_search(rerank->faiss, query->direction, 1, wanted, rows, err);
    *compared = 0;
    for (uint64_t i = 0; status == NSKY_OK && i < wanted; i++) {
        if (!is_wanted(rerank, query, rows[i]))
            continue;
        uint64_t row = (uint64_t)rows[i];
        float similarity = nsky_scan_row(scan, row, query->direction, scratch);
        ++*compared;
        if (!isnan(similarity))
            nsky_topk_offer(topk, (nsky_hit){row, similarity});
    }
    nsky_free(scratch);
    nsky_free(rows);
    return status;
}
