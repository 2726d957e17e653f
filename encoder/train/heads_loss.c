/* heads_loss.c - the losses of several heads on one vector, and back to the features.
 * Thread rule: see heads.h. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "encoder/train/heads.h"
#include "encoder/train/loss.h"

struct nsky_heads_loss {
    const nsky_heads *heads;
    const nsky_train_ops *ops;
    uint32_t samples, dim, outputs;
    double *lengths;       /* [samples] */
    float *unit, *d_unit;  /* [samples, dim], of length NSKY_HEADS_LENGTH */
    float *said, *d_said;  /* [samples, outputs] */
    float *turned;         /* [outputs, samples]: d_said */
    float *cosines, *pull; /* [samples, samples], of near heads */
    float *d_near;         /* [samples, dim] */
    float *d_weight;       /* [outputs, dim] */
};

nsky_status nsky_heads_loss_new(nsky_heads_loss **out, const nsky_heads *heads,
                                const nsky_train_ops *ops, uint32_t samples, uint32_t dim,
                                nsky_error *err)
{
    assert(out && heads && heads->outputs > 0 && ops && samples > 0 && dim > 0 && err);
    nsky_heads_loss *l = nsky_alloc_zero(1, sizeof *l, err);
    size_t vectors = (size_t)samples * dim, said = (size_t)samples * heads->outputs;

    *out = NULL;
    if (!l)
        return NSKY_ENOMEM;
    l->heads = heads;
    l->ops = ops;
    l->samples = samples;
    l->dim = dim;
    l->outputs = heads->outputs;
    if (!(l->lengths = nsky_alloc(samples, sizeof(double), err)) ||
        !(l->unit = nsky_alloc_aligned(vectors, sizeof(float), err)) ||
        !(l->d_unit = nsky_alloc_aligned(vectors, sizeof(float), err)) ||
        !(l->said = nsky_alloc_aligned(said, sizeof(float), err)) ||
        !(l->d_said = nsky_alloc_aligned(said, sizeof(float), err)) ||
        !(l->cosines = nsky_alloc_aligned((size_t)samples * samples, sizeof(float), err)) ||
        !(l->pull = nsky_alloc_aligned((size_t)samples * samples, sizeof(float), err)) ||
        !(l->d_near = nsky_alloc_aligned(vectors, sizeof(float), err)) ||
        !(l->turned = nsky_alloc_aligned(said, sizeof(float), err)) ||
        !(l->d_weight = nsky_alloc_aligned((size_t)l->outputs * dim, sizeof(float), err))) {
        nsky_heads_loss_free(l);
        return NSKY_ENOMEM;
    }
    *out = l;
    return NSKY_OK;
}

void nsky_heads_loss_free(nsky_heads_loss *l)
{
    if (!l)
        return;
    nsky_free(l->lengths);
    nsky_free(l->unit);
    nsky_free(l->d_unit);
    nsky_free(l->said);
    nsky_free(l->d_said);
    nsky_free(l->turned);
    nsky_free(l->cosines);
    nsky_free(l->pull);
    nsky_free(l->d_near);
    nsky_free(l->d_weight);
    nsky_free(l);
}

static nsky_status normalise(nsky_heads_loss *l, const float *features, nsky_error *err)
{
    for (uint32_t n = 0; n < l->samples; n++) {
        const float *row = features + (size_t)n * l->dim;
        nsky_status status = nsky_row_length(row, l->dim, &l->lengths[n], err);
        if (status != NSKY_OK)
            return status;
        for (uint32_t d = 0; d < l->dim; d++)
            l->unit[(size_t)n * l->dim + d] = (float)(row[d] * NSKY_HEADS_LENGTH / l->lengths[n]);
    }
    return NSKY_OK;
}

/* Huber's: half the square up to 1, then straight on. */
static double huber(double off, double *slope)
{
    *slope = fmax(-1, fmin(1, off));
    return fabs(off) <= 1 ? 0.5 * off * off : fabs(off) - 0.5;
}

/* One label of one head; said and d_said are the head's part of a sample's row. */
static void judge(nsky_heads_loss *l, uint32_t h, uint32_t label, const float *said, double scale,
                  float *d_said, nsky_heads_result *result)
{
    const nsky_head *head = &l->heads->list[h];
    const nsky_target *t = head->target;
    nsky_contrast_result one = {0, 0};

    if (t->kind == NSKY_TARGET_NUMBER) {
        double slope, off = said[0] - (t->values[label] - t->low) / t->width;
        one.loss = huber(off, &slope);
        d_said[0] = (float)(scale * head->weight * slope);
    } else {
        nsky_cross_entropy(said, &t->classes[label], 1, t->class_count, scale * head->weight,
                           d_said, &one);
    }
    result->loss += head->weight * one.loss;
    result->of[h] += one.loss;
    result->count[h]++;
    result->right += h == 0 ? one.correct : 0;
}

/* Of one sample n: pull becomes the derivatives of its loss by the products with the others, which
 * are cosines times NSKY_HEADS_LENGTH squared. Returns false for one without company. */
