/* loader_make.c - the threads that make a batch, sample by sample. Thread rule: as loader.c says.
 */
#include <assert.h>

#include "common/memory.h"
#include "encoder/train/loader_private.h"
#include "encoder/train/order.h"

typedef struct worker {
    nsky_loader *loader;
    nsky_stamps_reader *reader;
    nsky_augment_scratch *scratch;
} worker;

/* Under the mutex: the oldest batch still needed decides which slots are free. */
static bool may_begin(const nsky_loader *l)
{
    uint64_t oldest = l->next - (l->lent ? 1 : 0);

    return l->running && !l->closing && l->begin < oldest + NSKY_LOADER_SLOTS;
}

/* Under the mutex: the next sample to make, and its batch. */
static void hand_out(nsky_loader *l, uint64_t *batch, uint32_t *sample)
{
    nsky_loader_slot *s = &l->slots[l->begin % NSKY_LOADER_SLOTS];

    if (s->begun == 0) {
        s->finished = 0;
        s->failed = l->samples;
    }
    *batch = l->begin;
    *sample = s->begun++;
    if (s->begun == l->samples) {
        l->begin++;
        l->slots[l->begin % NSKY_LOADER_SLOTS].begun = 0;
    }
    l->active++;
}

static void hand_in(nsky_loader *l, uint64_t batch, uint32_t sample, nsky_status status,
                    const nsky_error *err)
{
    nsky_loader_slot *s = &l->slots[batch % NSKY_LOADER_SLOTS];

    if (status != NSKY_OK && sample < s->failed) {
        s->failed = sample;
        s->err = *err;
    }
    l->active--;
    if (++s->finished == l->samples || l->active == 0)
        pthread_cond_signal(&l->done);
}

nsky_status nsky_loader_make(const nsky_loader *l, nsky_stamps_reader *reader,
                             nsky_augment_scratch *scratch, uint64_t row, uint32_t epoch,
                             uint32_t first, uint32_t end, float *out, size_t apart,
                             nsky_error *err)
{
    const nsky_loader_options *how = &l->how;
    const nsky_stamp *stamp;
    nsky_augment_own own;
    nsky_status status;

    if ((status = nsky_stamps_prepared(reader, row, &stamp, &own, err)) != NSKY_OK ||
        (status = nsky_augment_take(scratch, stamp, err)) != NSKY_OK)
        return status;
    for (uint32_t view = first; view < end; view++) {
        nsky_augment_numbers numbers;
        nsky_augment_draw(&how->augment, &own, stamp->bands[2] == 'i', how->seed, epoch, row, view,
                          &numbers);
        nsky_augment_make(scratch, &numbers, out + (view - first) * apart);
    }
    return NSKY_OK;
}

/* What all views of a row are made of. */
static nsky_status pack_views(const worker *w, nsky_loader_slot *s, uint32_t sample, uint64_t row,
                              uint32_t epoch, nsky_error *err)
{
    const nsky_loader *l = w->loader;
    const nsky_loader_options *how = &l->how;
    nsky_stamps_packed stamp;
    nsky_status status = nsky_stamps_pack(w->reader, row, &stamp, err);

    if (status != NSKY_OK)
        return status;
    nsky_free(s->owned[sample]);
    s->owned[sample] = stamp.owned;
    s->pixels[sample] = stamp.pixels;
    for (uint32_t view = 0; view < how->views; view++) {
        nsky_view *v = &s->views[(size_t)view * l->samples + sample];
        nsky_augment_numbers numbers;
        v->width = stamp.header.width;
        v->height = stamp.header.height;
        nsky_augment_draw(&how->augment, &stamp.own, stamp.header.bands[2] == 'i', how->seed, epoch,
                          row, view, &numbers);
        nsky_augment_recipe_of(&how->preprocess, v->width, v->height, stamp.header.scale_arcsec_px,
                               &numbers, &v->recipe);
    }
    return NSKY_OK;
}

static nsky_status make(worker *w, uint64_t batch, uint32_t sample, nsky_error *err)
{
    nsky_loader *l = w->loader;
    const nsky_loader_options *how = &l->how;
    nsky_loader_slot *s = &l->slots[batch % NSKY_LOADER_SLOTS];
    uint32_t epoch = (uint32_t)(batch / l->steps);
    uint64_t place = batch % l->steps * how->batch + l->first + sample;
    uint64_t row = l->chosen ? l->chosen[nsky_order_at(how->seed, epoch, l->chosen_count, place)]
                             : nsky_order_at(how->seed, epoch, l->rows, place);

    s->rows[sample] = row;
    if (how->packed)
        return pack_views(w, s, sample, row, epoch, err);
    return nsky_loader_make(l, w->reader, w->scratch, row, epoch, 0, how->views,
                            s->images + sample * l->image, l->samples * l->image, err);
}

/* At its first sample, so that what goes wrong is said with a batch. */
static nsky_status equip(worker *w, nsky_error *err)
{
    const nsky_loader_options *how = &w->loader->how;
    nsky_status status = NSKY_OK;

    if (!w->reader)
        status = nsky_stamps_reader_new(&w->reader, w->loader->stamps, err);
    if (status == NSKY_OK && !w->scratch && !how->packed)
        status = nsky_augment_scratch_new(&w->scratch, &how->augment, &how->preprocess, err);
    return status;
}

void *nsky_loader_work(void *payload)
{
    nsky_loader *l = payload;
    worker w = {.loader = l};

    pthread_mutex_lock(&l->mutex);
    for (;;) {
        nsky_error err = NSKY_ERROR_INIT;
        uint64_t batch;
        uint32_t sample;
        while (!l->closing && !may_begin(l))
            pthread_cond_wait(&l->work, &l->mutex);
        if (l->closing)
            break;
        hand_out(l, &batch, &sample);
        pthread_mutex_unlock(&l->mutex);
        nsky_status status = equip(&w, &err);
        if (status == NSKY_OK)
            status = make(&w, batch, sample, &err);
        pthread_mutex_lock(&l->mutex);
        hand_in(l, batch, sample, status, &err);
    }
    pthread_mutex_unlock(&l->mutex);
    nsky_augment_scratch_free(w.scratch);
    nsky_stamps_reader_free(w.reader);
    return NULL;
}
