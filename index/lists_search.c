/* lists_search.c - lists.h: candidates. The lists are ranked by their centroids' codes; of the best
 * the code kernels score the blocks that hold a row which may be found. */
#include "index/lists_search.h"

#include <assert.h>
#include <math.h>

#include "common/memory.h"
#include "index/lists_widen.h"
#include "index/parallel.h"

#define SWEEP_BLOCKS NSKY_CODE_PICKS /* scored at a time */
#define FIRST_BLOCKS 8               /* until there is a threshold, which then ends others early */
#define MORE_LISTS 4                 /* times as many, when those that were ranked do not do */
#define LISTS_AHEAD 2                /* fetched early */
#define LINE 64

/* One query on its way through lists. */
typedef struct sweep {
    const nsky_lists_search *s;
    const nsky_lists_query *query;
    const float *turned; /* [coded] */
    const nsky_code_query *codes;
    float constant;
    nsky_reservoir *reservoir;
    uint64_t swept; /* slots */
    uint32_t count; /* picks */
    nsky_code_pick picks[SWEEP_BLOCKS + NSKY_CODE_AHEAD];
    uint16_t masks[SWEEP_BLOCKS + NSKY_CODE_AHEAD]; /* slots that may be found */
    _Alignas(LINE) float scores[SWEEP_BLOCKS * NSKY_CODE_ROWS];
} sweep;

/* --- rows --- */

/* Scores the first picks and forgets them. */
static void score(sweep *w, uint32_t count)
{
    const nsky_lists *l = w->s->lists;
    uint16_t masks[SWEEP_BLOCKS];
    const float threshold = w->reservoir->threshold;
    nsky_code_pick_blocks(&w->s->kernel, &l->coder,
                          (nsky_code_pick_args){.query = w->codes,
                                                .blocks = l->codes,
                                                .picks = w->picks,
                                                .count = count,
                                                .known = w->count,
                                                .early = threshold > -INFINITY,
                                                .least = threshold - w->codes->margin,
                                                .masks = w->masks,
                                                .scores = w->scores});
    w->s->kernel.above(w->scores, count, threshold, masks);
    for (uint32_t b = 0; b < count; b++)
        for (uint32_t mask = masks[b] & w->masks[b]; mask; mask &= mask - 1) {
            const uint32_t lane = (uint32_t)__builtin_ctz(mask);
            const float own = w->scores[b * NSKY_CODE_ROWS + lane];
            if (own < w->reservoir->threshold)
                continue;
            const uint32_t row = l->row_of[(size_t)w->picks[b].block * NSKY_CODE_ROWS + lane];
            if (row < l->rows)
                nsky_reservoir_offer(w->reservoir, own, row);
        }
    if (threshold == -INFINITY)
        nsky_reservoir_settle(w->reservoir); /* as soon as there are as many as are wanted */
    w->swept += (uint64_t)count * NSKY_CODE_ROWS;
    w->count -= count;
    for (uint32_t i = 0; i < w->count; i++) {
        w->picks[i] = w->picks[count + i];
        w->masks[i] = w->masks[count + i];
    }
}

static void pick(sweep *w, uint32_t block, float base, uint16_t mask)
{
    w->picks[w->count] = (nsky_code_pick){block, base};
    w->masks[w->count++] = mask;
    const uint32_t some = w->reservoir->threshold > -INFINITY ? SWEEP_BLOCKS : FIRST_BLOCKS;
    if (w->count >= some + NSKY_CODE_AHEAD)
        score(w, some);
}

static void score_rest(sweep *w)
{
    while (w->count > 0)
        score(w, w->count < SWEEP_BLOCKS ? w->count : SWEEP_BLOCKS);
}

/* Picks the blocks of a list that have something to find; returns how many rows that may be, of
 * those that are filtered. */
static uint64_t take_list(sweep *w, uint32_t list)
{
    const nsky_lists *l = w->s->lists;
    const float base =
        w->constant + w->s->dot.dot(w->turned, l->centroids + (size_t)list * l->coded, l->coded);
    const uint32_t begin = l->offsets[list], end = l->offsets[list + 1];
    uint64_t matches = 0;
    if (!w->query->allowed) {
        for (uint32_t b = begin; b < end; b++) {
            __builtin_prefetch(l->row_of + (size_t)b * NSKY_CODE_ROWS);
            pick(w, b, base, UINT16_MAX);
        }
        return 0;
    }
    for (uint32_t b = begin, some; b < end; b += some) {
        uint16_t masks[SWEEP_BLOCKS];
        some = end - b < SWEEP_BLOCKS ? end - b : SWEEP_BLOCKS;
        matches += w->s->kernel.match(l->row_of + (size_t)b * NSKY_CODE_ROWS, some,
                                      w->query->allowed, (uint32_t)l->rows, masks);
        for (uint32_t i = 0; i < some; i++)
            if (masks[i])
                pick(w, b + i, base, masks[i]);
    }
    return matches;
}

