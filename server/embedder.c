/* embedder.c - uploads to vectors, a few at a time. */
#include <string.h>

#include "common/memory.h"
#include "server/service.h"
#include "server/workers.h"

static nsky_status decode(nsky_request *request)
{
    nsky_job *job = request->job;
    const char *what = job->upload_name[0] ? job->upload_name : "the uploaded image";
    nsky_status status;

    status =
        nsky_decode_memory(&job->decoded, request->body.data, request->body.bytes, what, &job->err);
    nsky_body_free(request); /* up to 64 MB, not needed any more */
    if (status != NSKY_OK)
        return status;
    job->vectors = nsky_alloc(request->view->dim, sizeof *job->vectors, &job->err);
    return job->vectors ? NSKY_OK : job->err.status;
}

void nsky_embed_uploads(nsky_request *const *requests, uint32_t count, nsky_metrics *metrics)
{
    nsky_view *view = requests[0]->view;
    const nsky_stamp *stamps[NSKY_BATCH_IMAGES_MAX];
    nsky_job *jobs[NSKY_BATCH_IMAGES_MAX];
    uint32_t good = 0;
    nsky_error err = NSKY_ERROR_INIT;

    for (uint32_t i = 0; i < count; i++)
        if (decode(requests[i]) == NSKY_OK) {
            requests[i]->job->err.status = NSKY_OK;
            jobs[good] = requests[i]->job;
            stamps[good++] = requests[i]->job->decoded.stamp;
        }
    if (good == 0)
        return;
    nsky_metrics_batch(&metrics->batch_images, good);

    float *vectors = nsky_alloc((size_t)good * view->dim, sizeof *vectors, &err);
    if (vectors && good > 1 &&
        nsky_encoder_embed_stamps(view->encoder, stamps, good, vectors, &err) == NSKY_OK) {
        for (uint32_t i = 0; i < good; i++)
            memcpy(jobs[i]->vectors, vectors + (size_t)i * view->dim, view->dim * sizeof *vectors);
    } else { /* alone, so that each has its own error */
        for (uint32_t i = 0; i < good; i++)
            jobs[i]->err.status = nsky_encoder_embed_stamps(view->encoder, &stamps[i], 1,
                                                            jobs[i]->vectors, &jobs[i]->err);
    }
    nsky_free(vectors);
    for (uint32_t i = 0; i < good; i++)
        jobs[i]->positive_count = 1;
}
