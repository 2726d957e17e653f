/* rank_rows.c - search.h: vectors and scores of some rows, many reads under way at once. Any
 * thread. */
#include <assert.h>
#include <stdlib.h>

#include "common/memory.h"
#include "index/search_private.h"

static int by_number(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Rows in order, and where each came from. */
static nsky_status sorted_rows(const uint32_t *rows, uint64_t n, uint32_t **sorted,
                               uint64_t **places, nsky_error *err)
{
    *sorted = nsky_alloc(n, sizeof **sorted, err);
    *places = nsky_alloc(n, sizeof **places, err);
    if (!*sorted || !*places)
        return err->status;
    for (uint64_t i = 0; i < n; i++)
        (*places)[i] = (uint64_t)rows[i] << 32 | i;
    qsort(*places, n, sizeof **places, by_number);
    for (uint64_t i = 0; i < n; i++) {
        (*sorted)[i] = (uint32_t)((*places)[i] >> 32);
        (*places)[i] &= UINT32_MAX;
    }
    return NSKY_OK;
}

/* What reads scattered rows: the file where it is open, else the map. */
static nsky_status fetch_of(const nsky_search *search, nsky_fetch *out, nsky_error *err)
{
    const nsky_ranker *ranker;
    *out = (nsky_fetch){-1, search->scan.vectors, search->generation->path};
    if (!search->ranking)
        return NSKY_OK;
    nsky_status status = nsky_search_ranker(search, &ranker, err);
    if (status == NSKY_OK)
        *out = ranker->fetch;
    return status;
}

nsky_status nsky_search_row_scores(const nsky_search *search, const nsky_linear *probes,
                                   uint32_t count, const uint32_t *rows, uint64_t n, float *scores,
                                   nsky_error *err)
{
    assert(search && probes && (rows || n == 0) && scores && err && n <= UINT32_MAX);
    const uint32_t padded = nsky_scan_padded(search->scan.vectors.dim);
    nsky_ranker ranker = {.scan = &search->scan};
    uint32_t *sorted = NULL;
    uint64_t *places = NULL;
    float *packed = NULL, *own = nsky_alloc(n, sizeof *own, err);
    nsky_status status = own ? nsky_linear_check(count, err) : err->status;
    if (status == NSKY_OK)
        status = nsky_linear_pack(search, probes, sizeof *probes, count, &packed, err);
    if (status == NSKY_OK)
        status = fetch_of(search, &ranker.fetch, err);
    if (status == NSKY_OK)
        status = sorted_rows(rows, n, &sorted, &places, err);
    for (uint32_t q = 0; q < count && status == NSKY_OK; q++) {
        const nsky_rank_query query = {.weights = packed + (size_t)q * padded,
                                       .bias = packed[(size_t)count * padded + q]};
        status = nsky_ranker_exact(&ranker, &query, sorted, n, own, err);
        for (uint64_t i = 0; i < n && status == NSKY_OK; i++)
            scores[q * n + places[i]] = own[i];
    }
    nsky_free(own);
    nsky_free(packed);
    nsky_free(places);
    nsky_free(sorted);
    return status;
}

typedef struct vectors_work {
    nsky_vector_use use;
    void *payload;
    const uint64_t *places;
    float *rooms; /* [NSKY_FETCH_THREADS, dim] */
    nsky_vector_type type;
    uint32_t dim;
} vectors_work;

static void hand_out(uint64_t i, const void *row, uint32_t thread, void *payload)
{
    const vectors_work *w = payload;
    float *vector = w->rooms + (size_t)thread * w->dim;
    nsky_vector_decode(w->type, row, w->dim, vector);
    w->use(w->places[i], vector, w->payload);
}

nsky_status nsky_search_vectors(const nsky_search *search, const uint32_t *rows, uint64_t n,
                                nsky_vector_use use, void *payload, nsky_error *err)
{
    assert(search && (rows || n == 0) && use && err && n <= UINT32_MAX);
    nsky_fetch fetch;
    uint32_t *sorted = NULL;
    uint64_t *places = NULL;
    float *rooms =
        nsky_alloc((size_t)NSKY_FETCH_THREADS * search->scan.vectors.dim, sizeof *rooms, err);
    nsky_status status = rooms ? fetch_of(search, &fetch, err) : err->status;
    if (status == NSKY_OK)
        status = sorted_rows(rows, n, &sorted, &places, err);
    if (status == NSKY_OK) {
        vectors_work work = {
            use, payload, places, rooms, search->scan.vectors.type, search->scan.vectors.dim};
        status = nsky_fetch_run(&fetch, sorted, n, hand_out, &work, err);
    }
    nsky_free(rooms);
    nsky_free(places);
    nsky_free(sorted);
    return status;
}