/* What take_list reads first of a list. */
static void fetch_list(const sweep *w, uint32_t list)
{
    const nsky_lists *l = w->s->lists;
    const uint32_t begin = l->offsets[list], end = l->offsets[list + 1];
    const char *centroid = (const char *)(l->centroids + (size_t)list * l->coded);
    for (size_t byte = 0; byte < l->coded * sizeof(float); byte += LINE)
        __builtin_prefetch(centroid + byte);
    for (uint32_t b = begin; w->query->allowed && b < end && b < begin + 16; b++)
        __builtin_prefetch(l->row_of + (size_t)b * NSKY_CODE_ROWS);
}

/* --- lists --- */

static uint32_t at_most(const nsky_lists *lists, uint32_t wanted)
{
    return wanted < lists->lists ? wanted : lists->lists;
}

static double fill_of(const nsky_lists *lists)
{
    return fmin(1, (double)lists->rows / (double)lists->slots);
}

/* Lists that are ranked at first. */
static uint32_t ranked(const nsky_lists_search *s, uint32_t q)
{
    const nsky_lists_query *query = &s->queries[q];
    nsky_widening widening;
    if (!query->allowed || query->nprobe >= s->lists->lists)
        return at_most(s->lists, query->nprobe);
    nsky_widening_init(&widening, query->nprobe, query->want, query->share, fill_of(s->lists));
    return at_most(s->lists, nsky_widening_guess(&widening));
}

/* Goes through ranked lists as far as a filter needs (widening NULL: to the end); true: no more are
 * needed. */
static bool go_on(sweep *w, nsky_widening *widening, const uint64_t *best, uint32_t count)
{
    const uint32_t *offsets = w->s->lists->offsets;
    for (uint32_t at = 0; at < count; at++) {
        const uint32_t list = nsky_key_row(best[at]);
        if (at + LISTS_AHEAD < count)
            fetch_list(w, nsky_key_row(best[at + LISTS_AHEAD]));
        const uint64_t slots = (uint64_t)(offsets[list + 1] - offsets[list]) * NSKY_CODE_ROWS;
        const uint64_t matches = take_list(w, list);
        if (widening && nsky_widening_enough(widening, slots, matches))
            return true;
    }
    return false;
}

/* Marks lists, and takes those out that were marked before; returns how many are left. */
static uint32_t take_new(uint8_t *marks, uint64_t *best, uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t list = nsky_key_row(best[i]);
        const uint8_t bit = (uint8_t)(1u << (list & 7));
        if (!(marks[list >> 3] & bit))
            best[kept++] = best[i];
        marks[list >> 3] |= bit;
    }
    return kept;
}

/* More lists than were ranked at first, many times as many each time. */
static nsky_status go_further(sweep *w, uint32_t q, nsky_widening *widening, nsky_error *err)
{
    const nsky_lists_search *s = w->s;
    const uint32_t lists = s->lists->lists;
    uint32_t count = (uint32_t)(s->begins[q + 1] - s->begins[q]);
    uint8_t *marks = nsky_alloc_zero((lists + 7) / 8, 1, err);
    nsky_status status = marks ? NSKY_OK : err->status;
    bool done = false;
    if (marks)
        take_new(marks, s->best + s->begins[q], count);
    while (!done && count < lists && status == NSKY_OK) {
        count = count < lists / MORE_LISTS ? count * MORE_LISTS : lists;
        uint64_t *more = nsky_alloc(count, sizeof *more, err);
        status = more ? nsky_lists_rank(s, q, count, more, err) : err->status;
        if (status == NSKY_OK)
            done = go_on(w, widening, more, take_new(marks, more, count));
        nsky_free(more);
    }
    nsky_free(marks);
    return status;
}

static nsky_status sweep_filtered(sweep *w, uint32_t q, nsky_error *err)
{
    const nsky_lists_search *s = w->s;
    const uint32_t count = (uint32_t)(s->begins[q + 1] - s->begins[q]);
    nsky_widening widening;
    nsky_widening_init(&widening, w->query->nprobe, w->query->want, w->query->share,
                       fill_of(s->lists));
    const bool all = w->query->nprobe >= s->lists->lists;
    if (go_on(w, all ? NULL : &widening, s->best + s->begins[q], count) || all)
        return NSKY_OK;
    return go_further(w, q, &widening, err);
}

