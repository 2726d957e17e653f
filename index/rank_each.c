/* rank_each.c - search.h: scores of every row, a few rows at a time. Any thread. */
#include <assert.h>
#include <math.h>

#include "common/memory.h"
#include "index/parallel.h"
#include "index/search_private.h"

#define BLOCK_ROWS 16384u /* of those that have no codes */

_Static_assert(NSKY_SCORES_THREADS == NSKY_PARALLEL_MAX, "search.h promises it");

typedef struct visit {
    const uint8_t *allowed;
    uint64_t rows;
    uint32_t count;
    nsky_scores_use use;
    void *payload;
} visit;

#define SLOTS_AT_ONCE 256u

/* What holds no row, or one that is not allowed, is left out. */
static void use_some(const visit *v, const uint32_t *rows, uint32_t n, uint32_t stride,
                     const float *scores, uint32_t thread, float *kept_scores)
{
    uint32_t kept[SLOTS_AT_ONCE], from[SLOTS_AT_ONCE], count = 0;

    for (uint32_t i = 0; i < n; i++)
        if (rows[i] < v->rows && nsky_bit(v->allowed, rows[i]) && !isnan(scores[i])) {
            from[count] = i;
            kept[count++] = rows[i];
        }
    for (uint32_t q = 0; q < v->count; q++)
        for (uint32_t i = 0; i < count; i++)
            kept_scores[(size_t)q * count + i] = scores[(size_t)q * stride + from[i]];
    if (count > 0)
        v->use(kept, count, kept_scores, thread, v->payload);
}

typedef struct listed_visit {
    visit face;
    float *rooms; /* [NSKY_SCORES_THREADS, count * SLOTS_AT_ONCE] */
} listed_visit;

static void use_slots(const uint32_t *rows, uint32_t n, const float *scores, uint32_t thread,
                      void *payload)
{
    const listed_visit *v = payload;
    float *room = v->rooms + (size_t)thread * v->face.count * SLOTS_AT_ONCE;

    for (uint32_t i = 0; i < n; i += SLOTS_AT_ONCE)
        use_some(&v->face, rows + i, n - i < SLOTS_AT_ONCE ? n - i : SLOTS_AT_ONCE, n, scores + i,
                 thread, room);
}

static nsky_status visit_lists(const nsky_search *search, const listed_visit *v,
                               const float *packed, nsky_error *err)
{
    const uint32_t padded = nsky_scan_padded(search->scan.vectors.dim), count = v->face.count;
    const nsky_ranker *ranker;
    nsky_rank_query *asked = nsky_alloc_zero(count, sizeof *asked, err);
    float *errors = nsky_alloc(count, sizeof *errors, err);
    nsky_status status = asked && errors ? nsky_search_ranker(search, &ranker, err) : err->status;

    for (uint32_t q = 0; q < count && status == NSKY_OK; q++)
        asked[q] = (nsky_rank_query){.weights = packed + (size_t)q * padded,
                                     .bias = packed[(size_t)count * padded + q]};
    if (status == NSKY_OK)
        status = nsky_ranker_visit(ranker, asked, count, search->scan.threads, use_slots, (void *)v,
                                   errors, err);
    nsky_free(errors);
    nsky_free(asked);
    return status;
}

/* Of rows that have no codes, by as many probes at a time as a scan takes; scores [count, here]. */
static nsky_status score_block(const nsky_search *search, const float *packed, uint32_t count,
                               nsky_linear_scan block, nsky_error *err)
{
    const uint32_t padded = nsky_scan_padded(search->scan.vectors.dim);
    float *scores = block.scores;
    nsky_status status = NSKY_OK;

    for (uint32_t q = 0; q < count && status == NSKY_OK; q += NSKY_SCORE_PROBES_MAX) {
        const uint32_t left = count - q;
        block.weights = packed + (size_t)q * padded;
        block.bias = packed + (size_t)count * padded + q;
        block.count = left < NSKY_SCORE_PROBES_MAX ? left : NSKY_SCORE_PROBES_MAX;
        block.scores = scores + q * block.rows;
        status = nsky_scan_linear(&search->scan, &block, err);
    }
    return status;
}

static nsky_status visit_rest(const nsky_search *search, const listed_visit *v, const float *packed,
                              uint64_t first, nsky_error *err)
{
    const uint64_t rows = search->scan.vectors.rows;
    float *scores = nsky_alloc((size_t)v->face.count * BLOCK_ROWS, sizeof *scores, err);
    uint32_t *numbers = nsky_alloc(BLOCK_ROWS, sizeof *numbers, err);
    nsky_status status = scores && numbers ? NSKY_OK : err->status;

    for (; first < rows && status == NSKY_OK; first += BLOCK_ROWS) {
        const uint32_t here = rows - first < BLOCK_ROWS ? (uint32_t)(rows - first) : BLOCK_ROWS;
        status =
            score_block(search, packed, v->face.count,
                        (nsky_linear_scan){.first = first, .rows = here, .scores = scores}, err);
        for (uint32_t i = 0; i < here; i++)
            numbers[i] = (uint32_t)first + i;
        if (status == NSKY_OK)
            use_slots(numbers, here, scores, 0, (void *)v);
    }
    nsky_free(numbers);
    nsky_free(scores);
    return status;
}

nsky_status nsky_search_each_score(const nsky_search *search, const nsky_linear *probes,
                                   uint32_t count, const uint8_t *allowed, nsky_scores_use use,
                                   void *payload, nsky_error *err)
{
    assert(search && probes && count >= 1 && allowed && use && err);
    assert(search->scan.vectors.rows <= UINT32_MAX);
    listed_visit v = {.face = {allowed, search->scan.vectors.rows, count, use, payload}};
    float *packed = NULL;
    nsky_status status = nsky_linear_pack(search, probes, sizeof *probes, count, &packed, err);

    if (status == NSKY_OK &&
        !(v.rooms =
              nsky_alloc((size_t)NSKY_SCORES_THREADS * count * SLOTS_AT_ONCE, sizeof(float), err)))
        status = err->status;
    if (status == NSKY_OK && search->ranking)
        status = visit_lists(search, &v, packed, err);
    if (status == NSKY_OK)
        status = visit_rest(search, &v, packed, search->ranking ? search->indexed : 0, err);
    nsky_free(v.rooms);
    nsky_free(packed);
    return status;
}
