/* graph_encode.c - what comes before the links: the space of the codes, their scale, the entries,
 * and every row's code. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "index/cluster.h"
#include "index/graph_build.h"
#include "index/space.h"

#define SEED 20231031
#define SPACE_ROWS 65536    /* sample for the space */
#define ROWS_AN_ENTRY 8192  /* how many rows for each entry */
#define SAMPLE_AN_ENTRY 128 /* rows that k-means sees for each entry */
#define ENTRIES_MIN 16
#define ENTRIES_MAX 1024
#define ITERATIONS 8
#define TASK_ROWS 2048
#define SIGMAS 5.0 /* of a coded dimension that 127 steps reach; beyond it codes are cut off */
#define KEPT 0.965 /* share of the variance that makes more dimensions not worth it: measured */
#define CODED_FIRST 128
#define CODED_LAST 256

uint32_t nsky_knn_coded(uint32_t dim)
{
    uint32_t whole = (dim + 63) / 64 * 64;
    return whole < CODED_FIRST ? whole : CODED_FIRST;
}

/* As many dimensions as the vectors' variance asks for. */
static nsky_status fit_space(nsky_space *space, const nsky_knn_job *job, nsky_error *err)
{
    const uint32_t whole = (job->vectors.dim + 63) / 64 * 64;
    const uint32_t last = job->coded ? job->coded : whole < CODED_LAST ? whole : CODED_LAST;
    uint32_t coded = job->coded ? job->coded : nsky_knn_coded(job->vectors.dim);
    for (;; coded += 64) {
        nsky_status status = nsky_space_fit(space, &job->vectors, coded, 0, SPACE_ROWS, SEED, err);
        if (status != NSKY_OK || coded >= last || space->kept >= KEPT)
            return status;
        nsky_space_free(space);
    }
}

/* Rows as the space has them: y [count, coded]. x [count, padded] scratch. */
static void turn_rows(const nsky_space *space, const nsky_knn_job *job, const uint32_t *rows,
                      uint64_t first, uint32_t count, float *x, float *y)
{
    memset(x, 0, (size_t)count * space->padded * sizeof *x);
    for (uint32_t i = 0; i < count; i++)
        nsky_vectors_read(&job->vectors, rows ? rows[i] : first + i, x + (size_t)i * space->padded);
    nsky_space_turn(space, x, count, y, NULL);
}

typedef struct sample {
    uint32_t *rows;
    float *x, *y; /* [count, padded], [count, coded] */
    uint32_t count;
} sample;

static void free_sample(sample *s)
{
    nsky_free(s->y);
    nsky_free(s->x);
    nsky_free(s->rows);
}

/* Evenly spread rows that have a vector. */
static nsky_status take_sample(sample *out, const nsky_space *space, const nsky_knn_job *job,
                               uint32_t wanted, nsky_error *err)
{
    if (wanted > job->vectors.rows)
        wanted = (uint32_t)job->vectors.rows;
    out->rows = nsky_alloc(wanted, sizeof *out->rows, err);
    out->x = nsky_alloc((size_t)wanted * space->padded, sizeof *out->x, err);
    out->y = nsky_alloc((size_t)wanted * space->coded, sizeof *out->y, err);
    if (!out->rows || !out->x || !out->y)
        return err->status;
    for (uint64_t i = 0; i < wanted; i++) {
        uint64_t row = i * job->vectors.rows / wanted;
        if (!nsky_vectors_is_blank(&job->vectors, row))
            out->rows[out->count++] = (uint32_t)row;
    }
    if (out->count == 0)
        return nsky_fail(err, NSKY_EDATA, "no row of the sample has a vector; run `nearsky embed`");
    turn_rows(space, job, out->rows, 0, out->count, out->x, out->y);
    return NSKY_OK;
}

static float scale_of(const sample *s, uint32_t coded)
{
    double square = 0;
    for (size_t i = 0; i < (size_t)s->count * coded; i++)
        square += (double)s->y[i] * s->y[i];
    double scale = SIGMAS * sqrt(square / ((double)s->count * coded)) / 127;
    return scale > 1e-12 ? (float)scale : 1e-12f;
}

static int ascending(const void *a, const void *b)
{
    const uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
    return one < other ? -1 : one > other;
}

/* The sample's row nearest to each centroid; the same row only once. */
static uint32_t medoids(const sample *s, const float *centroids, uint32_t k, uint32_t coded,
                        uint32_t *out)
{
    uint32_t kept = 0;
    for (uint32_t c = 0; c < k; c++) {
        const float *centroid = centroids + (size_t)c * coded;
        double best = INFINITY;
        for (uint32_t i = 0; i < s->count; i++) {
            float square = 0;
            for (uint32_t d = 0; d < coded; d++) {
                float gap = s->y[(size_t)i * coded + d] - centroid[d];
                square += gap * gap;
            }
            if ((double)square < best) {
                best = (double)square;
                out[c] = s->rows[i];
            }
        }
    }
    qsort(out, k, sizeof *out, ascending);
    for (uint32_t c = 0; c < k; c++)
        if (kept == 0 || out[kept - 1] != out[c])
            out[kept++] = out[c];
    return kept;
}

