/* lists_rank.c - lists_search.h: the lists by how near their centroids are. Any thread.
 *
 * By distance, though what is looked for is the largest dot product: rows are unit vectors, whose
 * mean is the shorter the further apart they lie, and a wide list is more likely to have a row
 * near the query than its centroid's dot product says.
 *
 * Only lists of the nearest groups are looked at, many times as many as are wanted: among ten
 * million vectors 16 groups of 128 held .9995 of the nearest 16 lists (docs/index.md). */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "index/lists_search.h"

#define PART 16           /* of all lists one in so many is looked at, and at least */
#define LISTS_A_WANTED 16 /* so many times those wanted, */
#define GROUPS_LEAST 16   /* of so many groups */
#define OFFERED 64        /* blocks at a time */
#define SAMPLE 256        /* lists whose scores tell where the best begin */
#define SPARE 8           /* of them, for luck */

/* Lists of groups that lie side by side. */
typedef struct run {
    uint32_t first, end; /* lists */
    uint32_t at, blocks; /* their scores: begin and blocks of the centroids' codes */
} run;

typedef struct ranking {
    const nsky_turned *turned;
    bool *chosen; /* [groups] */
    run *runs;    /* [count] */
    uint32_t count, slots;
    float *scores; /* [slots]: half of (square of the query's length - square of the distance), or
                      -infinity */
} ranking;

nsky_status nsky_turn(nsky_turned *out, const nsky_lists *lists, const float *direction,
                      nsky_error *err)
{
    nsky_code_kernel kernels[NSKY_CODE_KERNELS];
    nsky_dot_kernel dots[3];

    nsky_code_kernels(kernels);
    nsky_dot_kernels(dots);
    out->lists = lists;
    out->kernel = kernels[0];
    out->dot = dots[0];
    nsky_lists_direction(lists, direction, out->values, &out->constant, NULL);
    for (uint32_t d = 0; d < lists->coded; d++)
        out->from_mean[d] = out->values[d] - lists->turned_mean[d];
    nsky_status status =
        nsky_code_query_prepare(&out->rank, &lists->centroid_coder, out->from_mean, 1, err);
    return status == NSKY_OK
               ? nsky_code_query_prepare(&out->codes, &lists->coder, out->values, 1, err)
               : status;
}

/* --- which groups --- */

/* The nearest groups that have so many lists. */
static nsky_status choose_groups(ranking *r, uint32_t least, nsky_error *err)
{
    const nsky_lists *l = r->turned->lists;
    const nsky_turned *t = r->turned;
    uint64_t *keys = nsky_alloc(l->groups, sizeof *keys, err);
    uint32_t lists = 0;
    if (!keys)
        return err->status;
    for (uint32_t g = 0; g < l->groups; g += 4) {
        const uint32_t some = l->groups - g < 4 ? l->groups - g : 4;
        const float *four[4];
        float products[4];
        for (uint32_t i = 0; i < 4; i++)
            four[i] = l->group_centres + (size_t)(g + (i < some ? i : 0)) * l->coded;
        t->dot.dot4(t->from_mean, four, l->coded, products);
        for (uint32_t i = 0; i < some; i++)
            keys[g + i] = nsky_key_of(products[i] - l->group_halves[g + i], g + i);
    }
    nsky_keys_sort(keys, l->groups);
    for (uint32_t i = 0; i < l->groups && (lists < least || i < GROUPS_LEAST); i++) {
        const uint32_t g = nsky_key_row(keys[i]);
        r->chosen[g] = true;
        lists += l->group_lists[g + 1] - l->group_lists[g];
    }
    nsky_free(keys);
    return NSKY_OK;
}

static void find_runs(ranking *r)
{
    const nsky_lists *l = r->turned->lists;

    for (uint32_t g = 0; g < l->groups; g++) {
        const uint32_t first = l->group_lists[g], end = l->group_lists[g + 1];
        if (!r->chosen[g] || first == end)
            continue;
        if (r->count == 0 || r->runs[r->count - 1].end != first)
            r->runs[r->count++] = (run){.first = first};
        r->runs[r->count - 1].end = end;
    }
    for (uint32_t i = 0; i < r->count; i++) {
        run *own = &r->runs[i];
        own->at = r->slots;
        own->blocks =
            (own->end + NSKY_CODE_ROWS - 1) / NSKY_CODE_ROWS - own->first / NSKY_CODE_ROWS;
        r->slots += own->blocks * NSKY_CODE_ROWS;
    }
}

static nsky_status choose_lists(ranking *r, uint32_t want, nsky_error *err)
{
    const nsky_lists *l = r->turned->lists;
    uint64_t least = (uint64_t)want * LISTS_A_WANTED;
    nsky_status status = NSKY_OK;

    if (least < l->lists / PART)
        least = l->lists / PART;
    r->chosen = nsky_alloc_zero(l->groups, sizeof *r->chosen, err);
    r->runs = nsky_alloc(l->groups, sizeof *r->runs, err);
    if (!r->chosen || !r->runs)
        return err->status;
    if (least > l->lists / 2)
        memset(r->chosen, true, l->groups * sizeof *r->chosen);
    else
        status = choose_groups(r, (uint32_t)least, err);
    find_runs(r);
    return status;
}

