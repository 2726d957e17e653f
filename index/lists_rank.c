/* lists_rank.c - lists_search.h: the lists by their centroids' codes. Any thread. */
#include <assert.h>
#include <math.h>

#include "common/memory.h"
#include "index/lists_search.h"

#define RANK_BLOCKS 64 /* of centroids at a time: scores of 16 queries in 64 KB */

nsky_status nsky_lists_prepare(const nsky_lists_search *s, uint32_t q, nsky_error *err)
{
    const nsky_lists *l = s->lists;
    float *turned = s->turned + (size_t)q * l->coded;
    nsky_lists_direction(l, s->queries[q].direction, turned, &s->constants[q], NULL);
    nsky_status status = nsky_code_query_prepare(&s->ranks[q], &l->centroid_coder, turned, 1, err);
    return status == NSKY_OK ? nsky_code_query_prepare(&s->codes[q], &l->coder, turned, 1, err)
                             : status;
}

/* Offers the scores of `blocks` blocks, the first of which starts at item `first`, of `items`. */
static void offer_lists(const nsky_lists_search *s, nsky_reservoir *reservoir, const float *scores,
                        uint32_t first, uint32_t blocks)
{
    uint16_t masks[RANK_BLOCKS];
    s->kernel.above(scores, blocks, reservoir->threshold, masks);
    for (uint32_t b = 0; b < blocks; b++)
        for (uint32_t mask = masks[b]; mask; mask &= mask - 1) {
            uint32_t slot = b * NSKY_CODE_ROWS + (uint32_t)__builtin_ctz(mask);
            if (first + slot < s->lists->lists && scores[slot] >= reservoir->threshold)
                nsky_reservoir_offer(reservoir, scores[slot], first + slot);
        }
}

static void score_lists(const nsky_lists_search *s, uint32_t first, uint32_t n,
                        nsky_reservoir *reservoirs, float *scores)
{
    const nsky_lists *l = s->lists;
    const uint32_t blocks = (uint32_t)nsky_code_blocks(l->lists);
    const size_t block_bytes = nsky_code_block_bytes(&l->centroid_coder);
    const nsky_code_query *queries[NSKY_RANK_QUERIES];
    const float bases[NSKY_RANK_QUERIES] = {0};
    for (uint32_t q = 0; q < n; q++)
        queries[q] = &s->ranks[first + q];
    for (uint32_t b = 0; b < blocks; b += RANK_BLOCKS) {
        uint32_t some = blocks - b < RANK_BLOCKS ? blocks - b : RANK_BLOCKS;
        nsky_code_sweep(&s->kernel, &l->centroid_coder, queries, bases, n,
                        l->centroid_codes + b * block_bytes, some, scores);
        for (uint32_t q = 0; q < n; q++)
            offer_lists(s, &reservoirs[q], scores + (size_t)q * some * NSKY_CODE_ROWS,
                        b * NSKY_CODE_ROWS, some);
    }
}

nsky_status nsky_lists_rank(const nsky_lists_search *s, uint32_t first, uint32_t n,
                            const uint32_t *wants, uint64_t *const *out, nsky_error *err)
{
    assert(n >= 1 && n <= NSKY_RANK_QUERIES);
    nsky_reservoir reservoirs[NSKY_RANK_QUERIES] = {{0}};
    uint64_t room = 0;
    for (uint32_t q = 0; q < n; q++)
        room += nsky_reservoir_capacity(wants[q]);
    float *scores = nsky_alloc((size_t)n * RANK_BLOCKS * NSKY_CODE_ROWS, sizeof *scores, err);
    uint64_t *keys = nsky_alloc(room, sizeof *keys, err), *next = keys;
    nsky_status status = scores && keys ? NSKY_OK : err->status;
    for (uint32_t q = 0; q < n && status == NSKY_OK; q++) {
        const uint32_t capacity = nsky_reservoir_capacity(wants[q]);
        reservoirs[q] = (nsky_reservoir){next, 0, wants[q], capacity, -INFINITY};
        next += capacity;
    }
    if (status == NSKY_OK)
        score_lists(s, first, n, reservoirs, scores);
    for (uint32_t q = 0; q < n && status == NSKY_OK; q++) {
        nsky_reservoir_settle(&reservoirs[q]);
        assert(reservoirs[q].count == wants[q]);
        nsky_keys_sort(reservoirs[q].keys, wants[q]);
        for (uint32_t i = 0; i < wants[q]; i++)
            out[q][i] = reservoirs[q].keys[i];
    }
    nsky_free(keys);
    nsky_free(scores);
    return status;
}
