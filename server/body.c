/* body.c - request bodies, within a bound each and a bound together. */
#include <string.h>

#include "common/memory.h"
#include "server/service.h"

/* A refused body is read and dropped up to here, so that the client gets to see why. */
#define DROPPED_BYTES_MAX (1u << 20)

static bool reserve(nsky_request *request, size_t bytes)
{
    nsky_service *service = request->service;

    if (bytes <= request->body.reserved)
        return true;
    size_t more = bytes - request->body.reserved;
    if (atomic_fetch_add(&service->metrics.body_bytes, more) + more > service->body_bytes_max) {
        atomic_fetch_sub(&service->metrics.body_bytes, more);
        nsky_reply_problem(&request->reply, 503, "uploads-full",
                           "too many uploads at once; try again in a moment");
        return false;
    }
    request->body.reserved = bytes;
    return true;
}

static void refuse_size(nsky_request *request)
{
    nsky_reply_problem(&request->reply, 413, "body-too-large",
                       "the body is larger than %zu bytes, the most this address takes",
                       request->body.capacity_max);
}

bool nsky_body_begin(nsky_request *request, uint64_t length)
{
    nsky_body *body = &request->body;

    if (request->reply.status == 0) {
        body->capacity_max = request->route->body == NSKY_BODY_UPLOAD
                                 ? (size_t)request->service->upload_bytes_max
                             : request->route->body == NSKY_BODY_JSON ? NSKY_JSON_BODY_BYTES_MAX
                                                                      : 0;
        if (length == UINT64_MAX)
            return true;
        if (length > body->capacity_max)
            refuse_size(request);
        else
            reserve(request, (size_t)length);
    }
    return request->reply.status == 0 || length == UINT64_MAX || length <= DROPPED_BYTES_MAX;
}

bool nsky_body_append(nsky_request *request, const char *data, size_t bytes)
{
    nsky_body *body = &request->body;
    nsky_error err = NSKY_ERROR_INIT;

    body->seen += bytes;
    if (request->reply.status != 0)
        return body->seen <= body->capacity_max + DROPPED_BYTES_MAX;
    if (bytes > body->capacity_max - body->bytes) {
        refuse_size(request);
        nsky_body_free(request);
        return true;
    }
    if (body->bytes + bytes > body->capacity) {
        size_t capacity = body->capacity ? body->capacity * 2 : (size_t)64 * 1024;
        while (capacity < body->bytes + bytes)
            capacity *= 2;
        if (capacity > body->capacity_max)
            capacity = body->capacity_max;
        char *grown = reserve(request, body->bytes + bytes)
                          ? nsky_realloc(body->data, capacity, 1, &err)
                          : NULL;
        if (!grown) {
            if (request->reply.status == 0)
                nsky_reply_error(&request->reply, &err);
            nsky_body_free(request);
            return true;
        }
        body->data = grown;
        body->capacity = capacity;
    }
    if (!reserve(request, body->bytes + bytes)) {
        nsky_body_free(request);
        return true;
    }
    memcpy(body->data + body->bytes, data, bytes);
    body->bytes += bytes;
    return true;
}

void nsky_body_free(nsky_request *request)
{
    nsky_body *body = &request->body;

    nsky_free(body->data);
    body->data = NULL;
    body->bytes = body->capacity = 0;
    atomic_fetch_sub(&request->service->metrics.body_bytes, body->reserved);
    body->reserved = 0;
}
