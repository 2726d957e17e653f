/* loss.c - softmax losses and their derivatives; sums in double. Thread rule: see loss.h. */
#include "encoder/train/loss.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"

nsky_status nsky_contrast_new(nsky_contrast **out, const nsky_train_ops *ops, uint32_t samples,
                              uint32_t dim, uint32_t queue, float temperature, nsky_error *err)
{
    assert(out && ops && samples > 0 && dim > 0 && queue > 0 && temperature > 0 && err);
    nsky_contrast *c = nsky_alloc_zero(1, sizeof *c, err);
    size_t vectors = (size_t)samples * dim, logits;

    *out = NULL;
    if (!c)
        return NSKY_ENOMEM;
    c->ops = ops;
    c->samples = samples;
    c->dim = dim;
    c->queue = queue;
    c->temperature = temperature;
    if (!nsky_mul_size(samples, queue, &logits))
        logits = SIZE_MAX;
    if (!(c->unit = nsky_alloc_aligned(vectors, sizeof(float), err)) ||
        !(c->d_unit = nsky_alloc_aligned(vectors, sizeof(float), err)) ||
        !(c->positives = nsky_alloc_aligned(vectors, sizeof(float), err)) ||
        !(c->logits = nsky_alloc_aligned(logits, sizeof(float), err)) ||
        !(c->norms = nsky_alloc(samples, sizeof(double), err)) ||
        !(c->pull = nsky_alloc(samples, sizeof(double), err))) {
        nsky_contrast_free(c);
        return NSKY_ENOMEM;
    }
    *out = c;
    return NSKY_OK;
}

void nsky_contrast_free(nsky_contrast *c)
{
    if (!c)
        return;
    nsky_free(c->unit);
    nsky_free(c->d_unit);
    nsky_free(c->positives);
    nsky_free(c->logits);
    nsky_free(c->norms);
    nsky_free(c->pull);
    nsky_free(c);
}

static double dot(const float *a, const float *b, uint32_t dim)
{
    double sum = 0;

    for (uint32_t d = 0; d < dim; d++)
        sum += (double)a[d] * b[d];
    return sum;
}

nsky_status nsky_row_length(const float *row, uint32_t dim, double *out, nsky_error *err)
{
    assert(row && out && err);
    *out = sqrt(dot(row, row, dim));
    if (!(isfinite(*out) && *out > 0))
        return nsky_fail(err, NSKY_EDATA, NSKY_DIVERGED_TEXT, *out);
    return NSKY_OK;
}

nsky_status nsky_unit_rows(float *rows, uint32_t samples, uint32_t dim, nsky_error *err)
{
    assert(rows && err);
    for (uint32_t n = 0; n < samples; n++) {
        float *row = rows + (size_t)n * dim;
        double length;
        nsky_status status = nsky_row_length(row, dim, &length, err);
        if (status != NSKY_OK)
            return status;
        for (uint32_t d = 0; d < dim; d++)
            row[d] = (float)(row[d] / length);
    }
    return NSKY_OK;
}

static uint32_t largest(const float *values, uint32_t count)
{
    uint32_t best = 0;

    for (uint32_t i = 1; i < count; i++)
        if (values[i] > values[best])
            best = i;
    return best;
}

/* positives: what is nearest to each key in the queue. */
static void find_neighbours(nsky_contrast *c, const float *keys, const float *queue)
{
    c->ops->multiply(c->samples, c->queue, c->dim, keys, queue, true, c->logits);
    for (uint32_t n = 0; n < c->samples; n++)
        memcpy(c->positives + (size_t)n * c->dim,
               queue + (size_t)largest(c->logits + (size_t)n * c->queue, c->queue) * c->dim,
               c->dim * sizeof(float));
}

