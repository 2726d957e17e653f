/* by_lists.c - see by_lists.h. */
#include "index/by_lists.h"

#include <assert.h>
#include <math.h>

#include "common/memory.h"
#include "index/parallel.h"

#define CANDIDATES_MAX 100000

static uint32_t candidates_wanted(const nsky_lists *lists, const nsky_lists_ask *ask)
{
    double wanted = fmax(ask->effort.candidates, ceil(ask->effort.candidates_a_hit * ask->topk->k));
    wanted = fmin(wanted + ask->exclude_count, fmax(CANDIDATES_MAX, ask->topk->k));
    return wanted < (double)lists->rows ? (uint32_t)wanted : (uint32_t)lists->rows;
}

/* Efforts are found for ten hits, and more of them lie farther off: the fourth root of how many
 * times as many, 1.8 times the lists for a hundred (docs/index.md). */
static uint32_t lists_wanted(const nsky_lists *lists, const nsky_lists_ask *ask)
{
    const double more = sqrt(sqrt(fmax(1, ask->topk->k / 10.0)));

    return (uint32_t)fmin(ceil(ask->effort.nprobe * more), lists->lists);
}

typedef struct ranking {
    const nsky_scan *scan;
    nsky_lists_ask *asks;
    const nsky_lists_query *queries;
    float *scratch; /* [threads, padded] */
    uint32_t padded;
} ranking;

static void rerank_task(uint64_t task, uint32_t thread, void *payload)
{
    const ranking *r = payload;
    nsky_lists_ask *ask = &r->asks[task];
    nsky_lists_rerank(r->scan, ask->direction, r->queries[task].found, r->queries[task].count,
                      ask->exclude, ask->exclude_count, ask->topk, &ask->compared,
                      r->scratch + (size_t)thread * r->padded);
}

nsky_status nsky_by_lists(const nsky_lists *lists, const nsky_scan *scan, nsky_lists_ask *asks,
                          uint32_t count, uint32_t threads, nsky_error *err)
{
    assert(lists && scan && asks && count > 0 && err);
    uint64_t room = 0;
    threads = nsky_parallel_threads(threads, UINT64_MAX);
    ranking r = {.scan = scan, .asks = asks, .padded = lists->padded};
    for (uint32_t q = 0; q < count; q++)
        room += candidates_wanted(lists, &asks[q]);
    nsky_lists_query *queries = nsky_alloc_zero(count, sizeof *queries, err);
    nsky_candidate *found = nsky_alloc(room, sizeof *found, err), *next = found;
    r.scratch = nsky_alloc((size_t)threads * r.padded, sizeof *r.scratch, err);
    r.queries = queries;
    nsky_status status = queries && found && r.scratch ? NSKY_OK : err->status;
    for (uint32_t q = 0; q < count && status == NSKY_OK; q++) {
        queries[q] = (nsky_lists_query){.direction = asks[q].direction,
                                        .allowed = asks[q].allowed,
                                        .share = asks[q].share,
                                        .nprobe = lists_wanted(lists, &asks[q]),
                                        .want = candidates_wanted(lists, &asks[q]),
                                        .found = next};
        next += queries[q].want;
    }
    if (status == NSKY_OK)
        status = nsky_lists_candidates(lists, queries, count, threads, err);
    if (status == NSKY_OK)
        nsky_parallel(count, nsky_parallel_threads(threads, count), rerank_task, &r);
    nsky_free(r.scratch);
    nsky_free(found);
    nsky_free(queries);
    return status;
}
