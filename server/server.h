/* server.h - a store over HTTP: the routes of version 1 and the page.
 *
 * libmicrohttpd's threads parse and answer; a request that needs the encoder or the index is
 * suspended, queued for the one dispatcher, and resumed with its answer, so HTTP threads never
 * wait. A full queue answers 503 with Retry-After.
 */
#ifndef NSKY_SERVER_H
#define NSKY_SERVER_H

#include <stdatomic.h>
#include <stdint.h>

#include "common/error.h"

typedef struct nsky_server_options {
    const char *store;
    const char *host;          /* "127.0.0.1" */
    uint16_t port;             /* 0: any free one */
    const char *page;          /* folder of the built page, or NULL: / says why there is none */
    uint32_t threads;          /* HTTP threads; 0: one for each core */
    uint32_t queue_max;        /* requests waiting for the dispatcher; 0: 256 */
    uint32_t connections_max;  /* 0: 1024 */
    uint64_t upload_bytes_max; /* 0: NSKY_UPLOAD_BYTES_MAX */
    const char *device;        /* of the encoder: "auto" */
} nsky_server_options;

typedef struct nsky_server nsky_server;

/* Opens the store's live generation and its model, then listens. Manifest mismatches are refused.
 */
NSKY_MUST_CHECK nsky_status nsky_server_start(nsky_server **out, const nsky_server_options *options,
                                              nsky_error *err);
uint16_t nsky_server_port(const nsky_server *server);
/* Takes up a new live generation; requests under way finish on the old one. On error the old one
 * stays. (SIGHUP) */
NSKY_MUST_CHECK nsky_status nsky_server_reload(nsky_server *server, nsky_error *err);
/* Stops listening, answers what is under way (at most 10 s), frees everything. */
void nsky_server_stop(nsky_server *server);

#endif
