/* rank_search.c - search.h: the best of all rows by linear scores, through the codes where there
 * are some. Any thread. */
#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "common/memory.h"
#include "index/search_private.h"

/* --- what ranking needs, read once --- */

struct nsky_ranking_once {
    pthread_mutex_t lock;
    bool open;
    char *path; /* of the vectors */
    nsky_ranker ranker;
};

nsky_status nsky_ranking_new(nsky_ranking_once **out, const nsky_generation *generation,
                             nsky_error *err)
{
    *out = nsky_alloc_zero(1, sizeof **out, err);
    if (!*out || !((*out)->path = nsky_format(err, "%s/%s", generation->path,
                                              nsky_vector_file_name(generation->vectors.type)))) {
        nsky_free(*out);
        *out = NULL;
        return err->status;
    }
    pthread_mutex_init(&(*out)->lock, NULL);
    return NSKY_OK;
}

void nsky_ranking_close(nsky_ranking_once *ranking)
{
    if (!ranking)
        return;
    if (ranking->open)
        nsky_ranker_close(&ranking->ranker);
    pthread_mutex_destroy(&ranking->lock);
    nsky_free(ranking->path);
    nsky_free(ranking);
}

nsky_status nsky_search_ranker(const nsky_search *search, const nsky_ranker **out, nsky_error *err)
{
    nsky_ranking_once *once = search->ranking;
    nsky_status status = NSKY_OK;
    pthread_mutex_lock(&once->lock);
    if (!once->open) {
        status = nsky_ranker_open(&once->ranker, &search->inverted, &search->scan, once->path, err);
        once->open = status == NSKY_OK;
    }
    pthread_mutex_unlock(&once->lock);
    *out = &once->ranker;
    return status;
}

bool nsky_search_has_codes(const nsky_search *search)
{
    return search->ranking != NULL;
}

/* --- the best --- */

/* Without codes. */
static nsky_status scan_queries(const nsky_search *search, nsky_score_query *queries,
                                uint32_t count, const float *packed, const uint8_t *const *allowed,
                                nsky_error *err)
{
    nsky_topk topks[NSKY_SCORE_PROBES_MAX];
    const nsky_linear_scan linear = {
        .weights = packed,
        .bias = packed + (size_t)count * nsky_scan_padded(search->scan.vectors.dim),
        .allowed = allowed,
        .count = count,
        .rows = search->scan.vectors.rows,
        .topks = topks,
    };
    for (uint32_t q = 0; q < count; q++)
        topks[q] = (nsky_topk){queries[q].hits, queries[q].k, 0};
    nsky_status status = nsky_scan_linear(&search->scan, &linear, err);
    for (uint32_t q = 0; q < count && status == NSKY_OK; q++) {
        queries[q].count = topks[q].count;
        snprintf(queries[q].method, sizeof queries[q].method, "exact scan");
        queries[q].rescored = search->scan.vectors.rows;
    }
    return status;
}

static void put_method(nsky_score_query *query, const nsky_rank_query *asked)
{
    if (asked->method == NSKY_RANK_SIGMAS)
        snprintf(query->method, sizeof query->method, "codes, by %.1f sigma",
                 (double)asked->sigmas);
    else
        snprintf(query->method, sizeof query->method, "%s",
                 asked->method == NSKY_RANK_CERTIFIED ? "codes, certified" : "exact scan");
}

static nsky_status rank_queries(const nsky_search *search, nsky_score_query *queries,
                                uint32_t count, const float *packed, const uint8_t *const *allowed,
                                nsky_error *err)
{
    const uint32_t padded = nsky_scan_padded(search->scan.vectors.dim);
    nsky_rank_query asked[NSKY_SCORE_PROBES_MAX];
    const nsky_ranker *ranker;
    nsky_status status = nsky_search_ranker(search, &ranker, err);
    for (uint32_t q = 0; q < count; q++)
        asked[q] = (nsky_rank_query){.weights = packed + (size_t)q * padded,
                                     .bias = packed[(size_t)count * padded + q],
                                     .allowed = allowed[q],
                                     .matching = queries[q].matching,
                                     .topk = {queries[q].hits, queries[q].k, 0}};
    if (status == NSKY_OK)
        status = nsky_ranker_run(ranker, asked, count, search->scan.threads, err);
    for (uint32_t q = 0; q < count && status == NSKY_OK; q++) {
        queries[q].count = asked[q].topk.count;
        put_method(&queries[q], &asked[q]);
        queries[q].rescored = asked[q].rescored;
    }
    return status;
}

