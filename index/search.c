/* search.c - opening a generation for search, and queries to answers.
 * After open everything is read-only: any number of threads may search. */
#include "index/search.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "index/search_private.h"

static nsky_status open_columns(nsky_search *search, nsky_error *err)
{
    char *path = nsky_format(err, "%s/" NSKY_COLUMNS_FILE, search->generation->path);
    if (!path)
        return err->status;
    nsky_status status = NSKY_OK;
    if (nsky_file_exists(path))
        status = nsky_columns_open(&search->columns, path, search->generation->rows, err);
    nsky_free(path);
    return status;
}

static nsky_status open_faiss(nsky_search *search, nsky_error *err)
{
    const nsky_json *index = nsky_json_get(search->generation->manifest, "index");
    if (!index)
        return NSKY_OK;
    char *path = nsky_format(err, "%s/" NSKY_FAISS_FILE, search->generation->path);
    if (!path)
        return err->status;
    nsky_status status = nsky_faiss_read(&search->faiss, path, search->generation->dim,
                                         search->generation->rows, err);
    nsky_free(path);
    double nprobe = nsky_json_get_number(index, "nprobe", 0);
    if (status == NSKY_OK && nprobe > 0)
        status = nsky_faiss_set(search->faiss, "nprobe", nprobe, err);
    return status;
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
    if (status == NSKY_OK && (status = open_columns(search, err)) == NSKY_OK)
        status = open_faiss(search, err);
    if (status != NSKY_OK) {
        nsky_search_close(search);
        return status;
    }
    const nsky_generation *live = search->generation;
    search->scan = (nsky_scan){.vectors = live->vectors.data, .rows = live->rows, .dim = live->dim};
    search->rerank = (nsky_rerank){search->faiss, &search->scan};
    *out = search;
    return NSKY_OK;
}

void nsky_search_close(nsky_search *search)
{
    if (!search)
        return;
    nsky_faiss_free(search->faiss);
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

uint32_t nsky_search_dim(const nsky_search *search)
{
    return search->generation->dim;
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
    if (!object)
        return nsky_fail(err, NSKY_ENOMEM, "out of memory describing the index");
    *out = object;
    return NSKY_OK;
}

static nsky_status check_query(const nsky_search *search, const nsky_query *query, uint32_t number,
                               nsky_error *err)
{
    if (query->k < 1 || query->k > NSKY_SEARCH_K_MAX)
        return nsky_fail(err, NSKY_EINVAL, "query %u: k is %u; 1 to %d are possible", number,
                         query->k, NSKY_SEARCH_K_MAX);
    if (query->positive_count < 1 ||
        query->positive_count + query->negative_count > NSKY_SEARCH_EXAMPLES_MAX)
        return nsky_fail(err, NSKY_EINVAL,
                         "query %u: %u positive and %u negative examples; at least one positive, "
                         "%d in all",
                         number, query->positive_count, query->negative_count,
                         NSKY_SEARCH_EXAMPLES_MAX);
    if (query->exclude_count > NSKY_SEARCH_EXCLUDE_MAX)
        return nsky_fail(err, NSKY_EINVAL, "query %u: %u rows excluded; at most %d", number,
                         query->exclude_count, NSKY_SEARCH_EXCLUDE_MAX);
    if (!nsky_filter_is_empty(&query->filter) && search->columns.rows != search->scan.rows)
        return nsky_fail(err, NSKY_EINVAL,
                         "query %u: filters need an index; run `nearsky index` first", number);
    return nsky_filter_check(&query->filter, err);
}

/* Adds weight * mean of the examples to direction. */
static void add_mean(float *direction, const float *examples, uint32_t count, uint32_t dim,
                     double weight)
{
    for (uint32_t i = 0; i < dim && count > 0; i++) {
        double sum = 0;
        for (uint32_t e = 0; e < count; e++)
            sum += examples[(size_t)e * dim + i];
        direction[i] += (float)(weight * sum / count);
    }
}

static nsky_status direction_of(const nsky_query *query, uint32_t number, uint32_t dim,
                                float *direction, nsky_error *err)
{
    bool negative = query->negative_count > 0;
    add_mean(direction, query->positive, query->positive_count, dim, negative ? 2.0 : 1.0);
    if (negative)
        add_mean(direction, query->negative, query->negative_count, dim, -1.0);
    double square = 0;
    for (uint32_t i = 0; i < dim; i++)
        square += (double)direction[i] * direction[i];
    if (!isfinite(square) || square < 1e-12)
        return nsky_fail(err, NSKY_EINVAL,
                         "query %u: its examples add up to no direction (zero or not finite)",
                         number);
    double length = sqrt(square);
    for (uint32_t i = 0; i < dim; i++)
        direction[i] = (float)(direction[i] / length);
    return NSKY_OK;
}

static uint64_t count_bits(const uint8_t *bits, uint64_t rows)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < rows / 8 + 1; i++)
        count += (uint64_t)__builtin_popcount(bits[i]);
    return count;
}

