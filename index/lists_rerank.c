/* lists_rerank.c - lists.h: exact cosines of candidates. Any thread. */
#include <assert.h>
#include <math.h>

#include "common/clock.h"
#include "index/lists.h"

#define LOOK_EVERY 8    /* rows between two looks at the clock */
#define SLOW_NS 100000u /* so long for them: they came from the disk */
#define AHEAD 6         /* rows that are fetched early */
#define FIRST_LINES 64  /* rows whose pages are looked up at once */

static bool is_excluded(uint64_t row, const uint64_t *exclude, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (exclude[i] == row)
            return true;
    return false;
}

/* Asks for the pages of all these rows at once; the disk serves many requests in the time of one.
 * It is advice: what cannot be had comes by page fault. */
static void read_ahead(const nsky_scan *scan, const nsky_candidate *candidates, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t row = candidates[i].row;
        if (row < scan->vectors.rows && !nsky_vectors_will_need(&scan->vectors, row, row + 1))
            return;
    }
}

static void fetch(const nsky_scan *scan, const nsky_candidate *candidates, uint32_t i,
                  uint32_t count)
{
    if (i < count && candidates[i].row < scan->vectors.rows)
        nsky_vectors_prefetch(&scan->vectors, candidates[i].row);
}

void nsky_lists_rerank(const nsky_scan *scan, const float *query, const nsky_candidate *candidates,
                       uint32_t count, const uint64_t *exclude, uint32_t exclude_count,
                       nsky_topk *topk, uint64_t *compared, float *scratch)
{
    assert(scan && query && candidates && topk && compared && scratch);
    uint64_t looked = nsky_now_ns();
    bool ahead = false;
    *compared = 0;
    for (uint32_t i = 0; i < count && i < FIRST_LINES; i++)
        if (candidates[i].row < scan->vectors.rows)
            __builtin_prefetch(nsky_vectors_row(&scan->vectors, candidates[i].row));
    for (uint32_t i = 0; i < AHEAD; i++)
        fetch(scan, candidates, i, count);
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t row = candidates[i].row;
        if (i % LOOK_EVERY == LOOK_EVERY - 1 && !ahead) {
            uint64_t now = nsky_now_ns();
            ahead = now - looked > SLOW_NS;
            looked = now;
            if (ahead)
                read_ahead(scan, candidates + i, count - i);
        }
        fetch(scan, candidates, i + AHEAD, count);
        if (row >= scan->vectors.rows || is_excluded(row, exclude, exclude_count))
            continue;
        float similarity = nsky_scan_row(scan, row, query, scratch);
        ++*compared;
        if (!isnan(similarity))
            nsky_topk_offer(topk, (nsky_hit){row, similarity});
    }
}
