/* lists_segment.c - lists_build.h: runs of rows, each row given a list and its code. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/memory.h"
#include "common/progress.h"
#include "index/lists_build.h"
#include "index/parallel.h"
#include "index/slack.h"
#include "index/stop.h"
#include "store/xxh64.h"

/* What turning in single precision may add to a code's error, of the vector's length. */
#define ROUNDING 4e-6f

/* Scratch of one thread. */
typedef struct bench {
    float *x, *y, *rests, *errors; /* [BATCH, padded], [BATCH, coded], [BATCH], [BATCH] */
    uint32_t *list;
    uint8_t *blocks;
} bench;

typedef struct segment {
    const nsky_lists_job *job;
    const nsky_trained *trained;
    uint64_t first, rows;
    uint32_t record_bytes, breadth;
    unsigned char *records; /* [rows] as the rows come */
    uint32_t *list;         /* [rows]; NSKY_NO_ROW: no vector */
    bench *benches;         /* [threads] */
    nsky_progress *progress;
} segment;

static void close_bench(bench *b)
{
    nsky_free(b->blocks);
    nsky_free(b->list);
    nsky_free(b->errors);
    nsky_free(b->rests);
    nsky_free(b->y);
    nsky_free(b->x);
}

static nsky_status open_bench(bench *b, const nsky_trained *t, nsky_error *err)
{
    const size_t rows = NSKY_SEGMENT_BATCH;
    b->x = nsky_alloc_zero(rows * t->space.padded, sizeof *b->x, err);
    b->y = nsky_alloc(rows * t->space.coded, sizeof *b->y, err);
    b->rests = nsky_alloc(rows, sizeof *b->rests, err);
    b->errors = nsky_alloc(rows, sizeof *b->errors, err);
    b->list = nsky_alloc(rows, sizeof *b->list, err);
    b->blocks =
        nsky_alloc_aligned(nsky_code_blocks(rows) * nsky_code_block_bytes(&t->lists.coder), 1, err);
    return b->x && b->y && b->rests && b->errors && b->list && b->blocks ? NSKY_OK : err->status;
}

/* The stored rows as float32; list [n] becomes NSKY_NO_ROW for those without a vector. */
static nsky_status load(const segment *s, bench *b, uint64_t row, uint32_t n, nsky_error *err)
{
    const uint32_t dim = s->job->vectors.dim, padded = s->trained->space.padded;
    for (uint32_t i = 0; i < n; i++) {
        float *x = b->x + (size_t)i * padded, sum = 0;
        bool blank = true;
        nsky_vectors_read(&s->job->vectors, row + i, x);
        for (uint32_t d = 0; d < dim; d++) {
            sum += x[d] * 0.0f;
            blank = blank && x[d] == 0.0f;
        }
        if (isnan(sum))
            return nsky_fail(err, NSKY_EDATA,
                             "the vector of row %" PRIu64
                             " is not finite; `nearsky verify` tells more",
                             row + i);
        s->list[row + i - s->first] = blank ? NSKY_NO_ROW : 0;
    }
    return NSKY_OK;
}

static void store(const segment *s, const bench *b, uint64_t row, uint32_t n)
{
    const nsky_coder *coder = &s->trained->lists.coder;
    const size_t block_bytes = nsky_code_block_bytes(coder);
    const uint32_t lanes = s->job->coded * s->job->bits / 32;
    for (uint32_t i = 0; i < n; i++) {
        unsigned char *out = s->records + (row - s->first + i) * s->record_bytes;
        const uint8_t *block = b->blocks + i / NSKY_CODE_ROWS * block_bytes;
        const nsky_record record = {
            .row = (uint32_t)(row + i),
            .slack = {nsky_slack_code(b->errors[i]), nsky_slack_code(b->rests[i])},
        };
        memcpy(out, &record, sizeof record);
        for (uint32_t l = 0; l < lanes; l++)
            memcpy(out + sizeof record + 4 * (size_t)l,
                   block + 64 * (size_t)l + 4 * (size_t)(i % NSKY_CODE_ROWS), 4);
        if (s->list[row - s->first + i] != NSKY_NO_ROW)
            s->list[row - s->first + i] = b->list[i];
    }
}

static nsky_status batch_task(uint64_t task, uint32_t thread, void *payload, nsky_error *err)
{
    segment *s = payload;
    bench *b = &s->benches[thread];
    const nsky_clusters *c = &s->trained->clusters;
    const uint64_t at = task * NSKY_SEGMENT_BATCH, left = s->rows - at;
    const uint32_t n = left < NSKY_SEGMENT_BATCH ? (uint32_t)left : NSKY_SEGMENT_BATCH;
    nsky_status status = nsky_index_check_stop(s->job->stop, err);
    if (status == NSKY_OK && (status = load(s, b, s->first + at, n, err)) == NSKY_OK) {
        nsky_space_turn(&s->trained->space, b->x, n, b->y, b->rests);
        status = nsky_clusters_assign(c, b->y, n, s->breadth, b->list, err);
    }
    if (status != NSKY_OK)
        return status;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t d = 0; d < c->coded; d++)
            b->y[(size_t)i * c->coded + d] -= c->centroids[(size_t)b->list[i] * c->coded + d];
    nsky_coder_encode(&s->trained->lists.coder, b->y, n, b->blocks, b->errors);
    for (uint32_t i = 0; i < n; i++)
        b->errors[i] += ROUNDING * (1.0f + b->rests[i]);
    store(s, b, s->first + at, n);
    nsky_progress_add(s->progress, n);
    return NSKY_OK;
}

