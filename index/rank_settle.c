/* rank_settle.c - rank_private.h: from what a pass found to the k best, scored exactly. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/half.h"
#include "common/memory.h"
#include "index/rank_private.h"

/* --- exact scores --- */

typedef struct exact_work {
    const nsky_ranker *ranker;
    const nsky_rank_query *query;
    nsky_dot_kernel dot;
    float *rows;   /* [NSKY_FETCH_THREADS, padded] */
    float *scores; /* [count] */
} exact_work;

/* As nsky_scan_linear does it, bit for bit. */
static void exact_use(uint64_t i, const void *stored, uint32_t thread, void *payload)
{
    exact_work *w = payload;
    const nsky_vector_type type = w->ranker->scan->vectors.type;
    const uint32_t dim = w->ranker->scan->vectors.dim, padded = nsky_scan_padded(dim);
    float *row = w->rows + (size_t)thread * padded;
    nsky_vector_decode(type, stored, dim, row);
    const float product = w->dot.dot(row, w->query->weights, padded);
    const bool blank = product == 0.0f && nsky_vector_is_blank(type, stored, dim);
    w->scores[i] = blank ? NAN : product + w->query->bias;
}

nsky_status nsky_ranker_exact(const nsky_ranker *ranker, const nsky_rank_query *query,
                              const uint32_t *rows, uint64_t count,
                              /* NOLINTNEXTLINE(readability-non-const-parameter): threads write */
                              float *scores, nsky_error *err)
{
    nsky_dot_kernel dots[3];
    const uint32_t padded = nsky_scan_padded(ranker->scan->vectors.dim);
    nsky_dot_kernels(dots);
    exact_work w = {ranker, query, dots[0],
                    nsky_alloc_zero((size_t)NSKY_FETCH_THREADS * padded, sizeof(float), err),
                    scores};
    if (!w.rows)
        return err->status;
    nsky_status status = nsky_fetch_run(&ranker->fetch, rows, count, exact_use, &w, err);
    nsky_free(w.rows);
    return status;
}

/* --- candidates --- */

typedef nsky_pass_candidate candidate;

