/* rank_scores.c - rank_lists.h: all rows' scores by their codes. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "index/parallel.h"
#include "index/rank_private.h"

#define PIECE_BLOCKS 64

typedef struct work {
    const nsky_lists *lists;
    const nsky_pass_probe *probes;
    uint32_t count;
    float *room; /* [threads, count * PIECE_BLOCKS * NSKY_CODE_ROWS] */
    nsky_slots_use use;
    void *payload;
} work;

/* A few blocks of a list, by as many probes at a time as a sweep takes. */
static void sweep_piece(const work *w, const float *bases, uint64_t first, uint32_t blocks,
                        float *room)
{
    const nsky_lists *l = w->lists;
    const nsky_code_query *queries[NSKY_PASS_PROBES_MAX];

    for (uint32_t q = 0; q < w->count; q += NSKY_PASS_PROBES_MAX) {
        const uint32_t left = w->count - q;
        const uint32_t some = left < NSKY_PASS_PROBES_MAX ? left : NSKY_PASS_PROBES_MAX;
        for (uint32_t i = 0; i < some; i++)
            queries[i] = &w->probes[q + i].query;
        nsky_code_sweep(NULL, &l->coder, queries, bases + q, some,
                        l->codes + first * nsky_code_block_bytes(&l->coder), blocks,
                        room + (size_t)q * blocks * NSKY_CODE_ROWS);
    }
}

/* Of a thread: scores, then a base for each probe; whole cache lines. */
static size_t room_values(uint32_t count)
{
    const size_t bases = ((size_t)count + 15) / 16 * 16;

    return (size_t)count * PIECE_BLOCKS * NSKY_CODE_ROWS + bases;
}

static void list_task(uint64_t list, uint32_t thread, void *payload)
{
    const work *w = payload;
    const nsky_lists *l = w->lists;
    float *room = w->room + thread * room_values(w->count);
    float *bases = room + (size_t)w->count * PIECE_BLOCKS * NSKY_CODE_ROWS;
    nsky_dot_kernel dots[3];

    nsky_dot_kernels(dots);
    for (uint32_t q = 0; q < w->count; q++)
        bases[q] = w->probes[q].constant +
                   dots[0].dot(w->probes[q].turned, l->centroids + list * l->coded, l->coded);
    for (uint64_t b = l->offsets[list]; b < l->offsets[list + 1]; b += PIECE_BLOCKS) {
        const uint64_t left = l->offsets[list + 1] - b;
        const uint32_t blocks = left < PIECE_BLOCKS ? (uint32_t)left : PIECE_BLOCKS;
        sweep_piece(w, bases, b, blocks, room);
        w->use(l->row_of + b * NSKY_CODE_ROWS, blocks * NSKY_CODE_ROWS, room, thread, w->payload);
    }
}

nsky_status nsky_ranker_visit(const nsky_ranker *ranker, const nsky_rank_query *queries,
                              uint32_t count, uint32_t threads, nsky_slots_use use, void *payload,
                              float *errors, nsky_error *err)
{
    assert(ranker && queries && count >= 1 && use && errors && err);
    const nsky_lists *l = ranker->lists;
    nsky_status status = NSKY_OK;
    threads = nsky_parallel_threads(threads, l->lists);
    nsky_pass_probe *probes = nsky_alloc(count, sizeof *probes, err);
    float *turned = nsky_alloc_zero((size_t)count * l->coded, sizeof *turned, err);
    float *room = nsky_alloc_aligned(threads * room_values(count), sizeof *room, err);
    if (!probes || !turned || !room)
        status = err->status;
    for (uint32_t q = 0; q < count && status == NSKY_OK; q++) {
        nsky_rank_errors measured;
        status = nsky_ranker_probe(ranker, &probes[q], &queries[q], turned + (size_t)q * l->coded,
                                   count <= 4 ? 2 : 1, &measured, err);
        errors[q] = (float)measured.score;
    }
    if (status == NSKY_OK) {
        work w = {l, probes, count, room, use, payload};
        nsky_parallel(l->lists, threads, list_task, &w);
    }
    nsky_free(room);
    nsky_free(turned);
    nsky_free(probes);
    return status;
}

typedef struct scattering {
    const nsky_rank_query *queries;
    uint32_t count;
    uint64_t rows;
    float *scores; /* [count, stride] */
    uint64_t stride;
} scattering;

static void scatter(const uint32_t *rows, uint32_t n, const float *scores, uint32_t thread,
                    void *payload)
{
    const scattering *s = payload;

    (void)thread;
    for (uint32_t q = 0; q < s->count; q++) {
        const uint8_t *allowed = s->queries[q].allowed;
        float *out = s->scores + (size_t)q * s->stride;
        for (uint32_t i = 0; i < n; i++)
            if (rows[i] < s->rows && (!allowed || allowed[rows[i] >> 3] >> (rows[i] & 7) & 1))
                out[rows[i]] = scores[(size_t)q * n + i];
    }
}

nsky_status nsky_ranker_scores(const nsky_ranker *ranker, const nsky_rank_query *queries,
                               uint32_t count, uint32_t threads, float *scores, uint64_t stride,
                               float *errors, nsky_error *err)
{
    assert(ranker && queries && scores && errors && err);
    scattering s = {queries, count, ranker->lists->rows, scores, stride};

    for (uint32_t q = 0; q < count; q++)
        for (uint64_t row = 0; row < s.rows; row++)
            scores[q * stride + row] = NAN;
    return nsky_ranker_visit(ranker, queries, count, threads, scatter, &s, errors, err);
}
