/* rank_scores.c - rank_lists.h: all rows' scores by their codes, in row order. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "index/parallel.h"
#include "index/rank_private.h"

#define PIECE_BLOCKS 64

typedef struct work {
    const nsky_lists *lists;
    const nsky_rank_query *queries;
    const nsky_pass_probe *probes;
    uint32_t count;
    float *room;   /* [threads, count * PIECE_BLOCKS * NSKY_CODE_ROWS] */
    float *scores; /* [count, stride] */
    uint64_t stride;
} work;

static void scatter(const work *w, uint32_t q, const float *scores, uint64_t first, uint32_t blocks)
{
    const nsky_lists *l = w->lists;
    const uint8_t *allowed = w->queries[q].allowed;
    float *out = w->scores + (size_t)q * w->stride;
    for (uint32_t i = 0; i < blocks * NSKY_CODE_ROWS; i++) {
        const uint32_t row = l->row_of[first * NSKY_CODE_ROWS + i];
        if (row < l->rows && (!allowed || allowed[row >> 3] >> (row & 7) & 1))
            out[row] = scores[i];
    }
}

static void list_task(uint64_t list, uint32_t thread, void *payload)
{
    const work *w = payload;
    const nsky_lists *l = w->lists;
    const nsky_code_query *queries[NSKY_PASS_PROBES_MAX];
    float bases[NSKY_PASS_PROBES_MAX];
    float *room = w->room + (size_t)thread * w->count * PIECE_BLOCKS * NSKY_CODE_ROWS;
    nsky_dot_kernel dots[3];
    nsky_dot_kernels(dots);
    for (uint32_t q = 0; q < w->count; q++) {
        queries[q] = &w->probes[q].query;
        bases[q] = w->probes[q].constant +
                   dots[0].dot(w->probes[q].turned, l->centroids + list * l->coded, l->coded);
    }
    for (uint64_t b = l->offsets[list]; b < l->offsets[list + 1]; b += PIECE_BLOCKS) {
        const uint64_t left = l->offsets[list + 1] - b;
        const uint32_t some = left < PIECE_BLOCKS ? (uint32_t)left : PIECE_BLOCKS;
        nsky_code_sweep(NULL, &l->coder, queries, bases, w->count,
                        l->codes + b * nsky_code_block_bytes(&l->coder), some, room);
        for (uint32_t q = 0; q < w->count; q++)
            scatter(w, q, room + (size_t)q * some * NSKY_CODE_ROWS, b, some);
    }
}

nsky_status nsky_ranker_scores(const nsky_ranker *ranker, const nsky_rank_query *queries,
                               uint32_t count, uint32_t threads, float *scores, uint64_t stride,
                               float *errors, nsky_error *err)
{
    assert(ranker && queries && scores && errors && err);
    assert(count >= 1 && count <= NSKY_PASS_PROBES_MAX);
    const nsky_lists *l = ranker->lists;
    nsky_status status = NSKY_OK;
    threads = nsky_parallel_threads(threads, l->lists);
    nsky_pass_probe *probes = nsky_alloc(count, sizeof *probes, err);
    float *turned = nsky_alloc_zero((size_t)count * l->coded, sizeof *turned, err);
    float *room = nsky_alloc_aligned((size_t)threads * count * PIECE_BLOCKS * NSKY_CODE_ROWS,
                                     sizeof *room, err);
    if (!probes || !turned || !room)
        status = err->status;
    for (uint32_t q = 0; q < count && status == NSKY_OK; q++) {
        nsky_rank_errors measured;
        status = nsky_ranker_probe(ranker, &probes[q], &queries[q], turned + (size_t)q * l->coded,
                                   count <= 4 ? 2 : 1, &measured, err);
        errors[q] = (float)measured.score;
    }
    if (status == NSKY_OK) {
        work w = {l, queries, probes, count, room, scores, stride};
        for (uint32_t q = 0; q < count; q++)
            for (uint64_t row = 0; row < l->rows; row++)
                scores[q * stride + row] = NAN;
        nsky_parallel(l->lists, threads, list_task, &w);
    }
    nsky_free(room);
    nsky_free(turned);
    nsky_free(probes);
    return status;
}
