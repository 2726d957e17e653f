/* handmade_features.c - what people measure on galaxies, as a baseline: no learning anywhere. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/memory.h"
#include "eval/makers.h"
#include "eval/portrait.h"

typedef struct work {
    const nsky_grid *grid;
    nsky_features *features; /* NULL: only count */
} work;

/* NOLINTNEXTLINE(readability-non-const-parameter): the list writes to it */
uint32_t nsky_handmade_measure(nsky_portrait *portrait, float *out)
{
    nsky_feature_list list = {out, 0};

    nsky_features_annuli(&list, portrait);
    nsky_features_shape(&list, portrait);
    nsky_features_rest(&list, portrait);
    nsky_features_arc(&list, portrait);
    return list.count;
}

static nsky_status open_portrait(void **state, void *payload, nsky_error *err)
{
    nsky_portrait *portrait = nsky_alloc_zero(1, sizeof *portrait, err);

    *state = portrait;
    if (!portrait)
        return err->status;
    portrait->grid = ((const work *)payload)->grid;
    return NSKY_OK;
}

/* A stamp that nothing can be measured on keeps its zeros: the mean, once standardised. */
static nsky_status take(void *payload, void *state, const nsky_stamp *const *stamps, uint32_t first,
                        uint32_t count, nsky_error *err)
{
    const work *w = payload;
    nsky_portrait *portrait = state;

    for (uint32_t i = 0; i < count; i++) {
        float out[PORTRAIT_FEATURES_MAX];
        nsky_status status = nsky_portrait_draw(portrait, stamps[i], err);
        if (status == NSKY_EDATA)
            continue;
        if (status != NSKY_OK)
            return status;
        uint32_t dim = nsky_handmade_measure(portrait, out);
        assert(dim == w->features->dim);
        memcpy(w->features->x + (size_t)(first + i) * dim, out, dim * sizeof *out);
    }
    return NSKY_OK;
}

/* How many features there are, from one blank portrait. */
static nsky_status count_features(uint32_t *out, const nsky_grid *grid, nsky_error *err)
{
    float scratch[PORTRAIT_FEATURES_MAX];
    nsky_stamp *blank = NULL;
    nsky_portrait *portrait = nsky_alloc_zero(1, sizeof *portrait, err);
    nsky_status status = portrait ? nsky_stamp_new(&blank, PORTRAIT_SIDE, PORTRAIT_SIDE,
                                                   (float)NSKY_SCALE_ARCSEC_PX, err)
                                  : err->status;

    if (status == NSKY_OK) {
        portrait->grid = grid;
        status = nsky_portrait_draw(portrait, blank, err);
    }
    if (status == NSKY_OK)
        *out = nsky_handmade_measure(portrait, scratch);
    nsky_stamp_free(blank);
    nsky_free(portrait);
    return status;
}

nsky_status nsky_features_handmade(nsky_features **out, const nsky_stamp_source *source,
                                   nsky_error *err)
{
    assert(out && source && err);
    nsky_grid *grid = NULL;
    nsky_features *features = NULL;
    uint32_t dim = 0;
    nsky_status status;

    *out = NULL;
    if ((status = nsky_grid_new(&grid, err)) == NSKY_OK &&
        (status = count_features(&dim, grid, err)) == NSKY_OK &&
        (status = nsky_features_new(&features, "hand-made", source->truth->n, dim, err)) ==
            NSKY_OK) {
        work w = {grid, features};
        const nsky_stamp_taker taker = {"measure", 16, open_portrait, take, nsky_free, &w};
        snprintf(features->about, sizeof features->about,
                 "light, colours, waves and leftovers in annuli, shape; standardised");
        status = nsky_stamps_each(source, &taker, err);
        nsky_features_standardise(features);
    }
    nsky_free(grid);
    if (status == NSKY_OK)
        *out = features;
    else
        nsky_features_free(features);
    return status;
}
