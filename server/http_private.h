/* http_private.h (private) - what http.c and daemon.c share. Thread rule: as http.h. */
#ifndef NSKY_SERVER_HTTP_PRIVATE_H
#define NSKY_SERVER_HTTP_PRIVATE_H

#include <microhttpd.h>

#include "server/deadline.h"
#include "server/http.h"

struct nsky_http {
    nsky_service *service;
    struct MHD_Daemon *daemon;
    nsky_deadlines *deadlines;
    int socket; /* -1: none */
    uint16_t port;
};

/* The library's callbacks, on its threads; context is the nsky_http. */
void *nsky_http_first_line(void *context, const char *uri, struct MHD_Connection *connection);
enum MHD_Result nsky_http_handle(void *context, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *data,
                                 size_t *bytes, void **request_context);
void nsky_http_completed(void *context, struct MHD_Connection *connection, void **request_context,
                         enum MHD_RequestTerminationCode code);
void nsky_http_connection(void *context, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code);

#endif
