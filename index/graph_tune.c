/* graph_tune.c - by_graph.h: how hard to look, found by trying. The exact scan is the oracle. */
#include <assert.h>
#include <math.h>

#include "common/memory.h"
#include "index/by_graph.h"
#include "index/oracle.h"
#include "index/stop.h"

#define DEPTH NSKY_ORACLE_DEPTH
#define SEED 20211023
#define BEAM_MOST 2048

typedef struct tuning {
    const nsky_knn *graph;
    const nsky_scan *scan;
    nsky_oracle oracle;
    nsky_hit *hits; /* [count, DEPTH] */
    nsky_topk *topks;
    nsky_knn_ask *asks;
} tuning;

/* Recall at k of one effort. */
static nsky_status try_effort(const tuning *t, const nsky_knn_effort *effort, uint32_t k,
                              double *recall, nsky_error *err)
{
    const nsky_oracle *oracle = &t->oracle;
    assert(k <= DEPTH && oracle->count <= NSKY_ORACLE_ROWS);
    for (uint32_t q = 0; q < oracle->count; q++) {
        t->topks[q] = (nsky_topk){t->hits + (size_t)q * DEPTH, k, 0};
        t->asks[q] = (nsky_knn_ask){.direction = oracle->directions + (size_t)q * oracle->padded,
                                    .matching = t->graph->rows,
                                    .effort = *effort,
                                    .exclude = &oracle->self[q],
                                    .exclude_count = 1,
                                    .topk = &t->topks[q]};
    }
    nsky_status status = nsky_by_graph(t->graph, t->scan, t->asks, oracle->count, 0, err);
    if (status == NSKY_OK)
        *recall = nsky_oracle_recall(oracle, t->topks, k);
    return status;
}

/* 16, 24, 32, 48, 64, ... */
static uint32_t next_beam(uint32_t beam)
{
    return (beam & (beam - 1)) == 0 ? beam + beam / 2 : beam / 3 * 4;
}

/* All in view are compared exactly until the view is wide enough; then fewer of them, as long as
 * hardly anything is lost. */
static nsky_status search_efforts(const tuning *t, double target, const atomic_bool *stop,
                                  nsky_knn_effort *out, nsky_error *err)
{
    static const uint32_t counts[] = {12, 16, 20, 24, 30, 40, 50, 60, 80, 100, 120, 160, 240, 400};
    static const double a_hit[] = {1.2, 1.5, 2, 3, 4, 6};
    double reached = 0, recall = 0, most = 0;
    nsky_status status = NSKY_OK;
    *out = (nsky_knn_effort){16, 16, 1};
    for (;; out->beam = next_beam(out->beam)) {
        out->candidates = out->beam;
        if ((status = nsky_index_check_stop(stop, err)) != NSKY_OK)
            return status;
        status = try_effort(t, out, 10, &reached, err);
        if (status != NSKY_OK || !(reached < target + NSKY_ORACLE_MARGIN) || out->beam >= BEAM_MOST)
            break;
    }
    for (size_t i = 0; status == NSKY_OK && i < sizeof counts / sizeof *counts; i++) {
        if (counts[i] >= out->beam) {
            out->candidates = out->beam;
            break;
        }
        out->candidates = counts[i];
        status = try_effort(t, out, 10, &recall, err);
        if (!(recall < reached - NSKY_ORACLE_LOSS || recall < target))
            break;
    }
    out->candidates_a_hit = a_hit[sizeof a_hit / sizeof *a_hit - 1];
    if (status == NSKY_OK)
        status = try_effort(t, out, DEPTH, &most, err);
    for (size_t i = 0; status == NSKY_OK && i < sizeof a_hit / sizeof *a_hit; i++) {
        out->candidates_a_hit = a_hit[i];
        status = try_effort(t, out, DEPTH, &recall, err);
        if (!(recall < most - 2 * NSKY_ORACLE_LOSS))
            break;
    }
    return status;
}

nsky_status nsky_knn_tune(nsky_knn_effort *out, nsky_recall *recall, const nsky_knn *graph,
                          const nsky_scan *scan, double target, const atomic_bool *stop,
                          nsky_error *err)
{
    assert(out && recall && graph && scan && err);
    tuning t = {.graph = graph, .scan = scan};
    t.hits = nsky_alloc((size_t)NSKY_ORACLE_ROWS * DEPTH, sizeof *t.hits, err);
    t.topks = nsky_alloc(NSKY_ORACLE_ROWS, sizeof *t.topks, err);
    t.asks = nsky_alloc(NSKY_ORACLE_ROWS, sizeof *t.asks, err);
    nsky_status status = t.hits && t.topks && t.asks ? NSKY_OK : err->status;
    *recall = (nsky_recall){.at_10 = NAN, .at_100 = NAN};
    if (status == NSKY_OK)
        status = nsky_oracle_rows(&t.oracle, scan, NSKY_ORACLE_ROWS, SEED, stop, err);
    if (status == NSKY_OK && (status = search_efforts(&t, target, stop, out, err)) == NSKY_OK &&
        (status = try_effort(&t, out, 10, &recall->at_10, err)) == NSKY_OK)
        status = try_effort(&t, out, DEPTH, &recall->at_100, err);
    recall->queries = t.oracle.count;
    nsky_oracle_close(&t.oracle);
    nsky_free(t.asks);
    nsky_free(t.topks);
    nsky_free(t.hits);
    return status;
}
