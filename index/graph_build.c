/* graph_build.c - from vectors to a graph. Rows are put in by batches, each as large as what is
 * there already (and no larger than a fiftieth of all): their neighbours are looked for in the
 * graph as it was before the batch, so that a batch's rows do not wait for each other and what
 * comes out does not depend on the number of threads. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "algebra/linalg.h"
#include "common/memory.h"
#include "common/progress.h"
#include "common/rng.h"
#include "index/cluster.h"
#include "index/graph_build.h"
#include "index/parallel.h"
#include "index/stop.h"

#define SEED 20231031
#define STREAM_ORDER 0x6f726472u /* "ordr" */
#define TASK_ROWS 64
#define BATCH_MIN 256
#define BATCH_SHARE 50

/* Entries first, then all other rows that have a vector, shuffled: catalogues are ordered by
 * brightness or by sky, and a graph is to hold a bit of everything from the beginning. */
static void order_rows(nsky_knn_work *w)
{
    const nsky_knn *g = &w->graph;
    uint8_t *entry = w->marks;
    memset(entry, 0, g->rows / 8 + 1);
    for (uint32_t i = 0; i < g->entry_count; i++)
        entry[g->entries[i] >> 3] |= (uint8_t)(1u << (g->entries[i] & 7));
    memcpy(w->order, g->entries, g->entry_count * sizeof *w->order);
    w->stored = g->entry_count;
    for (uint32_t row = 0; row < g->rows; row++)
        if (w->norms[row] > 0 && !(entry[row >> 3] >> (row & 7) & 1))
            w->order[w->stored++] = row;
    nsky_rng rng = nsky_rng_at(SEED, STREAM_ORDER, 0);
    for (uint64_t i = w->stored - 1; i > g->entry_count; i--) {
        uint64_t j = g->entry_count + nsky_rng_below(&rng, (uint32_t)(i - g->entry_count + 1));
        uint32_t other = w->order[j];
        w->order[j] = w->order[i];
        w->order[i] = other;
    }
}

static int nearer(const void *a, const void *b)
{
    return nsky_knn_better(*(const nsky_knn_hit *)a, *(const nsky_knn_hit *)b) ? -1 : 1;
}

/* Walks to one row, and links it to what was passed on the way. */
static void insert_row(nsky_knn_work *w, uint32_t row, uint32_t thread)
{
    nsky_knn *g = &w->graph;
    nsky_knn_walker *walker = &w->walkers[thread];
    int8_t query[NSKY_CODED_MAX];
    nsky_error err = NSKY_ERROR_INIT;
    nsky_knn_target target = {.query = query, .norms = w->norms};
    target.bias = nsky_knn_as_query(g, row, query);
    if (nsky_knn_walk(walker, g, &w->kernel, &target, w->beam, 0, &err) != NSKY_OK) {
        atomic_store(&w->failed, true);
        return;
    }
    for (uint32_t i = 0; i < walker->expanded_count; i++)
        walker->expanded[i].key -= w->norms[row];
    qsort(walker->expanded, walker->expanded_count, sizeof *walker->expanded, nearer);
    nsky_knn_prune(g, &w->kernel, w->norms, walker->expanded, walker->expanded_count,
                   w->links + (size_t)row * g->degree);
}

static void insert_task(uint64_t task, uint32_t thread, void *payload)
{
    nsky_knn_work *w = payload;
    const uint64_t first = w->done + task * TASK_ROWS;
    const uint64_t end = first + TASK_ROWS < w->end ? first + TASK_ROWS : w->end;
    for (uint64_t i = first; i < end; i++)
        insert_row(w, w->order[i], thread);
}

/* The first ones have no graph to walk: each sees all the others. */
static void insert_entries(nsky_knn_work *w, nsky_knn_hit *near)
{
    nsky_knn *g = &w->graph;
    int8_t query[NSKY_CODED_MAX];
    for (uint32_t i = 0; i < g->entry_count; i++) {
        const uint32_t row = g->entries[i];
        const int32_t bias = nsky_knn_as_query(g, row, query);
        uint32_t count = 0;
        for (uint32_t j = 0; j < g->entry_count; j++) {
            const uint32_t other = g->entries[j];
            int32_t sum;
            w->kernel.dots(query, g->codes, g->coded, &other, 1, &sum);
            if (other != row)
                near[count++] =
                    (nsky_knn_hit){2 * (sum - bias) - w->norms[row] - w->norms[other], other};
        }
        qsort(near, count, sizeof *near, nearer);
        nsky_knn_prune(g, &w->kernel, w->norms, near, count, w->links + (size_t)row * g->degree);
    }
}

