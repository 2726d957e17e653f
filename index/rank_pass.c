/* rank_pass.c - see rank_pass.h. */
#include "index/rank_pass.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "index/parallel.h"
#include "index/slack.h"

#define PIECE_BLOCKS 64  /* scored at a time: scores of 16 probes in 64 KB */
#define TASK_BLOCKS 4096 /* of a thread's turn: 8 MB of codes */
#define BASE_LISTS 256   /* of a thread's turn at the centroids */
#define SEED_SHARE 200   /* a seed looks at one row in so many */
#define KEPT_AT_FIRST 4096

/* Floats as whole numbers in the same order. */
static uint_fast32_t floor_key(float value)
{
    return nsky_key_of(value, 0) >> 32;
}

static float floor_of(const nsky_pass *pass, uint32_t q)
{
    return nsky_key_score((uint64_t)atomic_load_explicit(&pass->floors[q], memory_order_relaxed)
                          << 32);
}

static void raise_floor(nsky_pass *pass, uint32_t q, float value)
{
    uint_fast32_t mine = floor_key(value), seen = atomic_load(&pass->floors[q]);
    while (mine > seen && !atomic_compare_exchange_weak(&pass->floors[q], &seen, mine))
        ;
}

/* --- slacks --- */

typedef struct slack_work {
    const nsky_lists *lists;
    nsky_pass_slack *out;
} slack_work;

static void slack_task(uint64_t list, uint32_t thread, void *payload)
{
    (void)thread;
    const slack_work *work = payload;
    const nsky_lists *l = work->lists;
    uint8_t coded = 0, rest = 0;
    for (uint64_t slot = (uint64_t)l->offsets[list] * NSKY_CODE_ROWS;
         slot < (uint64_t)l->offsets[list + 1] * NSKY_CODE_ROWS; slot++) {
        const uint8_t *slack = l->slack + 2 * slot;
        coded = slack[0] > coded ? slack[0] : coded;
        rest = slack[1] > rest ? slack[1] : rest;
    }
    work->out[list] = (nsky_pass_slack){nsky_slack_length(coded), nsky_slack_length(rest)};
}

void nsky_pass_slacks(const nsky_lists *lists, uint32_t threads, nsky_pass_slack *out)
{
    slack_work work = {lists, out};
    nsky_parallel(lists->lists, nsky_parallel_threads(threads, lists->lists), slack_task, &work);
}

/* --- a find --- */

static float upper(const nsky_pass_probe *probe, float score, float bound)
{
    return score + (probe->reach * bound + probe->rounding);
}

/* Throws out what cannot reach `least` any more; doubles the room when that is not much. */
static void make_room(const nsky_pass_probe *probe, nsky_pass_find *find, float least)
{
    nsky_error err = NSKY_ERROR_INIT;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < find->count; i++)
        if (upper(probe, find->items[i].score, find->items[i].bound) >= least)
            find->items[kept++] = find->items[i];
    find->count = kept;
    if (kept < find->capacity / 4 * 3)
        return;
    if (find->capacity >= NSKY_PASS_KEPT_MAX) {
        find->overflow = kept == find->capacity;
        return;
    }
    nsky_pass_candidate *more =
        nsky_realloc(find->items, (size_t)find->capacity * 2, sizeof *more, &err);
    if (more) {
        find->items = more;
        find->capacity *= 2;
    } else {
        find->starved = kept == find->capacity;
    }
}

static void offer(nsky_pass *pass, uint32_t q, nsky_pass_find *find, nsky_pass_candidate row)
{
    const nsky_pass_probe *probe = &pass->probes[q];
    const float least = fmaxf(find->lows.threshold, probe->least);
    if (!(upper(probe, row.score, row.bound) >= least) || find->overflow || find->starved)
        return;
    const float low = row.score - (probe->reach * row.bound + probe->rounding);
    if (!probe->fixed && low >= least) {
        nsky_reservoir_offer(&find->lows, low, row.row);
        if (find->lows.threshold > least)
            raise_floor(pass, q, find->lows.threshold);
    }
    if (find->count == find->capacity)
        make_room(probe, find, floor_of(pass, q));
    if (find->count < find->capacity)
        find->items[find->count++] = row;
}

