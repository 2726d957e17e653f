/* graph_tune.c - by_graph.h: how hard to look, found by trying. The exact scan is the oracle. */
#include <assert.h>
#include <math.h>

#include "common/half.h"
#include "common/memory.h"
#include "common/rng.h"
#include "index/by_graph.h"

#define ROWS_ASKED 200
#define DEPTH 100
#define SEED 20211023
#define MARGIN 0.005 /* what 200 queries do not know of recall@10 */
#define LOSS 0.002   /* of recall@10, for fewer candidates; of recall@100 twice as much */
#define BEAM_MOST 2048

typedef struct tuning {
    const nsky_knn *graph;
    const nsky_scan *scan;
    uint32_t count;
    float *directions; /* [count, padded] */
    uint64_t *self;    /* [count]: the row itself, that is not to come back */
    nsky_hit *truth;   /* [count, DEPTH + 1], itself taken out */
    uint32_t *found;   /* [count] of truth */
} tuning;

/* Rows with a vector, evenly drawn, as unit vectors. */
static void draw_rows(tuning *t)
{
    const nsky_scan *scan = t->scan;
    for (uint32_t i = 0; i < 4 * ROWS_ASKED && t->count < ROWS_ASKED; i++) {
        nsky_rng rng = nsky_rng_at(SEED, 0, i);
        const uint64_t row = nsky_rng_u64(&rng) % scan->rows;
        float *x = t->directions + (size_t)t->count * t->graph->padded;
        double square = 0;
        nsky_half_to_floats(x, scan->vectors + row * scan->dim, scan->dim);
        for (uint32_t d = 0; d < scan->dim; d++)
            square += (double)x[d] * (double)x[d];
        for (uint32_t d = 0; d < scan->dim && square > 0; d++)
            x[d] = (float)((double)x[d] / sqrt(square));
        if (square > 0)
            t->self[t->count++] = row;
    }
}

static nsky_status find_truth(tuning *t, nsky_error *err)
{
    nsky_topk topks[ROWS_ASKED];
    nsky_status status = NSKY_OK;
    for (uint32_t q = 0; q < t->count; q++)
        topks[q] = (nsky_topk){t->truth + (size_t)q * (DEPTH + 1), DEPTH + 1, 0};
    if (t->count > 0)
        status = nsky_scan_run(t->scan, t->directions, NULL, t->count, topks, err);
    for (uint32_t q = 0; status == NSKY_OK && q < t->count; q++) {
        uint32_t kept = 0;
        for (uint32_t i = 0; i < topks[q].count; i++)
            if (topks[q].hits[i].row != t->self[q])
                topks[q].hits[kept++] = topks[q].hits[i];
        t->found[q] = kept < DEPTH ? kept : DEPTH;
    }
    return status;
}

/* Recall at k of one effort. */
static nsky_status try_effort(const tuning *t, const nsky_knn_effort *effort, uint32_t k,
                              double *recall, nsky_error *err)
{
    nsky_hit hits[DEPTH] = {{0}};
    double sum = 0;
    uint32_t counted = 0;
    assert(k <= DEPTH);
    for (uint32_t q = 0; q < t->count; q++) {
        nsky_topk topk = {hits, k, 0};
        nsky_knn_ask ask = {.direction = t->directions + (size_t)q * t->graph->padded,
                            .matching = t->graph->rows,
                            .effort = *effort,
                            .exclude = &t->self[q],
                            .exclude_count = 1,
                            .topk = &topk};
        nsky_status status = nsky_by_graph(t->graph, t->scan, &ask, err);
        if (status != NSKY_OK)
            return status;
        const uint32_t true_ones = t->found[q] < k ? t->found[q] : k;
        uint32_t common = 0;
        for (uint32_t i = 0; i < true_ones; i++)
            for (uint32_t j = 0; j < topk.count; j++)
                common += t->truth[(size_t)q * (DEPTH + 1) + i].row == hits[j].row;
        counted += true_ones > 0;
        sum += true_ones > 0 ? (double)common / true_ones : 0;
    }
    *recall = counted > 0 ? sum / counted : NAN;
    return NSKY_OK;
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
        if (stop && atomic_load(stop))
            return nsky_fail(err, NSKY_ECANCELLED, "stopped; run `nearsky index` again");
        status = try_effort(t, out, 10, &reached, err);
        if (status != NSKY_OK || !(reached < target + MARGIN) || out->beam >= BEAM_MOST)
            break;
    }
    for (size_t i = 0; status == NSKY_OK && i < sizeof counts / sizeof *counts; i++) {
        if (counts[i] >= out->beam) {
            out->candidates = out->beam;
            break;
        }
        out->candidates = counts[i];
        status = try_effort(t, out, 10, &recall, err);
        if (!(recall < reached - LOSS || recall < target))
            break;
    }
    out->candidates_a_hit = a_hit[sizeof a_hit / sizeof *a_hit - 1];
    if (status == NSKY_OK)
        status = try_effort(t, out, DEPTH, &most, err);
    for (size_t i = 0; status == NSKY_OK && i < sizeof a_hit / sizeof *a_hit; i++) {
        out->candidates_a_hit = a_hit[i];
        status = try_effort(t, out, DEPTH, &recall, err);
        if (!(recall < most - 2 * LOSS))
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
    t.directions = nsky_alloc_zero((size_t)ROWS_ASKED * graph->padded, sizeof(float), err);
    t.self = nsky_alloc(ROWS_ASKED, sizeof *t.self, err);
    t.truth = nsky_alloc((size_t)ROWS_ASKED * (DEPTH + 1), sizeof *t.truth, err);
    t.found = nsky_alloc_zero(ROWS_ASKED, sizeof *t.found, err);
    nsky_status status = t.directions && t.self && t.truth && t.found ? NSKY_OK : err->status;
    *recall = (nsky_recall){.at_10 = NAN, .at_100 = NAN};
    if (status == NSKY_OK) {
        draw_rows(&t);
        status = find_truth(&t, err);
    }
    if (status == NSKY_OK && (status = search_efforts(&t, target, stop, out, err)) == NSKY_OK &&
        (status = try_effort(&t, out, 10, &recall->at_10, err)) == NSKY_OK)
        status = try_effort(&t, out, DEPTH, &recall->at_100, err);
    recall->queries = t.count;
    nsky_free(t.found);
    nsky_free(t.truth);
    nsky_free(t.self);
    nsky_free(t.directions);
    return status;
}
