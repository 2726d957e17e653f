/* embed_pool.c - see embed_pool.h.
 *
 * A stamp that gives no vector (empty sky in a network without biases, an infinite pixel) gets the
 * zero vector, which is like nothing else: one such stamp in millions must not stop the rest.
 */
#include "encoder/embed_pool.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "common/clock.h"
#include "common/half.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/queue.h"
#include "encoder/registry.h"
#include "store/survey.h"

#define WARNINGS_MAX 10 /* about single stamps */

struct nsky_embed_pool {
    const char *store;
    const nsky_model *model;
    const nsky_encoder_options *options;
    nsky_queue *todo, *finished; /* of nsky_embed_block */
    pthread_t *threads;
    uint32_t thread_count;
    atomic_uint warnings;
    nsky_encoder *shared; /* whose slots the workers fill, or NULL: each has its own */
    atomic_uint_fast64_t read_ns, compute_ns; /* of all workers */
};

/* What a worker has to itself. */
typedef struct worker {
    nsky_embed_pool *pool;
    nsky_survey *survey;
    nsky_encoder *encoder;
    uint32_t group, dim; /* stamps at once */
    nsky_stamp **stamps; /* [group] */
    float *vectors;      /* [group, dim] */
    /* with slots: what stands in one */
    uint32_t *rows;   /* [room] of the block */
    uint16_t *halves; /* [room, dim] */
    uint8_t *faults;  /* [room] */
    uint32_t room;
} worker;

static nsky_status worker_open(worker *w, nsky_error *err)
{
    const nsky_embed_pool *pool = w->pool;
    uint32_t views = nsky_model_info_of(pool->model)->preprocess.views;
    nsky_status status;

    if ((status = nsky_survey_open(&w->survey, pool->store, NSKY_SURVEY_READ, err)) != NSKY_OK)
        return status;
    if (pool->shared) {
        w->dim = nsky_encoder_dim(pool->shared);
        return NSKY_OK; /* room comes with the first block */
    }
    if ((status = nsky_encoder_open(&w->encoder, pool->model, pool->options, err)) != NSKY_OK)
        return status;
    w->dim = nsky_encoder_dim(w->encoder);
    w->group = nsky_encoder_batch(w->encoder) / views;
    if (w->group == 0)
        w->group = 1;
    if (!(w->stamps = nsky_alloc_zero(w->group, sizeof *w->stamps, err)) ||
        !(w->vectors = nsky_alloc(w->group, w->dim * sizeof(float), err)))
        return err->status;
    return NSKY_OK;
}

static void worker_close(worker *w)
{
    nsky_free(w->stamps);
    nsky_free(w->vectors);
    nsky_free(w->rows);
    nsky_free(w->halves);
    nsky_free(w->faults);
    nsky_encoder_close(w->encoder);
    nsky_survey_close(w->survey);
}

static void warn_blank(worker *w, uint64_t row, const char *why)
{
    unsigned before = atomic_fetch_add(&w->pool->warnings, 1);

    if (before < WARNINGS_MAX)
        nsky_log_warn("row %llu gets no vector: %s", (unsigned long long)row, why);
    else if (before == WARNINGS_MAX)
        nsky_log_warn("more rows get no vector; the manifest counts them (blank_rows)");
}

/* One at a time, where a group did not go through. */
static nsky_status embed_singly(worker *w, uint64_t first, uint32_t count, nsky_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        float *out = w->vectors + (size_t)i * w->dim;
        nsky_status status = nsky_encoder_embed_stamps(
            w->encoder, (const nsky_stamp *const *)w->stamps + i, 1, out, err);
        if (status == NSKY_EDATA) {
            warn_blank(w, first + i, err->text);
            memset(out, 0, w->dim * sizeof *out);
        } else if (status != NSKY_OK) {
            return status;
        }
    }
    return NSKY_OK;
}

