/* band_set.c - see band_set.h. */
#include "ingest/band_set.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/file.h"
#include "common/memory.h"
#include "ingest/assemble.h"
#include "ingest/notes.h"

/* Files of bands that nobody will look at need not even be sound. */
static bool is_wanted(const nsky_job *job, char band)
{
    bool has_z = false;

    for (uint32_t i = 0; i < job->count; i++)
        has_z |= job->files[i].band == 'z';
    return band == '\0' || strchr("grz", band) || (band == 'i' && !has_z);
}

static nsky_status open_all(nsky_layers *layers, nsky_fits **files, const nsky_job *job,
                            nsky_error *err)
{
    nsky_status status = NSKY_OK;

    for (uint32_t i = 0; i < job->count && status == NSKY_OK && !layers->cube; i++) {
        const nsky_job_file *file = &job->files[i];
        if (!is_wanted(job, file->band))
            continue;
        status = nsky_fits_open(&files[i], file->file->path, err);
        if (status == NSKY_OK)
            status = nsky_layers_find(layers, files[i], file->band, err);
    }
    return status;
}

nsky_status nsky_band_set_read(nsky_decoded *out, const nsky_job *job, bool *is_set,
                               nsky_error *err)
{
    assert(out && job && is_set && err && job->count <= NSKY_JOB_FILES_MAX);
    nsky_fits *files[NSKY_JOB_FILES_MAX] = {NULL};
    nsky_layers *layers = nsky_alloc_zero(1, sizeof *layers, err);
    nsky_status status = layers ? open_all(layers, files, job, err) : err->status;

    *out = (nsky_decoded){.position = {NAN, NAN}};
    *is_set = layers && !layers->cube;
    if (status == NSKY_OK && *is_set)
        status = nsky_assemble(out, layers, job->files[0].file->path, err);
    for (uint32_t i = 0; i < job->count; i++)
        nsky_fits_close(files[i]);
    nsky_free(layers);
    return status;
}
