/* loader.c - batches in a ring, filled by threads sample by sample.
 *
 * Batches are numbered epoch * steps + step; number n lives in slot n % SLOTS. One is lent to the
 * caller, the others are filled meanwhile. Everything shared is under one mutex, held only to hand
 * out a sample or to hand in a result. Thread rule: as loader.h.
 */
#include "encoder/train/loader.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>

#include "common/memory.h"
#include "encoder/train/augment_private.h"
#include "encoder/train/loader_stamps.h"
#include "encoder/train/order.h"

#define SLOTS 3u

typedef struct slot {
    float *images;            /* [views, batch, 3, size, size] */
    uint64_t *rows;           /* [batch] */
    uint32_t begun, finished; /* samples */
    uint32_t failed;          /* the first sample that did, by number; batch: none */
    nsky_error err;           /* its error */
} slot;

struct nsky_loader {
    nsky_loader_options how; /* stores is not kept */
    uint64_t rows, steps;
    uint64_t *chosen, chosen_count; /* the rows batches are of; NULL: all */
    size_t image;                   /* floats of one */
    nsky_stamps *stamps;
    nsky_stamps_reader *reader; /* the caller's thread's */
    pthread_t *threads;
    uint32_t thread_count;

    pthread_mutex_t mutex;
    pthread_cond_t work, done; /* for the workers; for the caller */
    slot slots[SLOTS];
    uint64_t next;  /* batch to lend next */
    uint64_t begin; /* batch whose samples are being handed out */
    bool lent;      /* next - 1 is with the caller */
    bool running, closing;
    uint32_t active; /* samples under way */
};

/* --- workers --- */

typedef struct worker {
    nsky_loader *loader;
    nsky_stamps_reader *reader;
    nsky_augment_scratch *scratch;
} worker;

/* Under the mutex: the oldest batch still needed decides which slots are free. */
static bool may_begin(const nsky_loader *l)
{
    uint64_t oldest = l->next - (l->lent ? 1 : 0);

    return l->running && !l->closing && l->begin < oldest + SLOTS;
}

/* Under the mutex: the next sample to make, and its batch. */
static void hand_out(nsky_loader *l, uint64_t *batch, uint32_t *sample)
{
    slot *s = &l->slots[l->begin % SLOTS];

    if (s->begun == 0) {
        s->finished = 0;
        s->failed = l->how.batch;
    }
    *batch = l->begin;
    *sample = s->begun++;
    if (s->begun == l->how.batch) {
        l->begin++;
        l->slots[l->begin % SLOTS].begun = 0;
    }
    l->active++;
}

static void hand_in(nsky_loader *l, uint64_t batch, uint32_t sample, nsky_status status,
                    const nsky_error *err)
{
    slot *s = &l->slots[batch % SLOTS];

    if (status != NSKY_OK && sample < s->failed) {
        s->failed = sample;
        s->err = *err;
    }
    l->active--;
    if (++s->finished == l->how.batch || l->active == 0)
        pthread_cond_signal(&l->done);
}

/* Views 0 .. views - 1 of a row, `apart` floats from one another. */
static nsky_status make_views(const nsky_loader *l, nsky_stamps_reader *reader,
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

static nsky_status make(worker *w, uint64_t batch, uint32_t sample, nsky_error *err)
{
    const nsky_loader *l = w->loader;
    const nsky_loader_options *how = &l->how;
    const slot *s = &l->slots[batch % SLOTS];
    uint32_t epoch = (uint32_t)(batch / l->steps);
    uint64_t place = batch % l->steps * how->batch + sample;
    uint64_t row = l->chosen ? l->chosen[nsky_order_at(how->seed, epoch, l->chosen_count, place)]
                             : nsky_order_at(how->seed, epoch, l->rows, place);

    s->rows[sample] = row;
    return make_views(l, w->reader, w->scratch, row, epoch, 0, how->views,
                      s->images + sample * l->image, how->batch * l->image, err);
}

/* At its first sample, so that what goes wrong is said with a batch. */
static nsky_status equip(worker *w, nsky_error *err)
{
    const nsky_loader_options *how = &w->loader->how;
    nsky_status status = NSKY_OK;

    if (!w->reader)
        status = nsky_stamps_reader_new(&w->reader, w->loader->stamps, err);
    if (status == NSKY_OK && !w->scratch)
        status = nsky_augment_scratch_new(&w->scratch, &how->augment, &how->preprocess, err);
    return status;
}

static void *work(void *payload)
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
    return NSKY_OK;
}

static nsky_status new_slots(nsky_loader *l, nsky_error *err)
{
    const nsky_loader_options *o = &l->how;
    size_t images;

    l->image = (size_t)3 * o->preprocess.size * o->preprocess.size;
    if (!nsky_mul_size((size_t)o->views * o->batch, l->image, &images))
        return nsky_fail(err, NSKY_ELIMIT, "a batch of %u is too large", o->batch);
    for (uint32_t i = 0; i < SLOTS; i++)
        if (!(l->slots[i].images = nsky_alloc_aligned(images, sizeof(float), err)) ||
            !(l->slots[i].rows = nsky_alloc(o->batch, sizeof(uint64_t), err)))
            return err->status;
    return NSKY_OK;
}

static nsky_status start_threads(nsky_loader *l, nsky_error *err)
{
    uint32_t wanted = l->how.threads = l->how.threads > 0 ? l->how.threads : core_count();

    if (!(l->threads = nsky_alloc(wanted, sizeof *l->threads, err)))
        return err->status;
    for (; l->thread_count < wanted; l->thread_count++)
        if (pthread_create(&l->threads[l->thread_count], NULL, work, l) != 0)
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
    for (uint32_t i = 0; i < SLOTS; i++) {
        nsky_free(l->slots[i].images);
        nsky_free(l->slots[i].rows);
    }
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
    for (uint32_t i = 0; i < SLOTS; i++)
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

nsky_status nsky_loader_next(nsky_loader *l, const float **images, const uint64_t **rows,
                             nsky_error *err)
{
    assert(l && images && rows && err);
    nsky_status status = NSKY_OK;

    pthread_mutex_lock(&l->mutex);
    l->running = true;
    l->lent = false;
    pthread_cond_broadcast(&l->work);
    slot *s = &l->slots[l->next % SLOTS];
    /* Its slot is its own once the batch has begun; what it held before is another's count. */
    while (!(l->begin > l->next && s->finished == l->how.batch))
        pthread_cond_wait(&l->done, &l->mutex);
    if (s->failed < l->how.batch) {
        *err = s->err;
        status = s->err.status;
        stand_before(l, l->next);
    } else {
        *images = s->images;
        *rows = s->rows;
        l->next++;
        l->lent = true;
    }
    pthread_mutex_unlock(&l->mutex);
    return status;
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
    return make_views(l, l->reader, scratch, row, epoch, view, view + 1, out, 0, err);
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