/* --- which lists --- */

static uint32_t first_list(const run *own)
{
    return own->first / NSKY_CODE_ROWS * NSKY_CODE_ROWS;
}

static void score_run(const ranking *r, const run *own)
{
    const nsky_lists *l = r->turned->lists;
    const nsky_code_query *query = &r->turned->rank;
    const float base = 0;
    const uint32_t first = first_list(own);
    float *scores = r->scores + own->at;

    nsky_code_sweep(&r->turned->kernel, &l->centroid_coder, &query, &base, 1,
                    l->centroid_codes +
                        first / NSKY_CODE_ROWS * nsky_code_block_bytes(&l->centroid_coder),
                    own->blocks, scores);
    for (uint32_t list = own->first; list < own->end; list++)
        scores[list - first] -= l->halves[list];
    for (uint32_t slot = 0; slot < own->first - first; slot++)
        scores[slot] = -INFINITY;
    for (uint32_t slot = own->end - first; slot < own->blocks * NSKY_CODE_ROWS; slot++)
        scores[slot] = -INFINITY;
}

/* A score that about as many lists come to as are wanted, or some more: the sample's. Few that are
 * not wanted need be kept then. */
static float likely_threshold(const ranking *r, uint32_t want)
{
    uint64_t keys[SAMPLE];
    const uint32_t step = r->slots / SAMPLE;
    const uint32_t above = step > 0 ? want + want / 2 : 0;
    if (step == 0 || above / step + SPARE > SAMPLE / 2)
        return -INFINITY;
    for (uint32_t i = 0; i < SAMPLE; i++)
        keys[i] = nsky_key_of(r->scores[(size_t)i * step], i);
    nsky_reservoir best = {keys, SAMPLE, above / step + SPARE, SAMPLE + 1, -INFINITY};
    nsky_reservoir_settle(&best);
    return best.threshold;
}

static void offer_run(const ranking *r, const run *own, nsky_reservoir *reservoir)
{
    const float *scores = r->scores + own->at;
    uint16_t masks[OFFERED];
    for (uint32_t begin = 0; begin < own->blocks; begin += OFFERED) {
        const uint32_t some = own->blocks - begin < OFFERED ? own->blocks - begin : OFFERED;
        r->turned->kernel.above(scores + (size_t)begin * NSKY_CODE_ROWS, some, reservoir->threshold,
                                masks);
        for (uint32_t b = 0; b < some; b++)
            for (uint32_t mask = masks[b]; mask; mask &= mask - 1) {
                const uint32_t slot = (begin + b) * NSKY_CODE_ROWS + (uint32_t)__builtin_ctz(mask);
                if (scores[slot] > -INFINITY && scores[slot] >= reservoir->threshold)
                    nsky_reservoir_offer(reservoir, scores[slot], first_list(own) + slot);
            }
    }
}

/* The best lists by their scores into a reservoir. */
static void choose(const ranking *r, nsky_reservoir *reservoir)
{
    reservoir->threshold = likely_threshold(r, reservoir->want);
    for (uint32_t i = 0; i < r->count; i++)
        offer_run(r, &r->runs[i], reservoir);
    if (reservoir->count < reservoir->want) { /* the sample was too good */
        reservoir->count = 0;
        reservoir->threshold = -INFINITY;
        for (uint32_t i = 0; i < r->count; i++)
            offer_run(r, &r->runs[i], reservoir);
    }
    nsky_reservoir_settle(reservoir);
}

nsky_status nsky_turned_rank(const nsky_turned *turned, uint32_t want, uint64_t *out,
                             nsky_error *err)
{
    assert(want >= 1 && want <= turned->lists->lists);
    const uint32_t capacity = nsky_reservoir_capacity(want);
    ranking r = {.turned = turned};
    uint64_t *keys = nsky_alloc(capacity, sizeof *keys, err);
    nsky_status status = keys ? choose_lists(&r, want, err) : err->status;
    if (status == NSKY_OK && !(r.scores = nsky_alloc_aligned(r.slots, sizeof *r.scores, err)))
        status = err->status;
    if (status == NSKY_OK) {
        nsky_reservoir best = {keys, 0, want, capacity, -INFINITY};
        for (uint32_t i = 0; i < r.count; i++)
            score_run(&r, &r.runs[i]);
        choose(&r, &best);
        assert(best.count == want);
        nsky_keys_sort(keys, want);
        memcpy(out, keys, want * sizeof *keys);
    }
    nsky_free(r.scores);
    nsky_free(r.runs);
    nsky_free(r.chosen);
    nsky_free(keys);
    return status;
}
