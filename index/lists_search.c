/* lists_search.c - lists.h: candidates. The lists are ranked by their centroids' codes, the best of
 * them swept by the code kernels; queries that want the same list share its bytes. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "index/lists.h"
#include "index/parallel.h"
#include "index/reservoir.h"

#define RANK_QUERIES 16  /* that share a pass over the centroids */
#define RANK_BLOCKS 128  /* of centroids at a time: scores of 16 queries in 128 KB */
#define SWEEP_QUERIES 16 /* that share a pass over a list */
#define SWEEP_BLOCKS 64  /* of rows at a time */

/* A list that a query wants looked into. */
typedef struct pair {
    uint32_t list, query;
    float base; /* constant + w'.centroid */
} pair;

typedef struct search {
    const nsky_lists *lists;
    nsky_lists_query *queries;
    uint32_t count;
    nsky_code_kernel kernel;
    nsky_dot_kernel dot;
    float *turned;          /* [count, coded] */
    float *constants;       /* [count] */
    nsky_code_query *ranks; /* [count]: for the centroids' coder */
    nsky_code_query *codes; /* [count]: for the residuals' */
    pair *pairs;            /* the queries' best lists; sorted by list when there are several */
    uint64_t *begins;       /* [count + 1] of a query's pairs, while they are ranked */
    uint64_t pair_count;
    uint64_t *runs; /* [run_count + 1]: pairs of one list */
    uint64_t run_count;
    uint32_t threads;
    nsky_reservoir *reservoirs; /* [threads, count] */
    float *scores;              /* [threads, SWEEP_QUERIES * SWEEP_BLOCKS * NSKY_CODE_ROWS] */
    nsky_status *statuses;      /* [threads] */
    nsky_error *errors;         /* [threads] */
} search;

static uint32_t probed(const search *s, uint32_t q)
{
    return s->queries[q].nprobe < s->lists->lists ? s->queries[q].nprobe : s->lists->lists;
}

/* --- which lists --- */

static void prepare_task(uint64_t task, uint32_t thread, void *payload)
{
    search *s = payload;
    float *turned = s->turned + task * s->lists->coded;
    if (s->statuses[thread] != NSKY_OK)
        return;
    nsky_lists_direction(s->lists, s->queries[task].direction, turned, &s->constants[task], NULL);
    if ((s->statuses[thread] = nsky_code_query_prepare(&s->ranks[task], &s->lists->centroid_coder,
                                                       turned, 1, &s->errors[thread])) == NSKY_OK)
        s->statuses[thread] = nsky_code_query_prepare(&s->codes[task], &s->lists->coder, turned, 1,
                                                      &s->errors[thread]);
}