/* --- a query --- */

static nsky_status search_one(const nsky_lists_search *s, uint32_t q, nsky_error *err)
{
    nsky_lists_query *query = &s->queries[q];
    uint64_t *best = s->best + s->begins[q];
    const uint32_t count = (uint32_t)(s->begins[q + 1] - s->begins[q]);
    sweep w = {.s = s,
               .query = query,
               .turned = s->turned + (size_t)q * s->lists->coded,
               .codes = &s->codes[q],
               .reservoir = &s->reservoirs[q]};
    nsky_status status = nsky_lists_prepare(s, q, err);
    if (status != NSKY_OK || (status = nsky_lists_rank(s, q, count, best, err)) != NSKY_OK)
        return status;
    w.constant = s->constants[q];
    if (!query->allowed)
        (void)go_on(&w, NULL, best, count);
    else if ((status = sweep_filtered(&w, q, err)) != NSKY_OK)
        return status;
    score_rest(&w);
    nsky_reservoir_settle(w.reservoir);
    query->swept = w.swept;
    query->count = w.reservoir->count;
    for (uint32_t i = 0; i < w.reservoir->count; i++) {
        const uint64_t key = w.reservoir->keys[i];
        query->found[i] = (nsky_candidate){nsky_key_row(key), nsky_key_score(key)};
    }
    return NSKY_OK;
}

static void search_task(uint64_t task, uint32_t thread, void *payload)
{
    const nsky_lists_search *s = payload;
    if (s->statuses[thread] == NSKY_OK)
        s->statuses[thread] = search_one(s, (uint32_t)task, &s->errors[thread]);
}

/* --- memory --- */

static nsky_status open_search(nsky_lists_search *s, nsky_error *err)
{
    uint64_t room = 0;
    s->turned = nsky_alloc((size_t)s->count * s->lists->coded, sizeof *s->turned, err);
    s->constants = nsky_alloc(s->count, sizeof *s->constants, err);
    s->ranks = nsky_alloc(s->count, sizeof *s->ranks, err);
    s->codes = nsky_alloc(s->count, sizeof *s->codes, err);
    s->begins = nsky_alloc((size_t)s->count + 1, sizeof *s->begins, err);
    if (!s->turned || !s->constants || !s->ranks || !s->codes || !s->begins)
        return err->status;
    s->begins[0] = 0;
    for (uint32_t q = 0; q < s->count; q++) {
        s->begins[q + 1] = s->begins[q] + ranked(s, q);
        room += nsky_reservoir_capacity(s->queries[q].want);
    }
    s->best = nsky_alloc(s->begins[s->count], sizeof *s->best, err);
    s->reservoirs = nsky_alloc(s->count, sizeof *s->reservoirs, err);
    uint64_t *next = s->keys = nsky_alloc(room, sizeof *s->keys, err);
    s->statuses = nsky_alloc_zero(s->threads, sizeof *s->statuses, err);
    s->errors = nsky_alloc_zero(s->threads, sizeof *s->errors, err);
    if (!s->best || !s->reservoirs || !s->keys || !s->statuses || !s->errors)
        return err->status;
    for (uint32_t q = 0; q < s->count; q++) {
        const uint32_t want = s->queries[q].want, capacity = nsky_reservoir_capacity(want);
        s->reservoirs[q] = (nsky_reservoir){next, 0, want, capacity, -INFINITY};
        next += capacity;
    }
    return NSKY_OK;
}

static void close_search(nsky_lists_search *s)
{
    nsky_free(s->keys);
    nsky_free(s->reservoirs);
    nsky_free(s->errors);
    nsky_free(s->statuses);
    nsky_free(s->best);
    nsky_free(s->begins);
    nsky_free(s->codes);
    nsky_free(s->ranks);
    nsky_free(s->constants);
    nsky_free(s->turned);
}

static nsky_status run(nsky_lists_search *s, nsky_error *err)
{
    const uint32_t threads = nsky_parallel_threads(s->threads, s->count);
    nsky_parallel(s->count, threads, search_task, s);
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
    nsky_code_kernels(kernels);
    nsky_dot_kernels(dots);
    nsky_lists_search s = {.lists = lists,
                           .queries = queries,
                           .count = count,
                           .kernel = kernels[0],
                           .dot = dots[0],
                           .threads = nsky_parallel_threads(threads, UINT64_MAX)};
    nsky_status status = open_search(&s, err);
    if (status == NSKY_OK)
        status = run(&s, err);
    close_search(&s);
    return status;
}
