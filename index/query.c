/* query.c - search.h: queries to answers. Read-only over an open search: any thread. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/memory.h"
#include "index/gather.h"
#include "index/query.h"

/* Hits' worth of matching rows that the lists of FAISS, which cannot be told to look into more of
 * them, must hold on average. */
#define EXPECTED_PER_HIT 20

static const char *const effort_names[] = {"balanced", "fast", "exact"};

const char *nsky_effort_name(nsky_effort effort)
{
    return effort_names[effort];
}

bool nsky_effort_parse(nsky_effort *out, const char *name)
{
    for (int effort = NSKY_EFFORT_BALANCED; effort <= NSKY_EFFORT_EXACT; effort++)
        if (strcmp(name, effort_names[effort]) == 0) {
            *out = (nsky_effort)effort;
            return true;
        }
    return false;
}

static nsky_status check_query(const nsky_query *query, uint32_t number, nsky_error *err)
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
    return NSKY_OK;
}

/* --- which way --- */

static bool index_will_do(const nsky_search *search, const nsky_ask *ask)
{
    if (search->lists == 0 || !ask->allowed.bits || search->inverted.lists > 0)
        return true; /* our lists are told to look into more of them */
    double looked_at = (double)search->indexed * search->nprobe / search->lists;
    double share = (double)ask->allowed.matching / (double)search->scan.vectors.rows;
    return looked_at * share >= (double)EXPECTED_PER_HIT * ask->query->k;
}

void nsky_ask_choose(const nsky_search *search, nsky_ask *ask)
{
    const uint64_t matching = ask->allowed.matching, rows = search->scan.vectors.rows;
    const bool filtered = ask->allowed.bits;
    const unsigned long long number = matching;
    char *why = ask->answer->why;

    ask->way = NSKY_WAY_SCAN;
    if (filtered && matching <= search->few) {
        ask->way = NSKY_WAY_GATHER;
        snprintf(why, NSKY_WHY_BYTES, "%llu match: few enough to compare them all", number);
    } else if (ask->query->effort == NSKY_EFFORT_EXACT) {
        snprintf(why, NSKY_WHY_BYTES, "effort exact: all %llu that match are compared", number);
    } else if (search->indexed == 0) {
        snprintf(why, NSKY_WHY_BYTES, "there is no index: all %llu that match are compared",
                 number);
    } else if (!index_will_do(search, ask)) {
        snprintf(why, NSKY_WHY_BYTES,
                 "%llu match: too thinly spread for the index, so they are all compared", number);
    } else {
        ask->way = NSKY_WAY_INDEX;
        snprintf(why, NSKY_WHY_BYTES, "effort %s: the index's best are compared%s",
                 nsky_effort_name(ask->query->effort),
                 search->indexed < rows ? ", and all that is newer than the index" : "");
    }
    if (ask->way == NSKY_WAY_SCAN && filtered && matching < rows / 4)
        ask->way = NSKY_WAY_GATHER;
}

/* --- without the index --- */

void nsky_ask_finish(nsky_ask *ask)
{
    nsky_answer *answer = ask->answer;

    nsky_topk_sort(&ask->topk);
    answer->count = ask->topk.count;
    for (uint32_t i = 0; i < answer->count; i++) /* rounding may exceed a cosine's range */
        answer->hits[i].similarity = fminf(fmaxf(answer->hits[i].similarity, -1.0f), 1.0f);
}

nsky_status nsky_ask_exclude(const nsky_search *search, nsky_ask *ask, nsky_error *err)
{
    ask->out = true;
    return nsky_allowed_exclude(search, &ask->allowed, ask->query->exclude,
                                ask->query->exclude_count, err);
}

static nsky_status gather(const nsky_search *search, nsky_ask *ask, nsky_error *err)
{
    nsky_status status =
        nsky_gather_run(&search->scan, ask->direction, 0, search->scan.vectors.rows,
                        ask->allowed.bits, &ask->topk, &ask->answer->scanned, err);

    ask->answer->method = "filtered exact scan";
    nsky_ask_finish(ask);
    return status;
}

