/* router.h (private) - path and method to a route. Thread rule: read-only tables, any thread. */
#ifndef NSKY_SERVER_ROUTER_H
#define NSKY_SERVER_ROUTER_H

#include <stddef.h>
#include <stdint.h>

struct nsky_request;

enum { NSKY_GET = 1u << 0, NSKY_POST = 1u << 1 };

typedef enum nsky_body_kind { NSKY_BODY_NONE, NSKY_BODY_JSON, NSKY_BODY_UPLOAD } nsky_body_kind;

typedef struct nsky_route {
    const char *pattern;       /* "/api/v1/objects/{id}"; also the label in the metrics */
    uint32_t methods;          /* HEAD goes wherever GET goes */
    const char *const *params; /* query parameters it takes, NULL-ended; NULL: none */
    nsky_body_kind body;
    /* Sets request->reply, or asks for work (request.h). */
    void (*run)(struct nsky_request *request);
} nsky_route;

#define NSKY_ROUTE_CAPTURE_BYTES 64

typedef struct nsky_match {
    const nsky_route *route; /* NULL: none for this method, or none at all */
    uint32_t allowed;        /* methods of the routes with this path; 0: no such path */
    char captured[NSKY_ROUTE_CAPTURE_BYTES]; /* what stood at {...}, "" for nothing */
} nsky_match;

/* First route that fits; method 0 fits none. */
nsky_match nsky_route_find(const nsky_route *routes, size_t count, const char *path,
                           uint32_t method);
/* NSKY_GET for GET and HEAD, NSKY_POST, or 0. */
uint32_t nsky_method_of(const char *method);
/* "GET, HEAD, POST" for the Allow header. */
const char *nsky_methods_text(uint32_t methods);

#endif
