/* service.h (private) - what every request of one running server may reach.
 * Thread rule: each part states its own; limits do not change after the start. */
#ifndef NSKY_SERVER_SERVICE_H
#define NSKY_SERVER_SERVICE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/metrics.h"
#include "server/page.h"
#include "server/probes.h"
#include "server/request.h"
#include "server/server.h"
#include "server/workers.h"

#define NSKY_JSON_BODY_BYTES_MAX (4u << 20) /* 64 examples of 2048 numbers */
/* Bodies in memory at once, as multiples of the largest upload. */
#define NSKY_BODIES_MAX 4

/* Whole seconds a client may take; beyond it the connection is cut. */
#define NSKY_HEADER_SECONDS_MAX 20
#define NSKY_BODY_SECONDS_MAX 60
#define NSKY_ANSWER_SECONDS_MAX 120
#define NSKY_IDLE_SECONDS_MAX 15
#define NSKY_STOP_SECONDS_MAX 10

typedef struct nsky_service {
    uint64_t upload_bytes_max;
    size_t body_bytes_max; /* of all bodies together */
    uint32_t threads;
    char *store, *device;

    nsky_metrics metrics;
    nsky_page *page;   /* or NULL */
    char *page_reason; /* why there is none */
    nsky_workers *workers;
    nsky_probes *probes;
    atomic_bool stopping;

    pthread_mutex_t view_lock;
    nsky_view *view;
} nsky_service;

/* The live view, retained. */
nsky_view *nsky_service_view(nsky_service *service);

/* --- body.c: request bodies within bounds --- */
/* Before the first byte; length UINT64_MAX: not told. false: the reply is set. */
bool nsky_body_begin(nsky_request *request, uint64_t length);
/* Bytes of a request that has its reply already are counted and dropped. false: too many even for
 * that, cut the connection. */
bool nsky_body_append(nsky_request *request, const char *data, size_t bytes);
void nsky_body_free(nsky_request *request);

/* --- routes.c: the table --- */
/* As nsky_route_find over all routes; what no route has and is not under /api goes to the page. */
nsky_match nsky_routes_match(const char *path, uint32_t method);
/* For the metrics: a request's place among nsky_route_count labels; no route has the last. */
uint32_t nsky_route_count(void);
uint32_t nsky_route_number(const nsky_route *route);
const char *nsky_route_label(uint32_t number);

#endif
