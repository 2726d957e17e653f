/* run.c - a whole survey: threads take fields in turn; truth is written in order.
 * Thread rule: nsky_sim_run from one thread; it starts its own. */
#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/memory.h"
#include "common/progress.h"
#include "sim/catalogue.h"
#include "sim/options.h"
#include "sim/output.h"
#include "sim/sheet.h"

#define CHUNK 512 /* fields whose truth waits in memory to be written in order */

typedef struct outcome {
    char *truth; /* rows; from open_memstream */
    size_t truth_bytes;
    bool made;
    nsky_sim_report counts;
} outcome;

typedef struct survey {
    const nsky_sim_options *options;
    const sim_plan *plan;
    uint32_t first, count; /* of the chunk */
    outcome *outcomes;     /* [CHUNK] */
    atomic_uint next;
    atomic_bool failed;
    pthread_mutex_t mutex; /* guards err */
    nsky_error err;        /* the first that happened */
    nsky_progress *progress;
} survey;

typedef struct thread {
    pthread_t id;
    survey *job;
    sim_worker worker;
} thread;

static void count(nsky_sim_report *counts, const sim_plan *plan, const sim_field *field)
{
    uint32_t listed = plan->stamps ? 1 : field->count;

    for (uint32_t i = 0; i < listed; i++) {
        const sim_object *object = &field->objects[i];
        counts->primaries += object->role == NSKY_SIM_PRIMARY;
        counts->lenses += object->is_lens;
        counts->lookalikes += object->deflector > 0 && !object->is_lens;
        counts->field_galaxies += object->role == NSKY_SIM_FIELD;
        counts->stars += object->class == NSKY_SIM_STAR;
    }
}

static nsky_status describe(outcome *out, const sim_plan *plan, uint32_t index,
                            const sim_field *field, nsky_error *err)
{
    FILE *stream = open_memstream(&out->truth, &out->truth_bytes);

    if (!stream)
        return nsky_fail(err, NSKY_ENOMEM, "out of memory");
    sim_truth_rows(stream, plan, index, field);
    bool broken = ferror(stream);
    if (fclose(stream) != 0 || broken)
        return nsky_fail(err, NSKY_ENOMEM, "out of memory");
    count(&out->counts, plan, field);
    return NSKY_OK;
}

static nsky_status make_field(thread *self, uint32_t at, nsky_error *err)
{
    const sim_plan *plan = self->job->plan;
    uint32_t index = self->job->first + at;
    outcome *out = &self->job->outcomes[at];
    bool finished = false;
    sim_field field;
    nsky_status status = sim_output_finished(&finished, &self->worker, index, err);

    if (status != NSKY_OK ||
        (status = sim_field_plan(&field, plan, index, self->worker.painter, err)) != NSKY_OK)
        return status;
    status = describe(out, plan, index, &field, err);
    if (status == NSKY_OK && !finished)
        status = sim_output_write(&self->worker, index, &field, err);
    sim_field_clear(&field);
    out->made = !finished;
    return status;
}

static bool stopped(const survey *job)
{
    return job->options->stop && atomic_load(job->options->stop);
}

static void *work(void *payload)
{
    thread *self = payload;
    survey *job = self->job;

    for (;;) {
        uint32_t at = atomic_fetch_add(&job->next, 1);
        nsky_error err = NSKY_ERROR_INIT;
        if (at >= job->count || atomic_load(&job->failed) || stopped(job))
            return NULL;
        if (make_field(self, at, &err) != NSKY_OK) {
            pthread_mutex_lock(&job->mutex);
            if (!atomic_exchange(&job->failed, true))
                job->err = err;
            pthread_mutex_unlock(&job->mutex);
        }
        nsky_progress_add(job->progress, job->plan->primaries);
    }
}

/* One chunk by all threads; the calling thread is one of them. */
static nsky_status run_chunk(survey *job, thread *threads, uint32_t thread_count, nsky_error *err)
{
    uint32_t started = 1;

    atomic_store(&job->next, 0);
    while (started < thread_count &&
           pthread_create(&threads[started].id, NULL, work, &threads[started]) == 0)
        started++; /* fewer threads than asked for still do the work */
    work(&threads[0]);
    for (uint32_t i = 1; i < started; i++)
        pthread_join(threads[i].id, NULL);
    if (atomic_load(&job->failed)) {
        *err = job->err;
        return err->status;
    }
    if (stopped(job))
        return nsky_fail(err, NSKY_ECANCELLED, "stopped; run the same command again to carry on");
    return NSKY_OK;
}

