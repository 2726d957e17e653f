/* suggest.c - see suggest.h. */
#include "probe/suggest.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

#define POOL_PER_PICK 20
#define POOL_MIN 1000

typedef struct candidate {
    uint32_t row;
    float unsure; /* 0 sure .. 1 */
    float likest; /* highest cosine to one chosen already */
    bool chosen;
} candidate;

typedef struct suggestion {
    const nsky_probe *probe;
    const nsky_search *search;
    float *scores; /* [outputs, rows] */
    uint64_t rows;
    uint8_t *allowed;
    candidate *pool;
    uint32_t pool_count, pool_max;
    float *vectors; /* [pool_count, dim], of unit length */
} suggestion;

static nsky_linear output_of(const nsky_probe *probe, uint32_t output)
{
    return (nsky_linear){probe->weights + (size_t)output * probe->dim, probe->bias[output]};
}

/* Who might be unsure: of a large survey the codes are enough to tell. */
static nsky_status score_all(suggestion *s, nsky_error *err)
{
    const nsky_probe *probe = s->probe;
    const bool coded = nsky_search_has_codes(s->search);
    float errors[NSKY_SCORE_PROBES_MAX];
    nsky_status status = NSKY_OK;

    s->scores = nsky_alloc((size_t)probe->outputs * s->rows, sizeof *s->scores, err);
    if (!s->scores)
        return err->status;
    for (uint32_t o = 0; o < probe->outputs && status == NSKY_OK; o += NSKY_SCORE_PROBES_MAX) {
        nsky_linear linear[NSKY_SCORE_PROBES_MAX];
        uint32_t count = probe->outputs - o;
        count = count < NSKY_SCORE_PROBES_MAX ? count : NSKY_SCORE_PROBES_MAX;
        for (uint32_t i = 0; i < count; i++)
            linear[i] = output_of(probe, o + i);
        float *scores = s->scores + (size_t)o * s->rows;
        status = coded ? nsky_search_coded_scores(s->search, linear, count, scores, errors, err)
                       : nsky_search_scores(s->search, linear, count, scores, NULL, NULL, err);
    }
    return status;
}

static double probability(const nsky_probe *probe, uint32_t output, float score)
{
    double p = nsky_probe_probability(probe, output, (double)score);

    return isnan(p) ? 1 / (1 + exp(-(double)score)) : p;
}

static float unsure_of(const suggestion *s, uint64_t row)
{
    const nsky_probe *probe = s->probe;
    double best = 0, second = 0;

    if (probe->outputs == 1) {
        double p = probability(probe, 0, s->scores[row]);
        return (float)(4 * p * (1 - p));
    }
    for (uint32_t o = 0; o < probe->outputs; o++) {
        double p = probability(probe, o, s->scores[o * s->rows + row]);
        if (p > best) {
            second = best;
            best = p;
        } else if (p > second) {
            second = p;
        }
    }
    return (float)(1 - (best - second));
}

/* Of a regression: how far out, squeezed below 1. */
static float far_out(const suggestion *s, uint64_t row, float *scratch)
{
    nsky_error none = NSKY_ERROR_INIT;

    if (nsky_search_vector(s->search, row, scratch, &none) != NSKY_OK)
        return 0;
    double novelty = nsky_probe_novelty(s->probe, scratch);
    return (float)(novelty / (1 + novelty));
}

/* The least unsure of the pool is at its root. */
static bool less(const candidate *a, const candidate *b)
{
    return a->unsure != b->unsure ? a->unsure < b->unsure : a->row > b->row;
}

static void offer(suggestion *s, candidate new)
{
    uint32_t i;

    if (s->pool_count < s->pool_max) {
        for (i = s->pool_count++; i > 0 && less(&new, &s->pool[(i - 1) / 2]); i = (i - 1) / 2)
            s->pool[i] = s->pool[(i - 1) / 2];
        s->pool[i] = new;
        return;
    }
    if (!less(&s->pool[0], &new))
        return;
    for (i = 0;;) {
        uint32_t child = 2 * i + 1;
        if (child + 1 < s->pool_count && less(&s->pool[child + 1], &s->pool[child]))
            child++;
        if (child >= s->pool_count || !less(&s->pool[child], &new))
            break;
        s->pool[i] = s->pool[child];
        i = child;
    }
    s->pool[i] = new;
}

