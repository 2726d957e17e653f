/* reply.h (private) - an answer as plain data, and the ways to make one. Nothing here knows the
 * HTTP library. Thread rule: one thread at a time. */
#ifndef NSKY_SERVER_REPLY_H
#define NSKY_SERVER_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/json.h"

#define NSKY_ETAG_BYTES 64

typedef struct nsky_reply {
    unsigned status; /* 0: no answer yet */
    const char *content_type;
    const void *body;
    size_t bytes;
    bool borrowed; /* body outlives the server's connections; else freed with nsky_free */
    bool close;    /* of the connection, after the answer */
    char etag[NSKY_ETAG_BYTES]; /* with its quotes, or "" */
    const char *cache_control;  /* or NULL: no-store */
    char disposition[160];      /* Content-Disposition, or "" */
    const char *allow;          /* or NULL */
    const char *policy;         /* Content-Security-Policy, or NULL */
    unsigned retry_after_s;     /* or 0 */
} nsky_reply;

/* Frees the body and forgets everything. */
void nsky_reply_clear(nsky_reply *reply);

/* Takes the body. */
void nsky_reply_bytes(nsky_reply *reply, const char *content_type, void *body, size_t bytes);
/* Takes and prints the value; out of memory becomes a problem. Whoever has a status other than 200
 * sets it afterwards. */
void nsky_reply_json(nsky_reply *reply, nsky_json *value);
void nsky_reply_text(nsky_reply *reply, unsigned status, const char *text);

/*
 * RFC 9457: application/problem+json with type, title, status and detail. name makes the type
 * ("queue-full" -> "urn:nearsky:problem:queue-full"); NULL is about:blank.
 */
void nsky_reply_problem(nsky_reply *reply, unsigned status, const char *name, const char *format,
                        ...) NSKY_PRINTF(4, 5);
/* The status that fits the error. What is the server's own trouble goes to the log, not out. */
void nsky_reply_error(nsky_reply *reply, const nsky_error *err);
unsigned nsky_http_status_of(nsky_status status);

const char *nsky_http_phrase(unsigned status); /* "Not Found" */

/* If-None-Match against one strong tag: lists, *, and weak forms. */
bool nsky_etag_matches(const char *if_none_match, const char *etag);
/* The ETag and, where the client has it already, 304 in place of the body. */
void nsky_reply_etag(nsky_reply *reply, const char *if_none_match, const char *etag);

#endif
