/* query_index.c - query.h: queries that an index answers: FAISS's, the lists or the graph, and what
 * none of them has. Read-only over an open search: any thread. */
#include <math.h>
#include <stdio.h>

#include "common/memory.h"
#include "index/gather.h"
#include "index/query.h"

#define GRAPH_SHARE 0.9 /* of all rows: a walk meets enough of them, the rest was deleted */

/* What the index does not know yet. */
static nsky_status add_delta(const nsky_search *search, nsky_ask *ask, nsky_error *err)
{
    uint64_t compared = 0;
    nsky_status status =
        nsky_gather_run(&search->scan, ask->direction, search->indexed, search->scan.vectors.rows,
                        ask->allowed.bits, &ask->topk, &compared, err);

    ask->answer->scanned += compared;
    return status;
}

static nsky_status by_faiss(const nsky_search *search, nsky_ask *ask, nsky_error *err)
{
    const nsky_query *query = ask->query;
    const nsky_rerank_query asked = {
        .direction = ask->direction,
        .allowed = ask->allowed.bits,
        .share = (double)ask->allowed.matching / (double)search->scan.vectors.rows,
        .depth = query->effort == NSKY_EFFORT_FAST ? 0.25 : 1,
        .exclude = query->exclude,
        .exclude_count = query->exclude_count,
    };

    return nsky_rerank_run(&search->rerank, &asked, &ask->topk, &ask->answer->scanned, err);
}

/* All of them together, a query a thread. */
static nsky_status by_lists(const nsky_search *search, nsky_ask *const *asks, uint32_t count,
                            nsky_error *err)
{
    nsky_lists_ask *asked = nsky_alloc_zero(count, sizeof *asked, err);
    nsky_status status = asked ? NSKY_OK : err->status;

    for (uint32_t i = 0; i < count && status == NSKY_OK; i++) {
        const nsky_query *query = asks[i]->query;
        const double matching = (double)asks[i]->allowed.matching;
        asked[i] = (nsky_lists_ask){
            .direction = asks[i]->direction,
            .allowed = asks[i]->allowed.bits,
            .share = fmax(matching, 1) / (double)search->scan.vectors.rows,
            .effort = search->efforts[query->effort == NSKY_EFFORT_FAST],
            .exclude = query->exclude,
            .exclude_count = query->exclude_count,
            .topk = &asks[i]->topk,
        };
    }
    if (status == NSKY_OK)
        status = nsky_by_lists(&search->inverted, &search->scan, asked, count, 0, err);
    for (uint32_t i = 0; i < count && status == NSKY_OK; i++)
        asks[i]->answer->scanned = asked[i].compared;
    nsky_free(asked);
    return status;
}

/* Filters are the lists' work: one that goes with the vectors may leave a walk no way. */
static bool is_for_graph(const nsky_search *search, const nsky_ask *ask)
{
    const double rows = (double)search->scan.vectors.rows;
    return search->graph.rows > 0 && nsky_filter_is_empty(&ask->query->filter) &&
           (!ask->allowed.bits || (double)ask->allowed.matching >= GRAPH_SHARE * rows);
}

/* All of them together, a query a thread. */
static nsky_status by_graph(const nsky_search *search, nsky_ask *const *asks, uint32_t count,
                            nsky_error *err)
{
    nsky_knn_ask *asked = nsky_alloc(count, sizeof *asked, err);
    nsky_status status = asked ? NSKY_OK : err->status;

    for (uint32_t i = 0; i < count && status == NSKY_OK; i++) {
        const nsky_query *query = asks[i]->query;
        asked[i] = (nsky_knn_ask){
            .direction = asks[i]->direction,
            .allowed = asks[i]->allowed.bits,
            .matching = asks[i]->allowed.bits ? asks[i]->allowed.matching : search->graph.rows,
            .effort = search->graph_efforts[query->effort == NSKY_EFFORT_FAST],
            .exclude = query->exclude,
            .exclude_count = query->exclude_count,
            .topk = &asks[i]->topk,
        };
    }
    if (status == NSKY_OK)
        status = nsky_by_graph(&search->graph, &search->scan, asked, count, 0, err);
    for (uint32_t i = 0; i < count && status == NSKY_OK; i++)
        asks[i]->answer->scanned = asked[i].compared;
    nsky_free(asked);
    return status;
}

/* What the index gave, and what it could not give. */
static nsky_status complete(const nsky_search *search, nsky_ask *ask, nsky_error *err)
{
    const uint64_t matching = ask->allowed.matching;
    nsky_answer *answer = ask->answer;
    nsky_status status = NSKY_OK;

    answer->method = nsky_filter_is_empty(&ask->query->filter) ? "index + re-ranking"
                                                               : "filtered index + re-ranking";
    if (matching == 0) {
        answer->scanned = 0;
        answer->method = "filtered exact scan";
    } else if (ask->topk.count < ask->query->k && answer->scanned < matching) {
        /* Never fewer than there are. */
        ask->topk.count = 0;
        if (!ask->out && (status = nsky_ask_exclude(search, ask, err)) != NSKY_OK)
            return status;
        snprintf(answer->why, NSKY_WHY_BYTES,
                 "the index gave fewer than were asked for: all %llu that match are compared",
                 (unsigned long long)matching);
        answer->method =
            nsky_filter_is_empty(&ask->query->filter) ? "exact scan" : "filtered exact scan";
        status = nsky_gather_run(&search->scan, ask->direction, 0, search->scan.vectors.rows,
                                 ask->allowed.bits, &ask->topk, &answer->scanned, err);
    } else if (search->indexed < search->scan.vectors.rows) {
        status = add_delta(search, ask, err);
    }
    nsky_ask_finish(ask);
    return status;
}

/* To the front those that go through the lists; returns how many. */
static uint32_t part_by_kind(const nsky_search *search, nsky_ask **asks, uint32_t count)
{
    uint32_t listed = 0;

    for (uint32_t i = 0; i < count; i++)
        if (!is_for_graph(search, asks[i])) {
            nsky_ask *other = asks[listed];
            asks[listed++] = asks[i];
            asks[i] = other;
        }
    return listed;
}

nsky_status nsky_query_by_index(const nsky_search *search, nsky_ask **asks, uint32_t count,
                                nsky_error *err)
{
    const bool faiss = search->inverted.lists == 0;
    const uint32_t listed = faiss ? 0 : part_by_kind(search, asks, count);
    nsky_status status = NSKY_OK;

    for (uint32_t i = 0; i < count && faiss && status == NSKY_OK; i++)
        if (asks[i]->allowed.matching > 0)
            status = by_faiss(search, asks[i], err);
    if (listed > 0)
        status = by_lists(search, asks, listed, err);
    if (!faiss && listed < count && status == NSKY_OK)
        status = by_graph(search, asks + listed, count - listed, err);
    for (uint32_t i = 0; i < count && status == NSKY_OK; i++)
        status = complete(search, asks[i], err);
    return status;
}
