/* rank_lists.c - see rank_lists.h. */
#include "index/rank_lists.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "index/parallel.h"
#include "index/rank_private.h"

#define ROUNDS_MAX 6

/* --- without the codes --- */

static nsky_status scan_all(const nsky_ranker *ranker, nsky_rank_query *query, uint32_t threads,
                            nsky_error *err)
{
    nsky_scan scan = *ranker->scan;
    const nsky_linear_scan linear = {.weights = query->weights,
                                     .bias = &query->bias,
                                     .allowed = &query->allowed,
                                     .count = 1,
                                     .rows = scan.vectors.rows,
                                     .topks = &query->topk};
    scan.threads = threads;
    query->topk.count = 0;
    query->method = NSKY_RANK_SCAN;
    query->rescored = scan.vectors.rows;
    query->sigmas = query->sigmas_seen = 0;
    return nsky_scan_linear(&scan, &linear, err);
}

/* Rows that came after the lists were made, into the best of those that they hold. */
static nsky_status scan_delta(const nsky_ranker *ranker, nsky_rank_query *query, uint32_t threads,
                              nsky_error *err)
{
    nsky_scan scan = *ranker->scan;
    nsky_topk topk = {nsky_alloc(query->topk.k, sizeof(nsky_hit), err), query->topk.k, 0};
    const nsky_linear_scan linear = {.weights = query->weights,
                                     .bias = &query->bias,
                                     .allowed = &query->allowed,
                                     .count = 1,
                                     .first = ranker->lists->rows,
                                     .rows = scan.vectors.rows - ranker->lists->rows,
                                     .topks = &topk};
    scan.threads = threads;
    nsky_status status = topk.hits ? nsky_scan_linear(&scan, &linear, err) : err->status;
    for (uint32_t i = 0; i < topk.count && status == NSKY_OK; i++)
        nsky_topk_offer(&query->topk, topk.hits[i]);
    query->rescored += linear.rows;
    nsky_free(topk.hits);
    return status;
}

/* Few rows match: they are read, whatever the codes say. */
static nsky_status gather_few(const nsky_ranker *ranker, nsky_rank_query *query, nsky_error *err)
{
    uint32_t *rows = nsky_alloc(query->matching, sizeof *rows, err);
    float *scores = nsky_alloc(query->matching, sizeof *scores, err);
    nsky_status status = rows && scores ? NSKY_OK : err->status;
    uint64_t count = 0;

    for (uint64_t row = 0; status == NSKY_OK && row < ranker->scan->vectors.rows; row++)
        if (query->allowed[row >> 3] == 0)
            row |= 7;
        else if (query->allowed[row >> 3] >> (row & 7) & 1 && count < query->matching)
            rows[count++] = (uint32_t)row;
    if (status == NSKY_OK)
        status = nsky_ranker_exact(ranker, query, rows, count, scores, err);
    for (uint64_t i = 0; i < count && status == NSKY_OK; i++)
        if (!isnan(scores[i]))
            nsky_topk_offer(&query->topk, (nsky_hit){rows[i], scores[i]});
    query->method = NSKY_RANK_SCAN;
    query->rescored = count;
    nsky_free(rows);
    nsky_free(scores);
    return status;
}

/* --- with them --- */

/* The probes that are not done yet. */
typedef struct rank_round {
    nsky_rank_query *queries[NSKY_PASS_PROBES_MAX];
    nsky_pass_probe *probes; /* [count] */
    nsky_rank_errors errors[NSKY_PASS_PROBES_MAX];
    bool certifying[NSKY_PASS_PROBES_MAX];
    uint32_t count;
} rank_round;

static void keep(rank_round *r, uint32_t to, uint32_t from)
{
    r->queries[to] = r->queries[from];
    r->probes[to] = r->probes[from];
    r->errors[to] = r->errors[from];
    r->certifying[to] = r->certifying[from];
}

