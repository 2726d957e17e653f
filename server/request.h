/* request.h (private) - one request from its first line to its last byte.
 *
 * http.c reads it and calls its route; the route sets the reply, or asks for work: then the
 * connection sleeps, the dispatcher (and before it, for uploads, the embedder) does the work on its
 * own thread, the connection wakes and `finish` makes the reply.
 * Thread rule: exactly one thread has the request at any time; queues hand it on.
 */
#ifndef NSKY_SERVER_REQUEST_H
#define NSKY_SERVER_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "server/job.h"
#include "server/reply.h"
#include "server/router.h"
#include "server/uri.h"
#include "server/view.h"

struct MHD_Connection;
struct nsky_service;

typedef enum nsky_stage {
    NSKY_STAGE_NEW,     /* nothing but the first line is known */
    NSKY_STAGE_READING, /* the body, if any, is arriving */
    NSKY_STAGE_WORKING, /* asleep; a worker has it */
    NSKY_STAGE_DONE,    /* answered */
} nsky_stage;

typedef struct nsky_body {
    char *data;
    size_t bytes, capacity, capacity_max;
    size_t seen;     /* bytes that arrived, kept or not */
    size_t reserved; /* of the server's memory for bodies */
} nsky_body;

typedef struct nsky_request {
    struct nsky_service *service;
    struct MHD_Connection *connection;
    nsky_stage stage;
    nsky_uri uri;
    const nsky_route *route; /* or NULL */
    char captured[NSKY_ROUTE_CAPTURE_BYTES];
    char file_name[200]; /* header X-File-Name, or "" */
    char accept[200];    /* header Accept, or "" */
    char if_none_match[200];
    uint64_t started_us;
    nsky_body body;
    nsky_view *view;     /* held from the moment the request is complete */
    nsky_survey *survey; /* borrowed during one call of the route or of finish */
    nsky_job *job;       /* or NULL */
    bool submit;         /* the route asks for job to be done */
    void (*finish)(struct nsky_request *request);
    nsky_reply reply;
} nsky_request;

/* For routes: the catalogue handle of this call, or NULL with the reply set. */
nsky_survey *nsky_request_survey(nsky_request *request);
/* For routes: do the request's job, then call finish. */
void nsky_request_submit(nsky_request *request, void (*finish)(nsky_request *request));

#endif