/* --- a list --- */

static void offer_masks(nsky_pass *pass, uint32_t q, nsky_pass_find *find, const float *scores,
                        const uint16_t *masks, uint64_t first, uint32_t blocks)
{
    const nsky_lists *l = pass->lists;
    const nsky_pass_probe *probe = &pass->probes[q];
    for (uint32_t b = 0; b < blocks; b++)
        for (uint32_t mask = masks[b]; mask; mask &= mask - 1) {
            const uint32_t at = b * NSKY_CODE_ROWS + (uint32_t)__builtin_ctz(mask);
            const uint64_t slot = first * NSKY_CODE_ROWS + at;
            const uint32_t row = l->row_of[slot];
            if (row >= l->rows || (probe->allowed && !(probe->allowed[row >> 3] >> (row & 7) & 1)))
                continue;
            const float bound = probe->inside * nsky_slack_length(l->slack[2 * slot]) +
                                probe->outside * nsky_slack_length(l->slack[2 * slot + 1]);
            offer(pass, q, find, (nsky_pass_candidate){scores[at], bound, row});
        }
}

static void look(nsky_pass *pass, uint32_t q, uint32_t thread, uint32_t list, const float *scores,
                 uint64_t first, uint32_t blocks, bool counts)
{
    const nsky_pass_probe *probe = &pass->probes[q];
    const nsky_pass_slack slack = pass->slacks[list];
    const float bound = (probe->inside * slack.coded + probe->outside * slack.rest) * 1.000001f;
    const float least = floor_of(pass, q) - (probe->reach * bound + probe->rounding);
    uint64_t *within = &pass->within[(size_t)thread * pass->count + q];
    uint16_t masks[PIECE_BLOCKS];

    if (counts && *within <= NSKY_PASS_WITHIN_MAX && probe->least > -INFINITY)
        *within +=
            pass->kernel.above(scores, blocks, probe->least - (bound + probe->rounding), masks);
    if (pass->kernel.above(scores, blocks, least, masks) > 0)
        offer_masks(pass, q, &pass->finds[(size_t)thread * pass->count + q], scores, masks, first,
                    blocks);
}

/* Probes [from, from + n) on one list. */
static void sweep_list(nsky_pass *pass, uint32_t thread, uint32_t list, uint32_t from, uint32_t n,
                       bool counts)
{
    const nsky_lists *l = pass->lists;
    const size_t block_bytes = nsky_code_block_bytes(&l->coder);
    float *scores = pass->scores + (size_t)thread * pass->count * PIECE_BLOCKS * NSKY_CODE_ROWS;
    const nsky_code_query *queries[NSKY_PASS_PROBES_MAX];
    for (uint32_t i = 0; i < n; i++)
        queries[i] = &pass->probes[from + i].query;
    for (uint64_t b = l->offsets[list]; b < l->offsets[list + 1]; b += PIECE_BLOCKS) {
        const uint64_t left = l->offsets[list + 1] - b;
        const uint32_t some = left < PIECE_BLOCKS ? (uint32_t)left : PIECE_BLOCKS;
        nsky_code_sweep(&pass->kernel, &l->coder, queries,
                        pass->bases + (size_t)list * pass->count + from, n,
                        l->codes + b * block_bytes, some, scores);
        for (uint32_t i = 0; i < n; i++)
            look(pass, from + i, thread, list, scores + (size_t)i * some * NSKY_CODE_ROWS, b, some,
                 counts);
    }
}

/* --- memory and bases --- */

static void base_task(uint64_t task, uint32_t thread, void *payload)
{
    (void)thread;
    nsky_pass *pass = payload;
    const nsky_lists *l = pass->lists;
    const uint64_t end = (task + 1) * BASE_LISTS < l->lists ? (task + 1) * BASE_LISTS : l->lists;
    nsky_dot_kernel dots[3];
    nsky_dot_kernels(dots);
    for (uint64_t list = task * BASE_LISTS; list < end; list++)
        for (uint32_t q = 0; q < pass->count; q++)
            pass->bases[list * pass->count + q] =
                pass->probes[q].constant +
                dots[0].dot(pass->probes[q].turned, l->centroids + list * l->coded, l->coded);
}

