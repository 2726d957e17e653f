/* append.c - see append.h. A source is put in the same transaction as the last of its rows: killed
 * in between, the next run finds the rows (NSKY_ADD_SAME) and goes on behind them. */
#include "ingest/append.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "ingest/names.h"
#include "ingest/notes.h"

static const char *job_path(const nsky_job *job)
{
    return job->files[0].file->path;
}

/* A brick's note begins with what was taken from it. Rows are never taken back, so a selection that
 * asks for less finds nothing to do; one that asks for more reads the brick again. */
static bool covers_brick(nsky_append *append, const nsky_source *source)
{
    nsky_selection before, *now = &append->selection;

    if (!nsky_selection_parse(&before, source->reason) || !nsky_selection_covers(&before, now))
        return false;
    append->wider += !nsky_selection_covers(now, &before);
    return true;
}

static bool is_same_file(const nsky_source *source, uint64_t bytes, int64_t mtime_ns)
{
    return !source->refused && source->bytes == (int64_t)bytes && source->mtime_ns == mtime_ns;
}

nsky_status nsky_append_is_unchanged(nsky_append *append, const nsky_job *job, bool *unchanged,
                                     nsky_error *err)
{
    nsky_source source;
    nsky_status status = nsky_survey_source(append->survey, job_path(job), &source, err);

    *unchanged = false;
    if (status == NSKY_OK && is_same_file(&source, job->bytes, job->mtime_ns)) {
        *unchanged = job->kind != NSKY_JOB_BRICK || covers_brick(append, &source);
        return NSKY_OK;
    }
    /* Cubes that share a name are sources of their own. */
    bool all = job->kind == NSKY_JOB_SET;
    for (uint32_t i = 0; i < job->count && all && status == NSKY_OK; i++) {
        const nsky_walk_file *file = job->files[i].file;
        if (i > 0)
            status = nsky_survey_source(append->survey, file->path, &source, err);
        all = status == NSKY_OK && is_same_file(&source, file->bytes, file->mtime_ns);
    }
    *unchanged = all && status == NSKY_OK;
    return status == NSKY_ENOTFOUND ? NSKY_OK : status;
}

nsky_status nsky_append_commit(nsky_append *append, nsky_error *err)
{
    nsky_status status = nsky_survey_commit(append->survey, err);

    append->pending = 0;
    append->committed_s = nsky_now_s();
    return status;
}

static nsky_status commit_when_due(nsky_append *append, nsky_error *err)
{
    uint64_t batch = append->options->batch ? append->options->batch : NSKY_COMMIT_OBJECTS;

    if (append->pending < batch && nsky_now_s() - append->committed_s < NSKY_COMMIT_SECONDS)
        return NSKY_OK;
    return nsky_append_commit(append, err);
}

static nsky_status put_source(nsky_append *append, const nsky_job *job, uint64_t objects,
                              bool refused, const char *reason, nsky_error *err)
{
    nsky_source source = {.bytes = (int64_t)job->bytes,
                          .mtime_ns = job->mtime_ns,
                          .objects = objects,
                          .refused = refused};
    nsky_status status;

    snprintf(source.path, sizeof source.path, "%s", job_path(job));
    snprintf(source.reason, sizeof source.reason, "%.500s", reason);
    if ((status = nsky_survey_put_source(append->survey, &source, err)) != NSKY_OK)
        return status;
    /* A set that was refused under another first file is whole now. */
    for (uint32_t i = 1; i < job->count; i++) {
        const nsky_walk_file *file = job->files[i].file;
        status = nsky_survey_source(append->survey, file->path, &source, err);
        if (status == NSKY_ENOTFOUND || (status == NSKY_OK && !source.refused))
            continue;
        if (status != NSKY_OK)
            return status;
        source = (nsky_source){.bytes = (int64_t)file->bytes, .mtime_ns = file->mtime_ns};
        snprintf(source.path, sizeof source.path, "%s", file->path);
        snprintf(source.reason, sizeof source.reason, "read with %.400s", job_path(job));
        if ((status = nsky_survey_put_source(append->survey, &source, err)) != NSKY_OK)
            return status;
    }
    return commit_when_due(append, err);
}