static nsky_status fill_pool(suggestion *s, nsky_error *err)
{
    const uint32_t dim = s->probe->dim;
    float *scratch = nsky_alloc(dim, sizeof *scratch, err);
    nsky_status status = scratch ? NSKY_OK : err->status;

    for (uint64_t row = 0; row < s->rows && status == NSKY_OK; row++) {
        if (isnan(s->scores[row]) || !(s->allowed[row >> 3] >> (row & 7) & 1))
            continue;
        float unsure =
            s->probe->kind == NSKY_PROBE_REGRESSION ? far_out(s, row, scratch) : unsure_of(s, row);
        offer(s, (candidate){.row = (uint32_t)row, .unsure = unsure});
    }
    nsky_free(scratch);
    return status;
}

/* Their vectors, and how unsure the probe is of them by these. */
static nsky_status look_closely(suggestion *s, nsky_error *err)
{
    const uint32_t dim = s->probe->dim;
    nsky_status status = NSKY_OK;

    s->vectors = nsky_alloc((size_t)s->pool_count * dim, sizeof *s->vectors, err);
    if (!s->vectors)
        return err->status;
    for (uint32_t i = 0; i < s->pool_count && status == NSKY_OK; i++) {
        float *x = s->vectors + (size_t)i * dim;
        const uint32_t row = s->pool[i].row;
        double square = 0;
        status = nsky_search_vector(s->search, row, x, err);
        for (uint32_t o = 0; o < s->probe->outputs; o++) {
            const nsky_linear linear = output_of(s->probe, o);
            s->scores[o * s->rows + row] = nsky_score_vector(&linear, x, dim);
        }
        if (s->probe->kind != NSKY_PROBE_REGRESSION)
            s->pool[i].unsure = unsure_of(s, row);
        for (uint32_t j = 0; j < dim; j++)
            square += (double)x[j] * (double)x[j];
        for (uint32_t j = 0; j < dim; j++)
            x[j] = (float)((double)x[j] / sqrt(square));
    }
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
static void pick(suggestion *s, uint32_t n, uint32_t *rows, float *scores, uint32_t output,
                 uint32_t *count)
{
    const uint32_t dim = s->probe->dim;

    for (*count = 0; *count < n && *count < s->pool_count; ++*count) {
        uint32_t best = UINT32_MAX;
        float most = -1;
        for (uint32_t i = 0; i < s->pool_count; i++) {
            const candidate *c = &s->pool[i];
            float value = c->unsure * (*count ? sqrtf(fmaxf(0, 1 - c->likest)) : 1);
            bool better =
                value > most || (value == most && best < UINT32_MAX && c->row < s->pool[best].row);
            if (!c->chosen && better) {
                best = i;
                most = value;
            }
        }
        s->pool[best].chosen = true;
        rows[*count] = s->pool[best].row;
        scores[*count] = s->scores[output * s->rows + s->pool[best].row];
        for (uint32_t i = 0; i < s->pool_count; i++)
            s->pool[i].likest =
                fmaxf(s->pool[i].likest,
                      cosine(s->vectors + (size_t)i * dim, s->vectors + (size_t)best * dim, dim));
    }
}

/* Objects that the probe learned from, by id; those not in this survey are nobody's loss. */
static nsky_status drop_labelled(suggestion *s, nsky_survey *survey, nsky_error *err)
{
    nsky_object object;

    for (uint32_t i = 0; i < s->probe->label_count; i++) {
        nsky_status status = nsky_survey_by_id(survey, s->probe->labels[i].id, &object, err);
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
    suggestion s = {.probe = probe, .search = search, .rows = nsky_search_rows(search)};
    uint64_t matching = 0;
    nsky_status status = nsky_probe_check(probe, nsky_search_manifest(search), err);

    *count = 0;
    if (status == NSKY_OK && s.rows > UINT32_MAX)
        status = nsky_fail(err, NSKY_ELIMIT, "more than %u rows", UINT32_MAX);
    s.pool_max = n * POOL_PER_PICK > POOL_MIN ? n * POOL_PER_PICK : POOL_MIN;
    if (status == NSKY_OK && !(s.pool = nsky_alloc(s.pool_max, sizeof *s.pool, err)))
        status = err->status;
    if (status == NSKY_OK &&
        (status = nsky_search_allowed(search, filter, &s.allowed, &matching, err)) == NSKY_OK &&
        (status = drop_labelled(&s, survey, err)) == NSKY_OK &&
        (status = score_all(&s, err)) == NSKY_OK && (status = fill_pool(&s, err)) == NSKY_OK &&
        (status = look_closely(&s, err)) == NSKY_OK)
        pick(&s, n, rows, scores, output, count);
    nsky_free(s.scores);
    nsky_free(s.allowed);
    nsky_free(s.pool);
    nsky_free(s.vectors);
    return status;
}
