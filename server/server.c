/* server.c - see server.h: the parts put together, taken apart in the right order. */
#include "server/server.h"

#include <assert.h>
#include <unistd.h>

#include "common/log.h"
#include "common/memory.h"
#include "ingest/decode.h"
#include "server/http.h"
#include "server/service.h"

#define QUEUE_DEFAULT 256
#define CONNECTIONS_DEFAULT 1024
#define THREADS_MAX 256

struct nsky_server {
    nsky_service service;
    nsky_http *http;
    pthread_mutex_t reload_lock; /* one reload at a time */
};

nsky_view *nsky_service_view(nsky_service *service)
{
    pthread_mutex_lock(&service->view_lock);
    nsky_view *view = nsky_view_retain(service->view);
    pthread_mutex_unlock(&service->view_lock);
    return view;
}

static void destroy(nsky_server *server)
{
    nsky_service *service = &server->service;

    nsky_http_stop(server->http); /* no request is left after this */
    nsky_workers_free(service->workers);
    nsky_probes_close(service->probes);
    nsky_view_release(service->view);
    nsky_page_close(service->page);
    nsky_free(service->page_reason);
    nsky_free(service->store);
    nsky_free(service->device);
    pthread_mutex_destroy(&service->view_lock);
    pthread_mutex_destroy(&server->reload_lock);
    nsky_free(server);
}

static nsky_status open_page(nsky_service *service, const char *folder, nsky_error *err)
{
    nsky_error why = NSKY_ERROR_INIT;

    if (folder && nsky_page_open(&service->page, folder, &why) == NSKY_OK)
        return NSKY_OK;
    if (folder && why.status != NSKY_ENOTFOUND) {
        *err = why;
        return why.status;
    }
    service->page_reason = nsky_format(
        err,
        "nearsky answers here, but there is no page to show: %s.\n"
        "Build it with Node.js 18 or newer, `npm ci && npm run build` in web/, or give its "
        "folder with --page.\n"
        "The API is at /api/v1/info and described at /api/v1/openapi.json.\n",
        folder ? why.text : "no folder was given");
    if (!service->page_reason)
        return err->status;
    nsky_log_warn("no page: %s", folder ? why.text : "no folder was given");
    return NSKY_OK;
}

static nsky_status set_limits(nsky_service *service, const nsky_server_options *options,
                              nsky_error *err)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    service->threads = options->threads ? options->threads : cores > 0 ? (uint32_t)cores : 1;
    if (service->threads > THREADS_MAX)
        return nsky_fail(err, NSKY_EINVAL, "%u HTTP threads; %d are the most", service->threads,
                         THREADS_MAX);
    service->upload_bytes_max =
        options->upload_bytes_max ? options->upload_bytes_max : NSKY_UPLOAD_BYTES_MAX;
    if (service->upload_bytes_max > NSKY_UPLOAD_BYTES_MAX)
        return nsky_fail(err, NSKY_EINVAL, "uploads of %llu bytes; %u are the most",
                         (unsigned long long)service->upload_bytes_max, NSKY_UPLOAD_BYTES_MAX);
    size_t largest = service->upload_bytes_max > NSKY_JSON_BODY_BYTES_MAX
                         ? (size_t)service->upload_bytes_max
                         : NSKY_JSON_BODY_BYTES_MAX;
    service->body_bytes_max = NSKY_BODIES_MAX * largest;
    service->store = nsky_strdup(options->store, err);
    service->device = nsky_strdup(options->device ? options->device : "auto", err);
    return service->store && service->device ? NSKY_OK : err->status;
}

nsky_status nsky_server_start(nsky_server **out, const nsky_server_options *options,
                              nsky_error *err)
{
    assert(out && options && options->store && err);
    nsky_server *server = nsky_alloc_zero(1, sizeof *server, err);
    nsky_service *service;
    uint32_t connections =
        options->connections_max ? options->connections_max : CONNECTIONS_DEFAULT;
    nsky_status status;

    *out = NULL;
    if (!server)
        return err->status;
    service = &server->service;
    pthread_mutex_init(&service->view_lock, NULL);
    pthread_mutex_init(&server->reload_lock, NULL);
    if ((status = set_limits(service, options, err)) != NSKY_OK ||
        (status = open_page(service, options->page, err)) != NSKY_OK ||
        (status = nsky_view_open(&service->view, service->store, service->device, service->threads,
                                 err)) != NSKY_OK ||
        (status = nsky_probes_open(&service->probes, service->store, err)) != NSKY_OK ||
        (status = nsky_workers_start(&service->workers,
                                     options->queue_max ? options->queue_max : QUEUE_DEFAULT,
                                     &service->metrics, nsky_http_wake, err)) != NSKY_OK)
        goto done;
    connections = connections < service->threads ? service->threads : connections;
    status = nsky_http_start(&server->http, service, options->host ? options->host : "127.0.0.1",
                             options->port, connections, err);
    if (status != NSKY_OK)
        goto done;
    *out = server;
    server = NULL;
done:
    if (server)
        destroy(server);
    return status;
}

uint16_t nsky_server_port(const nsky_server *server)
{
    return nsky_http_port(server->http);
}

nsky_status nsky_server_reload(nsky_server *server, nsky_error *err)
{
    nsky_service *service = &server->service;
    nsky_view *view = NULL, *old;

    pthread_mutex_lock(&server->reload_lock);
    nsky_status status =
        nsky_view_open(&view, service->store, service->device, service->threads, err);
    if (status == NSKY_OK) {
        pthread_mutex_lock(&service->view_lock);
        old = service->view;
        service->view = view;
        pthread_mutex_unlock(&service->view_lock);
        nsky_view_release(old); /* requests under way hold it still */
        atomic_fetch_add(&service->metrics.reloads, 1);
        nsky_log_info("generation %u is live: %llu vectors", view->generation,
                      (unsigned long long)view->rows);
    } else {
        atomic_fetch_add(&service->metrics.reload_failures, 1);
    }
    pthread_mutex_unlock(&server->reload_lock);
    return status;
}

void nsky_server_stop(nsky_server *server)
{
    if (!server)
        return;
    atomic_store(&server->service.stopping, true);
    nsky_http_drain(server->http, NSKY_STOP_SECONDS_MAX);
    nsky_workers_stop(server->service.workers); /* whoever still sleeps is woken */
    destroy(server);
}