static nsky_status embed_group(worker *w, uint64_t first, uint32_t count, uint16_t *out,
                               nsky_error *err)
{
    nsky_status status = NSKY_OK;
    uint64_t began = nsky_now_ns();

    for (uint32_t i = 0; i < count && status == NSKY_OK; i++)
        status = nsky_survey_stamp(w->survey, first + i, &w->stamps[i], err);
    uint64_t read = nsky_now_ns();
    if (status == NSKY_OK) {
        status = nsky_encoder_embed_stamps(w->encoder, (const nsky_stamp *const *)w->stamps, count,
                                           w->vectors, err);
        if (status == NSKY_EDATA)
            status = embed_singly(w, first, count, err);
    }
    if (status == NSKY_OK)
        nsky_half_from_floats(out, w->vectors, (size_t)count * w->dim);
    for (uint32_t i = 0; i < count; i++) {
        nsky_stamp_free(w->stamps[i]);
        w->stamps[i] = NULL;
    }
    atomic_fetch_add(&w->pool->read_ns, read - began);
    atomic_fetch_add(&w->pool->compute_ns, nsky_now_ns() - read);
    return status;
}

static nsky_status embed_block(worker *w, nsky_embed_block *block)
{
    nsky_status status = NSKY_OK;

    for (uint32_t i = 0; i < block->rows && status == NSKY_OK; i += w->group) {
        uint32_t count = block->rows - i < w->group ? block->rows - i : w->group;
        status = embed_group(w, block->first + i, count, block->vectors + (size_t)i * w->dim,
                             &block->err);
    }
    return status;
}

static nsky_status make_room(worker *w, uint32_t rows, nsky_error *err)
{
    if (w->room >= rows)
        return NSKY_OK;
    nsky_free(w->rows);
    nsky_free(w->halves);
    nsky_free(w->faults);
    w->halves = NULL;
    w->faults = NULL;
    w->room = 0;
    if (!(w->rows = nsky_alloc(rows, sizeof *w->rows, err)) ||
        !(w->halves = nsky_alloc(rows, w->dim * sizeof *w->halves, err)) ||
        !(w->faults = nsky_alloc(rows, 1, err)))
        return err->status;
    w->room = rows;
    return NSKY_OK;
}

/* Stamps from *next on into the slot until it is full or the block ends; *count of them. A stamp
 * that cannot be prepared leaves its row zero, and is left out. */
static nsky_status fill_slot(worker *w, nsky_slot *slot, const nsky_embed_block *block,
                             uint32_t *next, uint32_t *count, nsky_error *err)
{
    bool full = false;
    nsky_status status = NSKY_OK;

    for (*count = 0; *next < block->rows && status == NSKY_OK; ++*next) {
        nsky_stamp *stamp = NULL;
        if ((status = nsky_survey_stamp(w->survey, block->first + *next, &stamp, err)) != NSKY_OK)
            break;
        status = nsky_slot_put(w->pool->shared, slot, stamp, &full, err);
        nsky_stamp_free(stamp);
        if (status == NSKY_EDATA) {
            warn_blank(w, block->first + *next, err->text);
            status = NSKY_OK;
            continue;
        }
        if (full)
            break;
        w->rows[(*count)++] = *next;
    }
    return status;
}

static nsky_status run_slot(worker *w, nsky_slot *slot, nsky_embed_block *block, uint32_t count)
{
    nsky_status status = nsky_slot_run(w->pool->shared, slot, w->halves, w->faults, &block->err);

    for (uint32_t i = 0; i < count && status == NSKY_OK; i++) {
        if (w->faults[i] != NSKY_ROW_SOUND)
            warn_blank(w, block->first + w->rows[i], nsky_row_fault(w->faults[i]));
        memcpy(block->vectors + (size_t)w->rows[i] * w->dim, w->halves + (size_t)i * w->dim,
               w->dim * sizeof *w->halves);
    }
    return status;
}

/* While one worker waits for the device, the others read. */
static nsky_status embed_through_slot(worker *w, nsky_embed_block *block)
{
    nsky_slot *slot;
    uint32_t next = 0, count;
    nsky_status status = make_room(w, block->rows, &block->err);

    if (status != NSKY_OK ||
        (status = nsky_slot_begin(w->pool->shared, &slot, &block->err)) != NSKY_OK)
        return status;
    memset(block->vectors, 0, (size_t)block->rows * w->dim * sizeof *block->vectors);
    while (next < block->rows && status == NSKY_OK) {
        uint64_t began = nsky_now_ns();
        status = fill_slot(w, slot, block, &next, &count, &block->err);
        atomic_fetch_add(&w->pool->read_ns, nsky_now_ns() - began);
        if (status == NSKY_OK)
            status = run_slot(w, slot, block, count);
    }
    nsky_slot_end(w->pool->shared, slot);
    return status;
}

