/* plan.c - see plan.h. Names decide what is put together; what the files hold decides later
 * whether that was right. */
#include "ingest/plan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/memory.h"
#include "ingest/names.h"

typedef struct entry {
    const nsky_walk_file *file;
    nsky_file_name name;
    uint64_t order;
} entry;

/* Singles last, each on its own; equal keys together, in path order. */
static int by_key(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    int order = 0;

    if (x->name.key && y->name.key)
        order = strcmp(x->name.key, y->name.key);
    else if (x->name.key || y->name.key)
        order = x->name.key ? -1 : 1;
    return order != 0 ? order : (x->order > y->order) - (x->order < y->order);
}

static int by_first_file(const void *a, const void *b)
{
    const nsky_job *x = a, *y = b;
    return (x->files[0].file > y->files[0].file) - (x->files[0].file < y->files[0].file);
}

static nsky_status start_job(nsky_job *job, nsky_job_kind kind, const char *name, uint32_t count,
                             nsky_error *err)
{
    *job = (nsky_job){.kind = kind, .mtime_ns = INT64_MIN};
    job->name = nsky_strdup(name, err);
    job->files = job->name ? nsky_alloc(count, sizeof *job->files, err) : NULL;
    if (job->files)
        return NSKY_OK;
    nsky_job_clear(job);
    return NSKY_ENOMEM; /* as err says */
}

static void add_to_job(nsky_job *job, const nsky_walk_file *file, char band, bool tractor)
{
    job->files[job->count++] = (nsky_job_file){file, band, tractor};
    job->bytes += file->bytes;
    if (file->mtime_ns > job->mtime_ns)
        job->mtime_ns = file->mtime_ns;
}

nsky_status nsky_job_of_file(nsky_job *out, const nsky_walk_file *file, nsky_error *err)
{
    const char *base = nsky_path_base(file->path);
    char *stem = nsky_format(err, "%.*s", (int)nsky_walk_stem(base), base);
    nsky_status status = stem ? start_job(out, NSKY_JOB_IMAGE, stem, 1, err) : err->status;

    if (status == NSKY_OK)
        add_to_job(out, file, '\0', false);
    nsky_free(stem);
    return status;
}

/* A run of entries with one key: a brick, a set of bands, or files that only look like one. */
static nsky_status add_group(nsky_plan *plan, const entry *run, uint64_t count, nsky_error *err)
{
    bool brick = run->name.kind == NSKY_NAME_BRICK || run->name.kind == NSKY_NAME_TRACTOR;
    bool alone = !brick && (count == 1 || count > NSKY_JOB_FILES_MAX);
    nsky_status status = NSKY_OK;

    if (alone) {
        for (uint64_t i = 0; i < count && status == NSKY_OK; i++) {
            nsky_job *job = &plan->jobs[plan->count];
            if ((status = nsky_job_of_file(job, run[i].file, err)) == NSKY_OK) {
                job->files[0].band = run[i].name.band;
                plan->count++;
            }
        }
        return status;
    }
    if (count > NSKY_JOB_FILES_MAX)
        count = NSKY_JOB_FILES_MAX;
    nsky_job *job = &plan->jobs[plan->count];
    status =
        start_job(job, brick ? NSKY_JOB_BRICK : NSKY_JOB_SET, run->name.name, (uint32_t)count, err);
    if (status != NSKY_OK)
        return status;
    plan->count++;
    for (uint64_t i = 0; i < count; i++)
        add_to_job(job, run[i].file, run[i].name.band, run[i].name.kind == NSKY_NAME_TRACTOR);
    return NSKY_OK;
}

static nsky_status group(nsky_plan *plan, entry *entries, uint64_t count, nsky_error *err)
{
    nsky_status status = NSKY_OK;

    qsort(entries, count, sizeof *entries, by_key);
    for (uint64_t i = 0, end; i < count && status == NSKY_OK; i = end) {
        const char *key = entries[i].name.key;
        for (end = i + 1;
             key && end < count && entries[end].name.key && strcmp(entries[end].name.key, key) == 0;
             end++)
            continue;
        status = add_group(plan, entries + i, end - i, err);
    }
    qsort(plan->jobs, plan->count, sizeof *plan->jobs, by_first_file);
    return status;
}

/* Only FITS files come one band a file. */
static nsky_status read_names(nsky_plan *plan, const nsky_walk *walk, entry *entries,
                              uint64_t *count, nsky_error *err)
{
    for (uint64_t i = 0; i < walk->count; i++) {
        entry *e = &entries[*count];
        nsky_status status = nsky_file_name_read(&e->name, walk->files[i].path, err);
        if (status != NSKY_OK)
            return status;
        e->file = &walk->files[i];
        e->order = i;
        if (e->file->kind != NSKY_WALK_FITS && e->name.kind != NSKY_NAME_COMPANION) {
            nsky_free(e->name.key);
            e->name.key = NULL;
            e->name.kind = NSKY_NAME_SINGLE;
        }
        if (e->name.kind == NSKY_NAME_COMPANION) {
            plan->companions++;
            continue;
        }
        (*count)++;
    }
    return NSKY_OK;
}

nsky_status nsky_plan_new(nsky_plan **out, const nsky_walk *walk, nsky_error *err)
{
    assert(out && walk && err);
    uint64_t count = 0;

    *out = NULL;
    nsky_plan *plan = nsky_alloc_zero(1, sizeof *plan, err);
    entry *entries = nsky_alloc(walk->count, sizeof *entries, err);
    if (plan)
        plan->jobs = nsky_alloc(walk->count, sizeof *plan->jobs, err);
    nsky_status status = plan && plan->jobs && entries ? NSKY_OK : err->status;
    if (status == NSKY_OK)
        status = read_names(plan, walk, entries, &count, err);
    if (status == NSKY_OK)
        status = group(plan, entries, count, err);
    for (uint64_t i = 0; i < count; i++)
        nsky_file_name_clear(&entries[i].name);
    nsky_free(entries);
    if (status == NSKY_OK)
        *out = plan;
    else
        nsky_plan_free(plan);
    return status;
}

void nsky_job_clear(nsky_job *job)
{
    nsky_free(job->name);
    nsky_free(job->files);
    *job = (nsky_job){0};
}

void nsky_plan_free(nsky_plan *plan)
{
    if (!plan)
        return;
    for (uint64_t i = 0; i < plan->count; i++)
        nsky_job_clear(&plan->jobs[i]);
    nsky_free(plan->jobs);
    nsky_free(plan);
}
