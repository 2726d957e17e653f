/* stamps.c - see stamps.h. */
#include "eval/stamps.h"

#include <assert.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/progress.h"
#include "probe/tasks.h"
#include "store/survey.h"

typedef struct crew {
    const nsky_stamp_source *source;
    const nsky_stamp_taker *taker;
    atomic_uint next; /* group */
    atomic_bool failed;
    nsky_progress *progress;
} crew;

static nsky_status take_group(crew *all, nsky_survey *survey, void *state, nsky_stamp **stamps,
                              uint32_t first, uint32_t count, nsky_error *err)
{
    const nsky_truth *truth = all->source->truth;
    nsky_status status = NSKY_OK;
    uint32_t read = 0;

    for (; read < count && status == NSKY_OK; read++)
        status = nsky_survey_stamp(survey, truth->objects[first + read].row, &stamps[read], err);
    if (status == NSKY_OK)
        status = all->taker->take(all->taker->payload, state, (const nsky_stamp *const *)stamps,
                                  first, count, err);
    for (uint32_t i = 0; i < count; i++) {
        nsky_stamp_free(stamps[i]);
        stamps[i] = NULL;
    }
    return status;
}

static nsky_status take_all(crew *all, nsky_survey *survey, void *state, nsky_stamp **stamps,
                            nsky_error *err)
{
    const uint32_t group = all->taker->group, n = all->source->truth->n;
    nsky_status status = NSKY_OK;

    while (status == NSKY_OK && !atomic_load(&all->failed)) {
        uint64_t first = (uint64_t)atomic_fetch_add(&all->next, 1) * group;
        if (first >= n)
            break;
        uint32_t count = n - first < group ? n - (uint32_t)first : group;
        if (all->source->stop && atomic_load(all->source->stop))
            status = nsky_fail(err, NSKY_ECANCELLED, "stopped");
        else
            status = take_group(all, survey, state, stamps, (uint32_t)first, count, err);
        nsky_progress_add(all->progress, count);
    }
    return status;
}

static nsky_status labour(void *payload, uint32_t thread, nsky_error *err)
{
    crew *all = payload;
    const nsky_stamp_taker *taker = all->taker;
    nsky_survey *survey = NULL;
    nsky_stamp **stamps = NULL;
    void *state = NULL;
    nsky_status status;

    (void)thread;
    if ((status = nsky_survey_open(&survey, all->source->store, NSKY_SURVEY_READ, err)) ==
            NSKY_OK &&
        !(stamps = nsky_alloc_zero(taker->group, sizeof *stamps, err)))
        status = err->status;
    if (status == NSKY_OK && taker->open)
        status = taker->open(&state, taker->payload, err);
    if (status == NSKY_OK)
        status = take_all(all, survey, state, stamps, err);
    if (status != NSKY_OK)
        atomic_store(&all->failed, true);
    if (taker->close)
        taker->close(state);
    nsky_free(stamps);
    nsky_survey_close(survey);
    return status;
}

nsky_status nsky_stamps_each(const nsky_stamp_source *source, const nsky_stamp_taker *taker,
                             nsky_error *err)
{
    assert(source && taker && taker->group > 0 && taker->take && err);
    crew all = {.source = source, .taker = taker};
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t threads = source->threads ? source->threads : cores > 0 ? (uint32_t)cores : 1;

    atomic_init(&all.next, 0);
    atomic_init(&all.failed, false);
    all.progress = nsky_progress_start(taker->what, "stamps", source->truth->n);
    nsky_status status = nsky_tasks_run(threads, threads, labour, &all, err);
    nsky_progress_end(all.progress);
    return status;
}
