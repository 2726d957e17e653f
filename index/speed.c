/* speed.c - see speed.h. */
#include "index/speed.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "common/memory.h"
#include "index/by_graph.h"
#include "index/by_lists.h"
#include "index/choose.h"
#include "index/gather.h"
#include "index/lists_build.h"
#include "index/parallel.h"
#include "index/tune.h"

#define DEPTH 100
#define BATCH 32 /* queries that a dispatcher under load hands over together */

struct nsky_speed {
    nsky_speed_job job;
    nsky_map map;
    nsky_scan scan;
    nsky_index_plan plan;
    nsky_lists lists;
    nsky_tuned tuned;
    nsky_knn graph;
    nsky_knn_effort graph_effort;
};

static nsky_status map_vectors(nsky_speed *s, nsky_error *err)
{
    char *path = nsky_format(err, "%s/%s", s->job.folder, nsky_vector_file_name(s->job.type));
    nsky_status status = path ? nsky_map_open(&s->map, path, err) : err->status;
    if (status == NSKY_OK &&
        s->map.bytes != s->job.rows * nsky_vector_bytes(s->job.type, s->job.dim))
        status = nsky_fail(err, NSKY_EMISMATCH, "%s: not %llu rows of %u", path,
                           (unsigned long long)s->job.rows, s->job.dim);
    s->scan = (nsky_scan){.vectors = {s->map.data, s->job.rows, s->job.dim, s->job.type}};
    nsky_free(path);
    return status;
}

static nsky_status build_graph(nsky_speed *s, nsky_error *err)
{
    const nsky_knn_job job = {.folder = s->job.folder,
                              .vectors = s->scan.vectors,
                              .threads = s->job.threads,
                              .stop = s->job.stop};
    return nsky_knn_build(&job, err);
}

static nsky_status build_lists(nsky_speed *s, nsky_error *err)
{
    const nsky_lists_job job = {.folder = s->job.folder,
                                .vectors = s->scan.vectors,
                                .coded = s->plan.coded,
                                .bits = s->plan.bits,
                                .lists = s->plan.lists,
                                .sample_rows = s->plan.train_rows,
                                .vectors_name = "bench",
                                .segment_rows = s->plan.segment_rows,
                                .merge_bytes = s->plan.merge_bytes,
                                .threads = nsky_parallel_threads(s->job.threads, UINT64_MAX),
                                .stop = s->job.stop};
    return nsky_lists_build(&job, err);
}

static nsky_status open_index(nsky_speed *s, nsky_error *err)
{
    return s->job.graph ? nsky_knn_open(&s->graph, s->job.folder, s->job.rows, s->job.dim, err)
                        : nsky_lists_open(&s->lists, s->job.folder, s->job.rows, s->job.dim, err);
}

static nsky_status tune(nsky_speed *s, nsky_error *err)
{
    nsky_recall recall;
    if (s->job.graph)
        return nsky_knn_tune(&s->graph_effort, &recall, &s->graph, &s->scan, s->job.recall_target,
                             s->job.stop, err);
    return nsky_lists_tune(&s->tuned, &s->lists, &s->scan, s->job.recall_target,
                           nsky_parallel_threads(s->job.threads, UINT64_MAX), s->job.stop, err);
}

static nsky_status add_bytes(const nsky_speed *s, const char *name, uint64_t *sum, nsky_error *err)
{
    struct stat info;
    char *path = nsky_format(err, "%s/%s", s->job.folder, name);

    if (!path)
        return err->status;
    if (stat(path, &info) == 0)
        *sum += (uint64_t)info.st_size;
    nsky_free(path);
    return NSKY_OK;
}

static nsky_status disk_bytes(const nsky_speed *s, uint64_t *out, nsky_error *err)
{
    static const char *const names[] = {NSKY_LISTS_FILE, NSKY_CODES_FILE, NSKY_SLOTS_FILE};
    nsky_status status = NSKY_OK;

    *out = 0;
    if (s->job.graph)
        return add_bytes(s, NSKY_KNN_FILE, out, err);
    for (int i = 0; i < 3 && status == NSKY_OK; i++)
        status = add_bytes(s, names[i], out, err);
    return status;
}

