/* http.h (private) - the service on a socket: http.c and daemon.c alone include
 * libmicrohttpd.
 * Thread rule: start, drain and stop from one thread; wake from any. */
#ifndef NSKY_SERVER_HTTP_H
#define NSKY_SERVER_HTTP_H

#include <stdint.h>

#include "common/error.h"
#include "server/service.h"

typedef struct nsky_http nsky_http;

/* Listens on host:port (0: any free port) and answers with the service until stopped. */
NSKY_MUST_CHECK nsky_status nsky_http_start(nsky_http **out, nsky_service *service,
                                            const char *host, uint16_t port,
                                            uint32_t connections_max, nsky_error *err);
uint16_t nsky_http_port(const nsky_http *http);

/* Takes no new connections, and waits until nothing is under way or the time is up. */
void nsky_http_drain(nsky_http *http, uint32_t seconds_max);
/* No request may sleep any more. NULL is a no-op. */
void nsky_http_stop(nsky_http *http);

/* Lets a sleeping request go on (nsky_workers' wake). */
void nsky_http_wake(nsky_request *request);

/* --- listen.c --- */
/* A listening socket, and its port. */
NSKY_MUST_CHECK nsky_status nsky_listen(int *out, uint16_t *bound, const char *host, uint16_t port,
                                        nsky_error *err);

#endif