static nsky_status refuse(nsky_append *append, const nsky_job *job, uint64_t objects,
                          const char *text, nsky_error *err)
{
    const char *path = job_path(job);
    size_t bytes = strlen(path);
    bool named = strncmp(text, path, bytes) == 0; /* "PATH: ..." or "PATH is ..." */
    const char *reason = named ? text + bytes + strspn(text + bytes, ": ") : text;

    append->report->refused++;
    if (named)
        nsky_log_warn("refused: %s", text);
    else
        nsky_log_warn("refused: %s: %s", path, text);
    return put_source(append, job, objects, true, reason, err);
}

static void describe(const nsky_append *append, const nsky_job *job, nsky_decoded *decoded,
                     nsky_object *object)
{
    const char *survey =
        append->options->survey_name ? append->options->survey_name : decoded->survey;
    nsky_sky named;

    nsky_object_init(object);
    object->id = nsky_object_id_hashed(survey, job->name);
    snprintf(object->name, sizeof object->name, "%.*s", (int)sizeof object->name - 1, job->name);
    snprintf(object->source, sizeof object->source, "%s", job_path(job));
    if (nsky_sky_valid(decoded->position)) {
        object->ra_deg = decoded->position.ra_deg;
        object->dec_deg = decoded->position.dec_deg;
    } else if (nsky_name_position(job->name, &named)) {
        object->ra_deg = named.ra_deg;
        object->dec_deg = named.dec_deg;
        nsky_note(decoded->notes, sizeof decoded->notes, "position by its name");
    }
}

static nsky_status add(nsky_append *append, nsky_object *object, const nsky_stamp *stamp,
                       nsky_add_result *result, nsky_error *err)
{
    if (append->catalogue)
        append->matched += nsky_catalogue_apply(append->catalogue, object);
    nsky_status status =
        nsky_survey_add(append->survey, object, stamp, append->options->lossless, result, err);
    if (status != NSKY_OK)
        return status;
    append->pending += *result == NSKY_ADDED;
    append->report->added += *result == NSKY_ADDED;
    append->report->already += *result == NSKY_ADD_SAME;
    return NSKY_OK;
}

/* Why a row that is there stands in the way. */
static nsky_status describe_conflict(nsky_append *append, const nsky_job *job, uint64_t row,
                                     char *out, size_t bytes, nsky_error *err)
{
    nsky_object first;
    nsky_status status = nsky_survey_by_row(append->survey, row, &first, err);

    if (status != NSKY_OK)
        return status;
    if (strcmp(first.source, job_path(job)) == 0)
        snprintf(out, bytes,
                 "has changed since it was read, and rows stay as they are; to keep both "
                 "give --survey NAME, or make a new store");
    else
        snprintf(out, bytes,
                 "\"%s\" was read from %.300s before, with other pixels; to keep both "
                 "give --survey NAME",
                 first.name, first.source);
    return NSKY_OK;
}

static nsky_status append_object(nsky_append *append, nsky_outcome *outcome, nsky_error *err)
{
    const nsky_job *job = outcome->job;
    char reason[512];
    nsky_object object;
    nsky_add_result result;

    describe(append, job, &outcome->decoded, &object);
    nsky_status status = add(append, &object, outcome->decoded.stamp, &result, err);
    if (status != NSKY_OK)
        return status;
    if (result == NSKY_ADD_CONFLICT) {
        status = describe_conflict(append, job, object.row, reason, sizeof reason, err);
        return status == NSKY_OK ? refuse(append, job, 0, reason, err) : status;
    }
    return put_source(append, job, 1, false, outcome->decoded.notes, err);
}

typedef struct brick_counts {
    uint64_t taken, bare, conflicts, conflict_row;
} brick_counts;