nsky_status nsky_search_top_scores(const nsky_search *search, nsky_score_query *queries,
                                   uint32_t count, nsky_error *err)
{
    assert(search && queries && err);
    nsky_allowed passing[NSKY_SCORE_PROBES_MAX] = {0};
    const uint8_t *allowed[NSKY_SCORE_PROBES_MAX];
    float *packed = NULL;
    nsky_status status = nsky_linear_check(count, err);

    for (uint32_t q = 0; q < count && status == NSKY_OK; q++) {
        queries[q].count = 0;
        if (queries[q].k < 1 || queries[q].k > NSKY_SCORE_TOP_MAX)
            status = nsky_fail(err, NSKY_EINVAL, "the first %u by score; 1 to %d are possible",
                               queries[q].k, NSKY_SCORE_TOP_MAX);
        else
            status = nsky_allowed_rows(search, &queries[q].filter, &passing[q], err);
        allowed[q] = passing[q].bits;
        queries[q].matching = passing[q].matching;
    }
    if (status == NSKY_OK)
        status = nsky_linear_pack(search, &queries->probe, sizeof *queries, count, &packed, err);
    if (status == NSKY_OK)
        status = (search->ranking ? rank_queries : scan_queries)(search, queries, count, packed,
                                                                 allowed, err);
    for (uint32_t q = 0; q < count && q < NSKY_SCORE_PROBES_MAX; q++)
        nsky_allowed_clear(search, &passing[q]);
    nsky_free(packed);
    return status;
}

/* --- all, by their codes --- */

nsky_status nsky_search_coded_scores(const nsky_search *search, const nsky_linear *probes,
                                     uint32_t count, float *scores, float *errors, nsky_error *err)
{
    assert(search && probes && scores && errors && err);
    const uint32_t padded = nsky_scan_padded(search->scan.vectors.dim);
    const uint64_t rows = search->scan.vectors.rows, coded = search->indexed;
    nsky_rank_query asked[NSKY_SCORE_PROBES_MAX];
    const nsky_ranker *ranker;
    float *packed = NULL;
    if (!search->ranking)
        return nsky_fail(err, NSKY_EINVAL, "generation %u has no codes to rank by",
                         search->generation->number);
    nsky_status status = nsky_linear_check(count, err);
    if (status == NSKY_OK)
        status = nsky_linear_pack(search, probes, sizeof *probes, count, &packed, err);
    if (status == NSKY_OK)
        status = nsky_search_ranker(search, &ranker, err);
    for (uint32_t q = 0; q < count && status == NSKY_OK; q++)
        asked[q] = (nsky_rank_query){.weights = packed + (size_t)q * padded,
                                     .bias = packed[(size_t)count * padded + q]};
    if (status == NSKY_OK)
        status = nsky_ranker_scores(ranker, asked, count, search->scan.threads, scores, rows,
                                    errors, err);
    for (uint32_t q = 0; q < count && status == NSKY_OK; q++) {
        const nsky_linear_scan delta = {.weights = packed + (size_t)q * padded,
                                        .bias = packed + (size_t)count * padded + q,
                                        .count = 1,
                                        .first = coded,
                                        .rows = rows - coded,
                                        .scores = scores + q * rows + coded};
        status = nsky_scan_linear(&search->scan, &delta, err);
        nsky_hide_deleted(search, scores + q * rows, 0, rows);
    }
    nsky_free(packed);
    return status;
}
