/* workers.c - see workers.h: the two queues and their threads. */
#include "server/workers.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "common/memory.h"

struct nsky_workers {
    nsky_queue *searches, *uploads, *probes;
    pthread_t dispatcher, embedder, prober;
    bool dispatcher_runs, embedder_runs, prober_runs;
    nsky_batch *batch;
    uint32_t queue_max;
    nsky_metrics *metrics;
    void (*wake)(nsky_request *request);
};

/* From here on the request belongs to an HTTP thread again. */
static void finish(nsky_workers *workers, nsky_request *request)
{
    nsky_workers_unreserve(workers);
    workers->wake(request);
}

static uint32_t gather(nsky_queue *queue, nsky_request **requests, uint32_t max)
{
    uint32_t count = 0;

    for (nsky_request *next = nsky_queue_pop(queue); next; next = nsky_queue_pop_timed(queue, 0)) {
        requests[count++] = next;
        if (count == max)
            break;
    }
    return count;
}

/* Requests of one view stand together, in the order they came. Returns how many the first has. */
static uint32_t first_view(nsky_request **requests, uint32_t count)
{
    uint32_t same = 1;

    for (uint32_t i = 1; i < count; i++)
        if (requests[i]->view == requests[0]->view) {
            nsky_request *moved = requests[i];
            memmove(&requests[same + 1], &requests[same], (i - same) * sizeof *requests);
            requests[same++] = moved;
        }
    return same;
}

static void *dispatch(void *context)
{
    nsky_workers *workers = context;
    nsky_request *requests[NSKY_BATCH_QUERIES_MAX];
    uint32_t count;

    while ((count = gather(workers->searches, requests, NSKY_BATCH_QUERIES_MAX)) > 0)
        for (uint32_t i = 0, same; i < count; i += same) {
            same = first_view(requests + i, count - i);
            nsky_search_jobs(workers->batch, requests + i, same, workers->metrics);
            for (uint32_t r = i; r < i + same; r++)
                finish(workers, requests[r]);
        }
    return NULL;
}

static void submit_search(nsky_workers *workers, nsky_request *request)
{
    if (nsky_queue_try_push(workers->searches, request))
        return;
    nsky_fail(&request->job->err, NSKY_ECANCELLED, "the server is shutting down");
    finish(workers, request);
}

static void *embed(void *context)
{
    nsky_workers *workers = context;
    nsky_request *requests[NSKY_BATCH_IMAGES_MAX];
    uint32_t count;

    while ((count = gather(workers->uploads, requests, NSKY_BATCH_IMAGES_MAX)) > 0)
        for (uint32_t i = 0, same; i < count; i += same) {
            same = first_view(requests + i, count - i);
            nsky_embed_uploads(requests + i, same, workers->metrics);
            for (uint32_t r = i; r < i + same; r++) {
                if (requests[r]->job->err.status == NSKY_OK)
                    submit_search(workers, requests[r]);
                else
                    finish(workers, requests[r]);
            }
        }
    return NULL;
}

static void *probe(void *context)
{
    nsky_workers *workers = context;

    for (nsky_request *request; (request = nsky_queue_pop(workers->probes));) {
        nsky_probe_work_run(request);
        finish(workers, request);
    }
    return NULL;
}

nsky_status nsky_workers_start(nsky_workers **out, uint32_t queue_max, nsky_metrics *metrics,
                               void (*wake)(nsky_request *request), nsky_error *err)
{
    nsky_workers *workers = nsky_alloc_zero(1, sizeof *workers, err);
    nsky_status status;

    assert(queue_max > 0);
    *out = NULL;
    if (!workers)
        return err->status;
    workers->queue_max = queue_max;
    workers->metrics = metrics;
    workers->wake = wake;
    if ((status = nsky_queue_new(&workers->searches, queue_max, err)) != NSKY_OK ||
        (status = nsky_queue_new(&workers->uploads, queue_max, err)) != NSKY_OK ||
        (status = nsky_queue_new(&workers->probes, queue_max, err)) != NSKY_OK ||
        (status = nsky_batch_new(&workers->batch, err)) != NSKY_OK)
        goto done;
    workers->dispatcher_runs = pthread_create(&workers->dispatcher, NULL, dispatch, workers) == 0;
    workers->embedder_runs = pthread_create(&workers->embedder, NULL, embed, workers) == 0;
    workers->prober_runs = pthread_create(&workers->prober, NULL, probe, workers) == 0;
    if (!workers->dispatcher_runs || !workers->embedder_runs || !workers->prober_runs) {
        status = nsky_fail(err, NSKY_EIO, "the server's worker threads do not start");
        goto done;
    }
    *out = workers;
    workers = NULL;
done:
    nsky_workers_free(workers);
    return status;
}

bool nsky_workers_reserve(nsky_workers *workers)
{
    if (atomic_fetch_add(&workers->metrics->waiting, 1) < workers->queue_max)
        return true;
    nsky_workers_unreserve(workers);
    return false;
}

void nsky_workers_unreserve(nsky_workers *workers)
{
    atomic_fetch_sub(&workers->metrics->waiting, 1);
}

void nsky_workers_submit(nsky_workers *workers, nsky_request *request)
{
    nsky_queue *queue = request->job->probe ? workers->probes : workers->uploads;

    if (!request->job->probe && !request->job->upload) {
        submit_search(workers, request);
    } else if (!nsky_queue_try_push(queue, request)) {
        nsky_fail(&request->job->err, NSKY_ECANCELLED, "the server is shutting down");
        finish(workers, request);
    }
}

void nsky_workers_stop(nsky_workers *workers)
{
    if (workers->uploads)
        nsky_queue_close(workers->uploads);
    if (workers->embedder_runs)
        pthread_join(workers->embedder, NULL);
    workers->embedder_runs = false;
    if (workers->probes)
        nsky_queue_close(workers->probes);
    if (workers->prober_runs)
        pthread_join(workers->prober, NULL);
    workers->prober_runs = false;
    if (workers->searches)
        nsky_queue_close(workers->searches);
    if (workers->dispatcher_runs)
        pthread_join(workers->dispatcher, NULL);
    workers->dispatcher_runs = false;
}

void nsky_workers_free(nsky_workers *workers)
{
    if (!workers)
        return;
    nsky_workers_stop(workers);
    nsky_queue_free(workers->uploads);
    nsky_queue_free(workers->searches);
    nsky_queue_free(workers->probes);
    nsky_batch_free(workers->batch);
    nsky_free(workers);
}
