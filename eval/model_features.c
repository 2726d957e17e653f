/* model_features.c - the labelled stamps through an encoder, without writing to the store. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/file.h"
#include "common/memory.h"
#include "encoder/encoder.h"
#include "eval/makers.h"

#define GROUP 16

typedef struct work {
    const nsky_model *model;
    const nsky_encoder_options *encoder;
    uint32_t views;
    nsky_features *features;
} work;

/* What a thread has to itself. */
typedef struct state {
    nsky_encoder *encoder;
    float *image, *turned, *one; /* [3, size, size], the same, [dim] */
} state;

static void close_state(void *payload)
{
    state *s = payload;

    if (!s)
        return;
    nsky_encoder_close(s->encoder);
    nsky_free(s->image);
    nsky_free(s->turned);
    nsky_free(s->one);
    nsky_free(s);
}

static uint32_t size_of(const work *w)
{
    return w->encoder->size ? w->encoder->size : nsky_model_info_of(w->model)->preprocess.size;
}

static nsky_status open_state(void **out, void *payload, nsky_error *err)
{
    const work *w = payload;
    const size_t pixels = (size_t)3 * size_of(w) * size_of(w);
    state *s = nsky_alloc_zero(1, sizeof *s, err);

    *out = s;
    if (!s || !(s->image = nsky_alloc(pixels, sizeof(float), err)) ||
        !(s->turned = nsky_alloc(pixels, sizeof(float), err)) ||
        !(s->one = nsky_alloc(w->features->dim, sizeof(float), err)))
        return err->status;
    return nsky_encoder_open(&s->encoder, w->model, w->encoder, err);
}

/* The mean over the first `views` of the eight ways to turn and flip a stamp, to unit length. */
static nsky_status embed_views(const work *w, state *s, const nsky_stamp *stamp, float *out,
                               nsky_error *err)
{
    nsky_preprocess how = nsky_model_info_of(w->model)->preprocess;
    nsky_tensor image = {s->turned, 1, 3, size_of(w), size_of(w)};
    const uint32_t dim = w->features->dim;

    how.size = size_of(w);
    nsky_status status = nsky_preprocess_run(&how, stamp, s->image, err);
    memset(out, 0, dim * sizeof *out);
    for (uint32_t view = 0; view < w->views && status == NSKY_OK; view++) {
        nsky_preprocess_view(s->image, how.size, view, s->turned);
        status = nsky_encoder_embed(s->encoder, &image, s->one, err);
        for (uint32_t j = 0; j < dim; j++)
            out[j] += s->one[j] / (float)w->views;
    }
    return status;
}

/* One by one, so that a stamp the network sees nothing in costs only itself. */
static nsky_status take_singly(const work *w, state *s, const nsky_stamp *const *stamps,
                               uint32_t first, uint32_t count, nsky_error *err)
{
    const uint32_t dim = w->features->dim;

    for (uint32_t i = 0; i < count; i++) {
        float *out = w->features->x + (size_t)(first + i) * dim;
        nsky_status status = w->views
                                 ? embed_views(w, s, stamps[i], out, err)
                                 : nsky_encoder_embed_stamps(s->encoder, stamps + i, 1, out, err);
        if (status == NSKY_EDATA)
            memset(out, 0, dim * sizeof *out);
        else if (status != NSKY_OK)
            return status;
    }
    return NSKY_OK;
}

static nsky_status take(void *payload, void *thread, const nsky_stamp *const *stamps,
                        uint32_t first, uint32_t count, nsky_error *err)
{
    const work *w = payload;
    state *s = thread;

    if (w->views)
        return take_singly(w, s, stamps, first, count, err);
    nsky_status status = nsky_encoder_embed_stamps(
        s->encoder, stamps, count, w->features->x + (size_t)first * w->features->dim, err);
    return status == NSKY_EDATA ? take_singly(w, s, stamps, first, count, err) : status;
}

/* "runs/a/moco.safetensors" -> "moco"; "random:resnet18:3" as it is. */
static void short_name(char *out, size_t bytes, const char *model)
{
    const char *base = nsky_path_base(model), *dot = strrchr(base, '.');
    int length = dot && dot > base ? (int)(dot - base) : (int)strlen(base);

    snprintf(out, bytes, "%.*s", length, base);
}

nsky_status nsky_features_of_model(nsky_features **out, const nsky_stamp_source *source,
                                   const char *model_path, const nsky_encoder_options *encoder,
                                   uint32_t views, nsky_error *err)
{
    assert(out && source && model_path && encoder && views <= 8 && err);
    nsky_model *model = NULL;
    nsky_features *features = NULL;
    char name[64];
    nsky_status status = nsky_model_load(&model, model_path, err);

    *out = NULL;
    if (status != NSKY_OK)
        return status;
    const nsky_model_info *info = nsky_model_info_of(model);
    short_name(name, sizeof name, model_path);
    if ((status = nsky_features_new(&features, name, source->truth->n, info->dim, err)) ==
        NSKY_OK) {
        work w = {model, encoder, views, features};
        const nsky_stamp_taker taker = {"embed", GROUP, open_state, take, close_state, &w};
        snprintf(features->about, sizeof features->about, "%s %s, %.16s, %s%u views",
                 info->random_weights ? "untrained" : "model", info->name, info->sha256,
                 views ? "mean of " : "its own ", views ? views : info->preprocess.views);
        status = nsky_stamps_each(source, &taker, err);
        nsky_features_normalise(features);
    }
    nsky_model_close(model);
    if (status == NSKY_OK)
        *out = features;
    else
        nsky_features_free(features);
    return status;
}
