/* probe_job.h (private) - training, ranking and suggestions on their way through the prober.
 * Thread rule: as request.h: whoever has the request has its job. */
#ifndef NSKY_SERVER_PROBE_JOB_H
#define NSKY_SERVER_PROBE_JOB_H

#include "probe/neighbours.h"
#include "probe/rank.h"
#include "server/probes.h"

#define NSKY_PROBE_EXAMPLES_MAX 5000 /* of one class */
#define NSKY_PROBE_LABELS_MAX 20000  /* of all, and of numbers */
#define NSKY_PROBE_BACKGROUND_MAX 20000
#define NSKY_PROBE_BACKGROUND_DEFAULT 1000
#define NSKY_PROBE_TOP_MAX 10000
#define NSKY_PROBE_TOP_DEFAULT 100

typedef enum nsky_probe_work {
    NSKY_WORK_TRAIN,
    NSKY_WORK_RANK,
    NSKY_WORK_SUGGEST,
    NSKY_WORK_ESTIMATE,
} nsky_probe_work;

typedef struct nsky_probe_job {
    nsky_probe_work work;
    /* to train */
    char name[NSKY_COMMUNITY_NAME_BYTES];
    nsky_example *examples; /* [example_count], owned */
    uint32_t example_count;
    char (*names)[NSKY_CLASS_BYTES]; /* [classes], owned; NULL: numbers */
    uint32_t classes;
    char column[32];     /* of the catalogue, instead of examples; or "" */
    uint32_t background; /* UINT32_MAX: as many as suit */
    double prevalence;   /* 0: as `nsky_train_options` has it */
    bool replace;
    /* to rank by; also what was trained */
    nsky_shared_probe *probe; /* one reference */
    nsky_rank_options options;
    uint32_t top;
    /* found */
    uint32_t *rows; /* [count], owned */
    float *scores;  /* [count], owned */
    uint32_t count;
    char method[NSKY_METHOD_BYTES]; /* of ranking: nsky_score_query's */
    /* of one object, by the labels of those most like it */
    uint64_t id, row;
    uint32_t k;
    nsky_estimate estimate;
    double expected[3]; /* positives among them: value, low, high; NaN without calibration */
} nsky_probe_job;

void nsky_probe_job_free(nsky_probe_job *job); /* NULL is a no-op */

struct nsky_request;
/* Does the work of request->job->probe; sets its results or request->job->err. On the prober's
 * thread. */
void nsky_probe_work_run(struct nsky_request *request);

#endif
