/* catalogue_features.c - colours and magnitudes: what is known without an image, as a baseline. */
#include <assert.h>
#include <math.h>
#include <stdio.h>

#include "common/memory.h"
#include "eval/makers.h"

enum { COLUMNS = 5 }; /* g-r, r-z, g, r, z */

static void fill(const nsky_truth_object *object, double values[COLUMNS])
{
    const float *mag = object->mag;

    values[0] = (double)mag[0] - mag[1];
    values[1] = (double)mag[1] - mag[2];
    for (int band = 0; band < 3; band++)
        values[2 + band] = mag[band];
}

nsky_status nsky_features_catalogue(nsky_features **out, const nsky_truth *truth, nsky_error *err)
{
    assert(out && truth && err);
    double sum[COLUMNS] = {0}, values[COLUMNS];
    uint32_t known[COLUMNS] = {0}, whole = 0;
    nsky_features *features = NULL;

    *out = NULL;
    for (uint32_t i = 0; i < truth->n; i++) {
        fill(&truth->objects[i], values);
        for (int c = 0; c < COLUMNS; c++)
            if (isfinite(values[c])) {
                sum[c] += values[c];
                known[c]++;
            }
        whole += isfinite(values[0]) && isfinite(values[1]);
    }
    if (whole == 0)
        return nsky_fail(err, NSKY_ENOTFOUND, "neither the labels nor the store have magnitudes");
    nsky_status status = nsky_features_new(&features, "catalogue", truth->n, COLUMNS, err);
    if (status != NSKY_OK)
        return status;
    for (uint32_t i = 0; i < truth->n; i++) {
        fill(&truth->objects[i], values);
        for (int c = 0; c < COLUMNS; c++) /* what is not known is the mean, 0 below */
            features->x[(size_t)i * COLUMNS + c] =
                (float)(isfinite(values[c]) ? values[c] : (known[c] ? sum[c] / known[c] : 0));
    }
    snprintf(features->about, sizeof features->about,
             "g-r, r-z, g, r, z of %u objects, standardised; nearest by Euclid", whole);
    nsky_features_standardise(features);
    features->euclidean = true;
    *out = features;
    return NSKY_OK;
}