/* Offers the scores of `blocks` blocks, the first of which starts at item `first`, of `items`. */
static void offer_lists(const search *s, nsky_reservoir *reservoir, const float *scores,
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

static void settle_lists(const search *s, uint32_t q, nsky_reservoir *reservoir)
{
    const uint32_t coded = s->lists->coded;
    pair *pairs = s->pairs + s->begins[q];
    nsky_reservoir_settle(reservoir);
    for (uint32_t i = 0; i < probed(s, q); i++) {
        uint32_t list = nsky_key_row(reservoir->keys[i]);
        float product = s->dot.dot(s->turned + (size_t)q * coded,
                                   s->lists->centroids + (size_t)list * coded, coded);
        pairs[i] = (pair){list, q, s->constants[q] + product};
    }
}

/* A handful of queries against all centroids. */
static void rank_task(uint64_t task, uint32_t thread, void *payload)
{
    search *s = payload;
    const nsky_lists *l = s->lists;
    const uint32_t first = (uint32_t)task * RANK_QUERIES;
    const uint32_t n = s->count - first < RANK_QUERIES ? s->count - first : RANK_QUERIES;
    const uint32_t blocks = (uint32_t)nsky_code_blocks(l->lists);
    const size_t block_bytes = nsky_code_block_bytes(&l->centroid_coder);
    nsky_error *err = &s->errors[thread];
    const nsky_code_query *queries[RANK_QUERIES];
    nsky_reservoir reservoirs[RANK_QUERIES] = {{0}};
    float bases[RANK_QUERIES] = {0};
    float *scores = nsky_alloc((size_t)n * RANK_BLOCKS * NSKY_CODE_ROWS, sizeof *scores, err);
    bool good = scores != NULL;
    for (uint32_t q = 0; q < n; q++) {
        uint32_t want = probed(s, first + q), capacity = nsky_reservoir_capacity(want);
        queries[q] = &s->ranks[first + q];
        reservoirs[q] = (nsky_reservoir){nsky_alloc(capacity, sizeof(uint64_t), err), 0, want,
                                         capacity, -INFINITY};
        good = good && reservoirs[q].keys;
    }
    for (uint32_t b = 0; good && b < blocks; b += RANK_BLOCKS) {
        uint32_t some = blocks - b < RANK_BLOCKS ? blocks - b : RANK_BLOCKS;
        nsky_code_sweep(&s->kernel, &l->centroid_coder, queries, bases, n,
                        l->centroid_codes + b * block_bytes, some, scores);
        for (uint32_t q = 0; q < n; q++)
            offer_lists(s, &reservoirs[q], scores + (size_t)q * some * NSKY_CODE_ROWS,
                        b * NSKY_CODE_ROWS, some);
    }
    for (uint32_t q = 0; good && q < n; q++)
        settle_lists(s, first + q, &reservoirs[q]);
    for (uint32_t q = 0; q < n; q++)
        nsky_free(reservoirs[q].keys);
    nsky_free(scores);
    if (!good)
        s->statuses[thread] = NSKY_ENOMEM;
}

/* --- the lists' rows --- */

static int by_list(const void *a, const void *b)
{
    const pair *x = a, *y = b;
    if (x->list != y->list)
        return x->list < y->list ? -1 : 1;
    return x->query < y->query ? -1 : 1;
}

static int by_base(const void *a, const void *b)
{
    const pair *x = a, *y = b;
    if (x->base != y->base)
        return x->base > y->base ? -1 : 1;
    return x->list < y->list ? -1 : 1;
}

/* One query goes from its best list on, so that what follows is soon below the threshold. */
static void sort_pairs(search *s)
{
    qsort(s->pairs, s->pair_count, sizeof *s->pairs, s->count > 1 ? by_list : by_base);
    s->run_count = 0;
    for (uint64_t i = 0; i < s->pair_count; i++)
        if (i == 0 || s->pairs[i].list != s->pairs[i - 1].list)
            s->runs[s->run_count++] = i;
    s->runs[s->run_count] = s->pair_count;
}

static void offer_rows(const search *s, const nsky_lists_query *query, nsky_reservoir *reservoir,
                       const float *scores, uint64_t first, uint32_t blocks)
{
    const nsky_lists *l = s->lists;
    const uint32_t *row_of = l->row_of + first * NSKY_CODE_ROWS;
    uint16_t masks[SWEEP_BLOCKS];
    s->kernel.above(scores, blocks, reservoir->threshold, masks);
    for (uint32_t b = 0; b < blocks; b++)
        for (uint32_t mask = masks[b]; mask; mask &= mask - 1) {
            const uint32_t slot = b * NSKY_CODE_ROWS + (uint32_t)__builtin_ctz(mask);
            const uint32_t row = row_of[slot];
            if (row >= l->rows || scores[slot] < reservoir->threshold ||
                (query->allowed && !(query->allowed[row >> 3] >> (row & 7) & 1)))
                continue;
            nsky_reservoir_offer(reservoir, scores[slot], row);
        }
}

static void sweep_task(uint64_t task, uint32_t thread, void *payload)
{
    search *s = payload;
    const nsky_lists *l = s->lists;
    const pair *pairs = s->pairs + s->runs[task];
    const uint64_t pair_count = s->runs[task + 1] - s->runs[task];
    const uint64_t begin = l->offsets[pairs->list], end = l->offsets[pairs->list + 1];
    const size_t block_bytes = nsky_code_block_bytes(&l->coder);
    float *scores = s->scores + (size_t)thread * SWEEP_QUERIES * SWEEP_BLOCKS * NSKY_CODE_ROWS;
    nsky_reservoir *reservoirs = s->reservoirs + (size_t)thread * s->count;
    for (uint64_t p = 0; p < pair_count; p += SWEEP_QUERIES) {
        const nsky_code_query *queries[SWEEP_QUERIES];
        float bases[SWEEP_QUERIES];
        const uint32_t n =
            pair_count - p < SWEEP_QUERIES ? (uint32_t)(pair_count - p) : SWEEP_QUERIES;
        for (uint32_t i = 0; i < n; i++) {
            queries[i] = &s->codes[pairs[p + i].query];
            bases[i] = pairs[p + i].base;
        }
        for (uint64_t b = begin; b < end; b += SWEEP_BLOCKS) {
            uint32_t some = end - b < SWEEP_BLOCKS ? (uint32_t)(end - b) : SWEEP_BLOCKS;
            nsky_code_sweep(&s->kernel, &l->coder, queries, bases, n, l->codes + b * block_bytes,
                            some, scores);
            for (uint32_t i = 0; i < n; i++)
                offer_rows(s, &s->queries[pairs[p + i].query], &reservoirs[pairs[p + i].query],
                           scores + (size_t)i * some * NSKY_CODE_ROWS, b, some);
        }
    }
}

/* The threads' reservoirs of a query together. */
static void collect_task(uint64_t task, uint32_t thread, void *payload)
{
    search *s = payload;
    nsky_lists_query *query = &s->queries[task];
    uint32_t count = 0;
    for (uint32_t t = 0; t < s->threads; t++)
        count += s->reservoirs[(size_t)t * s->count + task].count;
    uint64_t *keys = nsky_alloc(count, sizeof *keys, &s->errors[thread]);
    if (!keys) {
        s->statuses[thread] = NSKY_ENOMEM;
        return;
    }
    count = 0;
    for (uint32_t t = 0; t < s->threads; t++) {
        const nsky_reservoir *r = &s->reservoirs[(size_t)t * s->count + task];
        memcpy(keys + count, r->keys, r->count * sizeof *keys);
        count += r->count;
    }
    query->count = count < query->want ? count : query->want;
    nsky_keep_largest(keys, count, query->count);
    for (uint32_t i = 0; i < query->count; i++)
        query->found[i] = (nsky_candidate){nsky_key_row(keys[i]), nsky_key_score(keys[i])};
    nsky_free(keys);
}

/* --- memory --- */

static nsky_status open_search(search *s, uint64_t **keys, nsky_error *err)
{
    uint64_t capacity = 0;
    const uint32_t cores = nsky_parallel_threads(s->threads, UINT64_MAX);
    s->threads = cores;
    s->turned = nsky_alloc((size_t)s->count * s->lists->coded, sizeof *s->turned, err);
    s->constants = nsky_alloc(s->count, sizeof *s->constants, err);
    s->ranks = nsky_alloc(s->count, sizeof *s->ranks, err);
    s->codes = nsky_alloc(s->count, sizeof *s->codes, err);
    s->begins = nsky_alloc((size_t)s->count + 1, sizeof *s->begins, err);
    if (!s->turned || !s->constants || !s->ranks || !s->codes || !s->begins)
        return err->status;
    for (uint32_t q = 0; q < s->count; q++) {
        s->begins[q] = s->pair_count;
        s->pair_count += probed(s, q);
        capacity += nsky_reservoir_capacity(s->queries[q].want);
    }
    s->begins[s->count] = s->pair_count;
    s->pairs = nsky_alloc(s->pair_count, sizeof *s->pairs, err);
    s->runs = nsky_alloc(s->pair_count + 1, sizeof *s->runs, err);
    s->reservoirs = nsky_alloc((size_t)cores * s->count, sizeof *s->reservoirs, err);
    s->scores = nsky_alloc_aligned((size_t)cores * SWEEP_QUERIES * SWEEP_BLOCKS * NSKY_CODE_ROWS,
                                   sizeof *s->scores, err);
    s->statuses = nsky_alloc_zero(cores, sizeof *s->statuses, err);
    s->errors = nsky_alloc_zero(cores, sizeof *s->errors, err);
    uint64_t *next = *keys = nsky_alloc(cores * capacity, sizeof *next, err);
    if (!s->pairs || !s->runs || !s->reservoirs || !s->scores || !s->statuses || !s->errors ||
        !next)
        return err->status;
    for (uint32_t t = 0; t < cores; t++)
        for (uint32_t q = 0; q < s->count; q++) {
            uint32_t want = s->queries[q].want, room = nsky_reservoir_capacity(want);
            s->reservoirs[(size_t)t * s->count + q] =
                (nsky_reservoir){next, 0, want, room, -INFINITY};
            next += room;
        }
    return NSKY_OK;
}

static void close_search(search *s)
{
    nsky_free(s->errors);
    nsky_free(s->statuses);
    nsky_free(s->scores);
    nsky_free(s->reservoirs);
    nsky_free(s->runs);
    nsky_free(s->pairs);
    nsky_free(s->begins);
    nsky_free(s->codes);
    nsky_free(s->ranks);
    nsky_free(s->constants);
    nsky_free(s->turned);
}

static nsky_status run(search *s, uint64_t tasks, nsky_parallel_task task, nsky_error *err)
{
    const uint32_t threads = nsky_parallel_threads(s->threads, tasks);
    nsky_parallel(tasks, threads, task, s);
    for (uint32_t t = 0; t < threads; t++)
        if (s->statuses[t] != NSKY_OK)
            return nsky_fail(err, s->statuses[t], "%s", s->errors[t].text);
    return NSKY_OK;
}

nsky_status nsky_lists_candidates(const nsky_lists *lists, nsky_lists_query *queries,
                                  uint32_t count, uint32_t threads, nsky_error *err)
{
    assert(lists && queries && count > 0 && err);
    nsky_code_kernel kernels[NSKY_CODE_KERNELS];
    nsky_dot_kernel dots[3];
    uint64_t *keys = NULL;
    nsky_code_kernels(kernels);
    nsky_dot_kernels(dots);
    search s = {.lists = lists,
                .queries = queries,
                .count = count,
                .kernel = kernels[0],
                .dot = dots[0],
                .threads = threads};
    nsky_status status = open_search(&s, &keys, err);
    if (status == NSKY_OK && (status = run(&s, count, prepare_task, err)) == NSKY_OK &&
        (status = run(&s, (count + RANK_QUERIES - 1) / RANK_QUERIES, rank_task, err)) == NSKY_OK) {
        sort_pairs(&s);
        status = run(&s, s.run_count, sweep_task, err);
    }
    if (status == NSKY_OK)
        status = run(&s, count, collect_task, err);
    for (uint32_t q = 0; status == NSKY_OK && q < count; q++)
        queries[q].swept = 0;
    for (uint64_t p = 0; status == NSKY_OK && p < s.pair_count; p++)
        queries[s.pairs[p].query].swept +=
            (uint64_t)(lists->offsets[s.pairs[p].list + 1] - lists->offsets[s.pairs[p].list]) *
            NSKY_CODE_ROWS;
    nsky_free(keys);
    close_search(&s);
    return status;
}