static bool pull_one(const nsky_heads_loss *l, uint32_t h, const uint32_t *which, uint32_t n,
                     double scale, double *loss)
{
    const double heat = 1 / (NSKY_NEAR_TEMPERATURE * NSKY_HEADS_LENGTH * NSKY_HEADS_LENGTH);
    const uint32_t heads = l->heads->count, *classes = l->heads->list[h].target->classes;
    const float *products = l->cosines + (size_t)n * l->samples;
    float *pull = l->pull + (size_t)n * l->samples;
    uint32_t own = which[(size_t)n * heads + h], friends = 0;
    double most = -INFINITY, sum = 0, near = 0;

    memset(pull, 0, l->samples * sizeof *pull);
    for (uint32_t k = 0; k < l->samples && own != NSKY_HEAD_UNLABELLED; k++) {
        uint32_t other = which[(size_t)k * heads + h];
        if (k == n || other == NSKY_HEAD_UNLABELLED)
            continue;
        most = fmax(most, products[k] * heat);
        friends += classes[other] == classes[own];
        near += classes[other] == classes[own] ? products[k] * heat : 0;
    }
    if (friends == 0)
        return false;
    for (uint32_t k = 0; k < l->samples; k++)
        if (k != n && which[(size_t)k * heads + h] != NSKY_HEAD_UNLABELLED)
            sum += exp(products[k] * heat - most);
    for (uint32_t k = 0; k < l->samples; k++) {
        uint32_t other = which[(size_t)k * heads + h];
        if (k == n || other == NSKY_HEAD_UNLABELLED)
            continue;
        double share = exp(products[k] * heat - most) / sum;
        double friendly = classes[other] == classes[own] ? 1.0 / friends : 0;
        pull[k] = (float)(scale * heat * (share - friendly));
    }
    *loss = most + log(sum) - near / friends;
    return true;
}

/* Each product belongs to two vectors. */
static void judge_near(nsky_heads_loss *l, uint32_t h, const uint32_t *which, double scale,
                       nsky_heads_result *result)
{
    const double weight = l->heads->list[h].weight;

    l->ops->multiply(l->samples, l->samples, l->dim, l->unit, l->unit, true, l->cosines);
    for (uint32_t n = 0; n < l->samples; n++) {
        double loss;
        if (!pull_one(l, h, which, n, scale * weight, &loss))
            continue;
        result->loss += weight * loss;
        result->of[h] += loss;
        result->count[h]++;
    }
    for (uint32_t n = 0; n < l->samples; n++) /* made symmetric in place */
        for (uint32_t k = 0; k <= n; k++) {
            float both = l->pull[(size_t)n * l->samples + k] + l->pull[(size_t)k * l->samples + n];
            l->pull[(size_t)n * l->samples + k] = l->pull[(size_t)k * l->samples + n] = both;
        }
    l->ops->multiply(l->samples, l->dim, l->samples, l->pull, l->unit, false, l->d_near);
    for (size_t i = 0; i < (size_t)l->samples * l->dim; i++)
        l->d_unit[i] += l->d_near[i];
}

/* Through the normalisation: what is along the vector itself does nothing. */
static void through_norm(const nsky_heads_loss *l, uint32_t n, float *d_features)
{
    const float *unit = l->unit + (size_t)n * l->dim, *d_unit = l->d_unit + (size_t)n * l->dim;
    double along = 0;

    for (uint32_t d = 0; d < l->dim; d++)
        along += (double)d_unit[d] * unit[d];
    along /= NSKY_HEADS_LENGTH * NSKY_HEADS_LENGTH;
    for (uint32_t d = 0; d < l->dim; d++)
        d_features[d] = (float)((d_unit[d] - along * unit[d]) * NSKY_HEADS_LENGTH / l->lengths[n]);
}

nsky_status nsky_heads_loss_run(nsky_heads_loss *l, const float *features, const float *weight,
                                const float *bias, const uint32_t *which, double scale,
                                float *d_features, nsky_heads_result *result, nsky_error *err)
{
    assert(l && features && weight && bias && which && d_features && result && err);
    uint32_t heads = l->heads->count;
    nsky_status status = normalise(l, features, err);

    memset(result, 0, sizeof *result);
    if (status != NSKY_OK)
        return status;
    memset(l->d_said, 0, (size_t)l->samples * l->outputs * sizeof *l->d_said);
    l->ops->multiply(l->samples, l->outputs, l->dim, l->unit, weight, true, l->said);
    for (uint32_t n = 0; n < l->samples; n++) {
        float *said = l->said + (size_t)n * l->outputs,
              *d_said = l->d_said + (size_t)n * l->outputs;
        for (uint32_t k = 0; k < l->outputs; k++)
            said[k] += bias[k];
        for (uint32_t h = 0; h < heads; h++) {
            uint32_t label = which[(size_t)n * heads + h], first = l->heads->list[h].first;
            if (label != NSKY_HEAD_UNLABELLED && !l->heads->list[h].near)
                judge(l, h, label, said + first, scale, d_said + first, result);
        }
        for (uint32_t k = 0; k < l->outputs; k++)
            l->turned[(size_t)k * l->samples + n] = d_said[k];
    }
    l->ops->multiply(l->outputs, l->dim, l->samples, l->turned, l->unit, false, l->d_weight);
    l->ops->multiply(l->samples, l->dim, l->outputs, l->d_said, weight, false, l->d_unit);
    for (uint32_t h = 0; h < heads; h++)
        if (l->heads->list[h].near)
            judge_near(l, h, which, scale, result);
    for (uint32_t n = 0; n < l->samples; n++)
        through_norm(l, n, d_features + (size_t)n * l->dim);
    return NSKY_OK;
}

void nsky_heads_loss_collect(const nsky_heads_loss *l, float *d_weight, float *d_bias)
{
    assert(l && d_weight && d_bias);
    for (size_t i = 0; i < (size_t)l->outputs * l->dim; i++)
        d_weight[i] += l->d_weight[i];
    for (uint32_t k = 0; k < l->outputs; k++) {
        double sum = 0;
        for (uint32_t n = 0; n < l->samples; n++)
            sum += l->turned[(size_t)k * l->samples + n];
        d_bias[k] += (float)sum;
    }
}