nsky_status nsky_speed_open(nsky_speed **out, const nsky_speed_job *job, nsky_speed_built *built,
                            nsky_error *err)
{
    assert(out && job && job->folder && job->dim % NSKY_SCAN_LANES == 0 && built && err);
    *out = NULL;
    *built = (nsky_speed_built){.build_s = 0};
    nsky_speed *s = nsky_alloc_zero(1, sizeof *s, err);
    if (!s)
        return err->status;
    s->job = *job;
    nsky_status status = map_vectors(s, err);
    if (status == NSKY_OK)
        status = nsky_index_choose(&s->plan, job->rows, job->dim, job->bits,
                                   job->lists                       ? job->lists
                                   : job->rows < NSKY_FLAT_ROWS_MAX ? 256
                                                                    : 0,
                                   job->memory_bytes_max, err);
    if (status == NSKY_OK && (status = open_index(s, err)) == NSKY_ENOTFOUND) {
        const double start = nsky_now_s();
        *err = (nsky_error)NSKY_ERROR_INIT;
        status = job->graph ? build_graph(s, err) : build_lists(s, err);
        built->build_s = nsky_now_s() - start;
        if (status == NSKY_OK)
            status = open_index(s, err);
    }
    if (status == NSKY_OK)
        status = tune(s, err);
    if (status == NSKY_OK)
        status = disk_bytes(s, &built->disk_bytes, err);
    if (status != NSKY_OK) {
        nsky_speed_close(s);
        return status;
    }
    if (job->graph)
        snprintf(built->kind, sizeof built->kind, "Graph%u,PCA%u,8bit", s->graph.degree,
                 s->graph.coded);
    else
        snprintf(built->kind, sizeof built->kind, "%s", s->plan.kind);
    built->coded = s->plan.coded;
    built->bits = s->plan.bits;
    built->ram_bytes = job->graph ? s->graph.block_bytes : built->disk_bytes;
    *out = s;
    return NSKY_OK;
}

void nsky_speed_close(nsky_speed *s)
{
    if (!s)
        return;
    nsky_knn_close(&s->graph);
    nsky_lists_close(&s->lists);
    nsky_map_close(&s->map);
    nsky_free(s);
}

nsky_status nsky_speed_truth(const nsky_speed *s, const float *queries, uint32_t count,
                             const uint8_t *allowed, uint32_t k, uint32_t *hits, nsky_error *err)
{
    nsky_topk *topks = nsky_alloc(count, sizeof *topks, err);
    const uint8_t **bitmaps = nsky_alloc(count, sizeof *bitmaps, err);
    nsky_hit *found = nsky_alloc((size_t)count * k, sizeof *found, err);
    nsky_status status = topks && bitmaps && found ? NSKY_OK : err->status;
    for (uint32_t q = 0; q < count && status == NSKY_OK; q++) {
        topks[q] = (nsky_topk){found + (size_t)q * k, k, 0};
        bitmaps[q] = allowed;
    }
    if (status == NSKY_OK)
        status = nsky_scan_run(&s->scan, queries, bitmaps, count, topks, err);
    for (size_t i = 0; i < (size_t)count * k && status == NSKY_OK; i++)
        hits[i] = i % k < topks[i / k].count ? (uint32_t)found[i].row : UINT32_MAX;
    nsky_free(found);
    nsky_free(bitmaps);
    nsky_free(topks);
    return status;
}

/* A run of queries the way nsky_search_run takes them; topks [count] empty. */
static nsky_status answer(const nsky_speed *s, const nsky_speed_query *query, uint32_t first,
                          uint32_t count, uint32_t threads, nsky_topk *topks, nsky_error *err)
{
    const double share = (double)query->matching / (double)s->job.rows;
    nsky_lists_ask asks[BATCH];
    uint64_t compared;
    nsky_status status = NSKY_OK;
    const bool few = query->allowed && query->matching <= nsky_gather_few(s->job.dim);
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