/* --- links back --- */

/* Stable, by target: the lower 32 bits are the source. */
static void sort_pairs(uint64_t *pairs, uint64_t *other, uint64_t count)
{
    for (uint32_t shift = 32; shift < 64; shift += 8) {
        uint64_t starts[257] = {0};
        for (uint64_t i = 0; i < count; i++)
            starts[(pairs[i] >> shift & 255) + 1]++;
        for (int b = 0; b < 256; b++)
            starts[b + 1] += starts[b];
        for (uint64_t i = 0; i < count; i++)
            other[starts[pairs[i] >> shift & 255]++] = pairs[i];
        uint64_t *swap = pairs;
        pairs = other;
        other = swap;
    } /* four rounds: sorted where they were */
}

/* A target's links and those that name it: all of them where there is room, else pruned. */
static void link_back(nsky_knn_work *w, uint32_t target, const uint64_t *pairs, uint64_t count)
{
    nsky_knn *g = &w->graph;
    uint32_t *links = w->links + (size_t)target * g->degree, held = 0, at;
    while (held < g->degree && links[held] != NSKY_KNN_NONE)
        held++;
    if (held + count <= g->degree) {
        for (uint64_t i = 0; i < count; i++)
            links[held + i] = (uint32_t)pairs[i];
        return;
    }
    nsky_knn_hit near[4 * NSKY_KNN_DEGREE_MAX];
    int8_t query[NSKY_CODED_MAX];
    const int32_t bias = nsky_knn_as_query(g, target, query);
    uint32_t near_count = 0;
    for (uint64_t i = 0; i < held + count; i++) {
        const uint32_t row = i < held ? links[i] : (uint32_t)pairs[i - held];
        int32_t sum;
        w->kernel.dots(query, g->codes, g->coded, &row, 1, &sum);
        nsky_knn_insert(near, &near_count, 4 * g->degree,
                        (nsky_knn_hit){2 * (sum - bias) - w->norms[row] - w->norms[target], row},
                        &at);
    }
    nsky_knn_prune(g, &w->kernel, w->norms, near, near_count, links);
}

static void back_task(uint64_t task, uint32_t thread, void *payload)
{
    (void)thread;
    nsky_knn_work *w = payload;
    const uint64_t first = w->pair_count * task / w->pair_tasks;
    const uint64_t end = w->pair_count * (task + 1) / w->pair_tasks;
    for (uint64_t i = first; i < end;) {
        const uint32_t target = (uint32_t)(w->pairs[i] >> 32);
        uint64_t next = i + 1;
        while (next < w->pair_count && w->pairs[next] >> 32 == target)
            next++;
        /* A run that began in the task before belongs to that one. */
        if (i == 0 || w->pairs[i - 1] >> 32 != target)
            link_back(w, target, w->pairs + i, next - i);
        i = next;
    }
}

static void link_batch_back(nsky_knn_work *w)
{
    assert(w->graph.degree > 0);
    w->pair_count = 0;
    for (uint64_t i = w->done; i < w->end; i++) {
        const uint32_t *links = w->links + (size_t)w->order[i] * w->graph.degree;
        for (uint32_t k = 0; k < w->graph.degree && links[k] != NSKY_KNN_NONE; k++)
            w->pairs[w->pair_count++] = (uint64_t)links[k] << 32 | w->order[i];
    }
    sort_pairs(w->pairs, w->pairs + w->pair_count, w->pair_count);
    w->pair_tasks = w->pair_count / ((uint64_t)TASK_ROWS * w->graph.degree) + 1;
    nsky_parallel(w->pair_tasks, nsky_parallel_threads(w->job->threads, w->pair_tasks), back_task,
                  w);
}

/* --- all of it --- */

static uint64_t batch_max(uint64_t stored)
{
    return stored / BATCH_SHARE > BATCH_MIN ? stored / BATCH_SHARE : BATCH_MIN;
}