static nsky_status open_finds(nsky_pass *pass, nsky_error *err)
{
    for (uint32_t t = 0; t < pass->threads; t++)
        for (uint32_t q = 0; q < pass->count; q++) {
            nsky_pass_find *find = &pass->finds[(size_t)t * pass->count + q];
            const uint32_t k = pass->probes[q].k;
            find->capacity = KEPT_AT_FIRST;
            find->items = nsky_alloc(find->capacity, sizeof *find->items, err);
            find->lows =
                (nsky_reservoir){nsky_alloc(nsky_reservoir_capacity(k), sizeof(uint64_t), err), 0,
                                 k, nsky_reservoir_capacity(k), -INFINITY};
            if (!find->items || !find->lows.keys)
                return err->status;
        }
    return NSKY_OK;
}

nsky_status nsky_pass_open(nsky_pass *pass, nsky_error *err)
{
    assert(pass && pass->lists && pass->slacks && pass->count >= 1 &&
           pass->count <= NSKY_PASS_PROBES_MAX && err);
    nsky_code_kernel kernels[NSKY_CODE_KERNELS];
    if (!pass->kernel.name) {
        nsky_code_kernels(kernels);
        pass->kernel = kernels[0];
    }
    const uint64_t tasks = pass->lists->blocks / TASK_BLOCKS + 1;
    pass->threads = nsky_parallel_threads(pass->threads, tasks);
    const size_t each = (size_t)pass->threads * pass->count;
    pass->bases = nsky_alloc((size_t)pass->lists->lists * pass->count, sizeof *pass->bases, err);
    pass->finds = nsky_alloc_zero(each, sizeof *pass->finds, err);
    pass->scores =
        nsky_alloc_aligned(each * PIECE_BLOCKS * NSKY_CODE_ROWS, sizeof *pass->scores, err);
    pass->floors = nsky_alloc_zero(pass->count, sizeof *pass->floors, err);
    pass->within = nsky_alloc_zero(each, sizeof *pass->within, err);
    if (!pass->bases || !pass->finds || !pass->scores || !pass->floors || !pass->within)
        return err->status;
    const uint64_t turns = (pass->lists->lists + BASE_LISTS - 1) / BASE_LISTS;
    nsky_parallel(turns, nsky_parallel_threads(pass->threads, turns), base_task, pass);
    return open_finds(pass, err);
}

void nsky_pass_close(nsky_pass *pass)
{
    for (size_t i = 0; pass->finds && i < (size_t)pass->threads * pass->count; i++) {
        nsky_free(pass->finds[i].items);
        nsky_free(pass->finds[i].lows.keys);
    }
    nsky_free(pass->finds);
    nsky_free(pass->bases);
    nsky_free(pass->scores);
    nsky_free(pass->floors);
    nsky_free(pass->within);
    pass->finds = NULL;
    pass->bases = pass->scores = NULL;
    pass->floors = NULL;
    pass->within = NULL;
}

static void reset(nsky_pass *pass, uint32_t q)
{
    for (uint32_t t = 0; t < pass->threads; t++) {
        nsky_pass_find *find = &pass->finds[(size_t)t * pass->count + q];
        find->count = find->lows.count = 0;
        find->lows.threshold = -INFINITY;
        find->overflow = find->starved = false;
        pass->within[(size_t)t * pass->count + q] = 0;
    }
    atomic_store(&pass->floors[q], floor_key(pass->probes[q].least));
}

/* --- the seed --- */

static void seed_task(uint64_t task, uint32_t thread, void *payload)
{
    nsky_pass *pass = payload;
    sweep_list(pass, thread, pass->order[task], pass->of, 1, false);
}

