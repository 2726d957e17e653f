/* daemon.c - libmicrohttpd's daemon: started, drained and stopped; see http.h. */
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "common/memory.h"
#include "server/http_private.h"

#define CONNECTION_MEMORY_BYTES 32768

static void log_line(void *context, const char *format, va_list args)
{
    char text[256];

    (void)context;
    vsnprintf(text, sizeof text, format, args);
    text[strcspn(text, "\n")] = '\0';
    nsky_log_debug("http: %s", text);
}

static nsky_status start_daemon(nsky_http *http, uint32_t connections_max, nsky_error *err)
{
    uint32_t threads = http->service->threads;
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)log_line, NULL},
        {MHD_OPTION_LISTEN_SOCKET, http->socket, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)connections_max, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY_BYTES, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, NSKY_IDLE_SECONDS_MAX, NULL},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)nsky_http_first_line, http},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)nsky_http_completed, http},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)nsky_http_connection, http},
        {threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, (intptr_t)threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };

    http->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        nsky_http_handle, http, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    if (http->daemon)
        return NSKY_OK;
    http->socket = -1; /* closed by the failed start */
    return nsky_fail(err, NSKY_EIO,
                     "the HTTP server does not start (%u threads, %u "
                     "connections)",
                     threads, connections_max);
}

nsky_status nsky_http_start(nsky_http **out, nsky_service *service, const char *host, uint16_t port,
                            uint32_t connections_max, nsky_error *err)
{
    nsky_http *http = nsky_alloc_zero(1, sizeof *http, err);
    nsky_status status;

    *out = NULL;
    if (!http)
        return err->status;
    http->service = service;
    http->socket = -1;
    if ((status = nsky_listen(&http->socket, &http->port, host, port, err)) != NSKY_OK ||
        (status = nsky_deadlines_start(&http->deadlines, &service->metrics.deadlines, err)) !=
            NSKY_OK ||
        (status = start_daemon(http, connections_max, err)) != NSKY_OK)
        goto done;
    *out = http;
    http = NULL;
done:
    nsky_http_stop(http);
    return status;
}

uint16_t nsky_http_port(const nsky_http *http)
{
    return http->port;
}

/* A thread may still be about to accept: the socket is shut here, and closed after the threads. */
static void stop_listening(nsky_http *http)
{
    if (http->daemon && MHD_quiesce_daemon(http->daemon) != MHD_INVALID_SOCKET)
        shutdown(http->socket, SHUT_RDWR);
}

void nsky_http_drain(nsky_http *http, uint32_t seconds_max)
{
    uint64_t until_us = nsky_now_us() + seconds_max * 1000000ull;
    struct timespec moment = {0, 2000000};

    stop_listening(http);
    while (atomic_load(&http->service->metrics.active) > 0 && nsky_now_us() < until_us)
        nanosleep(&moment, NULL);
}

void nsky_http_stop(nsky_http *http)
{
    if (!http)
        return;
    stop_listening(http);
    if (http->daemon)
        MHD_stop_daemon(http->daemon);
    if (http->socket >= 0)
        close(http->socket);
    nsky_deadlines_stop(http->deadlines);
    nsky_free(http);
}
