/* build.c - from the live generation's vectors to a new generation with an index.
 * One thread drives; FAISS and the scan use all cores. */
#include "index/build.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/half.h"
#include "common/memory.h"
#include "common/progress.h"
#include "index/choose.h"
#include "index/columns.h"
#include "index/faiss_index.h"
#include "index/recall.h"
#include "store/generation.h"

#define ADD_BLOCK_ROWS 8192
#define NPROBE_FIRST 4

typedef struct build {
    nsky_generation *from;
    nsky_index_plan plan;
    nsky_faiss *faiss;
    nsky_scan scan;
    uint32_t nprobe;
    nsky_recall recall;
    const nsky_index_options *options;
} build;

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static uint64_t three_quarters_of_free_memory(void)
{
    long pages = sysconf(_SC_AVPHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page / 4 * 3 : 1ull << 30;
}

static nsky_status check_stop(const build *b, nsky_error *err)
{
    if (b->options->stop && atomic_load(b->options->stop))
        return nsky_fail(err, NSKY_ECANCELLED, "stopped; run `nearsky index` again");
    return NSKY_OK;
}

static nsky_status choose(build *b, nsky_error *err)
{
    uint64_t memory = b->options->memory_bytes_max ? b->options->memory_bytes_max
                                                   : three_quarters_of_free_memory();
    nsky_status status = nsky_index_choose(&b->plan, b->from->rows, b->from->dim, memory, err);
    if (status != NSKY_OK || !b->options->factory)
        return status;
    if (strlen(b->options->factory) >= sizeof b->plan.factory)
        return nsky_fail(err, NSKY_ELIMIT, "the factory string is longer than %zu letters",
                         sizeof b->plan.factory - 1);
    snprintf(b->plan.factory, sizeof b->plan.factory, "%s", b->options->factory);
    const char *lists = strstr(b->plan.factory, "IVF");
    unsigned long count = lists ? strtoul(lists + strlen("IVF"), NULL, 10) : 0;
    b->plan.lists =
        count <= UINT32_MAX ? (uint32_t)count : 0; /* FAISS refuses what makes no sense */
    b->plan.train_rows = b->from->rows < 400000 ? b->from->rows : 400000;
    return NSKY_OK;
}

/* Every stride-th row: catalogues are ordered by brightness or by sky, and all must be seen. */
static nsky_status train(build *b, nsky_error *err)
{
    const uint64_t count = b->plan.train_rows;
    if (count == 0)
        return NSKY_OK;
    float *sample = nsky_alloc(count * b->from->dim, sizeof *sample, err);
    if (!sample)
        return err->status;
    for (uint64_t i = 0; i < count; i++)
        nsky_generation_vector(b->from, i * b->from->rows / count, sample + i * b->from->dim);
    nsky_status status = nsky_faiss_train(b->faiss, sample, count, err);
    nsky_free(sample);
    return status;
}

static nsky_status add_all(build *b, nsky_error *err)
{
    const uint64_t rows = b->from->rows;
    const uint32_t dim = b->from->dim;
    nsky_status status = NSKY_OK;
    float *block = nsky_alloc((size_t)ADD_BLOCK_ROWS * dim, sizeof *block, err);
    if (!block)
        return err->status;
    nsky_progress *progress = nsky_progress_start("index", "vectors", rows);
    for (uint64_t first = 0; first < rows && status == NSKY_OK; first += ADD_BLOCK_ROWS) {
        uint64_t count = rows - first < ADD_BLOCK_ROWS ? rows - first : ADD_BLOCK_ROWS;
        nsky_half_to_floats(block, (const uint16_t *)b->from->vectors.data + first * dim,
                            count * dim);
        if ((status = check_stop(b, err)) == NSKY_OK)
            status = nsky_faiss_add(b->faiss, block, count, err);
        nsky_progress_add(progress, count);
    }
    nsky_progress_end(progress);
    nsky_free(block);
    return status;
}

/* Doubles the lists visited until the target is met or all are. */
static nsky_status measure(build *b, nsky_error *err)
{
    const nsky_rerank rerank = {b->faiss, &b->scan, b->scan.rows};
    const double target = b->options->recall_target > 0 ? b->options->recall_target : 0.95;
    if (b->plan.lists == 0)
        return nsky_recall_measure(&rerank, &b->recall, err);
    nsky_status status = NSKY_OK;
    for (b->nprobe = NPROBE_FIRST; status == NSKY_OK; b->nprobe *= 2) {
        if (b->nprobe > b->plan.lists)
            b->nprobe = b->plan.lists;
        if ((status = check_stop(b, err)) == NSKY_OK &&
            (status = nsky_faiss_set(b->faiss, "nprobe", b->nprobe, err)) == NSKY_OK)
            status = nsky_recall_measure(&rerank, &b->recall, err);
        if (!(b->recall.at_10 < target) || b->nprobe == b->plan.lists)
            break;
    }
    return status;
}

static nsky_json *manifest_of(const build *b, double seconds)
{
    nsky_json *index = nsky_json_object();
    nsky_json_put_string(index, "kind", b->plan.factory);
    nsky_json_put_string(index, "faiss", NSKY_FAISS_TEXT);
    nsky_json_put_integer(index, "lists", b->plan.lists);
    nsky_json_put_integer(index, "nprobe", b->nprobe);
    nsky_json_put_fixed(index, "recall_target", b->options->recall_target, 4);
    nsky_json_put_integer(index, "recall_queries", b->recall.queries);
    nsky_json_put_fixed(index, "recall_at_10", b->recall.at_10, 4);
    nsky_json_put_fixed(index, "recall_at_100", b->recall.at_100, 4);
    nsky_json_put_fixed(index, "build_seconds", seconds, 1);
    return index;
}

static nsky_status write_files(const build *b, const nsky_generation_work *work, const char *store,
                               nsky_error *err)
{
    nsky_status status = NSKY_OK;
    char *faiss = nsky_format(err, "%s/" NSKY_FAISS_FILE, work->path);
    char *columns = nsky_format(err, "%s/" NSKY_COLUMNS_FILE, work->path);
    if (!faiss || !columns)
        status = err->status;
    if (status == NSKY_OK)
        status = nsky_generation_link(work, b->from, "vectors.f16", err);
    if (status == NSKY_OK)
        status = nsky_columns_write(store, b->from->rows, columns, err);
    if (status == NSKY_OK)
        status = nsky_faiss_write(b->faiss, faiss, err);
    nsky_free(columns);
    nsky_free(faiss);
    return status;
}

/* The old manifest, copied, with the index added: publish sets the rest anew. */
static nsky_status copy_manifest(const build *b, double seconds, nsky_json **out, nsky_error *err)
{
    char *text = nsky_json_print(b->from->manifest, false, err);
    if (!text)
        return err->status;
    nsky_status status = nsky_json_parse(out, text, strlen(text), "manifest", err);
    nsky_free(text);
    if (status == NSKY_OK)
        nsky_json_put(*out, "index", manifest_of(b, seconds));
    return status;
}

static nsky_status publish(const build *b, const char *store, double started,
                           nsky_index_report *report, nsky_error *err)
{
    nsky_generation_work *work = NULL;
    nsky_json *manifest = NULL;
    char key[32];
    snprintf(key, sizeof key, "index-%u", b->from->number);
    nsky_status status = nsky_generation_begin(&work, store, key, err);
    if (status != NSKY_OK)
        return status;
    if ((status = write_files(b, work, store, err)) == NSKY_OK)
        status = copy_manifest(b, now_s() - started, &manifest, err);
    if (status != NSKY_OK) {
        nsky_generation_abandon(work);
        return status;
    }
    return nsky_generation_publish(work, manifest, &report->generation, err);
}

/* true when the live generation already has what is asked for. */
static bool up_to_date(const build *b, nsky_index_report *report)
{
    const nsky_json *index = nsky_json_get(b->from->manifest, "index");
    const char *kind = nsky_json_get_string(index, "kind");
    double target = nsky_json_get_number(index, "recall_target", -1);
    if (!index || !kind || strcmp(kind, b->plan.factory) != 0 ||
        fabs(target - b->options->recall_target) > 1e-4)
        return false;
    report->generation = b->from->number;
    report->recall_at_10 = nsky_json_get_number(index, "recall_at_10", NAN);
    report->recall_at_100 = nsky_json_get_number(index, "recall_at_100", NAN);
    return true;
}

nsky_status nsky_index_build(const char *store, const nsky_index_options *options,
                             nsky_index_report *report, nsky_error *err)
{
    assert(store && options && report && err);
    build b = {.options = options};
    const double started = now_s();
    memset(report, 0, sizeof *report);
    nsky_status status = nsky_generation_open(&b.from, store, 0, err);
    if (status != NSKY_OK)
        return status;
    b.scan = (nsky_scan){.vectors = b.from->vectors.data, .rows = b.from->rows, .dim = b.from->dim};
    if (b.from->rows == 0)
        status = nsky_fail(err, NSKY_EINVAL,
                           "%s: no vectors to index; run `nearsky ingest` and "
                           "`nearsky embed` first",
                           store);
    if (status == NSKY_OK && (status = choose(&b, err)) == NSKY_OK && !up_to_date(&b, report)) {
        if ((status = nsky_faiss_new(&b.faiss, b.from->dim, b.plan.factory, err)) == NSKY_OK &&
            (status = train(&b, err)) == NSKY_OK && (status = add_all(&b, err)) == NSKY_OK &&
            (status = measure(&b, err)) == NSKY_OK)
            status = publish(&b, store, started, report, err);
        report->recall_at_10 = b.recall.at_10;
        report->recall_at_100 = b.recall.at_100;
    }
    report->rows = b.from->rows;
    report->seconds = now_s() - started;
    snprintf(report->kind, sizeof report->kind, "%s", b.plan.factory);
    nsky_faiss_free(b.faiss);
    nsky_generation_close(b.from);
    return status;
}
