/* graph_reach.c - pruning can take the last link to a row away; such rows get one back. */
#include <string.h>

#include "common/memory.h"
#include "index/graph_build.h"

#define ROUNDS 4
#define NEAR 16 /* rows asked whether they have room for a link */

static void mark(uint8_t *marks, uint32_t row)
{
    marks[row >> 3] |= (uint8_t)(1u << (row & 7));
}

static bool marked(const uint8_t *marks, uint32_t row)
{
    return marks[row >> 3] >> (row & 7) & 1;
}

/* Marks what can be walked to. queue [stored]. */
static uint64_t flood(nsky_knn_work *w, uint32_t *queue)
{
    const nsky_knn *g = &w->graph;
    uint64_t count = g->entry_count;
    memset(w->marks, 0, g->rows / 8 + 1);
    memcpy(queue, g->entries, g->entry_count * sizeof *queue);
    for (uint32_t i = 0; i < g->entry_count; i++)
        mark(w->marks, g->entries[i]);
    for (uint64_t next = 0; next < count; next++) {
        const uint32_t *links = g->links + (size_t)queue[next] * g->degree;
        for (uint32_t k = 0; k < g->degree && links[k] != NSKY_KNN_NONE; k++)
            if (!marked(w->marks, links[k])) {
                mark(w->marks, links[k]);
                queue[count++] = links[k];
            }
    }
    return count;
}

/* From the nearest that has room; else in place of the nearest one's last link, whose row gets its
 * own back in the next round if that was its only one. */
static nsky_status link_to(nsky_knn_work *w, uint32_t row, nsky_error *err)
{
    const nsky_knn *g = &w->graph;
    nsky_knn_walker *walker = &w->walkers[0];
    int8_t query[NSKY_CODED_MAX];
    nsky_knn_target target = {.query = query, .norms = w->norms};
    target.bias = nsky_knn_as_query(g, row, query);
    nsky_status status = nsky_knn_walk(walker, g, &w->kernel, &target, w->beam, 0, err);
    if (status != NSKY_OK)
        return status;
    for (uint32_t i = 0; i < walker->count && i < NEAR; i++) {
        uint32_t *links = w->links + (size_t)walker->pool[i].row * g->degree;
        for (uint32_t k = 0; k < g->degree; k++)
            if (links[k] == NSKY_KNN_NONE && walker->pool[i].row != row) {
                links[k] = row;
                return NSKY_OK;
            }
    }
    if (walker->count > 0 && walker->pool[0].row != row)
        w->links[(size_t)walker->pool[0].row * g->degree + g->degree - 1] = row;
    return NSKY_OK;
}

nsky_status nsky_knn_reach_all(nsky_knn_work *w, nsky_error *err)
{
    nsky_status status = NSKY_OK;
    uint32_t *queue = nsky_alloc(w->stored, sizeof *queue, err);
    if (!queue)
        return err->status;
    for (uint32_t round = 0; round < ROUNDS && status == NSKY_OK; round++) {
        if (flood(w, queue) == w->stored)
            break;
        for (uint64_t i = 0; i < w->stored && status == NSKY_OK; i++)
            if (!marked(w->marks, w->order[i])) {
                status = link_to(w, w->order[i], err);
                mark(w->marks, w->order[i]);
            }
    }
    nsky_free(queue);
    return status;
}