static nsky_status insert_all(nsky_knn_work *w, nsky_error *err)
{
    nsky_status status = NSKY_OK;
    nsky_knn_hit *near = nsky_alloc(w->graph.entry_count, sizeof *near, err);
    if (!near)
        return err->status;
    nsky_progress *progress = nsky_progress_start("index", "rows linked", w->stored);
    insert_entries(w, near);
    for (w->done = w->graph.entry_count; w->done < w->stored && status == NSKY_OK;
         w->done = w->end) {
        const uint64_t batch = w->done < batch_max(w->stored) ? w->done : batch_max(w->stored);
        w->end = w->done + batch < w->stored ? w->done + batch : w->stored;
        const uint64_t tasks = (w->end - w->done + TASK_ROWS - 1) / TASK_ROWS;
        nsky_parallel(tasks, nsky_parallel_threads(w->job->threads, tasks), insert_task, w);
        if (atomic_load(&w->failed))
            status = nsky_fail(err, NSKY_ENOMEM, "out of memory linking rows");
        else
            link_batch_back(w);
        nsky_progress_add(progress, w->end - w->done);
        if (status == NSKY_OK)
            status = nsky_index_check_stop(w->job->stop, err);
    }
    nsky_progress_end(progress);
    nsky_free(near);
    return status;
}

static nsky_status allocate(nsky_knn_work *w, nsky_error *err)
{
    const uint64_t rows = w->graph.rows;
    w->norms = nsky_alloc(rows, sizeof *w->norms, err);
    w->order = nsky_alloc(rows, sizeof *w->order, err);
    w->marks = nsky_alloc(rows / 8 + 1, 1, err);
    w->pairs = nsky_alloc(2 * batch_max(rows) * w->graph.degree, sizeof *w->pairs, err);
    return w->norms && w->order && w->marks && w->pairs ? NSKY_OK : err->status;
}

static void release(nsky_knn_work *w)
{
    for (uint32_t t = 0; t < NSKY_PARALLEL_MAX; t++)
        nsky_knn_walker_free(&w->walkers[t]);
    nsky_free(w->pairs);
    nsky_free(w->marks);
    nsky_free(w->order);
    nsky_free(w->norms);
    nsky_knn_close(&w->graph);
}

nsky_status nsky_knn_build(const nsky_knn_job *job, nsky_error *err)
{
    assert(job && job->folder && job->vectors.data && job->vectors.dim > 0 && err);
    nsky_knn_kernel kernels[3];
    nsky_knn_kernels(kernels);
    nsky_knn_work *w = nsky_alloc_zero(1, sizeof *w, err);
    if (!w)
        return err->status;
    w->job = job;
    w->kernel = kernels[0];
    w->beam = job->beam ? job->beam : NSKY_KNN_BEAM;
    w->graph = (nsky_knn){.rows = job->vectors.rows,
                          .dim = job->vectors.dim,
                          .padded = nsky_scan_padded(job->vectors.dim),
                          .degree = job->degree ? job->degree : NSKY_KNN_DEGREE};
    nsky_status status = NSKY_OK;
    if (job->vectors.rows == 0 || job->vectors.rows >= NSKY_KNN_NONE || w->graph.degree == 0 ||
        w->graph.degree > NSKY_KNN_DEGREE_MAX || w->graph.degree % 16 != 0)
        status =
            nsky_fail(err, NSKY_EINVAL, "a graph of %llu rows with %u links each cannot be built",
                      (unsigned long long)job->vectors.rows, w->graph.degree);
    nsky_blas_alone(); /* products are the same on every machine */
    if (status == NSKY_OK && (status = allocate(w, err)) == NSKY_OK &&
        (status = nsky_knn_encode(w, err)) == NSKY_OK) {
        order_rows(w);
        if ((status = nsky_index_check_stop(w->job->stop, err)) == NSKY_OK &&
            (status = insert_all(w, err)) == NSKY_OK &&
            (status = nsky_knn_reach_all(w, err)) == NSKY_OK)
            status = nsky_knn_write(&w->graph, job->folder, err);
    }
    nsky_blas_again();
    release(w);
    nsky_free(w);
    return status;
}
