/* changed_features.c - some of the labelled stamps turned, noisier and blurrier, through the same
 * network. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "encoder/train/augment.h"
#include "eval/makers.h"
#include "probe/folds.h"

#define STREAM_SAMPLE 0x43484e47u /* "CHNG" */
#define GROUP 16
#define NOISE_TIMES 1.5f
#define SEEING_TIMES 1.3f

typedef struct work {
    const nsky_model *model;
    const nsky_encoder_options *encoder;
    nsky_preprocess how;
    nsky_augment augment[NSKY_CHANGES];
    uint64_t seed;
    const uint32_t *place; /* [n]: of an object among the changed, or NSKY_UNCHANGED */
    nsky_changed *changed;
    uint32_t dim;
} work;

#define NSKY_UNCHANGED UINT32_MAX

typedef struct state {
    nsky_encoder *encoder;
    nsky_augment_scratch *scratch[NSKY_CHANGES];
    float *images, *vectors; /* [changes, 3, size, size], [changes, dim] */
} state;

static void close_state(void *payload)
{
    state *s = payload;

    if (!s)
        return;
    nsky_encoder_close(s->encoder);
    for (int c = 0; c < NSKY_CHANGES; c++)
        nsky_augment_scratch_free(s->scratch[c]);
    nsky_free(s->images);
    nsky_free(s->vectors);
    nsky_free(s);
}

static nsky_status open_state(void **out, void *payload, nsky_error *err)
{
    const work *w = payload;
    size_t pixels = (size_t)3 * w->how.size * w->how.size;
    state *s = nsky_alloc_zero(1, sizeof *s, err);
    nsky_status status = NSKY_OK;

    *out = s;
    if (!s || !(s->images = nsky_alloc(NSKY_CHANGES * pixels, sizeof(float), err)) ||
        !(s->vectors = nsky_alloc((size_t)NSKY_CHANGES * w->dim, sizeof(float), err)))
        return err->status;
    for (int c = 0; c < NSKY_CHANGES && status == NSKY_OK; c++)
        status = nsky_augment_scratch_new(&s->scratch[c], &w->augment[c], &w->how, err);
    return status == NSKY_OK ? nsky_encoder_open(&s->encoder, w->model, w->encoder, err) : status;
}

static nsky_status change_one(const work *w, state *s, const nsky_stamp *stamp, uint32_t object,
                              nsky_error *err)
{
    const nsky_tensor images = {s->images, NSKY_CHANGES, 3, w->how.size, w->how.size};
    size_t pixels = (size_t)3 * w->how.size * w->how.size;
    nsky_status status = NSKY_OK;

    for (int c = 0; c < NSKY_CHANGES && status == NSKY_OK; c++)
        status = nsky_augment_view(&w->augment[c], &w->how, stamp, NULL, w->seed, 0, object, 0,
                                   s->images + c * pixels, s->scratch[c], err);
    if (status == NSKY_OK)
        status = nsky_encoder_embed(s->encoder, &images, s->vectors, err);
    for (int c = 0; c < NSKY_CHANGES && status == NSKY_OK; c++)
        memcpy(w->changed->x[c] + (size_t)w->place[object] * w->dim,
               s->vectors + (size_t)c * w->dim, w->dim * sizeof(float));
    /* Nothing to see in it: its vectors stay zeros. */
    return status == NSKY_EDATA ? NSKY_OK : status;
}

static nsky_status take(void *payload, void *thread, const nsky_stamp *const *stamps,
                        uint32_t first, uint32_t count, nsky_error *err)
{
    const work *w = payload;
    nsky_status status = NSKY_OK;

    for (uint32_t i = 0; i < count && status == NSKY_OK; i++)
        if (w->place[first + i] != NSKY_UNCHANGED)
            status = change_one(w, thread, stamps[i], first + i, err);
    return status;
}

/* One change at a time, everything else as the plain crop has it. */
static void set_augments(work *w)
{
    for (int c = 0; c < NSKY_CHANGES; c++) {
        w->augment[c] = nsky_augment_none;
        memcpy(w->augment[c].blur_own, nsky_augment_default.blur_own,
               sizeof w->augment[c].blur_own);
        memcpy(w->augment[c].noise_own, nsky_augment_default.noise_own,
               sizeof w->augment[c].noise_own);
        w->augment[c].fill = true;
    }
    w->augment[NSKY_CHANGE_ROTATION].rotation = true;
    w->augment[NSKY_CHANGE_ROTATION].flips = true;
    for (int band = 0; band < 3; band++) {
        w->augment[NSKY_CHANGE_NOISE].noise[band] =
            (nsky_draw){.kind = NSKY_DRAW_TIMES, .low = NOISE_TIMES, .high = NOISE_TIMES};
        w->augment[NSKY_CHANGE_SEEING].blur[band] =
            (nsky_draw){.kind = NSKY_DRAW_TIMES, .low = SEEING_TIMES, .high = SEEING_TIMES};
    }
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* Which objects: the first of a shuffled list. */
static nsky_status new_changed(nsky_changed **out, uint32_t *place, uint32_t n, uint32_t dim,
                               uint32_t sample, uint64_t seed, nsky_error *err)
{
    nsky_changed *changed = nsky_alloc_zero(1, sizeof *changed, err);

    *out = changed;
    if (!changed || !(changed->objects = nsky_alloc(n, sizeof *changed->objects, err)))
        return err->status;
    nsky_shuffle(changed->objects, n, seed, STREAM_SAMPLE);
    changed->count = sample < n ? sample : n;
    qsort(changed->objects, changed->count, sizeof *changed->objects, by_number);
    for (uint32_t i = 0; i < n; i++)
        place[i] = NSKY_UNCHANGED;
    for (uint32_t i = 0; i < changed->count; i++)
        place[changed->objects[i]] = i;
    for (int c = 0; c < NSKY_CHANGES; c++)
        if (!(changed->x[c] = nsky_alloc_zero((size_t)changed->count * dim, sizeof(float), err)))
            return err->status;
    return NSKY_OK;
}

nsky_status nsky_features_change(nsky_features *features, const nsky_stamp_source *source,
                                 const char *model_path, const nsky_encoder_options *encoder,
                                 uint32_t sample, uint64_t seed, nsky_error *err)
{
    assert(features && source && model_path && encoder && sample > 0 && err);
    assert(!features->changed && features->n == source->truth->n);
    uint32_t *place = nsky_alloc(features->n, sizeof *place, err);
    nsky_model *model = NULL;
    nsky_changed *changed = NULL;
    nsky_status status = place ? nsky_model_load(&model, model_path, err) : err->status;

    if (status == NSKY_OK)
        status = new_changed(&changed, place, features->n, features->dim, sample, seed, err);
    if (status == NSKY_OK) {
        work w = {.model = model,
                  .encoder = encoder,
                  .how = nsky_model_info_of(model)->preprocess,
                  .seed = seed,
                  .place = place,
                  .changed = changed,
                  .dim = features->dim};
        const nsky_stamp_taker taker = {"changed", GROUP, open_state, take, close_state, &w};
        if (encoder->size)
            w.how.size = encoder->size;
        set_augments(&w);
        status = nsky_stamps_each(source, &taker, err);
    }
    nsky_free(place);
    nsky_model_close(model);
    if (status == NSKY_OK)
        features->changed = changed;
    else
        nsky_changed_free(changed);
    return status;
}