static void *work(void *payload)
{
    worker w = {.pool = payload};
    nsky_error err = NSKY_ERROR_INIT;
    nsky_status opened = worker_open(&w, &err);
    nsky_embed_block *block;

    while ((block = nsky_queue_pop(w.pool->todo))) {
        if (opened == NSKY_OK) {
            block->status = w.pool->shared ? embed_through_slot(&w, block) : embed_block(&w, block);
        } else {
            block->status = opened;
            block->err = err;
        }
        bool taken = nsky_queue_push(w.pool->finished, block);
        assert(taken); /* has room for all blocks, and closes after the threads are gone */
    }
    worker_close(&w);
    return NULL;
}

/* One encoder for all where it has slots: a worker's own to fill, and two for those that wait. */
static nsky_status open_shared(nsky_embed_pool *pool, uint32_t workers, nsky_error *err)
{
    const nsky_backend_ops *ops;
    nsky_precision precision = pool->options->precision;
    nsky_status status;

    if ((status = nsky_registry_choose(&ops, pool->options->device, &precision, err)) != NSKY_OK ||
        !ops->slots)
        return status;
    if ((status = nsky_encoder_open(&pool->shared, pool->model, pool->options, err)) != NSKY_OK)
        return status;
    return nsky_encoder_open_slots(pool->shared, workers + 2, err);
}

nsky_status nsky_embed_pool_new(nsky_embed_pool **out, const char *store, const nsky_model *model,
                                const nsky_encoder_options *options, uint32_t workers,
                                uint32_t blocks_max, nsky_error *err)
{
    assert(out && store && model && options && workers > 0 && blocks_max > 0 && err);
    nsky_embed_pool *pool = nsky_alloc_zero(1, sizeof *pool, err);
    nsky_status status;

    *out = NULL;
    if (!pool)
        return err->status;
    pool->store = store;
    pool->model = model;
    pool->options = options;
    if ((status = open_shared(pool, workers, err)) != NSKY_OK ||
        (status = nsky_queue_new(&pool->todo, blocks_max, err)) != NSKY_OK ||
        (status = nsky_queue_new(&pool->finished, blocks_max, err)) != NSKY_OK)
        goto done;
    if (!(pool->threads = nsky_alloc(workers, sizeof *pool->threads, err))) {
        status = err->status;
        goto done;
    }
    for (; pool->thread_count < workers; pool->thread_count++)
        if (pthread_create(&pool->threads[pool->thread_count], NULL, work, pool) != 0) {
            status = nsky_fail(err, NSKY_ELIMIT, "cannot start thread %u of %u",
                               pool->thread_count + 1, workers);
            goto done;
        }
    *out = pool;
    pool = NULL;
done:
    nsky_embed_pool_free(pool);
    return status;
}

void nsky_embed_pool_put(nsky_embed_pool *pool, nsky_embed_block *block)
{
    assert(pool && block);
    bool taken = nsky_queue_try_push(pool->todo, block);
    assert(taken);
}

nsky_embed_block *nsky_embed_pool_take_back(nsky_embed_pool *pool)
{
    assert(pool);
    return nsky_queue_pop_timed(pool->todo, 0);
}

nsky_embed_block *nsky_embed_pool_finished(nsky_embed_pool *pool, uint32_t timeout_ms)
{
    assert(pool);
    return nsky_queue_pop_timed(pool->finished, timeout_ms);
}

void nsky_embed_pool_times(const nsky_embed_pool *pool, nsky_embed_times *out)
{
    assert(pool && out);
    *out = (nsky_embed_times){.read_s = 1e-9 * (double)atomic_load(&pool->read_ns),
                              .compute_s = 1e-9 * (double)atomic_load(&pool->compute_ns),
                              .device = pool->shared != NULL};
    if (!pool->shared)
        return;
    nsky_slot_times times;
    nsky_encoder_slot_times(pool->shared, &times);
    out->compute_s = times.compute_s;
    out->copy_s = times.copy_in_s > times.copy_out_s ? times.copy_in_s : times.copy_out_s;
}

void nsky_embed_pool_free(nsky_embed_pool *pool)
{
    if (!pool)
        return;
    if (pool->todo)
        nsky_queue_close(pool->todo);
    for (uint32_t i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    if (pool->finished)
        nsky_queue_close(pool->finished);
    if (pool->todo)
        nsky_queue_free(pool->todo);
    if (pool->finished)
        nsky_queue_free(pool->finished);
    nsky_encoder_close(pool->shared);
    nsky_free(pool->threads);
    nsky_free(pool);
}
