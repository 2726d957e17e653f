/* speed_measure.c - speed.h: queries one by one and all at once. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/memory.h"
#include "index/gather.h"
#include "index/speed_private.h"

#define DEPTH 100
#define BATCH 32 /* queries that a dispatcher under load hands over together */

/* Queries on their way together; topks [count] empty. */
typedef struct company {
    const nsky_speed *speed;
    const nsky_speed_query *query;
    uint32_t first, count, threads;
    nsky_topk *topks;
} company;

static const float *direction_of(const company *c, uint32_t i)
{
    return c->query->queries + (size_t)(c->first + i) * c->speed->job.dim;
}

static nsky_status by_gathering(const company *c, nsky_error *err)
{
    const nsky_speed *s = c->speed;
    uint64_t compared;
    nsky_status status = NSKY_OK;
    for (uint32_t i = 0; i < c->count && status == NSKY_OK; i++)
        status = nsky_gather_run(&s->scan, direction_of(c, i), 0, s->job.rows, c->query->allowed,
                                 &c->topks[i], &compared, err);
    return status;
}

static nsky_status by_lists(const company *c, nsky_error *err)
{
    const nsky_speed *s = c->speed;
    nsky_lists_ask asks[BATCH];
    nsky_lists_effort effort = s->tuned.efforts[0];
    effort.nprobe = (uint32_t)fmax(1, effort.nprobe * c->query->effort);
    for (uint32_t i = 0; i < c->count; i++)
        asks[i] = (nsky_lists_ask){
            .direction = direction_of(c, i),
            .allowed = c->query->allowed,
            .share = fmax((double)c->query->matching / (double)s->job.rows, 1e-9),
            .effort = effort,
            .topk = &c->topks[i],
        };
    return nsky_by_lists(&s->lists, &s->scan, asks, c->count, c->threads, err);
}

static nsky_status by_graph(const company *c, nsky_error *err)
{
    const nsky_speed *s = c->speed;
    nsky_knn_ask asks[BATCH];
    nsky_knn_effort effort = s->graph_effort;
    effort.beam = (uint32_t)fmax(1, effort.beam * c->query->effort);
    effort.candidates = (uint32_t)fmax(10, effort.candidates * c->query->effort);
    effort.candidates = effort.candidates < effort.beam ? effort.candidates : effort.beam;
    for (uint32_t i = 0; i < c->count; i++)
        asks[i] = (nsky_knn_ask){.direction = direction_of(c, i),
                                 .allowed = c->query->allowed,
                                 .matching = c->query->matching,
                                 .effort = effort,
                                 .topk = &c->topks[i]};
    return nsky_by_graph(&s->graph, &s->scan, asks, c->count, c->threads, err);
}

/* The way nsky_search_run takes them. */
static nsky_status answer(const company *c, nsky_error *err)
{
    const nsky_speed_job *job = &c->speed->job;
    if (c->query->allowed && c->query->matching <= nsky_gather_few(job->rows, job->dim))
        return by_gathering(c, err);
    return job->graph ? by_graph(c, err) : by_lists(c, err);
}

typedef struct run {
    const nsky_speed *speed;
    const nsky_speed_query *query;
    uint32_t k;
    nsky_hit *hits; /* [count, k] */
    uint32_t *counts;
    double *times; /* [count], or NULL */
    uint32_t batch, threads;
} run;

static nsky_status run_batch(const run *r, uint32_t first, nsky_error *err)
{
    nsky_topk topks[BATCH];
    const uint32_t left = r->query->count - first, count = left < r->batch ? left : r->batch;
    const company c = {r->speed, r->query, first, count, r->threads, topks};
    for (uint32_t i = 0; i < count; i++)
        topks[i] = (nsky_topk){r->hits + (size_t)(first + i) * r->k, r->k, 0};
    const double start = nsky_now_s();
    nsky_status status = answer(&c, err);
    for (uint32_t i = 0; i < count; i++) {
        nsky_topk_sort(&topks[i]);
        r->counts[first + i] = topks[i].count;
        if (r->times)
            r->times[first + i] = (nsky_now_s() - start) / count;
    }
    return status;
}

/* All queries, so many together; *seconds it took. */
static nsky_status run_all(run *r, uint32_t batch, uint32_t threads, double *seconds,
                           nsky_error *err)
{
    const double start = nsky_now_s();
    nsky_status status = NSKY_OK;
    r->batch = batch;
    r->threads = threads;
    for (uint32_t first = 0; first < r->query->count && status == NSKY_OK; first += batch)
        status = run_batch(r, first, err);
    *seconds = nsky_now_s() - start;
    return status;
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

/* r: with room for hits of DEPTH; times [count]. */
static nsky_status measure(run *r, double *times, nsky_speed_point *out, nsky_error *err)
{
    const uint32_t count = r->query->count;
    double seconds;
    r->k = DEPTH;
    nsky_status status = run_all(r, 1, 0, &seconds, err); /* also warms */
    if (status != NSKY_OK)
        return status;
    out->recall_at_100 = recall_of(r, DEPTH);
    r->k = 10;
    r->times = times;
    if ((status = run_all(r, 1, 1, &seconds, err)) != NSKY_OK) /* one thread, as the peers' */
        return status;
    out->recall_at_10 = recall_of(r, 10);
    qsort(times, count, sizeof *times, ascending);
    out->p50_ms = 1e3 * times[count / 2];
    out->p99_ms = 1e3 * times[(size_t)count * 99 / 100];
    r->times = NULL;
    if ((status = run_all(r, BATCH, r->speed->job.threads, &seconds, err)) == NSKY_OK)
        out->queries_per_s = count / seconds;
    return status;
}

nsky_status nsky_speed_measure(const nsky_speed *s, const nsky_speed_query *query,
                               nsky_speed_point *out, nsky_error *err)
{
    assert(s && query && query->count > 0 && out && err);
    nsky_hit *hits = nsky_alloc((size_t)query->count * DEPTH, sizeof *hits, err);
    uint32_t *counts = nsky_alloc(query->count, sizeof *counts, err);
    double *times = nsky_alloc(query->count, sizeof *times, err);
    nsky_status status = err->status;
    if (hits && counts && times) {
        run r = {.speed = s, .query = query, .hits = hits, .counts = counts};
        status = measure(&r, times, out, err);
    }
    nsky_free(times);
    nsky_free(counts);
    nsky_free(hits);
    return status;
}