/* One pass for all that are left, and what it makes of each. */
static nsky_status run_round(const nsky_ranker *ranker, rank_round *r, uint32_t threads, bool last,
                             nsky_error *err)
{
    nsky_pass pass = {.lists = ranker->lists,
                      .slacks = ranker->slacks,
                      .threads = threads,
                      .probes = r->probes,
                      .count = r->count};
    uint32_t left = 0;
    nsky_status status = nsky_pass_open(&pass, err);
    if (status == NSKY_OK) {
        nsky_pass_seed(&pass);
        nsky_pass_run(&pass);
    }
    for (uint32_t q = 0; q < pass.count && status == NSKY_OK; q++) {
        nsky_rank_step step;
        status = nsky_ranker_settle(ranker, &pass, q, r->queries[q], r->certifying[q],
                                    r->errors[q].share, &step, err);
        if (status == NSKY_OK && (step == NSKY_STEP_SCAN || (last && step == NSKY_STEP_AGAIN)))
            status = scan_all(ranker, r->queries[q], threads, err);
        else if (status == NSKY_OK && step != NSKY_STEP_DONE) {
            r->certifying[q] = step == NSKY_STEP_CERTIFY;
            keep(r, left++, q);
        }
    }
    nsky_pass_close(&pass);
    r->count = left;
    return status;
}

/* Two planes cost nothing while memory is what is waited for. */
static uint32_t planes_for(uint32_t count)
{
    return count <= 4 ? 2 : 1;
}

static nsky_status run_codes(const nsky_ranker *ranker, nsky_rank_query **queries, uint32_t count,
                             uint32_t threads, nsky_error *err)
{
    const uint32_t coded = ranker->lists->coded;
    nsky_status status = NSKY_OK;
    rank_round r = {.probes = nsky_alloc(count, sizeof *r.probes, err)};
    float *turned = nsky_alloc_zero((size_t)count * coded, sizeof *turned, err);

    if (!r.probes || !turned)
        status = err->status;
    for (uint32_t q = 0; q < count && status == NSKY_OK; q++) {
        r.queries[r.count] = queries[q];
        status =
            nsky_ranker_probe(ranker, &r.probes[r.count], queries[q], turned + (size_t)q * coded,
                              planes_for(count), &r.errors[r.count], err);
        if (status == NSKY_EDATA) /* numbers that the codes cannot bound */
            status = scan_all(ranker, queries[q], threads, err);
        else
            r.count++;
    }
    for (uint32_t i = 0; i < ROUNDS_MAX && r.count > 0 && status == NSKY_OK; i++)
        status = run_round(ranker, &r, threads, i + 1 == ROUNDS_MAX, err);
    nsky_free(r.probes);
    nsky_free(turned);
    return status;
}

nsky_status nsky_ranker_run(const nsky_ranker *ranker, nsky_rank_query *queries, uint32_t count,
                            uint32_t threads, nsky_error *err)
{
    assert(ranker && queries && err && count >= 1 && count <= NSKY_PASS_PROBES_MAX);
    nsky_rank_query *coded[NSKY_PASS_PROBES_MAX];
    nsky_status status = NSKY_OK;
    uint32_t left = 0;

    for (uint32_t q = 0; q < count && status == NSKY_OK; q++) {
        nsky_rank_query *query = &queries[q];
        query->topk.count = 0;
        query->rescored = 0;
        query->sigmas = query->sigmas_seen = 0;
        if (query->allowed && query->matching <= NSKY_RANK_GATHERED)
            status = gather_few(ranker, query, err);
        else if (query->topk.k >= query->matching / 4)
            status = scan_all(ranker, query, threads, err);
        else
            coded[left++] = query;
    }
    if (status == NSKY_OK && left > 0)
        status = run_codes(ranker, coded, left, threads, err);
    for (uint32_t q = 0; q < count && status == NSKY_OK; q++) {
        if (queries[q].method != NSKY_RANK_SCAN && ranker->lists->rows < ranker->scan->vectors.rows)
            status = scan_delta(ranker, &queries[q], threads, err);
        nsky_topk_sort(&queries[q].topk);
    }
    return status;
}
