/* speed_measure.c - speed.h: queries one by one and all at once. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/memory.h"
#include "index/gather.h"
#include "index/parallel.h"
#include "index/speed_private.h"

#define DEPTH 100
#define BATCH 32 /* queries that a dispatcher under load hands over together */

/* A run of queries the way nsky_search_run takes them; topks [count] empty. */
static nsky_status answer(const nsky_speed *s, const nsky_speed_query *query, uint32_t first,
                          uint32_t count, uint32_t threads, nsky_topk *topks, nsky_error *err)
{
    const double share = (double)query->matching / (double)s->job.rows;
    nsky_lists_ask asks[BATCH];
    uint64_t compared;
    nsky_status status = NSKY_OK;
    const bool few = query->allowed && query->matching <= nsky_gather_few(s->job.rows, s->job.dim);
    if (!few && !s->job.graph) {
        for (uint32_t i = 0; i < count; i++) {
            nsky_lists_effort effort = s->tuned.efforts[0];
            effort.nprobe = (uint32_t)fmax(1, effort.nprobe * query->effort);
            asks[i] =
                (nsky_lists_ask){.direction = query->queries + (size_t)(first + i) * s->job.dim,
                                 .allowed = query->allowed,
                                 .share = fmax(share, 1e-9),
                                 .effort = effort,
                                 .topk = &topks[i]};
        }
        return nsky_by_lists(&s->lists, &s->scan, asks, count, threads, err);
    }
    for (uint32_t i = 0; i < count && status == NSKY_OK; i++) {
        const float *direction = query->queries + (size_t)(first + i) * s->job.dim;
        nsky_knn_ask ask = {.direction = direction,
                            .allowed = query->allowed,
                            .matching = query->matching,
                            .effort = s->graph_effort,
                            .topk = &topks[i]};
        ask.effort.beam = (uint32_t)fmax(1, ask.effort.beam * query->effort);
        ask.effort.candidates = (uint32_t)fmax(10, ask.effort.candidates * query->effort);
        if (ask.effort.candidates > ask.effort.beam)
            ask.effort.candidates = ask.effort.beam;
        status = few ? nsky_gather_run(&s->scan, direction, 0, s->job.rows, query->allowed,
                                       &topks[i], &compared, err)
                     : nsky_by_graph(&s->graph, &s->scan, &ask, err);
    }
    return status;
}

typedef struct run {
    const nsky_speed *speed;
    const nsky_speed_query *query;
    uint32_t k;
    nsky_hit *hits; /* [count, k] */
    uint32_t *counts;
    double *times; /* [count], or NULL */
    uint32_t batch, threads;
    atomic_int status;
} run;

static void run_task(uint64_t task, uint32_t thread, void *payload)
{
    (void)thread;
    run *r = payload;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_topk topks[BATCH];
    const uint32_t first = (uint32_t)task * r->batch;
    uint32_t count = r->query->count - first;
    count = count < r->batch ? count : r->batch;
    for (uint32_t i = 0; i < count; i++)
        topks[i] = (nsky_topk){r->hits + (size_t)(first + i) * r->k, r->k, 0};
    const double start = nsky_now_s();
    nsky_status status = answer(r->speed, r->query, first, count, r->threads, topks, &err);
    if (status != NSKY_OK)
        atomic_store(&r->status, (int)status);
    for (uint32_t i = 0; i < count; i++) {
        nsky_topk_sort(&topks[i]);
        r->counts[first + i] = topks[i].count;
        if (r->times)
            r->times[first + i] = (nsky_now_s() - start) / count;
    }
}

/* Batches of queries, several at once; returns the seconds it took. */
static double run_all(run *r, uint32_t batch, uint32_t teams, uint32_t threads)
{
    const uint64_t tasks = (r->query->count + batch - 1) / batch;
    const double start = nsky_now_s();
    r->batch = batch;
    r->threads = threads;
    nsky_parallel(tasks, nsky_parallel_threads(teams, tasks), run_task, r);
    return nsky_now_s() - start;
}

static double recall_of(const run *r, uint32_t k)
{
    uint64_t common = 0, all = 0;
    for (uint32_t q = 0; q < r->query->count; q++)
        for (uint32_t j = 0; j < k; j++) {
            const uint32_t row = r->query->truth[(size_t)q * DEPTH + j];
            all += row != UINT32_MAX;
            for (uint32_t i = 0; i < k && i < r->counts[q] && row != UINT32_MAX; i++)
                common += r->hits[(size_t)q * r->k + i].row == row;
        }
    return all > 0 ? (double)common / (double)all : NAN;
}

static int ascending(const void *a, const void *b)
{
    const double one = *(const double *)a, other = *(const double *)b;
    return one < other ? -1 : one > other;
}

nsky_status nsky_speed_measure(const nsky_speed *s, const nsky_speed_query *query,
                               nsky_speed_point *out, nsky_error *err)
{
    assert(s && query && query->count > 0 && out && err);
    const uint32_t count = query->count;
    nsky_hit *hits = nsky_alloc((size_t)count * DEPTH, sizeof *hits, err);
    uint32_t *counts = nsky_alloc(count, sizeof *counts, err);
    double *times = nsky_alloc(count, sizeof *times, err);
    nsky_status status = hits && counts && times ? NSKY_OK : err->status;
    if (status == NSKY_OK) {
        run r = {.speed = s, .query = query, .k = DEPTH, .hits = hits, .counts = counts};
        run_all(&r, 1, 1, 0); /* also warms */
        out->recall_at_100 = recall_of(&r, DEPTH);
        r.k = 10;
        r.times = times;
        run_all(&r, 1, 1, 1); /* one thread, as the peers' */
        out->recall_at_10 = recall_of(&r, 10);
        qsort(times, count, sizeof *times, ascending);
        out->p50_ms = 1e3 * times[count / 2];
        out->p99_ms = 1e3 * times[(size_t)count * 99 / 100];
        r.times = NULL;
        out->queries_per_s = count / (s->job.graph ? run_all(&r, 1, s->job.threads, 1)
                                                   : run_all(&r, BATCH, 1, s->job.threads));
        status = (nsky_status)atomic_load(&r.status);
        if (status != NSKY_OK)
            status = nsky_fail(err, status, "a query of the measurement failed");
    }
    nsky_free(times);
    nsky_free(counts);
    nsky_free(hits);
    return status;
}
