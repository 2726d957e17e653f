/* pipeline.c - see pipeline.h. A ring of slots: workers fill them in any order, the caller takes
 * them in order; the next one due may always start, so nothing can wait for ever. */
#include "ingest/pipeline.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <unistd.h>

#include "common/memory.h"
#include "ingest/band_set.h"
#include "ingest/decode_private.h"

#define SLOTS_PER_WORKER 4

typedef struct slot {
    nsky_outcome outcome;
    bool ready;
} slot;

struct nsky_pipeline {
    const nsky_job *const *jobs;
    uint64_t count;
    const nsky_selection *selection;
    pthread_mutex_t lock;
    pthread_cond_t room, ready;
    uint64_t next_start, next_take; /* jobs */
    uint64_t held_bytes;            /* of jobs started and not yet done with */
    uint64_t lent_bytes;            /* of the one the caller has now */
    bool closing;
    slot *slots;
    uint32_t slot_count;
    pthread_t threads[NSKY_WORKERS_MAX];
    uint32_t thread_count;
};

void nsky_outcome_read(nsky_outcome *out, const nsky_job *job, const nsky_selection *selection)
{
    bool is_set = true;

    *out = (nsky_outcome){.job = job, .decoded = {.position = {NAN, NAN}}};
    switch (job->kind) {
    case NSKY_JOB_IMAGE:
        out->status = nsky_decode_band_file(&out->decoded, job->files[0].file->path,
                                            job->files[0].band, &out->err);
        break;
    case NSKY_JOB_SET:
        out->status = nsky_band_set_read(&out->decoded, job, &is_set, &out->err);
        out->split = out->status == NSKY_OK && !is_set;
        break;
    case NSKY_JOB_BRICK:
        out->status = nsky_brick_read(&out->brick, job, selection, &out->err);
        break;
    }
}

void nsky_outcome_clear(nsky_outcome *outcome)
{
    nsky_decoded_clear(&outcome->decoded);
    nsky_brick_free(outcome->brick);
    *outcome = (nsky_outcome){.decoded = {.position = {NAN, NAN}}};
}

static bool may_start(const nsky_pipeline *p)
{
    uint64_t i = p->next_start;

    if (i >= p->count || i >= p->next_take + p->slot_count)
        return false;
    return i == p->next_take ||
           p->held_bytes + nsky_brick_bytes(p->jobs[i]) <= NSKY_PIPELINE_BYTES_MAX;
}

static void *work(void *payload)
{
    nsky_pipeline *p = payload;

    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->closing && p->next_start < p->count && !may_start(p))
            pthread_cond_wait(&p->room, &p->lock);
        if (p->closing || p->next_start >= p->count)
            break;
        uint64_t i = p->next_start++;
        slot *s = &p->slots[i % p->slot_count];
        p->held_bytes += nsky_brick_bytes(p->jobs[i]);
        pthread_mutex_unlock(&p->lock);
        nsky_outcome_read(&s->outcome, p->jobs[i], p->selection);
        pthread_mutex_lock(&p->lock);
        s->ready = true;
        pthread_cond_signal(&p->ready);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static uint32_t choose_workers(uint32_t asked, uint64_t jobs)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t workers = asked ? asked : cores > 0 ? (uint32_t)cores : 1;

    if (workers > NSKY_WORKERS_MAX)
        workers = NSKY_WORKERS_MAX;
    return workers > jobs ? (uint32_t)jobs : workers;
}

nsky_status nsky_pipeline_open(nsky_pipeline **out, const nsky_job *const *jobs, uint64_t count,
                               uint32_t workers, const nsky_selection *selection, nsky_error *err)
{
    assert(out && (jobs || count == 0) && err);
    nsky_pipeline *p = nsky_alloc_zero(1, sizeof *p, err);

    *out = NULL;
    if (!p)
        return err->status;
    workers = choose_workers(workers, count);
    p->jobs = jobs;
    p->count = count;
    p->selection = selection;
    p->slot_count = workers * SLOTS_PER_WORKER + 1;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->room, NULL);
    pthread_cond_init(&p->ready, NULL);
    p->slots = nsky_alloc_zero(p->slot_count, sizeof *p->slots, err);
    if (!p->slots) {
        nsky_pipeline_close(p);
        return err->status;
    }
    while (p->thread_count < workers &&
           pthread_create(&p->threads[p->thread_count], NULL, work, p) == 0)
        p->thread_count++;
    if (p->thread_count == 0 && count > 0) {
        nsky_pipeline_close(p);
        return nsky_fail(err, NSKY_EIO, "the system gives no thread to read files with");
    }
    *out = p;
    return NSKY_OK;
}

bool nsky_pipeline_next(nsky_pipeline *p, nsky_outcome *out)
{
    pthread_mutex_lock(&p->lock);
    p->held_bytes -= p->lent_bytes;
    p->lent_bytes = 0;
    pthread_cond_broadcast(&p->room);
    if (p->next_take >= p->count) {
        pthread_mutex_unlock(&p->lock);
        return false;
    }
    slot *s = &p->slots[p->next_take % p->slot_count];
    while (!s->ready)
        pthread_cond_wait(&p->ready, &p->lock);
    *out = s->outcome;
    s->ready = false;
    p->lent_bytes = nsky_brick_bytes(p->jobs[p->next_take]);
    p->next_take++;
    pthread_cond_broadcast(&p->room);
    pthread_mutex_unlock(&p->lock);
    return true;
}

void nsky_pipeline_close(nsky_pipeline *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->closing = true;
    pthread_cond_broadcast(&p->room);
    pthread_mutex_unlock(&p->lock);
    for (uint32_t i = 0; i < p->thread_count; i++)
        pthread_join(p->threads[i], NULL);
    for (uint32_t i = 0; p->slots && i < p->slot_count; i++)
        if (p->slots[i].ready)
            nsky_outcome_clear(&p->slots[i].outcome);
    pthread_cond_destroy(&p->room);
    pthread_cond_destroy(&p->ready);
    pthread_mutex_destroy(&p->lock);
    nsky_free(p->slots);
    nsky_free(p);
}
