/* lists_rank.c - lists_search.h: the lists by how near their centroids are. Any thread.
 *
 * By distance, though what is looked for is the largest dot product: rows are unit vectors, whose
 * mean is the shorter the further apart they lie, and a wide list is more likely to have a row
 * near the query than its centroid's dot product says. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "index/lists_search.h"

#define RANK_BLOCKS 64 /* of centroids offered at a time */
#define SAMPLE 256     /* lists whose scores tell where the best begin */
#define SPARE 8        /* of them, for luck */

nsky_status nsky_lists_prepare(const nsky_lists_search *s, uint32_t q, nsky_error *err)
{
    const nsky_lists *l = s->lists;
    float *turned = s->turned + (size_t)q * l->coded;
    float from_mean[NSKY_CODED_MAX];
    nsky_lists_direction(l, s->queries[q].direction, turned, &s->constants[q], NULL);
    for (uint32_t d = 0; d < l->coded; d++)
        from_mean[d] = turned[d] - l->turned_mean[d];
    nsky_status status =
        nsky_code_query_prepare(&s->ranks[q], &l->centroid_coder, from_mean, 1, err);
    return status == NSKY_OK ? nsky_code_query_prepare(&s->codes[q], &l->coder, turned, 1, err)
                             : status;
}

/* A score that about as many lists come to as are wanted, or some more: the sample's. Few that are
 * not wanted need be kept then. */
static float likely_threshold(const float *scores, uint32_t lists, uint32_t want)
{
    uint64_t keys[SAMPLE];
    const uint32_t step = lists / SAMPLE;
    const uint32_t above = step > 0 ? want + want / 2 : 0;
    if (step == 0 || above / step + SPARE > SAMPLE / 2)
        return -INFINITY;
    for (uint32_t i = 0; i < SAMPLE; i++)
        keys[i] = nsky_key_of(scores[(size_t)i * step], i);
    nsky_reservoir best = {keys, SAMPLE, above / step + SPARE, SAMPLE + 1, -INFINITY};
    nsky_reservoir_settle(&best);
    return best.threshold;
}

static void offer_lists(const nsky_lists_search *s, nsky_reservoir *reservoir, const float *scores)
{
    const uint32_t lists = s->lists->lists, blocks = (uint32_t)nsky_code_blocks(lists);
    uint16_t masks[RANK_BLOCKS];
    for (uint32_t first = 0; first < blocks; first += RANK_BLOCKS) {
        const uint32_t some = blocks - first < RANK_BLOCKS ? blocks - first : RANK_BLOCKS;
        s->kernel.above(scores + (size_t)first * NSKY_CODE_ROWS, some, reservoir->threshold, masks);
        for (uint32_t b = 0; b < some; b++)
            for (uint32_t mask = masks[b]; mask; mask &= mask - 1) {
                const uint32_t list = (first + b) * NSKY_CODE_ROWS + (uint32_t)__builtin_ctz(mask);
                if (list < lists && scores[list] >= reservoir->threshold)
                    nsky_reservoir_offer(reservoir, scores[list], list);
            }
    }
}

/* The best lists by their scores into a reservoir. */
static void choose(const nsky_lists_search *s, nsky_reservoir *reservoir, const float *scores)
{
    reservoir->threshold = likely_threshold(scores, s->lists->lists, reservoir->want);
    offer_lists(s, reservoir, scores);
    if (reservoir->count < reservoir->want) { /* the sample was too good */
        reservoir->count = 0;
        reservoir->threshold = -INFINITY;
        offer_lists(s, reservoir, scores);
    }
    nsky_reservoir_settle(reservoir);
}

/* Half of (square of the query's length - square of the distance); scores [n, blocks * 16]. */
static void score_lists(const nsky_lists_search *s, uint32_t first, uint32_t n, float *scores)
{
    const nsky_lists *l = s->lists;
    const nsky_code_query *queries[NSKY_RANK_QUERIES];
    const float bases[NSKY_RANK_QUERIES] = {0};
    const uint64_t blocks = nsky_code_blocks(l->lists);
    for (uint32_t q = 0; q < n; q++)
        queries[q] = &s->ranks[first + q];
    nsky_code_sweep(&s->kernel, &l->centroid_coder, queries, bases, n, l->centroid_codes, blocks,
                    scores);
    for (uint32_t q = 0; q < n; q++)
        for (uint32_t list = 0; list < l->lists; list++)
            scores[q * blocks * NSKY_CODE_ROWS + list] -= l->halves[list];
}

nsky_status nsky_lists_rank(const nsky_lists_search *s, uint32_t first, uint32_t n,
                            const uint32_t *wants, uint64_t *const *out, nsky_error *err)
{
    assert(n >= 1 && n <= NSKY_RANK_QUERIES);
    const size_t slots = nsky_code_blocks(s->lists->lists) * NSKY_CODE_ROWS;
    uint32_t most = 0;
    for (uint32_t q = 0; q < n; q++)
        most = wants[q] > most ? wants[q] : most;
    float *scores = nsky_alloc_aligned(n * slots, sizeof *scores, err);
    uint64_t *keys = nsky_alloc(nsky_reservoir_capacity(most), sizeof *keys, err);
    nsky_status status = scores && keys ? NSKY_OK : err->status;
    if (status == NSKY_OK)
        score_lists(s, first, n, scores);
    for (uint32_t q = 0; q < n && status == NSKY_OK; q++) {
        nsky_reservoir best = {keys, 0, wants[q], nsky_reservoir_capacity(wants[q]), -INFINITY};
        choose(s, &best, scores + q * slots);
        assert(best.count == wants[q]);
        nsky_keys_sort(keys, wants[q]);
        memcpy(out[q], keys, wants[q] * sizeof *keys);
    }
    nsky_free(keys);
    nsky_free(scores);
    return status;
}