static void add_counts(nsky_sim_report *to, const outcome *from)
{
    to->made += from->made;
    to->kept += !from->made;
    to->primaries += from->counts.primaries;
    to->lenses += from->counts.lenses;
    to->lookalikes += from->counts.lookalikes;
    to->field_galaxies += from->counts.field_galaxies;
    to->stars += from->counts.stars;
}

static nsky_status run_chunks(survey *job, thread *threads, uint32_t thread_count, FILE *truth,
                              nsky_sim_report *report, nsky_error *err)
{
    nsky_status status = NSKY_OK;

    for (uint32_t first = 0; first < job->plan->fields && status == NSKY_OK; first += CHUNK) {
        uint32_t left = job->plan->fields - first;
        job->first = first;
        job->count = left < CHUNK ? left : CHUNK;
        memset(job->outcomes, 0, CHUNK * sizeof *job->outcomes);
        status = run_chunk(job, threads, thread_count, err);
        for (uint32_t i = 0; i < job->count; i++) {
            if (status == NSKY_OK) {
                fwrite(job->outcomes[i].truth, 1, job->outcomes[i].truth_bytes, truth);
                add_counts(report, &job->outcomes[i]);
            }
            free(job->outcomes[i].truth);
        }
    }
    return status;
}

static nsky_status run_survey(survey *job, uint32_t thread_count, FILE *truth,
                              nsky_sim_report *report, nsky_error *err)
{
    thread *threads = nsky_alloc_zero(thread_count, sizeof *threads, err);
    nsky_status status = threads ? NSKY_OK : NSKY_ENOMEM;

    for (uint32_t i = 0; i < thread_count && status == NSKY_OK; i++) {
        threads[i].job = job;
        status = sim_worker_open(&threads[i].worker, job->options->out, job->plan, err);
    }
    if (status == NSKY_OK)
        status = run_chunks(job, threads, thread_count, truth, report, err);
    for (uint32_t i = 0; threads && i < thread_count; i++)
        sim_worker_close(&threads[i].worker);
    nsky_free(threads);
    return status;
}

/* truth.csv appears when the survey is whole, and not before. */
static nsky_status run_with_truth(survey *job, nsky_sim_report *report, nsky_error *err)
{
    char *path = nsky_format(err, "%s/truth.csv", job->options->out);
    nsky_file_writer writer = {0};
    nsky_status status = NSKY_ENOMEM;

    job->outcomes = nsky_alloc_zero(CHUNK, sizeof *job->outcomes, err);
    if (path && job->outcomes)
        status = nsky_file_begin(&writer, path, err);
    if (status == NSKY_OK) {
        sim_truth_header(writer.stream, job->plan->stamps);
        uint32_t threads = sim_options_threads(job->options, job->plan->fields);
        status = run_survey(job, threads, writer.stream, report, err);
    }
    if (status == NSKY_OK)
        status = nsky_file_commit(&writer, err);
    nsky_file_abort(&writer);
    nsky_free(job->outcomes);
    nsky_free(path);
    return status;
}

nsky_status nsky_sim_run(const nsky_sim_options *options, nsky_sim_report *report, nsky_error *err)
{
    assert(options && report && err);
    double start = nsky_now_s();
    nsky_status status;

    *report = (nsky_sim_report){0};
    if ((status = sim_options_check(options, err)) != NSKY_OK)
        return status;
    sim_plan plan = sim_plan_of(options);
    if ((status = nsky_make_directories(options->out, err)) != NSKY_OK ||
        (status = sim_options_claim(options, &plan, err)) != NSKY_OK)
        return status;
    survey job = {.options = options, .plan = &plan, .mutex = PTHREAD_MUTEX_INITIALIZER};
    job.progress =
        nsky_progress_start("simulate", "galaxies", (uint64_t)plan.fields * plan.primaries);
    status = run_with_truth(&job, report, err);
    nsky_progress_end(job.progress);
    if (status == NSKY_OK && options->sheet)
        status = sim_write_sheet(options->sheet, &plan, options->stop, err);
    report->seconds = nsky_now_s() - start;
    return status;
}
