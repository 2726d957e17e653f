/* plan.h (private) - which files belong together: one job for each object or brick.
 * Thread rule: one thread makes it; read-only after. */
#ifndef NSKY_INGEST_PLAN_H
#define NSKY_INGEST_PLAN_H

#include <stdbool.h>

#include "ingest/walk.h"

typedef enum nsky_job_kind {
    NSKY_JOB_IMAGE, /* one file, one object */
    NSKY_JOB_SET,   /* one file a band, one object */
    NSKY_JOB_BRICK, /* coadds of one brick and its catalogue, many objects */
} nsky_job_kind;

typedef struct nsky_job_file {
    const nsky_walk_file *file; /* borrowed from the walk */
    char band;                  /* by the file's or folder's name; 0: not said */
    bool tractor;               /* the catalogue of a brick */
} nsky_job_file;

/* Known to the store as one source: the path of the first file, all sizes added, the latest time.
 */
typedef struct nsky_job {
    nsky_job_kind kind;
    char *name;           /* of the object, or the brick */
    nsky_job_file *files; /* in path order */
    uint32_t count;
    uint64_t bytes;
    int64_t mtime_ns;
} nsky_job;

typedef struct nsky_plan {
    nsky_job *jobs; /* ordered by their first files */
    uint64_t count;
    uint64_t companions; /* inverse variances, masks, models of bricks: not images of the sky */
} nsky_plan;

#define NSKY_JOB_FILES_MAX 64

NSKY_MUST_CHECK nsky_status nsky_plan_new(nsky_plan **out, const nsky_walk *walk, nsky_error *err);
void nsky_plan_free(nsky_plan *plan);

/* The same, one level down: what a set is when its files turn out to be whole cubes. */
NSKY_MUST_CHECK nsky_status nsky_job_of_file(nsky_job *out, const nsky_walk_file *file,
                                             nsky_error *err);
void nsky_job_clear(nsky_job *job);

#endif
