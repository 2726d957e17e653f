/* bench_vectors.c - see bench_vectors.h. */
#include "cli/bench_vectors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/memory.h"
#include "common/progress.h"
#include "common/rng.h"
#include "index/parallel.h"
#include "sim/embeddings.h"

#define TASK_ROWS 512
#define STREAM_FILTER 0x66696c74u /* "filt" */

const nsky_bench_filter nsky_bench_filters[NSKY_BENCH_FILTERS] = {
    {"5000", 5000, 0, 0},     {"1000", 1000, 0, 0},       {"100", 100, 0, 0},
    {"10", 10, 0, 0},         {"kinds-0-15", 0, 0, 15},   {"kinds-0-0", 0, 0, 0},
    {"kinds-8-15", 0, 8, 15}, {"kinds-31-31", 0, 31, 31},
};

char *nsky_bench_path(const char *folder, const char *name, nsky_error *err)
{
    return nsky_format(err, "%s/%s", folder, name);
}

typedef struct making {
    const nsky_sim_embeddings *embeddings;
    uint64_t rows;
    uint32_t dim;
    nsky_vector_type type;
    int fd;
    nsky_progress *progress;
    atomic_bool failed;
} making;

static void make_task(uint64_t task, uint32_t thread, void *payload)
{
    (void)thread;
    making *m = payload;
    nsky_error err = NSKY_ERROR_INIT;
    const uint64_t first = task * TASK_ROWS;
    const uint64_t count = m->rows - first < TASK_ROWS ? m->rows - first : TASK_ROWS;
    const size_t row_bytes = nsky_vector_bytes(m->type, m->dim), bytes = count * row_bytes;
    float *x = nsky_alloc(count * m->dim, sizeof *x, &err);
    char *stored = nsky_alloc(bytes, 1, &err);
    bool good = x && stored && !atomic_load(&m->failed);
    if (good) {
        nsky_sim_embeddings_fill(m->embeddings, first, count, x);
        for (uint64_t i = 0; i < count; i++)
            nsky_vector_encode(m->type, x + i * m->dim, m->dim, stored + i * row_bytes);
        good = pwrite(m->fd, stored, bytes, (off_t)(first * row_bytes)) == (ssize_t)bytes;
    }
    if (!good)
        atomic_store(&m->failed, true);
    nsky_progress_add(m->progress, count);
    nsky_free(stored);
    nsky_free(x);
}

static nsky_status make_rows(const nsky_sim_embeddings *embeddings, const char *path, uint64_t rows,
                             uint32_t dim, nsky_vector_type type, nsky_error *err)
{
    struct stat info;
    if (stat(path, &info) == 0 && (uint64_t)info.st_size == rows * nsky_vector_bytes(type, dim))
        return NSKY_OK;
    making m = {.embeddings = embeddings, .rows = rows, .dim = dim, .type = type};
    char *part = nsky_format(err, "%s.part", path);
    if (!part)
        return err->status;
    nsky_status status = NSKY_OK;
    const uint64_t tasks = (rows + TASK_ROWS - 1) / TASK_ROWS;
    m.fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (m.fd < 0) {
        status = nsky_fail_errno(err, "%s: cannot write", part);
    } else {
        m.progress = nsky_progress_start("make", "vectors", rows);
        nsky_parallel(tasks, nsky_parallel_threads(0, tasks), make_task, &m);
        nsky_progress_end(m.progress);
        if (close(m.fd) != 0 || atomic_load(&m.failed) || rename(part, path) != 0)
            status =
                nsky_fail(err, NSKY_EIO, "%s: cannot be written whole: is the disk full?", path);
    }
    nsky_free(part);
    return status;
}

static nsky_status make_queries(const nsky_sim_embeddings *embeddings, const char *path,
                                uint32_t queries, uint32_t dim, nsky_error *err)
{
    float *x = nsky_alloc((size_t)queries * dim, sizeof *x, err);
    if (!x)
        return err->status;
    nsky_sim_embeddings_fill(embeddings, NSKY_SIM_EMBEDDING_QUERIES, queries, x);
    nsky_status status = nsky_file_write(path, x, (size_t)queries * dim * sizeof *x, err);
    nsky_free(x);
    return status;
}

nsky_status nsky_bench_vectors(const char *folder, uint64_t rows, uint32_t dim,
                               nsky_vector_type type, uint32_t queries, uint64_t seed,
                               nsky_error *err)
{
    nsky_sim_embeddings *embeddings = NULL;
    char shape[64];
    char *vectors = nsky_bench_path(folder, nsky_vector_file_name(type), err);
    char *asked = nsky_bench_path(folder, "queries.f32", err);
    char *shapes = nsky_bench_path(folder, "shape.txt", err);
    nsky_status status = vectors && asked && shapes ? NSKY_OK : err->status;
    snprintf(shape, sizeof shape, "%llu %u %u\n", (unsigned long long)rows, dim, queries);
    if (status == NSKY_OK && (status = nsky_make_directories(folder, err)) == NSKY_OK &&
        (status = nsky_sim_embeddings_new(&embeddings, dim, seed, err)) == NSKY_OK &&
        (status = make_rows(embeddings, vectors, rows, dim, type, err)) == NSKY_OK &&
        (status = make_queries(embeddings, asked, queries, dim, err)) == NSKY_OK)
        status = nsky_file_write(shapes, shape, strlen(shape), err);
    nsky_sim_embeddings_free(embeddings);
    nsky_free(shapes);
    nsky_free(asked);
    nsky_free(vectors);
    return status;
}

nsky_status nsky_bench_allowed(uint8_t **out, uint64_t *matching, uint64_t rows,
                               const nsky_bench_filter *filter, uint32_t dim, uint64_t seed,
                               nsky_error *err)
{
    nsky_rng rng = nsky_rng_at(seed, STREAM_FILTER, filter->of_10000);
    nsky_sim_embeddings *embeddings = NULL;
    *matching = 0;
    *out = nsky_alloc_zero(rows / 8 + 1, 1, err);
    nsky_status status = *out ? nsky_sim_embeddings_new(&embeddings, dim, seed, err) : err->status;
    for (uint64_t row = 0; row < rows && status == NSKY_OK; row++) {
        const uint32_t kind = filter->of_10000 ? 0 : nsky_sim_embeddings_kind(embeddings, row);
        if (filter->of_10000 ? nsky_rng_below(&rng, 10000) < filter->of_10000
                             : kind >= filter->first && kind <= filter->last) {
            (*out)[row >> 3] |= (uint8_t)(1u << (row & 7));
            ++*matching;
        }
    }
    nsky_sim_embeddings_free(embeddings);
    return status;
}