static nsky_status append_entry(nsky_append *append, nsky_outcome *outcome, uint64_t i,
                                brick_counts *counts, nsky_error *err)
{
    nsky_object object = nsky_brick_entries(outcome->brick)->objects[i];
    nsky_add_result result = NSKY_ADDED;
    nsky_stamp *stamp;
    nsky_status status = nsky_brick_stamp(outcome->brick, i, &stamp, err);

    if (status == NSKY_ENOTFOUND) {
        counts->bare++;
        return NSKY_OK;
    }
    if (status != NSKY_OK)
        return status;
    snprintf(object.source, sizeof object.source, "%s", job_path(outcome->job));
    status = add(append, &object, stamp, &result, err);
    nsky_stamp_free(stamp);
    if (status != NSKY_OK)
        return status;
    counts->taken += result != NSKY_ADD_CONFLICT;
    if (result == NSKY_ADD_CONFLICT && counts->conflicts++ == 0)
        counts->conflict_row = object.row;
    return commit_when_due(append, err);
}

static void count_left_out(nsky_ingest_report *report, const nsky_tractor *entries,
                           const brick_counts *counts)
{
    report->stars += entries->stars;
    report->faint += entries->faint;
    report->secondary += entries->secondary;
    report->bare += counts->bare;
}

/* What was taken, for covers_brick and for people, and what was left out. */
static void brick_note(const nsky_append *append, const nsky_tractor *entries,
                       const brick_counts *counts, char *out, size_t bytes)
{
    nsky_selection_describe(&append->selection, out);
    nsky_note(out, bytes,
              "left out %" PRIu64 " stars, %" PRIu64 " fainter, %" PRIu64 " not primary",
              entries->stars, entries->faint, entries->secondary);
    if (counts->bare > 0)
        nsky_note(out, bytes, "%" PRIu64 " without pixels in every band", counts->bare);
    if (entries->untyped && !append->selection.keep_stars)
        nsky_note(out, bytes, "no column TYPE, so stars are among them");
}

static nsky_status append_brick(nsky_append *append, nsky_outcome *outcome, nsky_error *err)
{
    const nsky_tractor *entries = nsky_brick_entries(outcome->brick);
    brick_counts counts = {0};
    char note[512], reason[480];
    nsky_status status = NSKY_OK;

    for (uint64_t i = 0; i < entries->count && status == NSKY_OK; i++)
        status = append_entry(append, outcome, i, &counts, err);
    if (status != NSKY_OK)
        return status;
    count_left_out(append->report, entries, &counts);
    if (counts.conflicts > 0) {
        status = describe_conflict(append, outcome->job, counts.conflict_row, reason, sizeof reason,
                                   err);
        if (status != NSKY_OK)
            return status;
        snprintf(note, sizeof note, "%" PRIu64 " of %" PRIu64 " entries: %.440s", counts.conflicts,
                 entries->count, reason);
        return refuse(append, outcome->job, counts.taken, note, err);
    }
    brick_note(append, entries, &counts, note, sizeof note);
    return put_source(append, outcome->job, counts.taken, false, note, err);
}

/* Files of a set that turned out to be whole cubes. */
static nsky_status append_split(nsky_append *append, nsky_outcome *outcome, nsky_error *err)
{
    nsky_status status = NSKY_OK;

    for (uint32_t i = 0; i < outcome->job->count && status == NSKY_OK; i++) {
        nsky_job job;
        nsky_outcome one;
        status = nsky_job_of_file(&job, outcome->job->files[i].file, err);
        if (status != NSKY_OK)
            break;
        nsky_outcome_read(&one, &job, &append->selection);
        status = nsky_append_outcome(append, &one, err);
        nsky_outcome_clear(&one);
        nsky_job_clear(&job);
    }
    return status;
}

nsky_status nsky_append_outcome(nsky_append *append, nsky_outcome *outcome, nsky_error *err)
{
    assert(append && outcome && err);
    if (outcome->status == NSKY_ENOMEM) {
        *err = outcome->err;
        return NSKY_ENOMEM;
    }
    if (outcome->split)
        return append_split(append, outcome, err);
    append->report->files++;
    if (outcome->status != NSKY_OK)
        return refuse(append, outcome->job, 0, outcome->err.text, err);
    return outcome->brick ? append_brick(append, outcome, err)
                          : append_object(append, outcome, err);
}