/* Turns the cosines of a query into weights of its derivative; returns the positive's. */
static double weigh(nsky_contrast *c, float *cosines, double positive, double factor,
                    nsky_contrast_result *result)
{
    double most = positive, sum = 0;
    float best = cosines[largest(cosines, c->queue)];

    if (best > positive)
        most = best;
    else
        result->correct++;
    for (uint32_t k = 0; k < c->queue; k++) {
        float e = expf((float)((cosines[k] - most) / c->temperature));
        cosines[k] = e;
        sum += e;
    }
    double e = exp((positive - most) / c->temperature);
    sum += e;
    result->loss += log(sum) - (positive - most) / c->temperature;
    for (uint32_t k = 0; k < c->queue; k++)
        cosines[k] = (float)(cosines[k] * (factor / sum));
    return factor * (e / sum - 1);
}

/* Through the normalisation: the part along the query itself does nothing. */
static void through_norm(const nsky_contrast *c, uint32_t n, const float *positive, double weight,
                         float *d_query)
{
    const float *unit = c->unit + (size_t)n * c->dim;
    float *d_unit = c->d_unit + (size_t)n * c->dim;

    for (uint32_t d = 0; d < c->dim; d++)
        d_unit[d] = (float)(d_unit[d] + weight * positive[d]);
    double along = dot(d_unit, unit, c->dim);
    for (uint32_t d = 0; d < c->dim; d++)
        d_query[d] = (float)((d_unit[d] - along * unit[d]) / c->norms[n]);
}

nsky_status nsky_contrast_run(nsky_contrast *c, const float *queries, const float *keys,
                              const float *queue, bool neighbours, double scale, float *d_queries,
                              nsky_contrast_result *result, nsky_error *err)
{
    assert(c && queries && keys && queue && d_queries && result && err);
    const float *positives = neighbours ? c->positives : keys;
    nsky_status status;

    *result = (nsky_contrast_result){0, 0};
    if (neighbours)
        find_neighbours(c, keys, queue);
    for (uint32_t n = 0; n < c->samples; n++) {
        const float *query = queries + (size_t)n * c->dim;
        if ((status = nsky_row_length(query, c->dim, &c->norms[n], err)) != NSKY_OK)
            return status;
        for (uint32_t d = 0; d < c->dim; d++)
            c->unit[(size_t)n * c->dim + d] = (float)(query[d] / c->norms[n]);
    }
    c->ops->multiply(c->samples, c->queue, c->dim, c->unit, queue, true, c->logits);
    for (uint32_t n = 0; n < c->samples; n++) {
        size_t at = (size_t)n * c->dim;
        double positive = dot(c->unit + at, positives + at, c->dim);
        c->pull[n] =
            weigh(c, c->logits + (size_t)n * c->queue, positive, scale / c->temperature, result);
    }
    c->ops->multiply(c->samples, c->dim, c->queue, c->logits, queue, false, c->d_unit);
    for (uint32_t n = 0; n < c->samples; n++)
        through_norm(c, n, positives + (size_t)n * c->dim, c->pull[n],
                     d_queries + (size_t)n * c->dim);
    return NSKY_OK;
}

void nsky_cross_entropy(const float *logits, const uint32_t *labels, uint32_t samples,
                        uint32_t classes, double scale, float *d_logits,
                        nsky_contrast_result *result)
{
    assert(logits && labels && classes > 0 && d_logits && result);
    *result = (nsky_contrast_result){0, 0};
    for (uint32_t n = 0; n < samples; n++) {
        const float *row = logits + (size_t)n * classes;
        float *d_row = d_logits + (size_t)n * classes;
        uint32_t best = largest(row, classes), label = labels[n];
        double sum = 0;
        assert(label < classes);
        for (uint32_t k = 0; k < classes; k++)
            sum += exp((double)row[k] - row[best]);
        for (uint32_t k = 0; k < classes; k++)
            d_row[k] = (float)(scale * (exp((double)row[k] - row[best]) / sum - (k == label)));
        result->loss += log(sum) - ((double)row[label] - row[best]);
        result->correct += best == label;
    }
}
