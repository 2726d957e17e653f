/* ingest.c - see ingest.h: walk, plan, leave out what is known, read in parallel, append in order.
 */
#include "ingest/ingest.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/progress.h"
#include "ingest/append.h"
#include "ingest/catalogue.h"
#include "ingest/pipeline.h"
#include "ingest/plan.h"

static bool is_stopped(const nsky_ingest_options *options)
{
    return options->stop && atomic_load(options->stop);
}

/* Everything one run owns. */
typedef struct run {
    nsky_append append;
    nsky_catalogue *catalogue;
    nsky_walk *walk;
    nsky_plan *plan;
    nsky_survey *survey;
    const nsky_job **todo; /* [todo_count] borrowed from the plan */
    uint64_t todo_count;
} run;

static nsky_status find_work(run *r, nsky_error *err)
{
    r->todo = nsky_alloc(r->plan->count, sizeof *r->todo, err);
    if (!r->todo)
        return err->status;
    for (uint64_t i = 0; i < r->plan->count; i++) {
        bool unchanged;
        nsky_status status =
            nsky_append_is_unchanged(&r->append, &r->plan->jobs[i], &unchanged, err);
        if (status != NSKY_OK)
            return status;
        if (unchanged)
            r->append.report->unchanged++;
        else
            r->todo[r->todo_count++] = &r->plan->jobs[i];
    }
    if (r->catalogue && r->append.report->unchanged > 0)
        nsky_log_warn(
            "rows of unchanged sources stay as they are: the catalogue adds columns to new "
            "rows only");
    if (r->append.wider > 0)
        nsky_log_warn("%" PRIu64 " bricks were read before with a fainter limit or with stars, and "
                      "rows stay as they are; for fewer, make a new store",
                      r->append.wider);
    return NSKY_OK;
}

static nsky_status append_all(run *r, const nsky_ingest_options *options, nsky_error *err)
{
    nsky_pipeline *pipeline;
    nsky_outcome outcome;
    nsky_status status = nsky_pipeline_open(&pipeline, r->todo, r->todo_count, options->workers,
                                            &r->append.selection, err);

    if (status != NSKY_OK)
        return status;
    nsky_progress *progress = nsky_progress_start("ingest", "files", r->todo_count);
    while (status == NSKY_OK && !is_stopped(options) && nsky_pipeline_next(pipeline, &outcome)) {
        status = nsky_append_outcome(&r->append, &outcome, err);
        nsky_outcome_clear(&outcome);
        nsky_progress_add(progress, 1);
    }
    nsky_progress_end(progress);
    nsky_pipeline_close(pipeline);
    if (status == NSKY_OK)
        status = nsky_append_commit(&r->append, err);
    if (status == NSKY_OK && is_stopped(options))
        status = nsky_fail(err, NSKY_ECANCELLED, "stopped; run it again to carry on");
    return status;
}

/* What can be wrong with the request is found before a store is made. */
static nsky_status run_all(run *r, const char *store, const char *const *paths, uint32_t path_count,
                           const nsky_ingest_options *options, nsky_error *err)
{
    nsky_status status = NSKY_OK;

    if (options->catalogue)
        status = nsky_catalogue_open(&r->catalogue, options->catalogue, err);
    if (status != NSKY_OK ||
        (status = nsky_walk_paths(&r->walk, store, paths, path_count, err)) != NSKY_OK ||
        (status = nsky_plan_new(&r->plan, r->walk, err)) != NSKY_OK ||
        (status = nsky_survey_open(&r->survey, store, NSKY_SURVEY_WRITE, err)) != NSKY_OK)
        return status;
    r->append.report->other = r->walk->other + r->plan->companions;
    r->append.survey = r->survey;
    r->append.catalogue = r->catalogue;
    r->append.committed_s = nsky_now_s();
    status = find_work(r, err);
    return status == NSKY_OK ? append_all(r, options, err) : status;
}

nsky_status nsky_ingest_paths(const char *store, const char *const *paths, uint32_t path_count,
                              const nsky_ingest_options *options, nsky_ingest_report *report,
                              nsky_error *err)
{
    assert(store && (paths || path_count == 0) && options && report && err);
    const double start = nsky_now_s();
    run r = {0};

    *report = (nsky_ingest_report){0};
    if (!(options->mag_z_max >= 0 && options->mag_z_max < 100))
        return nsky_fail(err, NSKY_EINVAL, "a magnitude limit of %g: 0 to 100", options->mag_z_max);
    r.append.options = options;
    r.append.report = report;
    r.append.selection = (nsky_selection){
        options->mag_z_max > 0 ? options->mag_z_max : NSKY_MAG_Z_MAX, options->keep_stars};
    nsky_status status = run_all(&r, store, paths, path_count, options, err);
    report->matched = r.append.matched;
    nsky_survey_close(r.survey);
    nsky_free(r.todo);
    nsky_plan_free(r.plan);
    nsky_walk_free(r.walk);
    nsky_catalogue_close(r.catalogue);
    report->seconds = nsky_now_s() - start;
    return status;
}
