/* loader.c - batches in a ring, filled by threads sample by sample.
 *
 * Batches are numbered epoch * steps + step; number n lives in slot n % NSKY_LOADER_SLOTS. One is
 * lent to the caller, the others are filled meanwhile. Everything shared is under one mutex, held
 * only to hand out a sample or to hand in a result. Thread rule: as loader.h.
 */
#include <assert.h>
#include <inttypes.h>
#include <sched.h>

#include "common/memory.h"
#include "encoder/train/loader_private.h"

/* --- opening and closing --- */

static uint32_t core_count(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;

    return count < 1 ? 1 : (uint32_t)count;
}

static nsky_status check_options(const nsky_loader_options *o, nsky_error *err)
{
    if (o->store_count == 0)
        return nsky_fail(err, NSKY_EINVAL, "there is no store to train on");
    if (o->store_count > NSKY_LOADER_STORES_MAX || o->views > NSKY_LOADER_VIEWS_MAX ||
        o->threads > NSKY_LOADER_THREADS_MAX)
        return nsky_fail(err, NSKY_ELIMIT,
                         "training reads at most %u stores, %u views and %u threads",
                         NSKY_LOADER_STORES_MAX, NSKY_LOADER_VIEWS_MAX, NSKY_LOADER_THREADS_MAX);
    if (o->views == 0 || o->batch == 0)
        return nsky_fail(err, NSKY_EINVAL, "a batch of no images");
    if (o->parts > 0 && (o->batch % o->parts != 0 || o->part >= o->parts))
        return nsky_fail(err, NSKY_EINVAL, "a batch of %u has no %u equal parts", o->batch,
                         o->parts);
    return NSKY_OK;
}

static nsky_status new_slot(const nsky_loader *l, nsky_loader_slot *s, nsky_error *err)
{
    size_t views = (size_t)l->how.views * l->samples, images;

    if (!nsky_mul_size(views, l->image, &images))
        return nsky_fail(err, NSKY_ELIMIT, "a batch of %u is too large", l->how.batch);
    if (!(s->rows = nsky_alloc(l->samples, sizeof *s->rows, err)))
        return err->status;
    if (!l->how.packed)
        return (s->images = nsky_alloc_aligned(images, sizeof(float), err)) ? NSKY_OK : err->status;
    if (!(s->views = nsky_alloc_zero(views, sizeof *s->views, err)) ||
        !(s->pixels = nsky_alloc_zero(l->samples, sizeof *s->pixels, err)) ||
        !(s->owned = nsky_alloc_zero(l->samples, sizeof *s->owned, err)))
        return err->status;
    return NSKY_OK;
}

static void free_slot(const nsky_loader *l, nsky_loader_slot *s)
{
    for (uint32_t i = 0; s->owned && i < l->samples; i++)
        nsky_free(s->owned[i]);
    nsky_free(s->images);
    nsky_free(s->rows);
    nsky_free(s->views);
    nsky_free(s->pixels);
    nsky_free(s->owned);
}

static nsky_status new_slots(nsky_loader *l, nsky_error *err)
{
    const nsky_loader_options *o = &l->how;
    nsky_status status = NSKY_OK;

    l->image = (size_t)3 * o->preprocess.size * o->preprocess.size;
    l->samples = o->parts > 0 ? o->batch / o->parts : o->batch;
    l->first = o->parts > 0 ? o->part * l->samples : 0;
    for (uint32_t i = 0; i < NSKY_LOADER_SLOTS && status == NSKY_OK; i++)
        status = new_slot(l, &l->slots[i], err);
    return status;
}

static nsky_status start_threads(nsky_loader *l, nsky_error *err)
{
    uint32_t wanted = l->how.threads = l->how.threads > 0 ? l->how.threads : core_count();

    if (!(l->threads = nsky_alloc(wanted, sizeof *l->threads, err)))
        return err->status;
    for (; l->thread_count < wanted; l->thread_count++)
        if (pthread_create(&l->threads[l->thread_count], NULL, nsky_loader_work, l) != 0)
            return nsky_fail(err, NSKY_ELIMIT, "cannot start thread %u of %u", l->thread_count + 1,
                             wanted);
    return NSKY_OK;
}

