/* graph_walk.c - best-first walks: the nearest rows seen so far are kept in view, and the nearest
 * whose links were not followed yet is next. A walker belongs to one thread. */
#include <assert.h>
#include <string.h>

#include "common/memory.h"
#include "index/graph_private.h"

#define SEEN_FIRST 4096
#define ENTRIES_KEPT 8 /* from which a walk begins */

bool nsky_knn_insert(nsky_knn_hit *hits, uint32_t *count, uint32_t max, nsky_knn_hit hit,
                     uint32_t *at)
{
    uint32_t low = 0, high = *count;
    if (high == max && !nsky_knn_better(hit, hits[high - 1]))
        return false;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (nsky_knn_better(hits[middle], hit))
            low = middle + 1;
        else
            high = middle;
    }
    if (*count < max)
        ++*count;
    memmove(hits + low + 1, hits + low, (*count - 1 - low) * sizeof *hits);
    hits[low] = hit;
    *at = low;
    return true;
}

static nsky_status grow(void **block, uint32_t *held, uint32_t wanted, size_t item_bytes,
                        nsky_error *err)
{
    if (*held >= wanted && *block)
        return NSKY_OK;
    void *larger = nsky_realloc(*block, wanted, item_bytes, err);
    if (!larger)
        return err->status;
    *block = larger;
    *held = wanted;
    return NSKY_OK;
}

static uint32_t slot_of(const nsky_knn_walker *w, uint32_t row)
{
    uint32_t slot = (row * 0x9E3779B1u) >> 7 & (w->seen_max - 1);
    while (w->seen[slot] != NSKY_KNN_NONE && w->seen[slot] != row)
        slot = (slot + 1) & (w->seen_max - 1);
    return slot;
}

/* Twice the table; the rows in it are seen still. */
static nsky_status grow_seen(nsky_knn_walker *w, nsky_error *err)
{
    uint32_t *old = w->seen;
    const uint32_t old_max = w->seen_max;
    w->seen = nsky_alloc((size_t)old_max * 2, sizeof *w->seen, err);
    if (!w->seen) {
        w->seen = old;
        return err->status;
    }
    w->seen_max = w->seen_held = old_max * 2;
    memset(w->seen, 0xff, (size_t)w->seen_max * sizeof *w->seen);
    for (uint32_t i = 0; i < old_max; i++)
        if (old[i] != NSKY_KNN_NONE)
            w->seen[slot_of(w, old[i])] = old[i];
    nsky_free(old);
    return NSKY_OK;
}

static nsky_status prepare(nsky_knn_walker *w, uint32_t beam, uint32_t want, nsky_error *err)
{
    nsky_status status;
    uint32_t held = w->beam;
    if ((status = grow((void **)&w->pool, &held, beam, sizeof *w->pool, err)) != NSKY_OK)
        return status;
    held = w->beam;
    if ((status = grow((void **)&w->done, &held, beam, 1, err)) != NSKY_OK)
        return status;
    w->beam = held;
    if (want > 0 &&
        (status = grow((void **)&w->found, &w->found_max, want, sizeof *w->found, err)) != NSKY_OK)
        return status;
    uint32_t wanted = SEEN_FIRST;
    while (wanted < beam * 24u)
        wanted *= 2;
    if ((status = grow((void **)&w->seen, &w->seen_held, wanted, sizeof *w->seen, err)) != NSKY_OK)
        return status;
    w->seen_max = wanted;
    memset(w->seen, 0xff, (size_t)wanted * sizeof *w->seen);
    w->count = w->expanded_count = w->found_count = w->seen_count = 0;
    w->want = want;
    w->compared = 0;
    return NSKY_OK;
}

/* Into view, and among the found where it is allowed. Returns the place in view, or beam. */
static uint32_t offer(nsky_knn_walker *w, const nsky_knn_target *target, uint32_t beam,
                      nsky_knn_hit hit)
{
    uint32_t at;
    if (target->allowed && (target->allowed[hit.row >> 3] >> (hit.row & 7) & 1))
        nsky_knn_insert(w->found, &w->found_count, w->want, hit, &at);
    const uint32_t before = w->count;
    if (!nsky_knn_insert(w->pool, &w->count, beam, hit, &at))
        return beam;
    const uint32_t behind = (before < beam ? before : beam - 1) - at;
    memmove(w->done + at + 1, w->done + at, behind);
    w->done[at] = 0;
    return at;
}