/* Records by list: order [stored] from counts. */
static nsky_status write_segment(const segment *s, nsky_error *err)
{
    nsky_segment_header header = {.plan = s->trained->header.plan,
                                  .trained = s->trained->header.id,
                                  .first = s->first,
                                  .rows = s->rows,
                                  .lists = s->trained->header.lists,
                                  .record_bytes = s->record_bytes};
    nsky_file_writer writer = {0};
    char *path = nsky_segment_path(s->job->folder, s->first, s->rows, err);
    uint32_t *counts = nsky_alloc_zero(header.lists, sizeof *counts, err);
    uint32_t *begins = nsky_alloc((size_t)header.lists + 1, sizeof *begins, err);
    uint32_t *order = nsky_alloc(s->rows, sizeof *order, err);
    nsky_status status = path && counts && begins && order ? NSKY_OK : err->status;
    if (status != NSKY_OK)
        goto done;
    memcpy(header.magic, nsky_segment_magic, sizeof header.magic);
    for (uint64_t i = 0; i < s->rows; i++)
        if (s->list[i] != NSKY_NO_ROW)
            counts[s->list[i]]++;
    begins[0] = 0;
    for (uint32_t l = 0; l < header.lists; l++)
        begins[l + 1] = begins[l] + counts[l];
    header.stored = begins[header.lists];
    for (uint64_t i = 0; i < s->rows; i++)
        if (s->list[i] != NSKY_NO_ROW)
            order[begins[s->list[i]]++] = (uint32_t)i;
    for (uint64_t i = 0; i < header.stored; i++)
        header.records = nsky_xxh64(s->records + (size_t)order[i] * s->record_bytes,
                                    s->record_bytes, header.records);
    header.checksum = nsky_segment_checksum(&header, counts);
    if ((status = nsky_file_begin(&writer, path, err)) != NSKY_OK)
        goto done;
    /* Failures of the stream stick to it; commit finds them. */
    fwrite(&header, sizeof header, 1, writer.stream);
    fwrite(counts, sizeof *counts, header.lists, writer.stream);
    for (uint64_t i = 0; i < header.stored; i++)
        fwrite(s->records + (size_t)order[i] * s->record_bytes, s->record_bytes, 1, writer.stream);
    status = nsky_file_commit(&writer, err);
done:
    nsky_file_abort(&writer);
    nsky_free(order);
    nsky_free(begins);
    nsky_free(counts);
    nsky_free(path);
    return status;
}

static nsky_status make_segment(segment *s, uint32_t threads, nsky_error *err)
{
    const uint64_t tasks = (s->rows + NSKY_SEGMENT_BATCH - 1) / NSKY_SEGMENT_BATCH;
    nsky_status status =
        nsky_parallel_try(tasks, nsky_parallel_threads(threads, tasks), batch_task, s, err);
    return status == NSKY_OK ? write_segment(s, err) : status;
}

static nsky_status make_missing(segment *s, const nsky_segment_runs *runs, uint32_t threads,
                                nsky_error *err)
{
    nsky_status status = NSKY_OK;
    for (uint64_t n = 0; n < runs->count && status == NSKY_OK; n++) {
        s->first = runs->runs[n].first;
        s->rows = runs->runs[n].rows;
        if (runs->runs[n].made)
            nsky_progress_add(s->progress, s->rows);
        else
            status = make_segment(s, threads, err);
    }
    return status;
}

static nsky_status open_segment(segment *s, const nsky_segment_runs *runs, uint32_t threads,
                                nsky_error *err)
{
    uint64_t most = 0;
    for (uint64_t n = 0; n < runs->count; n++)
        if (!runs->runs[n].made && runs->runs[n].rows > most)
            most = runs->runs[n].rows;
    s->records = nsky_alloc(most, s->record_bytes, err);
    s->list = nsky_alloc(most, sizeof *s->list, err);
    s->benches = nsky_alloc_zero(threads, sizeof *s->benches, err);
    nsky_status status = s->records && s->list && s->benches ? NSKY_OK : err->status;
    for (uint32_t t = 0; t < threads && status == NSKY_OK; t++)
        status = open_bench(&s->benches[t], s->trained, err);
    return status;
}

nsky_status nsky_lists_segments(const nsky_lists_job *job, const nsky_trained *trained,
                                uint64_t first, uint64_t end, nsky_error *err)
{
    assert(job && trained && err && job->segment_rows % NSKY_SEGMENT_BATCH == 0);
    const uint32_t threads = nsky_parallel_threads(job->threads, UINT64_MAX);
    nsky_segment_runs runs = {0};
    segment s = {.job = job,
                 .trained = trained,
                 .record_bytes = nsky_record_bytes(job),
                 .breadth = nsky_clusters_breadth(&trained->clusters)};
    nsky_status status = nsky_segments_find(&runs, job, trained, first, end, err);
    if (status == NSKY_OK && runs.missing > 0 &&
        (status = open_segment(&s, &runs, threads, err)) == NSKY_OK) {
        s.progress = nsky_progress_start("index", "vectors", end - first);
        status = make_missing(&s, &runs, threads, err);
        nsky_progress_end(s.progress);
    }
    for (uint32_t t = 0; s.benches && t < threads; t++)
        close_bench(&s.benches[t]);
    nsky_free(s.benches);
    nsky_free(s.list);
    nsky_free(s.records);
    nsky_segments_free(&runs);
    return status;
}
