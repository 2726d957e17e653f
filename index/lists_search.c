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
    const nsky_turned *turned;
    const nsky_lists *lists; /* turned's */
    const nsky_lists_query *query;
    nsky_reservoir reservoir;
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
    const nsky_lists *l = w->lists;
    const nsky_code_kernel *kernel = &w->turned->kernel;
    uint16_t masks[SWEEP_BLOCKS];
    const float threshold = w->reservoir.threshold;
    nsky_code_pick_blocks(kernel, &l->coder,
                          (nsky_code_pick_args){.query = &w->turned->codes,
                                                .blocks = l->codes,
                                                .picks = w->picks,
                                                .count = count,
                                                .known = w->count,
                                                .early = threshold > -INFINITY,
                                                .least = threshold - w->turned->codes.margin,
                                                .masks = w->masks,
                                                .scores = w->scores});
    kernel->above(w->scores, count, threshold, masks);
    for (uint32_t b = 0; b < count; b++)
        for (uint32_t mask = masks[b] & w->masks[b]; mask; mask &= mask - 1) {
            const uint32_t lane = (uint32_t)__builtin_ctz(mask);
            const float own = w->scores[b * NSKY_CODE_ROWS + lane];
            if (own < w->reservoir.threshold)
                continue;
            const uint32_t row = l->row_of[(size_t)w->picks[b].block * NSKY_CODE_ROWS + lane];
            if (row < l->rows)
                nsky_reservoir_offer(&w->reservoir, own, row);
        }
    if (threshold == -INFINITY)
        nsky_reservoir_settle(&w->reservoir); /* as soon as there are as many as are wanted */
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
    const uint32_t some = w->reservoir.threshold > -INFINITY ? SWEEP_BLOCKS : FIRST_BLOCKS;
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
    const nsky_lists *l = w->lists;
    const nsky_turned *t = w->turned;
    const float base =
        t->constant + t->dot.dot(t->values, l->centroids + (size_t)list * l->coded, l->coded);
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
        matches += t->kernel.match(l->row_of + (size_t)b * NSKY_CODE_ROWS, some, w->query->allowed,
                                   (uint32_t)l->rows, masks);
        for (uint32_t i = 0; i < some; i++)
            if (masks[i])
                pick(w, b + i, base, masks[i]);
    }
    return matches;
}

/* What take_list reads first of a list. */
static void fetch_list(const sweep *w, uint32_t list)
{
    const nsky_lists *l = w->lists;
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

static void begin_widening(nsky_widening *out, const nsky_lists *lists,
                           const nsky_lists_query *query)
{
    nsky_widening_init(out, query->nprobe, query->want, query->share,
                       fmin(1, (double)lists->rows / (double)lists->slots));
}

/* Lists that are ranked at first. */
static uint32_t ranked(const nsky_lists *lists, const nsky_lists_query *query)
{
    nsky_widening widening;
    if (!query->allowed || query->nprobe >= lists->lists)
        return at_most(lists, query->nprobe);
    begin_widening(&widening, lists, query);
    return at_most(lists, nsky_widening_guess(&widening));
}

/* Goes through ranked lists as far as a filter needs (widening NULL: to the end); true: no more are
 * needed. */
static bool go_on(sweep *w, nsky_widening *widening, const uint64_t *best, uint32_t count)
{
    const uint32_t *offsets = w->lists->offsets;
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

/* More lists than the first [count] of best, many times as many each time. */
static nsky_status go_further(sweep *w, nsky_widening *widening, uint64_t *best, uint32_t count,
                              nsky_error *err)
{
    const uint32_t lists = w->lists->lists;
    uint8_t *marks = nsky_alloc_zero((lists + 7) / 8, 1, err);
    nsky_status status = marks ? NSKY_OK : err->status;
    bool done = false;
    if (marks)
        take_new(marks, best, count);
    while (!done && count < lists && status == NSKY_OK) {
        count = count < lists / MORE_LISTS ? count * MORE_LISTS : lists;
        uint64_t *more = nsky_alloc(count, sizeof *more, err);
        status = more ? nsky_turned_rank(w->turned, count, more, err) : err->status;
        if (status == NSKY_OK)
            done = go_on(w, widening, more, take_new(marks, more, count));
        nsky_free(more);
    }
    nsky_free(marks);
    return status;
}

/* best [count]: the lists ranked at first. */
static nsky_status sweep_lists(sweep *w, uint64_t *best, uint32_t count, nsky_error *err)
{
    nsky_widening widening;
    if (!w->query->allowed || w->query->nprobe >= w->lists->lists) {
        (void)go_on(w, NULL, best, count);
        return NSKY_OK;
    }
    begin_widening(&widening, w->lists, w->query);
    return go_on(w, &widening, best, count) ? NSKY_OK : go_further(w, &widening, best, count, err);
}

/* --- a query --- */

static void hand_over(sweep *w, nsky_lists_query *query)
{
    score_rest(w);
    nsky_reservoir_settle(&w->reservoir);
    query->swept = w->swept;
    query->count = w->reservoir.count;
    for (uint32_t i = 0; i < query->count; i++) {
        const uint64_t key = w->reservoir.keys[i];
        query->found[i] = (nsky_candidate){nsky_key_row(key), nsky_key_score(key)};
    }
}

static nsky_status search_one(const nsky_lists *lists, nsky_lists_query *query, nsky_error *err)
{
    const uint32_t count = ranked(lists, query), room = nsky_reservoir_capacity(query->want);
    uint64_t *best = nsky_alloc(count, sizeof *best, err);
    uint64_t *keys = nsky_alloc(room, sizeof *keys, err);
    nsky_turned turned;
    nsky_status status =
        best && keys ? nsky_turn(&turned, lists, query->direction, err) : err->status;
    if (status == NSKY_OK && (status = nsky_turned_rank(&turned, count, best, err)) == NSKY_OK) {
        sweep w = {.turned = &turned,
                   .lists = lists,
                   .query = query,
                   .reservoir = {keys, 0, query->want, room, -INFINITY}};
        if ((status = sweep_lists(&w, best, count, err)) == NSKY_OK)
            hand_over(&w, query);
    }
    nsky_free(keys);
    nsky_free(best);
    return status;
}

typedef struct company {
    const nsky_lists *lists;
    nsky_lists_query *queries;
} company;

static nsky_status search_task(uint64_t task, uint32_t thread, void *payload, nsky_error *err)
{
    (void)thread;
    const company *c = payload;
    return search_one(c->lists, &c->queries[task], err);
}

nsky_status nsky_lists_candidates(const nsky_lists *lists, nsky_lists_query *queries,
                                  uint32_t count, uint32_t threads, nsky_error *err)
{
    assert(lists && queries && count > 0 && err);
    company c = {lists, queries};
    return nsky_parallel_try(count, nsky_parallel_threads(threads, count), search_task, &c, err);
}
