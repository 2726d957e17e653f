/* job.c - see job.h. */
#include "server/job.h"

#include "common/memory.h"
#include "index/group.h"

nsky_status nsky_job_new(nsky_job **out, nsky_error *err)
{
    nsky_job *job = nsky_alloc_zero(1, sizeof *job, err);

    *out = job;
    if (!job)
        return err->status;
    job->k = NSKY_JOB_K_DEFAULT;
    job->query_row = UINT64_MAX;
    nsky_filter_init(&job->filter);
    return NSKY_OK;
}

void nsky_job_free(nsky_job *job)
{
    if (!job)
        return;
    nsky_probe_job_free(job->probe);
    nsky_decoded_clear(&job->decoded);
    nsky_free(job->vectors);
    nsky_free(job->cells);
    nsky_free(job->rows);
    nsky_free(job->hits);
    nsky_free(job);
}

uint32_t nsky_job_fetch(const nsky_job *job)
{
    return nsky_group_fetch(job->k, job->group_arcsec);
}
