/* build.c - from the live generation's vectors to a new generation with an index.
 * One thread drives; FAISS, the lists and the scan use all cores. */
#include "index/build.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include "index/build_private.h"
#include "index/columns.h"
#include "index/usable.h"

static uint64_t three_quarters_of_free_memory(void)
{
    long pages = sysconf(_SC_AVPHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page / 4 * 3 : 1ull << 30;
}

/* Lists that were asked for by number are what was asked for, and no more. */
static nsky_knn_wish wish_of(const nsky_index_options *options)
{
    if (options->graph == 0)
        return options->lists ? NSKY_KNN_NO : NSKY_KNN_WHERE_IT_FITS;
    return options->graph > 0 ? NSKY_KNN_YES : NSKY_KNN_NO;
}

static nsky_status choose_lists(nsky_build *b, nsky_error *err)
{
    nsky_status status = nsky_index_choose(&b->plan, b->from->rows, b->from->dim, b->options->bits,
                                           b->options->lists, b->memory_bytes, err);
    if (status != NSKY_OK)
        return status;
    b->anew = b->plan;
    nsky_index_choose_graph(&b->anew, b->from->rows, b->from->dim, wish_of(b->options),
                            b->memory_bytes);
    status = nsky_keep_choose(&b->keep, &b->plan, b->from, b->options, b->memory_bytes, err);
    nsky_index_choose_graph(&b->plan, b->from->rows, b->from->dim, wish_of(b->options),
                            b->memory_bytes);
    return status;
}

static nsky_status choose(nsky_build *b, nsky_error *err)
{
    b->memory_bytes = b->options->memory_bytes_max ? b->options->memory_bytes_max
                                                   : three_quarters_of_free_memory();
    b->recall_target = b->options->recall_target > 0 ? b->options->recall_target : 0.95;
    if (!b->options->factory)
        return choose_lists(b, err);
    if (strlen(b->options->factory) >= sizeof b->plan.kind)
        return nsky_fail(err, NSKY_ELIMIT, "the factory string is longer than %zu letters",
                         sizeof b->plan.kind - 1);
    snprintf(b->plan.kind, sizeof b->plan.kind, "%s", b->options->factory);
    return NSKY_OK;
}

static nsky_json *manifest_of(const nsky_build *b, double seconds)
{
    nsky_json *index = nsky_json_object();
    nsky_json_put_string(index, "kind", b->plan.kind);
    nsky_json_put_fixed(index, "recall_target", b->options->recall_target, 4);
    nsky_json_put_integer(index, "recall_queries", b->recall.queries);
    nsky_json_put_fixed(index, "recall_at_10", b->recall.at_10, 4);
    nsky_json_put_fixed(index, "recall_at_100", b->recall.at_100, 4);
    nsky_json_put_fixed(index, "build_seconds", seconds, 1);
    if (b->plan.lists > 0)
        nsky_build_lists_describe(b, index);
    else
        nsky_build_faiss_describe(b, index);
    if (b->plan.graph)
        nsky_json_put(index, "graph", nsky_knn_describe(&b->graph_effort, &b->recall));
    return index;
}

/* The old manifest, copied, with the index added: publish sets the rest anew. */
static nsky_status copy_manifest(const nsky_build *b, double seconds, nsky_json **out,
                                 nsky_error *err)
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

static nsky_status fill_work(nsky_build *b, const char *store, nsky_error *err)
{
    char *columns = nsky_format(err, "%s/" NSKY_COLUMNS_FILE, b->work->path);
    nsky_status status = columns ? NSKY_OK : err->status;
    if (status == NSKY_OK)
        status = b->plan.lists > 0 ? nsky_build_lists(b, err) : nsky_build_faiss(b, err);
    if (status == NSKY_OK && b->plan.graph)
        status = nsky_build_graph(b, err);
    if (status == NSKY_OK)
        status = nsky_generation_link(b->work, b->from,
                                      nsky_vector_file_name(b->from->vectors.type), err);
    if (status == NSKY_OK)
        status = nsky_columns_write(store, b->from->rows, columns, err);
    nsky_free(columns);
    return status;
}

static nsky_status build_and_publish(nsky_build *b, const char *store, double started,
                                     nsky_index_report *report, nsky_error *err)
{
    nsky_json *manifest = NULL;
    char key[32];
    snprintf(key, sizeof key, "%s-%u", b->plan.lists > 0 ? "lists" : "index", b->from->number);
    nsky_status status = nsky_generation_begin(&b->work, store, key, err);
    if (status != NSKY_OK)
        return status;
    if ((status = fill_work(b, store, err)) == NSKY_OK)
        status = copy_manifest(b, nsky_now_s() - started, &manifest, err);
    if (status == NSKY_OK) {
        status = nsky_generation_publish(b->work, manifest, &report->generation, err);
        if (status == NSKY_OK && b->shares_key[0])
            nsky_shares_remove(store, b->shares_key);
        return status;
    }
    if (b->plan.lists > 0 && (status == NSKY_ECANCELLED || status == NSKY_EIO ||
                              status == NSKY_ENOMEM || status == NSKY_EBUSY))
        nsky_generation_pause(b->work); /* what is done is taken up next time */
    else
        nsky_generation_abandon(b->work);
    return status;
}

/* Whoever was told to run `nearsky index` again because a file is damaged or of another version
 * must not hear that there is nothing to do. */
static bool is_usable(const nsky_build *b)
{
    nsky_error why = NSKY_ERROR_INIT;
    if (!nsky_index_is_unusable(nsky_index_check(b->from, b->options->retrain, &why)))
        return true;
    nsky_log_warn("%s: the live index cannot be used, building anew: %s", b->store, why.text);
    return false;
}

/* true when the live generation already has what is asked for. */
static bool up_to_date(const nsky_build *b, nsky_index_report *report)
{
    const nsky_json *index = nsky_json_get(b->from->manifest, "index");
    const char *kind = nsky_json_get_string(index, "kind");
    double target = nsky_json_get_number(index, "recall_target", -1);
    if (!index || !kind || strcmp(kind, b->plan.kind) != 0 ||
        fabs(target - b->options->recall_target) > 1e-4 ||
        nsky_json_get_number(index, "rows", (double)b->from->rows) != (double)b->from->rows)
        return false; /* the last: there is a delta to take in */
    if ((b->options->retrain && b->keep.trained_rows != b->from->rows) || !is_usable(b))
        return false;
    report->up_to_date = true;
    report->generation = b->from->number;
    report->recall_at_10 = nsky_json_get_number(index, "recall_at_10", NAN);
    report->recall_at_100 = nsky_json_get_number(index, "recall_at_100", NAN);
    return true;
}

/* An index that is good with columns of an older version: those alone are made anew. */
static nsky_status renew_columns(const nsky_build *b, const char *store, nsky_index_report *report,
                                 nsky_error *err)
{
    nsky_columns columns;
    nsky_error why = NSKY_ERROR_INIT;
    char *path = nsky_format(err, "%s/" NSKY_COLUMNS_FILE, b->from->path);

    if (!path)
        return err->status;
    nsky_status status = nsky_columns_open(&columns, path, b->from->rows, &why);
    nsky_free(path);
    if (status == NSKY_OK)
        nsky_columns_close(&columns);
    return status == NSKY_OK ? NSKY_OK : nsky_index_refresh(store, &report->generation, err);
}

static nsky_status build_all(nsky_build *b, double started, nsky_index_report *report,
                             nsky_error *err)
{
    nsky_status status = build_and_publish(b, b->store, started, report, err);
    report->recall_at_10 = b->recall.at_10;
    report->recall_at_100 = b->recall.at_100;
    report->kept_rows = b->kept_rows;
    report->taken_rows = b->taken_rows;
    return status;
}

nsky_status nsky_index_build(const char *store, const nsky_index_options *options,
                             nsky_index_report *report, nsky_error *err)
{
    assert(store && options && report && err);
    nsky_build b = {.store = store, .options = options};
    const double started = nsky_now_s();
    memset(report, 0, sizeof *report);
    nsky_status status = nsky_generation_open(&b.from, store, 0, err);
    if (status != NSKY_OK)
        return status;
    b.scan = (nsky_scan){.vectors = b.from->vectors};
    if (b.from->rows == 0)
        status = nsky_fail(err, NSKY_EINVAL,
                           "%s: no vectors to index; run `nearsky ingest` and "
                           "`nearsky embed` first",
                           store);
    if (status == NSKY_OK && (status = choose(&b, err)) == NSKY_OK && !up_to_date(&b, report))
        status = options->shards > 0 ? nsky_build_share(&b, report, err)
                                     : build_all(&b, started, report, err);
    if (status == NSKY_OK && options->shards == 0 && report->generation == b.from->number)
        status = renew_columns(&b, store, report, err);
    report->rows = b.from->rows;
    report->trained_rows = b.plan.lists > 0 ? b.keep.trained_rows : 0;
    report->seconds = nsky_now_s() - started;
    snprintf(report->kind, sizeof report->kind, "%s", b.plan.kind);
    nsky_generation_close(b.from);
    return status;
}