nsky_status nsky_loader_open(nsky_loader **out, const nsky_loader_options *options, nsky_error *err)
{
    assert(out && options && err);
    nsky_status status = check_options(options, err);
    nsky_loader *l;

    *out = NULL;
    if (status != NSKY_OK)
        return status;
    if (!(l = nsky_alloc_zero(1, sizeof *l, err)))
        return err->status;
    l->how = *options;
    l->how.stores = NULL;
    pthread_mutex_init(&l->mutex, NULL);
    pthread_cond_init(&l->work, NULL);
    pthread_cond_init(&l->done, NULL);
    if ((status = nsky_stamps_open(&l->stamps, options, err)) != NSKY_OK)
        goto failed;
    l->rows = nsky_stamps_rows(l->stamps);
    l->steps = l->rows / options->batch;
    if (l->steps == 0) {
        status = nsky_fail(err, NSKY_EINVAL,
                           "a batch of %u needs as many stamps, and there are %" PRIu64
                           ": ask for a smaller batch",
                           options->batch, l->rows);
        goto failed;
    }
    if ((status = nsky_stamps_reader_new(&l->reader, l->stamps, err)) != NSKY_OK ||
        (status = new_slots(l, err)) != NSKY_OK || (status = start_threads(l, err)) != NSKY_OK)
        goto failed;
    *out = l;
    return NSKY_OK;
failed:
    nsky_loader_close(l);
    return status;
}

void nsky_loader_close(nsky_loader *l)
{
    if (!l)
        return;
    pthread_mutex_lock(&l->mutex);
    l->closing = true;
    pthread_cond_broadcast(&l->work);
    pthread_mutex_unlock(&l->mutex);
    for (uint32_t i = 0; i < l->thread_count; i++)
        pthread_join(l->threads[i], NULL);
    for (uint32_t i = 0; i < NSKY_LOADER_SLOTS; i++)
        free_slot(l, &l->slots[i]);
    nsky_free(l->chosen);
    nsky_free(l->threads);
    nsky_stamps_reader_free(l->reader);
    nsky_stamps_close(l->stamps);
    pthread_cond_destroy(&l->done);
    pthread_cond_destroy(&l->work);
    pthread_mutex_destroy(&l->mutex);
    nsky_free(l);
}

/* --- batches --- */

uint64_t nsky_loader_rows(const nsky_loader *l)
{
    assert(l);
    return l->rows;
}

uint64_t nsky_loader_steps(const nsky_loader *l)
{
    assert(l);
    return l->steps;
}

nsky_status nsky_loader_restrict(nsky_loader *l, const uint64_t *rows, uint64_t count,
                                 nsky_error *err)
{
    assert(l && rows && err && !l->running && !l->chosen && l->how.batch > 0);
    if (count < l->how.batch)
        return nsky_fail(err, NSKY_EINVAL,
                         "a batch of %u needs as many stamps, and %" PRIu64
                         " are chosen: ask for a smaller batch",
                         l->how.batch, count);
    if (!(l->chosen = nsky_alloc(count, sizeof *l->chosen, err)))
        return err->status;
    for (uint64_t i = 0; i < count; i++) {
        assert(rows[i] < l->rows);
        l->chosen[i] = rows[i];
    }
    l->chosen_count = count;
    l->steps = count / l->how.batch;
    return NSKY_OK;
}

/* Under the mutex: drops what is prepared or lent and stands before batch `number`. */
static void stand_before(nsky_loader *l, uint64_t number)
{
    l->running = false;
    while (l->active > 0)
        pthread_cond_wait(&l->done, &l->mutex);
    l->next = l->begin = number;
    l->lent = false;
    for (uint32_t i = 0; i < NSKY_LOADER_SLOTS; i++)
        l->slots[i].begun = l->slots[i].finished = 0;
}