/* Lists in the order of their centroids' scores, so many that they hold enough rows. */
static uint32_t choose_lists(const nsky_pass *pass, uint32_t q, uint64_t *keys, uint32_t *order)
{
    const nsky_lists *l = pass->lists;
    const uint64_t enough =
        l->blocks / SEED_SHARE + (uint64_t)pass->probes[q].k * 2 / NSKY_CODE_ROWS + 1;
    uint64_t want = enough * l->lists / (l->blocks ? l->blocks : 1) + 1;
    want = want < l->lists ? want : l->lists;
    for (uint32_t list = 0; list < l->lists; list++)
        keys[list] = nsky_key_of(pass->bases[(size_t)list * pass->count + q], list);
    nsky_keep_largest(keys, l->lists, (uint32_t)want);
    for (uint32_t i = 0; i < want; i++)
        order[i] = nsky_key_row(keys[i]);
    return (uint32_t)want;
}

void nsky_pass_seed(nsky_pass *pass)
{
    nsky_error err = NSKY_ERROR_INIT; /* no memory: no seed, only a slower pass */
    uint64_t *keys = nsky_alloc(pass->lists->lists, sizeof *keys, &err);
    pass->order = nsky_alloc(pass->lists->lists, sizeof *pass->order, &err);
    for (uint32_t q = 0; keys && pass->order && q < pass->count; q++) {
        float least;
        if (pass->probes[q].fixed)
            continue;
        reset(pass, q);
        pass->of = q;
        const uint32_t lists = choose_lists(pass, q, keys, pass->order);
        nsky_parallel(lists, nsky_parallel_threads(pass->threads, lists), seed_task, pass);
        if (nsky_pass_least(pass, q, &least, &err) == NSKY_OK)
            pass->probes[q].least = least;
    }
    nsky_free(keys);
    nsky_free(pass->order);
    pass->order = NULL;
}

/* --- the pass --- */

/* The first list that begins at block or behind it. */
static uint32_t list_at(const nsky_lists *l, uint64_t block)
{
    uint32_t low = 0, high = l->lists;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (l->offsets[middle] < block)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void run_task(uint64_t task, uint32_t thread, void *payload)
{
    nsky_pass *pass = payload;
    const uint32_t end = list_at(pass->lists, (task + 1) * TASK_BLOCKS);
    for (uint32_t list = list_at(pass->lists, task * TASK_BLOCKS); list < end; list++)
        sweep_list(pass, thread, list, 0, pass->count, true);
}

void nsky_pass_run(nsky_pass *pass)
{
    const uint64_t tasks = pass->lists->blocks / TASK_BLOCKS + 1;
    for (uint32_t q = 0; q < pass->count; q++)
        reset(pass, q);
    nsky_parallel(tasks, nsky_parallel_threads(pass->threads, tasks), run_task, pass);
}

nsky_status nsky_pass_least(const nsky_pass *pass, uint32_t probe, float *out, nsky_error *err)
{
    const uint32_t k = pass->probes[probe].k;
    uint64_t count = 0;
    *out = pass->probes[probe].least;
    for (uint32_t t = 0; t < pass->threads; t++)
        count += pass->finds[(size_t)t * pass->count + probe].lows.count;
    if (pass->probes[probe].fixed || count < k)
        return NSKY_OK;
    uint64_t *keys = nsky_alloc(count, sizeof *keys, err);
    if (!keys)
        return err->status;
    count = 0;
    for (uint32_t t = 0; t < pass->threads; t++) {
        const nsky_reservoir *lows = &pass->finds[(size_t)t * pass->count + probe].lows;
        memcpy(keys + count, lows->keys, lows->count * sizeof *keys);
        count += lows->count;
    }
    nsky_keep_largest(keys, (uint32_t)count, k);
    float least = INFINITY;
    for (uint32_t i = 0; i < k; i++)
        least = fminf(least, nsky_key_score(keys[i]));
    *out = fmaxf(least, *out);
    nsky_free(keys);
    return NSKY_OK;
}

uint64_t nsky_pass_within(const nsky_pass *pass, uint32_t probe)
{
    uint64_t sum = 0;
    if (!(pass->probes[probe].least > -INFINITY))
        return UINT64_MAX;
    for (uint32_t t = 0; t < pass->threads; t++)
        sum += pass->within[(size_t)t * pass->count + probe];
    return sum;
}
