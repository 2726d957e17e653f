/* gather.c - see gather.h. Which thread compares a row does not matter to the result: heaps keep
 * the best by similarity and row. */
#include "index/gather.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/clock.h"
#include "common/memory.h"
#include "index/parallel.h"

#define TASK_ROWS 128
#define AHEAD 12           /* rows that are fetched early */
#define ROWS_TO_SHARE 8192 /* below, a thread does not pay where vectors are in memory */
#define SLOW_NS 500000u    /* so long for a task's rows: they came from the disk */
#define READERS 8          /* at once: what an SSD likes */

/* Matches of vectors of 512 numbers: measured at a million rows in memory. More would take too long
 * where they lie on a disk. */
#define FEW_MIN 512
#define FEW_MAX 8192
#define ROWS_A_MATCH 2000

uint64_t nsky_gather_few(uint64_t rows, uint32_t dim)
{
    uint64_t few = rows / ROWS_A_MATCH;
    few = few < FEW_MIN ? FEW_MIN : few > FEW_MAX ? FEW_MAX : few;
    return few * 512 / dim;
}

typedef struct gathering {
    const nsky_scan *scan;
    const float *query;
    const uint32_t *rows; /* or NULL: first, first + 1, ... */
    uint64_t first, count;
    uint64_t done;    /* tasks */
    nsky_topk *heaps; /* [threads] */
    float *scratch;   /* [threads, padded] */
} gathering;

static uint64_t row_at(const gathering *g, uint64_t i)
{
    return g->rows ? g->rows[i] : g->first + i;
}

static void compare_some(uint64_t task, uint32_t thread, void *payload)
{
    const gathering *g = payload;
    const uint64_t begin = (g->done + task) * TASK_ROWS;
    const uint64_t end = g->count - begin < TASK_ROWS ? g->count : begin + TASK_ROWS;
    float *scratch = g->scratch + (size_t)thread * nsky_scan_padded(g->scan->vectors.dim);

    for (uint64_t i = begin; i < end && i < begin + AHEAD; i++)
        nsky_vectors_prefetch(&g->scan->vectors, row_at(g, i));
    for (uint64_t i = begin; i < end; i++) {
        const uint64_t row = row_at(g, i);
        if (i + AHEAD < end)
            nsky_vectors_prefetch(&g->scan->vectors, row_at(g, i + AHEAD));
        float similarity = nsky_scan_row(g->scan, row, g->query, scratch);
        if (!isnan(similarity))
            nsky_topk_offer(&g->heaps[thread], (nsky_hit){row, similarity});
    }
}

/* Bits of rows 64 i ... of [first, end) in a bitmap of (end + 7) / 8 bytes. */
static uint64_t word_at(const uint8_t *allowed, uint64_t i, uint64_t first, uint64_t end)
{
    const uint64_t bytes = (end + 7) / 8 - 8 * i;
    uint64_t word = 0;
    memcpy(&word, allowed + 8 * i, bytes < 8 ? bytes : 8);
    if (64 * i < first)
        word &= ~0ull << (first - 64 * i);
    if (64 * i + 64 > end)
        word &= ~0ull >> (64 * i + 64 - end);
    return word;
}

/* Rows of [first, end) with their bit set; the caller frees. */
static nsky_status list_rows(const uint8_t *allowed, uint64_t first, uint64_t end, uint32_t **out,
                             uint64_t *count, nsky_error *err)
{
    uint64_t room = 0;

    for (uint64_t i = first / 64; 64 * i < end; i++)
        room += (uint64_t)__builtin_popcountll(word_at(allowed, i, first, end));
    *count = 0;
    if (!(*out = nsky_alloc(room, sizeof **out, err)))
        return err->status;
    for (uint64_t i = first / 64; 64 * i < end; i++)
        for (uint64_t left = word_at(allowed, i, first, end); left; left &= left - 1)
            (*out)[(*count)++] = (uint32_t)(64 * i + (uint64_t)__builtin_ctzll(left));
    return NSKY_OK;
}

/* The first task's time tells whether rows come from the disk: then many readers serve it. */
static void compare_all(gathering *g, uint32_t threads_max)
{
    const uint64_t tasks = (g->count + TASK_ROWS - 1) / TASK_ROWS;
    const uint64_t began = nsky_now_ns();

    compare_some(0, 0, g);
    g->done = 1;
    if (tasks <= 1)
        return;
    const bool slow = nsky_now_ns() - began > SLOW_NS;
    nsky_parallel(tasks - 1, slow || g->count >= ROWS_TO_SHARE ? threads_max : 1, compare_some, g);
}

static nsky_status run(gathering *g, nsky_topk *topk, nsky_error *err)
{
    const uint64_t tasks = (g->count + TASK_ROWS - 1) / TASK_ROWS;
    uint32_t threads = nsky_parallel_threads(g->scan->threads, tasks);

    if (g->scan->threads == 0 && threads < READERS)
        threads = nsky_parallel_threads(READERS, tasks);
    nsky_hit *hits = nsky_alloc((size_t)threads * topk->k, sizeof *hits, err);
    nsky_status status = NSKY_OK;
    g->heaps = nsky_alloc(threads, sizeof *g->heaps, err);
    g->scratch = nsky_alloc_zero((size_t)threads * nsky_scan_padded(g->scan->vectors.dim),
                                 sizeof *g->scratch, err);
    if (!hits || !g->heaps || !g->scratch) {
        status = err->status;
    } else {
        for (uint32_t t = 0; t < threads; t++)
            g->heaps[t] = (nsky_topk){hits + (size_t)t * topk->k, topk->k, 0};
        compare_all(g, threads);
        for (uint32_t t = 0; t < threads; t++)
            for (uint32_t i = 0; i < g->heaps[t].count; i++)
                nsky_topk_offer(topk, g->heaps[t].hits[i]);
    }
    nsky_free(g->scratch);
    nsky_free(g->heaps);
    nsky_free(hits);
    return status;
}

nsky_status nsky_gather_run(const nsky_scan *scan, const float *query, uint64_t first, uint64_t end,
                            const uint8_t *allowed, nsky_topk *topk, uint64_t *compared,
                            nsky_error *err)
{
    assert(scan && query && topk && topk->k > 0 && compared && err && end <= scan->vectors.rows);
    gathering g = {.scan = scan, .query = query, .first = first, .count = end - first};
    uint32_t *rows = NULL;
    nsky_status status = NSKY_OK;

    if (allowed) {
        status = list_rows(allowed, first, end, &rows, &g.count, err);
        g.rows = rows;
    }
    if (status == NSKY_OK && g.count > 0)
        status = run(&g, topk, err);
    *compared = status == NSKY_OK ? g.count : 0;
    nsky_free(rows);
    return status;
}