nsky_status nsky_loader_seek(nsky_loader *l, uint32_t epoch, uint64_t step, nsky_error *err)
{
    assert(l && err);
    if (step > l->steps)
        return nsky_fail(err, NSKY_EINVAL, "an epoch has %" PRIu64 " steps, not %" PRIu64, l->steps,
                         step);
    pthread_mutex_lock(&l->mutex);
    stand_before(l, epoch * l->steps + step);
    pthread_mutex_unlock(&l->mutex);
    return NSKY_OK;
}

/* Lends the next batch. */
static nsky_status next(nsky_loader *l, const nsky_loader_slot **out, nsky_error *err)
{
    nsky_status status = NSKY_OK;

    pthread_mutex_lock(&l->mutex);
    l->running = true;
    l->lent = false;
    pthread_cond_broadcast(&l->work);
    nsky_loader_slot *s = &l->slots[l->next % NSKY_LOADER_SLOTS];
    /* Its slot is its own once the batch has begun; what it held before is another's count. */
    while (!(l->begin > l->next && s->finished == l->samples))
        pthread_cond_wait(&l->done, &l->mutex);
    if (s->failed < l->samples) {
        *err = s->err;
        status = s->err.status;
        stand_before(l, l->next);
    } else {
        *out = s;
        l->next++;
        l->lent = true;
    }
    pthread_mutex_unlock(&l->mutex);
    return status;
}

nsky_status nsky_loader_next(nsky_loader *l, const float **images, const uint64_t **rows,
                             nsky_error *err)
{
    assert(l && !l->how.packed && images && rows && err);
    const nsky_loader_slot *s = NULL;
    nsky_status status = next(l, &s, err);

    if (status != NSKY_OK)
        return status;
    assert(s);
    *images = s->images;
    *rows = s->rows;
    return NSKY_OK;
}

nsky_status nsky_loader_next_packed(nsky_loader *l, nsky_packed *batch, const uint64_t **rows,
                                    nsky_error *err)
{
    assert(l && l->how.packed && batch && rows && err);
    const nsky_loader_slot *s = NULL;
    nsky_status status = next(l, &s, err);
    size_t at = 0;

    if (status != NSKY_OK)
        return status;
    assert(s);
    for (uint32_t i = 0; i < l->samples; i++) {
        for (uint32_t view = 0; view < l->how.views; view++)
            s->views[(size_t)view * l->samples + i].at = at;
        at += (size_t)3 * s->views[i].width * s->views[i].height;
    }
    *batch = (nsky_packed){.views = s->views, .pixels = s->pixels, .pixel_count = at};
    *rows = s->rows;
    return NSKY_OK;
}

/* --- single stamps --- */

nsky_status nsky_loader_stamp(nsky_loader *l, uint64_t row, nsky_stamp **out, nsky_error *err)
{
    assert(l && out && err && row < l->rows);
    return nsky_stamps_stored(l->reader, row, out, err);
}

nsky_status nsky_loader_view(nsky_loader *l, uint64_t row, uint32_t epoch, uint32_t view,
                             float *out, nsky_augment_scratch *scratch, nsky_error *err)
{
    assert(l && out && scratch && err && row < l->rows && view < UINT32_MAX);
    return nsky_loader_make(l, l->reader, scratch, row, epoch, view, view + 1, out, 0, err);
}

nsky_status nsky_loader_plain(nsky_loader *l, uint64_t row, float *out, nsky_error *err)
{
    assert(l && out && err && row < l->rows);
    nsky_stamp *stamp;
    nsky_status status = nsky_stamps_stored(l->reader, row, &stamp, err);

    if (status != NSKY_OK)
        return status;
    status = nsky_preprocess_run(&l->how.preprocess, stamp, out, err);
    nsky_stamp_free(stamp);
    return status;
}

nsky_status nsky_loader_object(nsky_loader *l, uint64_t row, nsky_object *out, nsky_error *err)
{
    assert(l && out && err && row < l->rows);
    return nsky_stamps_object(l->reader, row, out, err);
}

const nsky_loader_options *nsky_loader_how(const nsky_loader *l)
{
    assert(l);
    return &l->how;
}

const char *nsky_loader_store(const nsky_loader *l, uint64_t row)
{
    assert(l && row < l->rows);
    return nsky_stamps_locate(l->stamps, row, NULL);
}