static int best_first(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static int by_row(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    return x->row < y->row ? -1 : x->row > y->row;
}

static float upper(const nsky_pass_probe *probe, const candidate *c)
{
    return c->score + (probe->reach * c->bound + probe->rounding);
}

/* All threads' candidates that may reach `least`. NSKY_ELIMIT (not described): not all were kept.
 */
static nsky_status gather(const nsky_pass *pass, uint32_t q, float least, candidate **out,
                          uint32_t *count, nsky_error *err)
{
    uint64_t sum = 0;
    *out = NULL;
    *count = 0;
    for (uint32_t t = 0; t < pass->threads; t++) {
        const nsky_pass_find *find = &pass->finds[(size_t)t * pass->count + q];
        if (find->overflow || find->starved)
            return NSKY_ELIMIT;
        sum += find->count;
    }
    if (!(*out = nsky_alloc(sum, sizeof **out, err)))
        return err->status;
    for (uint32_t t = 0; t < pass->threads; t++) {
        const nsky_pass_find *find = &pass->finds[(size_t)t * pass->count + q];
        for (uint32_t i = 0; i < find->count; i++)
            if (upper(&pass->probes[q], &find->items[i]) >= least)
                (*out)[(*count)++] = find->items[i];
    }
    return NSKY_OK;
}

/* Scores items exactly into the query's best; *seen: the largest share of a bound that an error
 * was. items are put in the order of their rows. */
static nsky_status score_items(const nsky_ranker *ranker, const nsky_pass_probe *probe,
                               nsky_rank_query *query, candidate *items, uint32_t count,
                               double *seen, nsky_error *err)
{
    uint32_t *rows = nsky_alloc(count, sizeof *rows, err);
    float *scores = nsky_alloc(count, sizeof *scores, err);
    nsky_status status = rows && scores ? NSKY_OK : err->status;
    if (status == NSKY_OK) {
        qsort(items, count, sizeof *items, by_row);
        for (uint32_t i = 0; i < count; i++)
            rows[i] = items[i].row;
        status = nsky_ranker_exact(ranker, query, rows, count, scores, err);
    }
    for (uint32_t i = 0; i < count && status == NSKY_OK; i++) {
        if (isnan(scores[i]))
            continue;
        const double error = fabs((double)scores[i] - (double)items[i].score);
        if (error > (double)probe->rounding)
            *seen = fmax(*seen, (error - (double)probe->rounding) / fmax(items[i].bound, 1e-30));
        nsky_topk_offer(&query->topk, (nsky_hit){rows[i], scores[i]});
    }
    query->rescored += count;
    nsky_free(rows);
    nsky_free(scores);
    return status;
}

/* The k-th exact score so far: a heap's root. */
static float kth(const nsky_topk *topk)
{
    return topk->count == topk->k ? topk->hits[0].similarity : -INFINITY;
}

/* First the k best by their codes; the k-th of their exact scores tells who else must be read. */
static nsky_status score_all(const nsky_ranker *ranker, const nsky_pass_probe *probe,
                             nsky_rank_query *query, candidate *items, uint32_t count, double *seen,
                             nsky_error *err)
{
    const uint32_t first = count < query->topk.k ? count : query->topk.k;
    uint32_t kept = first;
    qsort(items, count, sizeof *items, best_first);
    nsky_status status = score_items(ranker, probe, query, items, first, seen, err);
    const float least = kth(&query->topk);
    for (uint32_t i = first; i < count; i++)
        if (upper(probe, &items[i]) >= least)
            items[kept++] = items[i];
    if (status == NSKY_OK)
        status = score_items(ranker, probe, query, items + first, kept - first, seen, err);
    return status;
}

/* What to do next with a probe whose answer so far has `edge` as its k-th score. */
static nsky_rank_step decide(const nsky_pass *pass, uint32_t q, float least, float edge,
                             double seen)
{
    nsky_pass_probe *probe = &pass->probes[q];
    const bool kept_to = probe->reach >= 1.0f || seen <= (double)probe->reach;
    nsky_rank_step step = NSKY_STEP_AGAIN;

    if (kept_to && edge >= least) {
        if (probe->reach >= 1.0f || nsky_pass_within(pass, q) > NSKY_PASS_WITHIN_MAX)
            return NSKY_STEP_DONE;
        step = NSKY_STEP_CERTIFY;
        probe->reach = 1;
    } else if (!kept_to) {
        probe->reach = (float)fmin(1.5 * seen, 1);
    }
    probe->fixed = true;
    probe->least = edge;
    return step;
}

nsky_status nsky_ranker_settle(const nsky_ranker *ranker, const nsky_pass *pass, uint32_t q,
                               nsky_rank_query *query, bool certifying, double share,
                               nsky_rank_step *step, nsky_error *err)
{
    nsky_pass_probe *probe = &pass->probes[q];
    candidate *items = NULL;
    uint32_t count;
    float least;
    double seen = 0;
    nsky_status status = nsky_pass_least(pass, q, &least, err);
    if (status == NSKY_OK)
        status = gather(pass, q, least, &items, &count, err);
    if (status == NSKY_ELIMIT ||
        (status == NSKY_OK && certifying && count > NSKY_RANK_AFFORDED + 2 * query->topk.k)) {
        *step = certifying ? NSKY_STEP_DONE : NSKY_STEP_SCAN; /* what was found stands */
        nsky_free(items);
        return NSKY_OK;
    }
    if (status == NSKY_OK) {
        query->topk.count = 0;
        status = score_all(ranker, probe, query, items, count, &seen, err);
    }
    nsky_free(items);
    if (status != NSKY_OK)
        return status;
    if (seen > 1.01) { /* more than a bound: these codes are not of these vectors */
        *step = NSKY_STEP_SCAN;
        return NSKY_OK;
    }
    const float edge = kth(&query->topk);
    query->method = probe->reach >= 1.0f ? NSKY_RANK_CERTIFIED : NSKY_RANK_SIGMAS;
    query->sigmas = share > 0 ? (float)((double)probe->reach / share) : 0;
    query->sigmas_seen = share > 0 ? (float)(seen / share) : 0;
    *step = decide(pass, q, least, edge, seen);
    return NSKY_OK;
}