/* Those of rows [count] not seen before, compared and offered. Returns the best place taken. */
static uint32_t look_at(nsky_knn_walker *w, const nsky_knn *graph, const nsky_knn_kernel *kernel,
                        const nsky_knn_target *target, uint32_t beam, const uint32_t *rows,
                        uint32_t count)
{
    uint32_t fresh[NSKY_KNN_DEGREE_MAX] = {0}, fresh_count = 0, best = beam;
    int32_t sums[NSKY_KNN_DEGREE_MAX];
    assert(count <= NSKY_KNN_DEGREE_MAX);
    for (uint32_t i = 0; i < count && rows[i] != NSKY_KNN_NONE; i++) {
        uint32_t slot = slot_of(w, rows[i]);
        if (w->seen[slot] == rows[i])
            continue;
        w->seen[slot] = rows[i];
        fresh[fresh_count++] = rows[i];
    }
    w->seen_count += fresh_count;
    w->compared += fresh_count;
    kernel->dots(target->query, graph->codes, graph->coded, fresh, fresh_count, sums);
    for (uint32_t i = 0; i < fresh_count; i++) {
        int32_t key = sums[i] - target->bias;
        if (target->norms)
            key = 2 * key - target->norms[fresh[i]];
        uint32_t at = offer(w, target, beam, (nsky_knn_hit){key, fresh[i]});
        best = at < best ? at : best;
    }
    return best;
}

/* The links of a row in view, soon to be followed. */
static void ask_for_links(const nsky_knn *graph, uint32_t row)
{
    const uint32_t *links = graph->links + (size_t)row * graph->degree;
    for (uint32_t i = 0; i < graph->degree; i += 16)
        __builtin_prefetch(links + i);
}

static nsky_status follow(nsky_knn_walker *w, nsky_knn_hit hit, nsky_error *err)
{
    if (w->expanded_count == w->expanded_max) {
        uint32_t held = w->expanded_max;
        nsky_status status =
            grow((void **)&w->expanded, &held, held > 0 ? 2 * held : 512, sizeof *w->expanded, err);
        if (status != NSKY_OK)
            return status;
        w->expanded_max = held;
    }
    w->expanded[w->expanded_count++] = hit;
    return 2 * w->seen_count + 2 * NSKY_KNN_DEGREE_MAX > w->seen_max ? grow_seen(w, err) : NSKY_OK;
}

/* All but the best entries are out of the way: they are near nothing that is wanted. Should one of
 * them be, the walk comes to it by its links. */
static void keep_best_entries(nsky_knn_walker *w, const nsky_knn_target *target)
{
    if (w->count > ENTRIES_KEPT)
        w->count = ENTRIES_KEPT;
    w->found_count = 0;
    w->seen_count = w->count;
    memset(w->seen, 0xff, (size_t)w->seen_max * sizeof *w->seen);
    for (uint32_t i = 0; i < w->count; i++) {
        uint32_t at;
        const nsky_knn_hit hit = w->pool[i];
        w->seen[slot_of(w, hit.row)] = hit.row;
        if (target->allowed && (target->allowed[hit.row >> 3] >> (hit.row & 7) & 1))
            nsky_knn_insert(w->found, &w->found_count, w->want, hit, &at);
    }
}

nsky_status nsky_knn_walk(nsky_knn_walker *w, const nsky_knn *graph, const nsky_knn_kernel *kernel,
                          const nsky_knn_target *target, uint32_t beam, uint32_t want,
                          nsky_error *err)
{
    assert(beam >= 1 && beam <= NSKY_KNN_BEAM_MAX && graph->degree <= NSKY_KNN_DEGREE_MAX);
    nsky_status status = prepare(w, beam, want, err);
    for (uint32_t i = 0; i < graph->entry_count && status == NSKY_OK; i += NSKY_KNN_DEGREE_MAX) {
        uint32_t count = graph->entry_count - i;
        look_at(w, graph, kernel, target, beam, graph->entries + i,
                count < NSKY_KNN_DEGREE_MAX ? count : NSKY_KNN_DEGREE_MAX);
        while (2 * w->seen_count + 4 * NSKY_KNN_DEGREE_MAX > w->seen_max && status == NSKY_OK)
            status = grow_seen(w, err);
    }
    if (status != NSKY_OK)
        return status;
    keep_best_entries(w, target);
    for (uint32_t at = 0; at < w->count;) {
        if (w->done[at]) {
            at++;
            continue;
        }
        w->done[at] = 1;
        const uint32_t row = w->pool[at].row;
        if ((status = follow(w, w->pool[at], err)) != NSKY_OK)
            break;
        if (at + 1 < w->count)
            ask_for_links(graph, w->pool[at + 1].row);
        uint32_t best = look_at(w, graph, kernel, target, beam,
                                graph->links + (size_t)row * graph->degree, graph->degree);
        if (best < w->count)
            ask_for_links(graph, w->pool[best].row);
        at = best <= at ? best : at + 1;
    }
    return status;
}

void nsky_knn_walker_free(nsky_knn_walker *w)
{
    nsky_free(w->seen);
    nsky_free(w->found);
    nsky_free(w->expanded);
    nsky_free(w->done);
    nsky_free(w->pool);
    *w = (nsky_knn_walker){0};
}
