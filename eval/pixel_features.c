/* pixel_features.c - principal components of the pixels that a network would see, as a baseline. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/memory.h"
#include "eval/makers.h"
#include "eval/pca.h"

#define BIN 2 /* pixels a side that become one: 48 x 48 of 0.524 arcsec */

typedef struct work {
    nsky_preprocess how;
    uint32_t side; /* binned */
    nsky_features *pixels;
} work;

static nsky_status open_image(void **state, void *payload, nsky_error *err)
{
    const work *w = payload;

    *state = nsky_alloc((size_t)3 * w->how.size * w->how.size, sizeof(float), err);
    return *state ? NSKY_OK : err->status;
}

static void bin(const work *w, const float *image, float *out)
{
    const uint32_t size = w->how.size, side = w->side;

    for (uint32_t c = 0; c < 3; c++)
        for (uint32_t y = 0; y < side * BIN; y++)
            for (uint32_t x = 0; x < side * BIN; x++)
                out[(c * side + y / BIN) * side + x / BIN] +=
                    image[((size_t)c * size + y) * size + x] / (BIN * BIN);
}

/* A stamp with an infinite pixel stays black. */
static nsky_status take(void *payload, void *image, const nsky_stamp *const *stamps, uint32_t first,
                        uint32_t count, nsky_error *err)
{
    const work *w = payload;

    for (uint32_t i = 0; i < count; i++) {
        nsky_status status = nsky_preprocess_run(&w->how, stamps[i], image, err);
        if (status == NSKY_OK)
            bin(w, image, w->pixels->x + (size_t)(first + i) * w->pixels->dim);
        else if (status != NSKY_EDATA)
            return status;
    }
    return NSKY_OK;
}

nsky_status nsky_features_pixels(nsky_features **out, const nsky_stamp_source *source,
                                 uint32_t components, uint64_t seed, nsky_error *err)
{
    assert(out && source && components > 0 && err);
    work w = {.how = nsky_preprocess_default, .side = nsky_preprocess_default.size / BIN};
    const nsky_stamp_taker taker = {"pixels", 16, open_image, take, nsky_free, &w};
    nsky_pca *pca = NULL;
    nsky_features *features = NULL;
    nsky_status status;

    *out = NULL;
    if ((status = nsky_features_new(&w.pixels, "pixels", source->truth->n, 3 * w.side * w.side,
                                    err)) == NSKY_OK &&
        (status = nsky_stamps_each(source, &taker, err)) == NSKY_OK &&
        (status = nsky_pca_fit(&pca, w.pixels, components, seed, err)) == NSKY_OK &&
        (status = nsky_pca_project(&features, pca, w.pixels, false, false, err)) == NSKY_OK) {
        snprintf(features->about, sizeof features->about,
                 "principal components of %u x %u pixels as a network sees them", w.side, w.side);
        *out = features;
    }
    nsky_pca_free(pca);
    nsky_features_free(w.pixels);
    return status;
}
