/* search.c - opening a generation for search, and what it says of itself.
 * After open everything is read-only: any number of threads may search. */
#include "index/search.h"

#include <assert.h>
#include <math.h>

#include "common/memory.h"
#include "index/gather.h"
#include "index/search_private.h"
#include "index/tune.h"

static nsky_status open_columns(nsky_search *search, nsky_error *err)
{
    nsky_error missing = NSKY_ERROR_INIT;
    char *path = nsky_format(err, "%s/" NSKY_COLUMNS_FILE, search->generation->path);

    if (!path)
        return err->status;
    nsky_status status =
        nsky_columns_open(&search->columns, path, search->generation->rows, &missing);
    nsky_free(path);
    if (status == NSKY_OK || status == NSKY_ENOTFOUND) /* filters will say so */
        return NSKY_OK;
    *err = missing;
    return status;
}

/* Rows that the index was built of: the first ones, and all where the manifest does not say. */
static nsky_status read_indexed(nsky_search *search, const nsky_json *index, nsky_error *err)
{
    const double rows = (double)search->generation->rows;
    double indexed = nsky_json_get_number(index, "rows", rows);

    if (!(indexed >= 1 && indexed <= rows) || indexed != floor(indexed))
        return nsky_fail(err, NSKY_EDATA, "%s/manifest.json: an index of %g of %g rows",
                         search->generation->path, indexed, rows);
    search->indexed = (uint64_t)indexed;
    search->lists = (uint32_t)nsky_json_get_number(index, "lists", 0);
    search->nprobe = (uint32_t)nsky_json_get_number(index, "nprobe", 0);
    return NSKY_OK;
}

static nsky_status open_lists(nsky_search *search, const nsky_json *index, nsky_error *err)
{
    nsky_status status = nsky_lists_open(&search->inverted, search->generation->path,
                                         search->indexed, search->generation->dim, err);
    if (status == NSKY_OK)
        status = nsky_efforts_read(search->efforts, index, search->generation->path, err);
    if (status == NSKY_OK)
        status = nsky_ranking_new(&search->ranking, search->generation, err);
    return status;
}

static nsky_status open_graph(nsky_search *search, const nsky_json *graph, nsky_error *err)
{
    nsky_status status = nsky_knn_open(&search->graph, search->generation->path, search->indexed,
                                       search->generation->dim, err);
    return status == NSKY_OK
               ? nsky_knn_efforts_read(search->graph_efforts, graph, search->generation->path, err)
               : status;
}

static nsky_status open_faiss(nsky_search *search, nsky_error *err)
{
    nsky_status status;
    char *path = nsky_format(err, "%s/" NSKY_FAISS_FILE, search->generation->path);
    if (!path)
        return err->status;
    status = nsky_faiss_read(&search->faiss, path, search->generation->dim, search->indexed, err);
    nsky_free(path);
    if (status == NSKY_OK && search->nprobe > 0)
        status = nsky_faiss_set(search->faiss, "nprobe", search->nprobe, err);
    return status;
}

nsky_status nsky_search_open_index(nsky_search *search, nsky_error *err)
{
    const nsky_json *index = nsky_json_get(search->generation->manifest, "index");
    if (!index)
        return NSKY_OK;
    nsky_status status = read_indexed(search, index, err);
    if (status != NSKY_OK)
        return status;
    const nsky_json *graph = nsky_json_get(index, "graph");
    if (!nsky_json_get(index, "efforts"))
        return open_faiss(search, err);
    status = open_lists(search, index, err);
    return status == NSKY_OK && graph ? open_graph(search, graph, err) : status;
}

nsky_status nsky_search_open(nsky_search **out, const char *store, uint32_t generation,
                             nsky_error *err)
{
    assert(out && store && err);
    *out = NULL;
    nsky_search *search = nsky_alloc_zero(1, sizeof *search, err);
    if (!search)
        return err->status;
    nsky_status status = nsky_generation_open(&search->generation, store, generation, err);
    if (status == NSKY_OK)
        status = nsky_passings_new(&search->passings, err);
    if (status == NSKY_OK && (status = open_columns(search, err)) == NSKY_OK)
        status = nsky_search_open_index(search, err);
    if (status != NSKY_OK) {
        nsky_search_close(search);
        return status;
    }
    const nsky_generation *live = search->generation;
    search->few = nsky_gather_few(live->rows, live->dim);
    search->scan = (nsky_scan){.vectors = live->vectors};
    search->rerank = (nsky_rerank){search->faiss, &search->scan, search->indexed};
    *out = search;
    return NSKY_OK;
}

void nsky_search_close_index(nsky_search *search)
{
    nsky_ranking_close(search->ranking);
    nsky_knn_close(&search->graph);
    nsky_lists_close(&search->inverted);
    nsky_faiss_free(search->faiss);
}

void nsky_search_close(nsky_search *search)
{
    if (!search)
        return;
    nsky_search_close_index(search);
    nsky_passings_free(search->passings);
    nsky_columns_close(&search->columns);
    nsky_generation_close(search->generation);
    nsky_free(search);
}

uint32_t nsky_search_generation(const nsky_search *search)
{
    return search->generation->number;
}

uint64_t nsky_search_rows(const nsky_search *search)
{
    return search->generation->rows;
}

void nsky_search_round(const nsky_search *search, float *x)
{
    nsky_vector_round(search->scan.vectors.type, x, search->scan.vectors.dim);
}

uint32_t nsky_search_dim(const nsky_search *search)
{
    return search->generation->dim;
}

uint64_t nsky_search_indexed(const nsky_search *search)
{
    return search->indexed;
}

uint64_t nsky_search_deleted(const nsky_search *search)
{
    return search->generation->deleted_count;
}

bool nsky_search_is_deleted(const nsky_search *search, uint64_t row)
{
    const uint8_t *deleted = search->generation->deleted;

    return deleted && row < search->scan.vectors.rows && nsky_bit(deleted, row);
}

const nsky_json *nsky_search_manifest(const nsky_search *search)
{
    return search->generation->manifest;
}

nsky_status nsky_search_vector(const nsky_search *search, uint64_t row, float *out, nsky_error *err)
{
    if (row >= search->generation->rows)
        return nsky_fail(err, NSKY_ENOTFOUND,
                         "row %llu has no vector yet; run `nearsky embed` and `nearsky index`",
                         (unsigned long long)row);
    nsky_generation_vector(search->generation, row, out);
    return NSKY_OK;
}

nsky_status nsky_search_describe(const nsky_search *search, nsky_json **out, nsky_error *err)
{
    const nsky_json *index = nsky_json_get(search->generation->manifest, "index");
    nsky_json *object = nsky_json_object();
    nsky_json_put_string(object, "kind", index ? nsky_json_get_string(index, "kind") : "exact");
    if (index) {
        nsky_json_put_number(object, "recall_at_10",
                             nsky_json_get_number(index, "recall_at_10", NAN));
        nsky_json_put_number(object, "recall_at_100",
                             nsky_json_get_number(index, "recall_at_100", NAN));
    }
    nsky_json_put_integer(object, "rows", (int64_t)search->indexed);
    nsky_json_put_integer(object, "delta_rows",
                          (int64_t)(search->scan.vectors.rows - search->indexed));
    nsky_json_put_integer(object, "deleted_rows", (int64_t)search->generation->deleted_count);
    if (!object)
        return nsky_fail(err, NSKY_ENOMEM, "out of memory describing the index");
    *out = object;
    return NSKY_OK;
}
