/* lists_build.c - lists_build.h: the steps, one after the other, each skipped where it is done. */
#include "index/lists_build.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "algebra/linalg.h"
#include "common/memory.h"

/* The three files, whole and of this job. */
static bool is_built(const nsky_lists_job *job)
{
    nsky_error ignored = NSKY_ERROR_INIT;
    nsky_lists lists;
    nsky_lists_header header;
    if (nsky_lists_open(&lists, job->folder, job->vectors.rows, job->vectors.dim, &ignored) !=
        NSKY_OK)
        return false;
    memcpy(&header, lists.files[0].data, sizeof header);
    nsky_lists_close(&lists);
    return header.plan == nsky_lists_plan_hash(job);
}

/* What a finished build, or one of another job, has left. */
static nsky_status remove_parts(const nsky_lists_job *job, nsky_error *err)
{
    char **names = NULL;
    size_t count = 0;
    nsky_status status = nsky_directory_list(&names, &count, job->folder, err);
    for (size_t i = 0; status == NSKY_OK && i < count; i++) {
        size_t length = strlen(names[i]);
        if (length < 5 || strcmp(names[i] + length - 5, ".part") != 0)
            continue;
        char *path = nsky_format(err, "%s/%s", job->folder, names[i]);
        if (!path)
            status = err->status;
        else if (unlink(path) != 0)
            status = nsky_fail_errno(err, "%s: cannot remove", path);
        nsky_free(path);
    }
    nsky_free(names);
    return status;
}

static nsky_status ready(nsky_trained *out, const nsky_lists_job *job, nsky_error *err)
{
    if (job->kept)
        return nsky_trained_keep(out, job, err);
    nsky_status status = nsky_trained_read(out, job, err);
    return status == NSKY_ENOTFOUND ? nsky_lists_train(out, job, err) : status;
}

static nsky_status build(const nsky_lists_job *job, nsky_error *err)
{
    nsky_trained trained;
    nsky_status status = ready(&trained, job, err);
    if (status != NSKY_OK)
        return status;
    if ((status = nsky_lists_segments(job, &trained, nsky_segments_begin(job), job->vectors.rows,
                                      err)) == NSKY_OK)
        status = nsky_lists_merge(job, &trained, err);
    nsky_trained_free(&trained);
    return status;
}

static void check(const nsky_lists_job *job)
{
    assert(job && job->folder && job->vectors.data && job->vectors.rows > 0 && job->threads >= 1);
    assert(!job->kept ||
           (job->kept->rows <= job->vectors.rows && job->kept->dim == job->vectors.dim &&
            job->kept->coded == job->coded && job->kept->coder.bits == job->bits));
}

/* Products on one thread each: their bits must not depend on the number of cores. */
nsky_status nsky_lists_build(const nsky_lists_job *job, nsky_error *err)
{
    check(job);
    nsky_blas_alone();
    nsky_status status = is_built(job) ? NSKY_OK : build(job, err);
    nsky_blas_again();
    return status == NSKY_OK ? remove_parts(job, err) : status;
}

bool nsky_lists_begun(const nsky_lists_job *job)
{
    nsky_error ignored = NSKY_ERROR_INIT;
    nsky_trained trained;
    check(job);
    if (is_built(job))
        return true;
    if (nsky_trained_read(&trained, job, &ignored) != NSKY_OK)
        return false;
    nsky_trained_free(&trained);
    return true;
}

nsky_status nsky_lists_ready(const nsky_lists_job *job, nsky_error *err)
{
    check(job);
    nsky_trained trained;
    nsky_blas_alone();
    nsky_status status = ready(&trained, job, err);
    nsky_blas_again();
    if (status == NSKY_OK)
        nsky_trained_free(&trained);
    return status;
}

nsky_status nsky_lists_share(const nsky_lists_job *job, uint64_t first, uint64_t end,
                             nsky_error *err)
{
    check(job);
    nsky_trained trained;
    nsky_blas_alone();
    nsky_status status = ready(&trained, job, err);
    if (status == NSKY_OK) {
        status = nsky_lists_segments(job, &trained, first, end, err);
        nsky_trained_free(&trained);
    }
    nsky_blas_again();
    return status;
}
