/* suggest.c - see suggest.h. Rows go by once, by their codes where there are some; what is kept is
 * a pool of the most promising, whose vectors are then looked at. */
#include "probe/suggest.h"

#include <assert.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "common/memory.h"
#include "probe/sample.h"
#include "probe/suggest_pool.h"

#define POOL_PER_PICK 20
#define POOL_MIN 1000

typedef struct suggestion {
    const nsky_probe *probe;
    const nsky_search *search;
    uint32_t output;
    uint64_t rows;
    uint8_t *allowed;
    nsky_pool pools[NSKY_SCORES_THREADS]; /* the first is what comes of all */
    atomic_bool failed;                   /* no memory for a pool */
    float *vectors;                       /* [pool's count, dim], of unit length */
} suggestion;

static nsky_linear output_of(const nsky_probe *probe, uint32_t output)
{
    return (nsky_linear){probe->weights + (size_t)output * probe->dim, probe->bias[output]};
}

/* Probability is the logistic function of this: the same order, and cheap for every row. */
static double log_odds(const nsky_probe *probe, uint32_t output, double score)
{
    const nsky_calibration *c = probe->calibration ? &probe->calibration[output] : NULL;

    return c ? c->slope * score + c->offset : score;
}

static double logistic(double x)
{
    return 1 / (1 + exp(-x));
}

/* 0 sure .. 1; scores [outputs, stride]. */
static float unsure_of(const nsky_probe *probe, const float *scores, uint32_t stride)
{
    double best = -INFINITY, second = -INFINITY;

    if (probe->outputs == 1) {
        double p = logistic(log_odds(probe, 0, (double)scores[0]));
        return (float)(4 * p * (1 - p));
    }
    for (uint32_t o = 0; o < probe->outputs; o++) {
        double odds = log_odds(probe, o, (double)scores[(size_t)o * stride]);
        second = fmax(second, fmin(best, odds));
        best = fmax(best, odds);
    }
    return (float)(1 - (logistic(best) - logistic(second)));
}

/* --- all rows, by their scores --- */

static void consider(const uint32_t *rows, uint32_t n, const float *scores, uint32_t thread,
                     void *payload)
{
    suggestion *s = payload;
    nsky_pool *pool = &s->pools[thread];
    nsky_error err = NSKY_ERROR_INIT;

    if (!pool->items && !(pool->items = nsky_alloc(pool->max, sizeof *pool->items, &err))) {
        atomic_store(&s->failed, true);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        float unsure = s->probe->outputs == 1
                           ? (float)-fabs(log_odds(s->probe, 0, (double)scores[i]))
                           : unsure_of(s->probe, scores + i, n);
        nsky_pool_offer(pool, rows[i], unsure);
    }
}

static nsky_status consider_all(suggestion *s, nsky_error *err)
{
    const uint32_t outputs = s->probe->outputs;
    nsky_linear *linear = nsky_alloc(outputs, sizeof *linear, err);

    if (!linear)
        return err->status;
    for (uint32_t o = 0; o < outputs; o++)
        linear[o] = output_of(s->probe, o);
    nsky_status status =
        nsky_search_each_score(s->search, linear, outputs, s->allowed, consider, s, err);
    nsky_free(linear);
    if (status == NSKY_OK && atomic_load(&s->failed))
        status = nsky_fail(err, NSKY_ENOMEM, "out of memory looking for suggestions");
    for (uint32_t t = 1; t < NSKY_SCORES_THREADS && status == NSKY_OK; t++)
        for (uint32_t i = 0; i < s->pools[t].count; i++)
            nsky_pool_offer(&s->pools[0], s->pools[t].items[i].row, s->pools[t].items[i].unsure);
    return status;
}

/* --- of a regression: rows far from what it learned from --- */

typedef struct far_look {
    const nsky_probe *probe;
    float *unsure; /* [n]; NaN: no vector */
} far_look;

static bool is_blank(const float *x, uint32_t dim)
{
    for (uint32_t j = 0; j < dim; j++)
        if (x[j] != 0)
            return false;
    return true;
}

/* How far out, squeezed below 1. */
static void look_how_far(uint64_t i, const float *x, void *payload)
{
    const far_look *look = payload;
    const double novelty = nsky_probe_novelty(look->probe, x);

    look->unsure[i] = is_blank(x, look->probe->dim) ? NAN : (float)(novelty / (1 + novelty));
}

/* That cannot be told from scores, so vectors are read: of a large survey a sample's. */
static nsky_status consider_sample(suggestion *s, nsky_error *err)
{
    far_look look = {.probe = s->probe};
    uint32_t *rows = NULL, count = 0;
    nsky_status status =
        nsky_sample_rows(&rows, &count, s->rows, s->allowed, NSKY_SUGGEST_SAMPLE, err);

    if (status == NSKY_OK && !(look.unsure = nsky_alloc(count, sizeof *look.unsure, err)))
        status = err->status;
    if (status == NSKY_OK)
        status = nsky_search_vectors(s->search, rows, count, look_how_far, &look, err);
    for (uint32_t i = 0; i < count && status == NSKY_OK; i++)
        if (!isnan(look.unsure[i]))
            nsky_pool_offer(&s->pools[0], rows[i], look.unsure[i]);
    nsky_free(look.unsure);
    nsky_free(rows);
    return status;
}

/* --- the pool --- */

