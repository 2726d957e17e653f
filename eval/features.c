/* features.c - see features.h. */
#include "eval/features.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

#include "common/memory.h"
#include "store/generation.h"

nsky_status nsky_features_new(nsky_features **out, const char *name, uint32_t n, uint32_t dim,
                              nsky_error *err)
{
    assert(out && name && n > 0 && dim > 0 && err);
    *out = NULL;
    if ((uint64_t)n * dim > NSKY_FEATURES_VALUES_MAX)
        return nsky_fail(err, NSKY_ELIMIT,
                         "%s: %u objects of %u numbers are more than fit; %llu do", name, n, dim,
                         (unsigned long long)(NSKY_FEATURES_VALUES_MAX / dim));
    nsky_features *features = nsky_alloc_zero(1, sizeof *features, err);
    if (!features)
        return err->status;
    snprintf(features->name, sizeof features->name, "%s", name);
    features->n = n;
    features->dim = dim;
    if (!(features->x = nsky_alloc_zero((size_t)n * dim, sizeof *features->x, err))) {
        nsky_free(features);
        return err->status;
    }
    *out = features;
    return NSKY_OK;
}

void nsky_changed_free(nsky_changed *changed)
{
    if (!changed)
        return;
    for (int c = 0; c < NSKY_CHANGES; c++)
        nsky_free(changed->x[c]);
    nsky_free(changed->objects);
    nsky_free(changed);
}

void nsky_features_free(nsky_features *features)
{
    if (!features)
        return;
    nsky_changed_free(features->changed);
    nsky_free(features->x);
    nsky_free(features);
}

void nsky_features_standardise(nsky_features *f)
{
    for (uint32_t j = 0; j < f->dim; j++) {
        double mean = 0, square = 0;
        for (size_t i = 0; i < f->n; i++)
            mean += f->x[i * f->dim + j];
        mean /= f->n;
        for (size_t i = 0; i < f->n; i++) {
            double off = f->x[i * f->dim + j] - mean;
            square += off * off;
        }
        double deviation = sqrt(square / f->n);
        /* What is constant but for rounding must not be blown up to noise. */
        double scale = deviation > 1e-6 * fabs(mean) && deviation > 1e-30 ? 1 / deviation : 0;
        for (size_t i = 0; i < f->n; i++)
            f->x[i * f->dim + j] = (float)((f->x[i * f->dim + j] - mean) * scale);
    }
}

void nsky_features_normalise(nsky_features *f)
{
    f->blank = 0;
    for (size_t i = 0; i < f->n; i++) {
        float *row = f->x + i * f->dim;
        double square = 0;
        for (uint32_t j = 0; j < f->dim; j++)
            square += (double)row[j] * row[j];
        f->blank += square == 0;
        double scale = square > 0 ? 1 / sqrt(square) : 0;
        for (uint32_t j = 0; j < f->dim; j++)
            row[j] = (float)(row[j] * scale);
    }
}

nsky_status nsky_features_of_store(nsky_features **out, const nsky_truth *truth, const char *store,
                                   uint32_t generation, nsky_error *err)
{
    nsky_generation *g = NULL;
    nsky_features *features = NULL;
    nsky_status status = nsky_generation_open(&g, store, generation, err);

    *out = NULL;
    if (status != NSKY_OK)
        return status;
    if (truth->objects[truth->n - 1].row >= g->rows)
        status = nsky_fail(err, NSKY_EMISMATCH,
                           "%s: generation %u has %llu vectors; row %llu is labelled", store,
                           g->number, (unsigned long long)g->rows,
                           (unsigned long long)truth->objects[truth->n - 1].row);
    else if ((status = nsky_features_new(&features, "store", truth->n, g->dim, err)) == NSKY_OK) {
        const nsky_json *model = nsky_json_get(g->manifest, "model");
        const char *name = nsky_json_get_string(model, "name");
        snprintf(features->about, sizeof features->about, "vectors of generation %u, model %.100s",
                 g->number, name ? name : "unknown");
        for (uint32_t i = 0; i < truth->n; i++)
            nsky_generation_vector(g, truth->objects[i].row, features->x + (size_t)i * g->dim);
        nsky_features_normalise(features);
        *out = features;
    }
    nsky_generation_close(g);
    return status;
}
