/* workers.h (private) - the threads that do what HTTP threads must not wait for.
 *
 * The dispatcher gathers the searches that wait and runs them as one batch. The embedder decodes
 * and embeds uploads, then hands them to the dispatcher, so that searches never wait for a network.
 * The prober trains probes, ranks by them and writes them down, one request at a time.
 * Together they hold at most queue_max requests.
 * Thread rule: submit from any thread; start and stop from one.
 */
#ifndef NSKY_SERVER_WORKERS_H
#define NSKY_SERVER_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/queue.h"
#include "server/metrics.h"
#include "server/request.h"

#define NSKY_BATCH_QUERIES_MAX 32
#define NSKY_BATCH_IMAGES_MAX 8

typedef struct nsky_workers nsky_workers;

/* wake is called on a worker's thread with each request that is done. */
NSKY_MUST_CHECK nsky_status nsky_workers_start(nsky_workers **out, uint32_t queue_max,
                                               nsky_metrics *metrics,
                                               void (*wake)(nsky_request *request),
                                               nsky_error *err);

/* Takes a place for one request; false: full. Every place taken is used or given back. */
bool nsky_workers_reserve(nsky_workers *workers);
void nsky_workers_unreserve(nsky_workers *workers);
/* Hands over a request whose place is reserved; it may be done before this returns. When the
 * workers have stopped it is done at once, with an error. */
void nsky_workers_submit(nsky_workers *workers, nsky_request *request);

/* Finishes what was submitted, then ends the threads; what is submitted later is refused. */
void nsky_workers_stop(nsky_workers *workers);
/* After the last submit. NULL is a no-op; stops first where that was not done. */
void nsky_workers_free(nsky_workers *workers);

/* --- for embedder.c --- */
/* Decodes and embeds up to NSKY_BATCH_IMAGES_MAX uploads of one view; sets each job's vector or its
 * error. */
void nsky_embed_uploads(nsky_request *const *requests, uint32_t count, nsky_metrics *metrics);
/* --- for dispatcher.c --- */
typedef struct nsky_batch nsky_batch; /* memory for one batch of queries and answers */
NSKY_MUST_CHECK nsky_status nsky_batch_new(nsky_batch **out, nsky_error *err);
void nsky_batch_free(nsky_batch *batch);
/* Searches for up to NSKY_BATCH_QUERIES_MAX requests of one view. */
void nsky_search_jobs(nsky_batch *batch, nsky_request *const *requests, uint32_t count,
                      nsky_metrics *metrics);

#endif