static uint32_t entries_for(uint64_t rows)
{
    uint64_t count = rows / ROWS_AN_ENTRY;
    if (count < ENTRIES_MIN)
        count = ENTRIES_MIN;
    return count < ENTRIES_MAX ? (uint32_t)count : ENTRIES_MAX;
}

static nsky_status find_entries(uint32_t *entries, uint32_t *count, const sample *s, uint32_t coded,
                                nsky_error *err)
{
    if (*count > s->count)
        *count = s->count;
    float *centroids = nsky_alloc((size_t)*count * coded, sizeof *centroids, err);
    if (!centroids)
        return err->status;
    nsky_status status =
        nsky_kmeans(centroids, s->y, s->count, coded, *count, ITERATIONS, SEED, err);
    if (status == NSKY_OK)
        *count = medoids(s, centroids, *count, coded, entries);
    nsky_free(centroids);
    return status;
}

typedef struct encoding {
    nsky_knn_work *work;
    const nsky_space *space;
    float *x[NSKY_PARALLEL_MAX], *y[NSKY_PARALLEL_MAX];
} encoding;

static void encode_task(uint64_t task, uint32_t thread, void *payload)
{
    const encoding *e = payload;
    nsky_knn_work *w = e->work;
    const uint32_t coded = e->space->coded;
    const uint64_t first = task * TASK_ROWS, left = w->job->vectors.rows - first;
    const uint32_t count = left < TASK_ROWS ? (uint32_t)left : TASK_ROWS;
    turn_rows(e->space, w->job, NULL, first, count, e->x[thread], e->y[thread]);
    for (uint32_t i = 0; i < count; i++) {
        const bool blank = nsky_vectors_is_blank(&w->job->vectors, first + i);
        const float *y = e->y[thread] + (size_t)i * coded;
        uint8_t *code = w->codes + (first + i) * coded;
        int32_t norm = 0;
        for (uint32_t d = 0; d < coded; d++) {
            float value = blank ? 0.0f : fminf(fmaxf(rintf(y[d] / w->graph.scale), -127), 127);
            if (!(value >= -127)) /* not a number: the space's fit saw a sample only */
                value = 0;
            code[d] = (uint8_t)(128 + (int)value);
            norm += (int)value * (int)value;
        }
        w->norms[first + i] = blank ? 0 : norm > 0 ? norm : 1;
    }
}

static nsky_status encode_all(nsky_knn_work *w, const nsky_space *space, nsky_error *err)
{
    encoding e = {.work = w, .space = space};
    const uint64_t tasks = (w->job->vectors.rows + TASK_ROWS - 1) / TASK_ROWS;
    const uint32_t threads = nsky_parallel_threads(w->job->threads, tasks);
    nsky_status status = NSKY_OK;
    for (uint32_t t = 0; t < threads && status == NSKY_OK; t++) {
        e.x[t] = nsky_alloc((size_t)TASK_ROWS * space->padded, sizeof(float), err);
        e.y[t] = nsky_alloc((size_t)TASK_ROWS * space->coded, sizeof(float), err);
        status = e.x[t] && e.y[t] ? NSKY_OK : err->status;
    }
    if (status == NSKY_OK)
        nsky_parallel(tasks, threads, encode_task, &e);
    for (uint32_t t = 0; t < threads; t++) {
        nsky_free(e.y[t]);
        nsky_free(e.x[t]);
    }
    return status;
}

static nsky_status allocate_tables(nsky_knn_work *w, const nsky_space *space,
                                   const uint32_t *entries, nsky_error *err)
{
    nsky_knn *g = &w->graph;
    nsky_status status = nsky_knn_alloc(g, err);
    if (status != NSKY_OK)
        return status;
    w->mean = (float *)g->mean;
    w->rotation = (float *)g->rotation;
    w->entries = (uint32_t *)g->entries;
    w->codes = (uint8_t *)g->codes;
    w->links = (uint32_t *)g->links;
    memcpy(w->mean, space->mean, g->padded * sizeof *w->mean);
    memcpy(w->rotation, space->rotation, (size_t)g->coded * g->padded * sizeof *w->rotation);
    memcpy(w->entries, entries, g->entry_count * sizeof *w->entries);
    memset(w->links, 0xff, g->rows * g->degree * sizeof *w->links);
    return NSKY_OK;
}

nsky_status nsky_knn_encode(nsky_knn_work *w, nsky_error *err)
{
    nsky_space space = {0};
    sample s = {0};
    uint32_t entries[ENTRIES_MAX];
    nsky_knn *g = &w->graph;
    nsky_status status = fit_space(&space, w->job, err);
    g->entry_count = entries_for(w->job->vectors.rows);
    if (status == NSKY_OK &&
        (status = take_sample(&s, &space, w->job, g->entry_count * SAMPLE_AN_ENTRY, err)) ==
            NSKY_OK) {
        g->coded = space.coded;
        g->scale = scale_of(&s, space.coded);
        status = find_entries(entries, &g->entry_count, &s, space.coded, err);
    }
    if (status == NSKY_OK && (status = allocate_tables(w, &space, entries, err)) == NSKY_OK)
        status = encode_all(w, &space, err);
    free_sample(&s);
    nsky_space_free(&space);
    return status;
}
