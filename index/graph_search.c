/* graph_search.c - a direction to candidates. Any thread. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "index/graph_private.h"

/* Rows that a walk compares for each place in view, by measurement (docs/index.md). */
#define COMPARED_PER_PLACE 12
#define SWEEP_ROWS 1024

typedef struct direction {
    int8_t values[NSKY_CODED_MAX];
    int32_t bias;
    float base, scale; /* score = base + scale * (sum - bias) */
} direction;

/* Into the codes' space, in 8 bits: the rounding is lost in that of the codes. */
static nsky_status prepare(direction *out, const nsky_knn *g, const float *w, nsky_error *err)
{
    nsky_dot_kernel dots[3];
    float turned[NSKY_CODED_MAX], largest = 0;
    nsky_dot_kernels(dots);
    for (uint32_t d = 0; d < g->coded; d++) {
        turned[d] = dots[0].dot(w, g->rotation + (size_t)d * g->padded, g->padded);
        largest = fmaxf(largest, fabsf(turned[d]));
    }
    out->base = dots[0].dot(w, g->mean, g->padded);
    if (!isfinite(largest) || !isfinite(out->base))
        return nsky_fail(err, NSKY_EINVAL, "the direction searched is not finite");
    const float step = largest > 0 ? largest / 127 : 1;
    int32_t sum = 0;
    for (uint32_t d = 0; d < g->coded; d++) {
        out->values[d] = (int8_t)lrintf(turned[d] / step);
        sum += out->values[d];
    }
    out->bias = 128 * sum;
    out->scale = step * g->scale;
    return NSKY_OK;
}

static void hand_over(nsky_knn_query *query, const direction *way, const nsky_knn_hit *hits,
                      uint32_t count)
{
    query->count = count < query->want ? count : query->want;
    for (uint32_t i = 0; i < query->count; i++)
        query->found[i] =
            (nsky_candidate){hits[i].row, way->base + way->scale * (float)hits[i].key};
}

/* A row without a vector has a code of zeros, which a direction's length can make look near. */
static bool is_blank(const nsky_knn *g, uint32_t row)
{
    const uint8_t *code = g->codes + (size_t)row * g->coded;
    for (uint32_t d = 0; d < g->coded; d++)
        if (code[d] != 128)
            return false;
    return g->links[(size_t)row * g->degree] == NSKY_KNN_NONE;
}

/* Compares the codes of all that are allowed. */
static nsky_status sweep(const nsky_knn *g, const nsky_knn_kernel *kernel, const direction *way,
                         nsky_knn_query *query, nsky_error *err)
{
    uint32_t rows[SWEEP_ROWS], waiting = 0, count = 0, at;
    int32_t sums[SWEEP_ROWS];
    nsky_knn_hit *hits = nsky_alloc(query->want, sizeof *hits, err);
    if (!hits)
        return err->status;
    query->swept = true;
    for (uint64_t row = 0; row <= g->rows; row++) {
        if (waiting == SWEEP_ROWS || (row == g->rows && waiting > 0)) {
            kernel->dots(way->values, g->codes, g->coded, rows, waiting, sums);
            for (uint32_t i = 0; i < waiting; i++) {
                nsky_knn_hit hit = {sums[i] - way->bias, rows[i]};
                if ((count < query->want || nsky_knn_better(hit, hits[count - 1])) &&
                    !is_blank(g, hit.row))
                    nsky_knn_insert(hits, &count, query->want, hit, &at);
            }
            query->compared += waiting;
            waiting = 0;
        }
        if (row == g->rows)
            break;
        if (!query->allowed || (query->allowed[row >> 3] >> (row & 7) & 1))
            rows[waiting++] = (uint32_t)row;
        else if (query->allowed[row >> 3] == 0 && (row | 7) < g->rows)
            row |= 7; /* none of these eight */
    }
    hand_over(query, way, hits, count);
    nsky_free(hits);
    return NSKY_OK;
}

/* How many rows must be kept in view for `want` allowed ones to be among them. */
static uint64_t beam_for(const nsky_knn *g, const nsky_knn_query *query)
{
    uint64_t beam = query->beam > query->want || query->allowed ? query->beam : query->want;
    if (!query->allowed || query->matching == 0)
        return beam;
    double share = fmin((double)query->matching / (double)g->rows, 1);
    double wanted = (double)(query->beam > query->want ? query->beam : query->want) / share;
    return wanted < 1e15 ? (uint64_t)wanted + 1 : UINT64_MAX / 1024;
}

nsky_status nsky_knn_search(const nsky_knn *g, nsky_knn_query *query, nsky_error *err)
{
    assert(g && query && query->want >= 1 && query->want <= NSKY_KNN_BEAM_MAX && err);
    nsky_knn_kernel kernels[3];
    nsky_knn_walker walker = {0};
    direction way;
    nsky_knn_kernels(kernels);
    query->count = 0;
    query->compared = 0;
    query->swept = false;
    nsky_status status = prepare(&way, g, query->direction, err);
    if (status != NSKY_OK || query->matching == 0)
        return status;
    const uint64_t beam = beam_for(g, query);
    if (beam > NSKY_KNN_BEAM_MAX || beam * COMPARED_PER_PLACE >= query->matching)
        return sweep(g, &kernels[0], &way, query, err);
    const nsky_knn_target target = {
        .query = way.values, .bias = way.bias, .allowed = query->allowed};
    status = nsky_knn_walk(&walker, g, &kernels[0], &target, (uint32_t)beam,
                           query->allowed ? query->want : 0, err);
    if (status == NSKY_OK) {
        query->compared = walker.compared;
        if (query->allowed)
            hand_over(query, &way, walker.found, walker.found_count);
        else
            hand_over(query, &way, walker.pool, walker.count);
    }
    nsky_knn_walker_free(&walker);
    if (status == NSKY_OK && query->count < query->want && query->count < query->matching)
        status = sweep(g, &kernels[0], &way, query, err); /* never fewer than there are */
    return status;
}
