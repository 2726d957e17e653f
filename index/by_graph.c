/* by_graph.c - see by_graph.h. */
#include "index/by_graph.h"

#include <assert.h>
#include <math.h>

#include "common/memory.h"
#include "index/parallel.h"
#include "index/search.h"

static nsky_status answer(const nsky_knn *graph, const nsky_scan *scan, nsky_knn_ask *ask,
                          nsky_error *err)
{
    const nsky_knn_effort *effort = &ask->effort;
    double wanted = fmax(effort->candidates, ceil(effort->candidates_a_hit * ask->topk->k));
    wanted = fmin(wanted + ask->exclude_count, fmin(NSKY_KNN_BEAM_MAX, (double)graph->rows));
    const uint32_t want = (uint32_t)wanted;
    nsky_candidate *found = nsky_alloc(want, sizeof *found, err);
    float *scratch = nsky_alloc(graph->padded, sizeof *scratch, err);
    nsky_knn_query query = {.direction = ask->direction,
                            .allowed = ask->allowed,
                            .matching = ask->matching,
                            .beam = effort->beam,
                            .want = want,
                            .found = found};
    nsky_status status = found && scratch ? nsky_knn_search(graph, &query, err) : err->status;
    if (status == NSKY_OK)
        nsky_lists_rerank(scan, ask->direction, found, query.count, ask->exclude,
                          ask->exclude_count, ask->topk, &ask->compared, scratch);
    nsky_free(scratch);
    nsky_free(found);
    return status;
}

typedef struct company {
    const nsky_knn *graph;
    const nsky_scan *scan;
    nsky_knn_ask *asks;
} company;

static nsky_status answer_task(uint64_t task, uint32_t thread, void *payload, nsky_error *err)
{
    (void)thread;
    const company *c = payload;
    return answer(c->graph, c->scan, &c->asks[task], err);
}

nsky_status nsky_by_graph(const nsky_knn *graph, const nsky_scan *scan, nsky_knn_ask *asks,
                          uint32_t count, uint32_t threads, nsky_error *err)
{
    assert(graph && scan && asks && err);
    company c = {graph, scan, asks};
    return nsky_parallel_try(count, nsky_parallel_threads(threads, count), answer_task, &c, err);
}

nsky_json *nsky_knn_describe(const nsky_knn_effort *effort, const nsky_recall *recall)
{
    nsky_json *graph = nsky_json_object();
    nsky_json_put_integer(graph, "beam", effort->beam);
    nsky_json_put_integer(graph, "candidates", effort->candidates);
    nsky_json_put_fixed(graph, "candidates_a_hit", effort->candidates_a_hit, 2);
    nsky_json_put_fixed(graph, "recall_at_10", recall->at_10, 4);
    nsky_json_put_fixed(graph, "recall_at_100", recall->at_100, 4);
    return graph;
}

static bool is_whole(double value, double least, double most)
{
    return value >= least && value <= most && value == floor(value);
}

nsky_status nsky_knn_efforts_read(nsky_knn_effort efforts[2], const nsky_json *graph,
                                  const char *folder, nsky_error *err)
{
    const double beam = nsky_json_get_number(graph, "beam", NAN);
    const double candidates = nsky_json_get_number(graph, "candidates", NAN);
    const double a_hit = nsky_json_get_number(graph, "candidates_a_hit", NAN);
    if (!is_whole(beam, 1, NSKY_KNN_BEAM_MAX) || !is_whole(candidates, 1, NSKY_KNN_BEAM_MAX) ||
        !(a_hit >= 1 && a_hit <= 1000))
        return nsky_fail(
            err, NSKY_EDATA,
            "%s/manifest.json: the graph's effort makes no sense; run `nearsky index` again",
            folder);
    efforts[0] = (nsky_knn_effort){(uint32_t)beam, (uint32_t)candidates, a_hit};
    efforts[1] = (nsky_knn_effort){(uint32_t)fmax(1, beam / 2), (uint32_t)fmax(1, candidates / 2),
                                   fmax(1, a_hit / 2)};
    return NSKY_OK;
}