/* All of them in one pass over the vectors. */
static nsky_status scan(const nsky_search *search, nsky_ask *const *asks, uint32_t count,
                        nsky_error *err)
{
    const uint32_t padded = nsky_scan_padded(search->scan.vectors.dim);
    const uint8_t **bitmaps = nsky_alloc(count, sizeof *bitmaps, err);
    nsky_topk *topks = nsky_alloc(count, sizeof *topks, err);
    float *packed = nsky_alloc((size_t)count * padded, sizeof *packed, err);
    nsky_status status = bitmaps && topks && packed ? NSKY_OK : err->status;

    for (uint32_t i = 0; i < count && status == NSKY_OK; i++) {
        memcpy(packed + (size_t)i * padded, asks[i]->direction, padded * sizeof *packed);
        bitmaps[i] = asks[i]->allowed.bits;
        topks[i] = asks[i]->topk;
        asks[i]->answer->scanned = asks[i]->allowed.matching;
        asks[i]->answer->method =
            nsky_filter_is_empty(&asks[i]->query->filter) ? "exact scan" : "filtered exact scan";
    }
    if (status == NSKY_OK)
        status = nsky_scan_run(&search->scan, packed, bitmaps, count, topks, err);
    for (uint32_t i = 0; i < count && status == NSKY_OK; i++) {
        asks[i]->topk = topks[i];
        nsky_ask_finish(asks[i]);
    }
    nsky_free(packed);
    nsky_free(topks);
    nsky_free(bitmaps);
    return status;
}

/* --- all of it --- */

static nsky_status prepare(const nsky_search *search, nsky_ask *ask, uint32_t number,
                           float *direction, nsky_error *err)
{
    const nsky_query *query = ask->query;
    nsky_answer *answer = ask->answer;
    nsky_status status;

    answer->count = 0;
    ask->topk = (nsky_topk){answer->hits, query->k, 0};
    ask->direction = direction;
    if ((status = check_query(query, number, err)) != NSKY_OK ||
        (status = nsky_query_direction(query, number, search->scan.vectors.dim, direction, err)) !=
            NSKY_OK)
        return status;
    if ((status = nsky_allowed_rows(search, &query->filter, &ask->allowed, err)) != NSKY_OK) {
        nsky_error why = *err;
        return nsky_fail(err, status, "query %u: %.900s", number, why.text);
    }
    nsky_ask_choose(search, ask);
    /* A copy of 10 MB at 76M rows: only where nobody looks at the list of excluded ones. */
    if (ask->way == NSKY_WAY_INDEX && search->indexed == search->scan.vectors.rows) {
        ask->allowed.matching -=
            nsky_allowed_count(search, &ask->allowed, query->exclude, query->exclude_count);
    } else {
        status = nsky_ask_exclude(search, ask, err);
    }
    answer->matching = ask->allowed.matching;
    return status;
}

/* chosen [count]: room to sort them by their way. */
static nsky_status run_all(const nsky_search *search, nsky_ask *asks, nsky_ask **chosen,
                           uint32_t count, nsky_error *err)
{
    nsky_status status = NSKY_OK;
    uint32_t scans = 0, indexed = 0;

    for (uint32_t q = 0; q < count && status == NSKY_OK; q++)
        if (asks[q].way == NSKY_WAY_GATHER)
            status = gather(search, &asks[q], err);
        else if (asks[q].way == NSKY_WAY_INDEX)
            chosen[indexed++] = &asks[q];
    if (status == NSKY_OK && indexed > 0)
        status = nsky_query_by_index(search, chosen, indexed, err);
    for (uint32_t q = 0; q < count; q++)
        if (asks[q].way == NSKY_WAY_SCAN)
            chosen[scans++] = &asks[q];
    return status == NSKY_OK && scans > 0 ? scan(search, chosen, scans, err) : status;
}

nsky_status nsky_search_run(nsky_search *search, const nsky_query *queries, uint32_t count,
                            nsky_answer *answers, nsky_error *err)
{
    assert(search && queries && answers && err && count > 0);
    const uint32_t padded = nsky_scan_padded(search->scan.vectors.dim);
    float *directions = nsky_alloc_zero((size_t)count * padded, sizeof *directions, err);
    nsky_ask *asks = nsky_alloc_zero(count, sizeof *asks, err);
    nsky_ask **chosen = nsky_alloc(count, sizeof *chosen, err);
    nsky_status status = directions && asks && chosen ? NSKY_OK : err->status;

    for (uint32_t q = 0; q < count && status == NSKY_OK; q++) {
        asks[q].query = &queries[q];
        asks[q].answer = &answers[q];
        status = prepare(search, &asks[q], q, directions + (size_t)q * padded, err);
    }
    if (status == NSKY_OK)
        status = run_all(search, asks, chosen, count, err);
    for (uint32_t q = 0; asks && q < count; q++)
        nsky_allowed_clear(search, &asks[q].allowed);
    nsky_free(chosen);
    nsky_free(asks);
    nsky_free(directions);
    return status;
}
