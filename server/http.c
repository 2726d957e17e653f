/* http.c - see http.h: libmicrohttpd's callbacks.
 *
 * Of libmicrohttpd 0.9.75, measured: an answer may be queued before the body or after it, never in
 * between; its idle timeout does not see dripping clients (deadline.c does); it must not be stopped
 * while a connection sleeps.
 */
#include <assert.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/memory.h"
#include "server/http_private.h"

static void set_deadline(struct MHD_Connection *connection, uint32_t seconds)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    if (info && info->socket_context)
        nsky_deadline_set(info->socket_context, seconds);
}

/* --- the answer --- */

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    if (value && value[0] && MHD_add_response_header(response, name, value) != MHD_YES)
        nsky_log_warn("no room for the header %s", name);
}

static void add_headers(struct MHD_Response *response, const nsky_request *request)
{
    const nsky_reply *reply = &request->reply;
    char text[32];

    if (reply->bytes > 0)
        add_header(response, "Content-Type", reply->content_type);
    add_header(response, "ETag", reply->etag);
    add_header(response, "Cache-Control", reply->cache_control ? reply->cache_control : "no-store");
    add_header(response, "Content-Disposition", reply->disposition);
    add_header(response, "Allow", reply->allow);
    add_header(response, "Content-Security-Policy", reply->policy);
    add_header(response, "X-Content-Type-Options", "nosniff");
    add_header(response, "Referrer-Policy", "same-origin");
    if (reply->retry_after_s > 0) {
        snprintf(text, sizeof text, "%u", reply->retry_after_s);
        add_header(response, "Retry-After", text);
    }
    if (request->view) {
        snprintf(text, sizeof text, "%u", request->view->generation);
        add_header(response, "X-Nearsky-Generation", text);
        add_header(response, "X-Nearsky-Model", request->view->model_info->name);
        add_header(response, "X-Nearsky-Model-Sha256", request->view->model_info->sha256);
    }
    if (reply->close || atomic_load(&request->service->stopping))
        add_header(response, "Connection", "close");
}

static void free_body(void *body)
{
    nsky_free(body);
}

static enum MHD_Result send_reply(nsky_request *request)
{
    nsky_reply *reply = &request->reply;
    void *body = (void *)(uintptr_t)reply->body;
    struct MHD_Response *response;

    assert(reply->status != 0);
    if (reply->borrowed || !body)
        response = MHD_create_response_from_buffer(reply->bytes, body, MHD_RESPMEM_PERSISTENT);
    else
        response =
            MHD_create_response_from_buffer_with_free_callback(reply->bytes, body, free_body);
    if (!response)
        return MHD_NO;
    reply->body = NULL; /* the response's now */
    add_headers(response, request);
    request->stage = NSKY_STAGE_DONE;
    set_deadline(request->connection, NSKY_ANSWER_SECONDS_MAX);
    enum MHD_Result result = MHD_queue_response(request->connection, reply->status, response);
    MHD_destroy_response(response);
    return result;
}

/* --- the request --- */

static void copy_header(nsky_request *request, const char *name, char *out, size_t bytes)
{
    const char *value = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);

    snprintf(out, bytes, "%s", value ? value : "");
}

static void find_route(nsky_request *request, const char *method)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_match match = nsky_routes_match(request->uri.path, nsky_method_of(method));

    request->route = match.route;
    memcpy(request->captured, match.captured, sizeof request->captured);
    if (!match.route && match.allowed) {
        const char *allow = nsky_methods_text(match.allowed);
        nsky_reply_problem(&request->reply, 405, NULL, "%.16s does not go here; %s does", method,
                           allow);
        request->reply.allow = allow;
    } else if (!match.route) {
        nsky_reply_problem(&request->reply, 404, NULL, "there is nothing at %.200s",
                           request->uri.path);
    } else if (nsky_uri_check(&request->uri, match.route->params, &err) != NSKY_OK) {
        nsky_reply_error(&request->reply, &err);
    }
}

/* Headers are complete. Only what must be refused before its body is answered here. */
static enum MHD_Result begin(nsky_request *request, const char *method)
{
    char length_text[32], encoding[32];

    request->stage = NSKY_STAGE_READING;
    atomic_fetch_add(&request->service->metrics.active, 1);
    copy_header(request, "X-File-Name", request->file_name, sizeof request->file_name);
    copy_header(request, "Accept", request->accept, sizeof request->accept);
    copy_header(request, "If-None-Match", request->if_none_match, sizeof request->if_none_match);
    copy_header(request, "Content-Length", length_text, sizeof length_text);
    copy_header(request, "Transfer-Encoding", encoding, sizeof encoding);
    if (request->reply.status == 0)
        find_route(request, method);

