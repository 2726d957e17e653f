/* graph_prune.c - which of the near rows become links. Pure: any thread. */
#include <assert.h>

#include "index/graph_private.h"

/* A candidate is left out when SLACK times its square distance to a kept one is no more than that
 * to the row: 1 keeps the graph thin, more keeps longer links (Vamana's alpha, squared). */
#define SLACK_ABOVE 6
#define SLACK_BELOW 5

/* The row's values as signed bytes, and 128 times their sum. */
int32_t nsky_knn_as_query(const nsky_knn *graph, uint32_t row, int8_t *query)
{
    const uint8_t *code = graph->codes + (size_t)row * graph->coded;
    int32_t sum = 0;
    for (uint32_t d = 0; d < graph->coded; d++) {
        query[d] = (int8_t)(code[d] - 128);
        sum += query[d];
    }
    return 128 * sum;
}

uint32_t nsky_knn_prune(const nsky_knn *graph, const nsky_knn_kernel *kernel, const int32_t *norms,
                        const nsky_knn_hit *candidates, uint32_t count, uint32_t *links)
{
    int8_t query[NSKY_CODED_MAX];
    int32_t sums[NSKY_KNN_DEGREE_MAX];
    uint32_t kept = 0;
    for (uint32_t c = 0; c < count && kept < graph->degree; c++) {
        const uint32_t row = candidates[c].row;
        const int64_t distance = -(int64_t)candidates[c].key;
        const int32_t bias = nsky_knn_as_query(graph, row, query);
        bool hidden = false;
        kernel->dots(query, graph->codes, graph->coded, links, kept, sums);
        for (uint32_t k = 0; k < kept && !hidden; k++) {
            int64_t between = (int64_t)norms[row] + norms[links[k]] - 2 * ((int64_t)sums[k] - bias);
            hidden = links[k] == row || SLACK_ABOVE * between <= SLACK_BELOW * distance;
        }
        if (!hidden)
            links[kept++] = row;
    }
    for (uint32_t k = kept; k < graph->degree; k++)
        links[k] = NSKY_KNN_NONE;
    return kept;
}
