/* neighbours.c - see neighbours.h. */
#include "eval/neighbours.h"

#include <assert.h>
#include <math.h>

#include "common/memory.h"
#include "index/scan.h"
#include "probe/tasks.h"

#define BLOCK 16 /* queries that share one pass over the rows */

typedef struct work {
    const nsky_neighbours_query *q;
    uint32_t padded;
    float *unit;     /* [n, padded]; of unit length for cosines */
    uint8_t *blank;  /* [n] */
    float *handicap; /* [n]: taken off the product; 0 for cosines, half the square of the length for
                        distances */
    nsky_dot_kernel kernel;
    uint32_t *out;
} work;

static nsky_status make_unit(work *w, nsky_error *err)
{
    const nsky_features *f = w->q->features;

    w->padded = nsky_scan_padded(f->dim);
    w->unit = nsky_alloc_aligned((size_t)f->n * w->padded, sizeof *w->unit, err);
    w->blank = nsky_alloc(f->n, 1, err);
    w->handicap = nsky_alloc(f->n, sizeof *w->handicap, err);
    if (!w->unit || !w->blank || !w->handicap)
        return err->status;
    for (size_t i = 0; i < f->n; i++) {
        const float *from = f->x + i * f->dim;
        float *to = w->unit + i * w->padded;
        double square = 0;
        for (uint32_t j = 0; j < f->dim; j++)
            square += (double)from[j] * from[j];
        double scale = f->euclidean ? 1 : (square > 0 ? 1 / sqrt(square) : 0);
        for (uint32_t j = 0; j < w->padded; j++)
            to[j] = j < f->dim ? (float)(from[j] * scale) : 0;
        w->blank[i] = !f->euclidean && !(square > 0);
        w->handicap[i] = f->euclidean ? (float)(square / 2) : 0;
    }
    return NSKY_OK;
}

static bool may_find(const nsky_neighbours_query *q, uint32_t query, uint32_t object)
{
    if (q->candidate && !q->candidate[object])
        return false;
    return q->side ? q->side[object] != q->side[query] : object != query;
}

static void scan(const work *w, uint32_t first, uint32_t count, nsky_topk *topks)
{
    const nsky_neighbours_query *q = w->q;

    for (uint32_t object = 0; object < q->features->n; object++) {
        const float *row = w->unit + (size_t)object * w->padded;
        if (w->blank[object])
            continue;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t query = q->queries[first + i];
            if (w->blank[query] || !may_find(q, query, object))
                continue;
            float cosine = w->kernel.dot(row, w->unit + (size_t)query * w->padded, w->padded);
            nsky_topk_offer(&topks[i], (nsky_hit){object, cosine - w->handicap[object]});
        }
    }
}

static nsky_status run_block(void *payload, uint32_t block, nsky_error *err)
{
    const work *w = payload;
    const uint32_t k = w->q->k, first = block * BLOCK;
    const uint32_t count = w->q->count - first < BLOCK ? w->q->count - first : BLOCK;
    nsky_topk topks[BLOCK] = {0};
    nsky_hit *hits = nsky_alloc((size_t)BLOCK * k, sizeof *hits, err);

    if (!hits)
        return err->status;
    for (uint32_t i = 0; i < count; i++)
        topks[i] = (nsky_topk){hits + (size_t)i * k, k, 0};
    scan(w, first, count, topks);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t *out = w->out + (size_t)(first + i) * k;
        nsky_topk_sort(&topks[i]);
        for (uint32_t j = 0; j < k; j++)
            out[j] = j < topks[i].count ? (uint32_t)topks[i].hits[j].row : NSKY_NEIGHBOUR_NONE;
    }
    nsky_free(hits);
    return NSKY_OK;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the blocks write to it */
nsky_status nsky_neighbours_find(uint32_t *out, const nsky_neighbours_query *query, nsky_error *err)
{
    assert(out && query && query->k > 0 && err);
    work w = {.q = query, .out = out};
    nsky_dot_kernel kernels[3];
    nsky_status status = make_unit(&w, err);

    if (status == NSKY_OK) {
        nsky_dot_kernels(kernels);
        w.kernel = kernels[0];
        status =
            nsky_tasks_run((query->count + BLOCK - 1) / BLOCK, query->threads, run_block, &w, err);
    }
    nsky_free(w.unit);
    nsky_free(w.blank);
    nsky_free(w.handicap);
    return status;
}