/* The rows a query may return, excluded ones taken out, for a scan. */
static nsky_status bitmap_of(const nsky_search *search, const nsky_query *query, uint8_t **out,
                             nsky_error *err)
{
    const uint64_t rows = search->scan.rows;
    if (!nsky_filter_is_empty(&query->filter)) {
        nsky_status status = nsky_filter_bitmap(&search->columns, &query->filter, out, err);
        if (status != NSKY_OK)
            return status;
    } else {
        *out = nsky_alloc_zero(rows / 8 + 1, 1, err);
        if (!*out)
            return err->status;
        for (uint64_t row = 0; row < rows; row++)
            (*out)[row >> 3] |= (uint8_t)(1u << (row & 7));
    }
    for (uint32_t i = 0; i < query->exclude_count; i++)
        if (query->exclude[i] < rows)
            (*out)[query->exclude[i] >> 3] &= (uint8_t) ~(1u << (query->exclude[i] & 7));
    return NSKY_OK;
}

static void finish(nsky_answer *answer, const nsky_topk *topk)
{
    answer->count = topk->count;
    for (uint32_t i = 0; i < answer->count; i++) /* rounding may exceed a cosine's range */
        answer->hits[i].similarity = fminf(fmaxf(answer->hits[i].similarity, -1.0f), 1.0f);
}

/* The queries that are scanned share one pass over the vectors. */
static nsky_status scan_queries(const nsky_search *search, const nsky_query *queries,
                                const float *directions, const uint32_t *which, uint32_t count,
                                nsky_answer *answers, nsky_error *err)
{
    const uint32_t padded = nsky_scan_padded(search->scan.dim);
    nsky_status status = NSKY_OK;
    uint8_t **bitmaps = nsky_alloc_zero(count, sizeof *bitmaps, err);
    nsky_topk *topks = nsky_alloc_zero(count, sizeof *topks, err);
    float *packed = nsky_alloc((size_t)count * padded, sizeof *packed, err);
    if (!bitmaps || !topks || !packed) {
        status = err->status;
        goto done;
    }
    for (uint32_t i = 0; i < count && status == NSKY_OK; i++) {
        const nsky_query *query = &queries[which[i]];
        nsky_answer *answer = &answers[which[i]];
        memcpy(packed + (size_t)i * padded, directions + (size_t)which[i] * padded,
               padded * sizeof *packed);
        topks[i] = (nsky_topk){answer->hits, query->k, 0};
        if ((status = bitmap_of(search, query, &bitmaps[i], err)) != NSKY_OK)
            break;
        answer->matching = answer->scanned = count_bits(bitmaps[i], search->scan.rows);
        answer->method =
            nsky_filter_is_empty(&query->filter) ? "exact scan" : "filtered exact scan";
    }
    if (status == NSKY_OK)
        status = nsky_scan_run(&search->scan, packed, (const uint8_t *const *)bitmaps, count, topks,
                               err);
    for (uint32_t i = 0; i < count && status == NSKY_OK; i++)
        finish(&answers[which[i]], &topks[i]);
done:
    for (uint32_t i = 0; bitmaps && i < count; i++)
        nsky_free(bitmaps[i]);
    nsky_free(bitmaps);
    nsky_free(topks);
    nsky_free(packed);
    return status;
}

static nsky_status answer_from_index(const nsky_search *search, const nsky_query *query,
                                     const float *direction, nsky_answer *answer, nsky_error *err)
{
    nsky_topk topk = {answer->hits, query->k, 0};
    nsky_status status = nsky_rerank_run(&search->rerank, direction, query->exclude,
                                         query->exclude_count, &topk, &answer->scanned, err);
    uint32_t excluded = 0;
    for (uint32_t i = 0; i < query->exclude_count; i++)
        excluded += query->exclude[i] < search->scan.rows;
    answer->matching = search->scan.rows - excluded;
    answer->method = "index + re-ranking";
    finish(answer, &topk);
    return status;
}

nsky_status nsky_search_run(nsky_search *search, const nsky_query *queries, uint32_t count,
                            nsky_answer *answers, nsky_error *err)
{
    assert(search && queries && answers && err && count > 0);
    const uint32_t padded = nsky_scan_padded(search->scan.dim);
    nsky_status status = NSKY_OK;
    uint32_t scanned = 0;
    float *directions = nsky_alloc_zero((size_t)count * padded, sizeof *directions, err);
    uint32_t *which = nsky_alloc(count, sizeof *which, err);
    if (!directions || !which) {
        status = err->status;
        goto done;
    }
    for (uint32_t q = 0; q < count; q++) {
        answers[q].count = 0;
        if ((status = check_query(search, &queries[q], q, err)) != NSKY_OK ||
            (status = direction_of(&queries[q], q, search->scan.dim,
                                   directions + (size_t)q * padded, err)) != NSKY_OK)
            goto done;
    }
    for (uint32_t q = 0; q < count && status == NSKY_OK; q++) {
        if (!search->faiss || queries[q].exact || !nsky_filter_is_empty(&queries[q].filter))
            which[scanned++] = q;
        else
            status = answer_from_index(search, &queries[q], directions + (size_t)q * padded,
                                       &answers[q], err);
    }
    if (status == NSKY_OK && scanned > 0)
        status = scan_queries(search, queries, directions, which, scanned, answers, err);
done:
    nsky_free(which);
    nsky_free(directions);
    return status;
}