    uint64_t length = encoding[0] ? UINT64_MAX : strtoull(length_text, NULL, 10);
    if (!nsky_body_begin(request, length)) {
        request->reply.close = true;
        return send_reply(request);
    }
    if (length > 0)
        set_deadline(request->connection, NSKY_BODY_SECONDS_MAX);
    return MHD_YES;
}

static void call(nsky_request *request, void (*function)(nsky_request *request))
{
    function(request);
    if (request->survey)
        nsky_view_give_back(request->view, request->survey);
    request->survey = NULL;
}

/* The request is complete. */
static enum MHD_Result answer(nsky_request *request)
{
    nsky_workers *workers = request->service->workers;

    if (request->reply.status == 0) {
        set_deadline(request->connection, 0);
        request->view = nsky_service_view(request->service);
        call(request, request->route->run);
    }
    if (!request->submit || request->reply.status != 0)
        return send_reply(request);
    if (!nsky_workers_reserve(workers)) {
        nsky_reply_problem(&request->reply, 503, "queue-full",
                           "too many searches are waiting; try again in a moment");
        return send_reply(request);
    }
    request->stage = NSKY_STAGE_WORKING;
    MHD_suspend_connection(request->connection); /* before a worker can wake it */
    nsky_workers_submit(workers, request);
    return MHD_YES;
}

enum MHD_Result nsky_http_handle(void *context, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *data,
                                 size_t *bytes, void **request_context)
{
    nsky_request *request = *request_context;

    (void)context, (void)url, (void)version;
    if (!request)
        return MHD_NO; /* out of memory when its first line came */
    if (request->stage == NSKY_STAGE_NEW) {
        request->connection = connection;
        return begin(request, method);
    }
    if (request->stage == NSKY_STAGE_WORKING) {
        if (request->job->err.status != NSKY_OK)
            nsky_reply_error(&request->reply, &request->job->err);
        else
            call(request, request->finish);
        return send_reply(request);
    }
    if (*bytes > 0) {
        bool going_on = nsky_body_append(request, data, *bytes);
        *bytes = 0;
        return going_on ? MHD_YES : MHD_NO;
    }
    return answer(request);
}

void *nsky_http_first_line(void *context, const char *uri, struct MHD_Connection *connection)
{
    nsky_http *http = context;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_request *request = nsky_alloc_zero(1, sizeof *request, &err);

    (void)connection;
    if (!request)
        return NULL;
    request->service = http->service;
    request->started_us = nsky_now_us();
    nsky_status status = nsky_uri_parse(&request->uri, uri, &err);
    if (status == NSKY_ELIMIT)
        nsky_reply_problem(&request->reply, 414, NULL, "%s", err.text);
    else if (status != NSKY_OK)
        nsky_reply_error(&request->reply, &err);
    return request;
}

void nsky_http_completed(void *context, struct MHD_Connection *connection, void **request_context,
                         enum MHD_RequestTerminationCode code)
{
    nsky_http *http = context;
    nsky_request *request = *request_context;
    nsky_metrics *metrics = &http->service->metrics;

    if (!request)
        return;
    *request_context = NULL;
    set_deadline(connection, NSKY_IDLE_SECONDS_MAX + NSKY_HEADER_SECONDS_MAX);
    if (request->stage != NSKY_STAGE_NEW) {
        unsigned status =
            request->stage == NSKY_STAGE_DONE && code == MHD_REQUEST_TERMINATED_COMPLETED_OK
                ? request->reply.status
                : 0;
        uint64_t took_us = nsky_now_us() - request->started_us;
        nsky_metrics_request(metrics, nsky_route_number(request->route), status, took_us);
        nsky_log_debug("%s %u %.1f ms", request->uri.path ? request->uri.path : "-", status,
                       (double)took_us * 1e-3);
    }
    bool counted = request->stage != NSKY_STAGE_NEW;
    nsky_body_free(request);
    nsky_job_free(request->job);
    nsky_reply_clear(&request->reply);
    nsky_view_release(request->view);
    nsky_uri_clear(&request->uri);
    nsky_free(request);
    if (counted)
        atomic_fetch_sub(&metrics->active, 1);
}

void nsky_http_connection(void *context, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    nsky_http *http = context;
    nsky_metrics *metrics = &http->service->metrics;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        atomic_fetch_add(&metrics->connections, 1);
        *socket_context =
            info ? nsky_deadline_add(http->deadlines, info->connect_fd, NSKY_HEADER_SECONDS_MAX)
                 : NULL;
    } else {
        nsky_deadline_remove(http->deadlines, *socket_context);
        *socket_context = NULL;
        atomic_fetch_sub(&metrics->connections, 1);
    }
}

void nsky_http_wake(nsky_request *request)
{
    MHD_resume_connection(request->connection);
}
