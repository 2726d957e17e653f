/* speed.c - see speed.h. */
#include "index/speed.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "common/json.h"
#include "common/memory.h"
#include "index/choose.h"
#include "index/lists_build.h"
#include "index/parallel.h"
#include "index/speed_private.h"

#define EFFORTS_BYTES_MAX (1u << 20)

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

/* What the manifest of a store would keep; *out is the caller's to free. */
static nsky_status tune(nsky_speed *s, nsky_json **out, nsky_error *err)
{
    nsky_recall recall;
    nsky_status status =
        s->job.graph
            ? nsky_knn_tune(&s->graph_effort, &recall, &s->graph, &s->scan, s->job.recall_target,
                            s->job.stop, err)
            : nsky_lists_tune(&s->tuned, &s->lists, &s->scan, s->job.recall_target,
                              nsky_parallel_threads(s->job.threads, UINT64_MAX), s->job.stop, err);
    if (status != NSKY_OK)
        return status;
    *out = nsky_json_object();
    nsky_json_put_number(*out, "recall_target", s->job.recall_target);
    if (s->job.graph)
        nsky_json_put(*out, "graph", nsky_knn_describe(&s->graph_effort, &recall));
    else
        nsky_json_put(*out, "efforts", nsky_efforts_describe(&s->tuned));
    return NSKY_OK;
}

/* The effort for the target, as an earlier run found it for this index, or found now: of tens of
 * millions of rows that takes minutes. */
static nsky_status find_effort(nsky_speed *s, bool built, nsky_error *err)
{
    nsky_json *kept = NULL;
    nsky_knn_effort efforts[2];
    nsky_error ignored = NSKY_ERROR_INIT;
    nsky_status status = NSKY_OK;
    char *path =
        nsky_format(err, "%s/efforts-%s.json", s->job.folder, s->job.graph ? "graph" : "lists");

    if (!path)
        return err->status;
    const bool found = !built &&
                       nsky_json_read_file(&kept, path, EFFORTS_BYTES_MAX, &ignored) == NSKY_OK &&
                       nsky_json_get_number(kept, "recall_target", -1) == s->job.recall_target;
    if (!found) {
        nsky_json_free(kept);
        kept = NULL;
        if ((status = tune(s, &kept, err)) == NSKY_OK)
            status = nsky_json_write_file(kept, path, err);
    } else if (s->job.graph) {
        status = nsky_knn_efforts_read(efforts, nsky_json_get(kept, "graph"), path, err);
        s->graph_effort = efforts[NSKY_EFFORT_BALANCED];
    } else {
        status = nsky_efforts_read(s->tuned.efforts, kept, path, err);
    }
    nsky_json_free(kept);
    nsky_free(path);
    return status;
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
        status = find_effort(s, built->build_s > 0, err);
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