/* Its vector, and how unsure the probe is of it by this. */
static void look_closely(uint64_t i, const float *vector, void *payload)
{
    suggestion *s = payload;
    const nsky_probe *probe = s->probe;
    nsky_candidate *candidate = &s->pools[0].items[i];
    float *x = s->vectors + i * probe->dim, scores[NSKY_CLASSES_MAX] = {0};
    double square = 0;

    for (uint32_t o = 0; o < probe->outputs; o++) {
        const nsky_linear linear = output_of(probe, o);
        scores[o] = nsky_score_vector(&linear, vector, probe->dim);
    }
    candidate->score = scores[s->output];
    if (probe->kind != NSKY_PROBE_REGRESSION)
        candidate->unsure = unsure_of(probe, scores, 1);
    for (uint32_t j = 0; j < probe->dim; j++)
        square += (double)vector[j] * (double)vector[j];
    for (uint32_t j = 0; j < probe->dim; j++)
        x[j] = (float)((double)vector[j] / sqrt(square));
}

static nsky_status look_at_pool(suggestion *s, nsky_error *err)
{
    const nsky_pool *pool = &s->pools[0];
    uint32_t *rows = nsky_alloc(pool->count, sizeof *rows, err);

    s->vectors = nsky_alloc((size_t)pool->count * s->probe->dim, sizeof *s->vectors, err);
    nsky_status status = rows && s->vectors ? NSKY_OK : err->status;
    for (uint32_t i = 0; i < pool->count && status == NSKY_OK; i++)
        rows[i] = pool->items[i].row;
    if (status == NSKY_OK)
        status = nsky_search_vectors(s->search, rows, pool->count, look_closely, s, err);
    nsky_free(rows);
    return status;
}

static float cosine(const float *a, const float *b, uint32_t dim)
{
    double sum = 0;

    for (uint32_t j = 0; j < dim; j++)
        sum += (double)a[j] * (double)b[j];
    return (float)sum;
}

/* One that is like a chosen one would tell little more: vectors of one model lie close together, so
 * likeness counts from the pool's own mean likeness up. */
static void pick(suggestion *s, uint32_t n, uint32_t *rows, float *scores, uint32_t *count)
{
    const uint32_t dim = s->probe->dim;
    nsky_pool *pool = &s->pools[0];

    for (*count = 0; *count < n && *count < pool->count; ++*count) {
        uint32_t best = UINT32_MAX;
        float most = -1;
        for (uint32_t i = 0; i < pool->count; i++) {
            const nsky_candidate *c = &pool->items[i];
            float value = c->unsure * (*count ? sqrtf(fmaxf(0, 1 - c->likest)) : 1);
            bool better = value > most ||
                          (value == most && best < UINT32_MAX && c->row < pool->items[best].row);
            if (!c->chosen && better) {
                best = i;
                most = value;
            }
        }
        pool->items[best].chosen = true;
        rows[*count] = pool->items[best].row;
        scores[*count] = pool->items[best].score;
        for (uint32_t i = 0; i < pool->count; i++)
            pool->items[i].likest =
                fmaxf(pool->items[i].likest,
                      cosine(s->vectors + (size_t)i * dim, s->vectors + (size_t)best * dim, dim));
    }
}

/* Objects that the probe learned from, by id; those not in this survey are nobody's loss. */
static nsky_status drop_labelled(suggestion *s, nsky_survey *survey, nsky_error *err)
{
    const nsky_probe *probe = s->probe;

    for (uint32_t i = 0; i < probe->label_count; i++) {
        nsky_object object = {.row = probe->labels[i].row};
        nsky_status status = probe->rows_known
                                 ? NSKY_OK
                                 : nsky_survey_by_id(survey, probe->labels[i].id, &object, err);
        if (status == NSKY_OK && object.row < s->rows)
            s->allowed[object.row >> 3] &= (uint8_t) ~(1u << (object.row & 7));
        else if (status != NSKY_OK && status != NSKY_ENOTFOUND)
            return status;
    }
    return NSKY_OK;
}

nsky_status nsky_suggest(const nsky_probe *probe, uint32_t output, const nsky_search *search,
                         nsky_survey *survey, const nsky_filter *filter, uint32_t n, uint32_t *rows,
                         float *scores, uint32_t *count, nsky_error *err)
{
    assert(probe && output < probe->outputs && search && survey && filter && rows && scores);
    assert(count && err && n >= 1 && n <= NSKY_SUGGEST_MAX);
    const uint32_t pool_max = n * POOL_PER_PICK > POOL_MIN ? n * POOL_PER_PICK : POOL_MIN;
    suggestion s = {
        .probe = probe, .search = search, .output = output, .rows = nsky_search_rows(search)};
    uint64_t matching = 0;
    nsky_status status = nsky_probe_check(probe, nsky_search_manifest(search), err);

    *count = 0;
    for (uint32_t t = 0; t < NSKY_SCORES_THREADS; t++)
        s.pools[t].max = pool_max;
    if (status == NSKY_OK && s.rows > UINT32_MAX)
        status = nsky_fail(err, NSKY_ELIMIT, "more than %u rows", UINT32_MAX);
    if (status == NSKY_OK &&
        !(s.pools[0].items = nsky_alloc(pool_max, sizeof(nsky_candidate), err)))
        status = err->status;
    if (status == NSKY_OK &&
        (status = nsky_search_allowed(search, filter, &s.allowed, &matching, err)) == NSKY_OK &&
        (status = drop_labelled(&s, survey, err)) == NSKY_OK &&
        (status = (probe->kind == NSKY_PROBE_REGRESSION ? consider_sample
                                                        : consider_all)(&s, err)) == NSKY_OK &&
        (status = look_at_pool(&s, err)) == NSKY_OK)
        pick(&s, n, rows, scores, count);
    for (uint32_t t = 0; t < NSKY_SCORES_THREADS; t++)
        nsky_free(s.pools[t].items);
    nsky_free(s.allowed);
    nsky_free(s.vectors);
    return status;
}
