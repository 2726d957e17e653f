/* metrics.h (private) - counters for Prometheus. Thread rule: any thread; all are atomics. */
#ifndef NSKY_SERVER_METRICS_H
#define NSKY_SERVER_METRICS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define NSKY_METRICS_ROUTES_MAX 32
#define NSKY_METRICS_STATUSES 16
#define NSKY_METRICS_BUCKETS 14

typedef struct nsky_histogram {
    atomic_uint_fast64_t buckets[NSKY_METRICS_BUCKETS + 1]; /* the last: beyond all bounds */
    atomic_uint_fast64_t sum;                               /* of the observed whole numbers */
} nsky_histogram;

/* Zeroed is valid. */
typedef struct nsky_metrics {
    atomic_uint_fast64_t requests[NSKY_METRICS_ROUTES_MAX][NSKY_METRICS_STATUSES];
    nsky_histogram latency_us[NSKY_METRICS_ROUTES_MAX];
    nsky_histogram batch_queries; /* of the search dispatcher */
    nsky_histogram batch_images;  /* of the embedder */
    atomic_uint_fast64_t reloads, reload_failures;
    atomic_uint waiting;            /* requests the dispatcher and the embedder hold */
    atomic_uint active;             /* requests under way */
    atomic_uint connections;        /* open */
    atomic_size_t body_bytes;       /* of request bodies in memory */
    atomic_uint_fast64_t deadlines; /* connections cut because they took too long */
} nsky_metrics;

/* status 0: the client went away before there was an answer. */
void nsky_metrics_request(nsky_metrics *metrics, uint32_t route, unsigned status,
                          uint64_t latency_us);
void nsky_metrics_batch(nsky_histogram *histogram, uint32_t count);

/* text/plain; version=0.0.4. labels [route_count]; generation of the live view. The caller frees
 * with nsky_free. */
char *nsky_metrics_print(nsky_metrics *metrics, const char *const *labels, uint32_t route_count,
                         uint32_t generation, size_t *bytes, nsky_error *err);

#endif
