/* routes_info.c - what this server is and how it is doing, and the page. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/file.h"
#include "common/memory.h"
#include "common/version.h"
#include "server/api.h"
#include "server/openapi.h"

void nsky_route_healthz(nsky_request *request)
{
    nsky_reply_text(&request->reply, 200, "ok\n");
}

void nsky_route_readyz(nsky_request *request)
{
    if (atomic_load(&request->service->stopping))
        nsky_reply_problem(&request->reply, 503, "stopping", "the server is shutting down");
    else
        nsky_reply_text(&request->reply, 200, "ready\n");
}

void nsky_route_metrics(nsky_request *request)
{
    const char *labels[NSKY_METRICS_ROUTES_MAX];
    uint32_t count = nsky_route_count();
    nsky_error err = NSKY_ERROR_INIT;
    size_t bytes = 0;

    for (uint32_t i = 0; i < count; i++)
        labels[i] = nsky_route_label(i);
    char *text = nsky_metrics_print(&request->service->metrics, labels, count,
                                    request->view->generation, &bytes, &err);
    if (text)
        nsky_reply_bytes(&request->reply, "text/plain; version=0.0.4; charset=utf-8", text, bytes);
    else
        nsky_reply_error(&request->reply, &err);
}

void nsky_route_openapi(nsky_request *request)
{
    nsky_reply_text(&request->reply, 200, nsky_openapi);
    request->reply.content_type = "application/json";
    request->reply.cache_control = "no-cache";
}

/* --- /api/v1/info --- */

/* "cpu (a, b), ref (c)" -> ["cpu (a, b)", "ref (c)"] */
static nsky_json *backends(void)
{
    char text[512];
    nsky_json *list = nsky_json_array();
    int depth = 0;

    nsky_encoder_devices(text, sizeof text);
    for (char *start = text, *at = text;; at++) {
        depth += (*at == '(') - (*at == ')');
        if (*at && (*at != ',' || depth > 0))
            continue;
        bool last = *at == '\0';
        *at = '\0';
        if (*start)
            nsky_json_append_string(list, start);
        if (last)
            return list;
        start = at + 1 + strspn(at + 1, " ");
        at = start - 1;
    }
}

/* The folder's name stands for a survey that has no other. */
static void put_name(nsky_json *survey, const char *store)
{
    char name[256];
    size_t length = strlen(store);

    while (length > 1 && store[length - 1] == '/')
        length--;
    snprintf(name, sizeof name, "%.*s", (int)(length < 255 ? length : 255), store);
    nsky_json_put_string(survey, "name", nsky_path_base(name));
}

static nsky_json *json_of_survey(const nsky_view *view, const nsky_json *about)
{
    nsky_json *survey = nsky_json_object();
    const nsky_json *kinds = nsky_json_get(about, "kinds"), *best = NULL;
    const nsky_json *refused = nsky_json_get(about, "sources");

    for (const nsky_json *v = kinds ? nsky_json_first(kinds) : NULL; v; v = nsky_json_next(v))
        if (!best || nsky_json_get_number(v, "rows", 0) > nsky_json_get_number(best, "rows", 0))
            best = v; /* what most of the stamps are like */
    put_name(survey, view->store);
    nsky_json_put_number(survey, "rows", nsky_json_get_number(about, "rows", NAN));
    nsky_json_put_string(survey, "bands", best ? nsky_json_get_string(best, "bands") : NULL);
    nsky_json_put_number(survey, "pixel_scale",
                         best ? nsky_json_get_number(best, "scale_arcsec_px", NAN) : (double)NAN);
    nsky_json_put_number(survey, "width",
                         best ? nsky_json_get_number(best, "width", NAN) : (double)NAN);
    nsky_json_put_number(survey, "height",
                         best ? nsky_json_get_number(best, "height", NAN) : (double)NAN);
    nsky_json_put_number(survey, "sources",
                         refused ? nsky_json_get_number(refused, "count", NAN) : (double)NAN);
    nsky_json_put_number(survey, "sources_refused",
                         refused ? nsky_json_get_number(refused, "refused", NAN) : (double)NAN);
    return survey;
}

static nsky_status json_of_generation(const nsky_view *view, nsky_json **out, nsky_error *err)
{
    const nsky_json *manifest = nsky_search_manifest(view->search);
    const char *created = nsky_json_get_string(manifest, "created_at");
    nsky_json *index = NULL;
    nsky_status status = nsky_search_describe(view->search, &index, err);

    if (status != NSKY_OK)
        return status;
    *out = nsky_json_object();
    nsky_json_put_integer(*out, "number", view->generation);
    nsky_json_put_integer(*out, "rows", (int64_t)view->rows);
    nsky_json_put_integer(*out, "dim", view->dim);
    nsky_json_put_string(*out, "created",
                         created ? created : nsky_json_get_string(manifest, "created"));
    nsky_json_put_string(*out, "created_by", nsky_json_get_string(manifest, "created_by"));
    nsky_json_put_string(*out, "backend", nsky_json_get_string(manifest, "backend"));
    nsky_json_put_string(*out, "precision", nsky_json_get_string(manifest, "precision"));
    nsky_json_put(*out, "index", index);
    return NSKY_OK;
}

static nsky_json *json_of_encoder(const nsky_view *view)
{
    nsky_json *encoder = nsky_json_object();

    nsky_json_put_string(encoder, "backend", nsky_encoder_backend(view->encoder));
    nsky_json_put_string(encoder, "precision",
                         nsky_precision_name(nsky_encoder_precision(view->encoder)));
    return encoder;
}

static nsky_status write_info(nsky_request *request, nsky_survey *survey, nsky_json **out,
                              nsky_error *err)
{
    nsky_view *view = request->view;
    nsky_json *about = NULL, *generation = NULL, *model = NULL, *limits = nsky_json_object();
    nsky_status status;

    *out = nsky_json_object();
    if ((status = nsky_survey_describe(survey, &about, err)) != NSKY_OK ||
        (status = json_of_generation(view, &generation, err)) != NSKY_OK ||
        (status = nsky_model_describe(view->model, &model, err)) != NSKY_OK) {
        nsky_json_free(limits);
        nsky_json_free(generation);
    } else {
        nsky_json_put_integer(limits, "upload_bytes_max",
                              (int64_t)request->service->upload_bytes_max);
        nsky_json_put_integer(limits, "k_max", NSKY_SEARCH_K_MAX);
        nsky_json_put_integer(limits, "examples_max", NSKY_SEARCH_EXAMPLES_MAX);
        nsky_json_put_string(*out, "version", nsky_version());
        nsky_json_put_string(*out, "commit", nsky_commit());
        nsky_json_put(*out, "survey", json_of_survey(view, about));
        nsky_json_put(*out, "generation", generation);
        nsky_json_put(*out, "model", model);
        nsky_json_put(*out, "encoder", json_of_encoder(view));
        nsky_json_put(*out, "backends", backends());
        nsky_json_put(*out, "limits", limits);
    }
    nsky_json_free(about);
    return status;
}

void nsky_route_info(nsky_request *request)
{
    nsky_survey *survey = nsky_request_survey(request);
    nsky_error err = NSKY_ERROR_INIT;
    nsky_json *info = NULL;

    if (!survey)
        return;
    if (write_info(request, survey, &info, &err) == NSKY_OK) {
        nsky_reply_json(&request->reply, info);
    } else {
        nsky_json_free(info);
        nsky_reply_error(&request->reply, &err);
    }
}

void nsky_route_page(nsky_request *request)
{
    nsky_service *service = request->service;
    const char *path = request->uri.path;

    if (service->page) {
        if (!nsky_page_reply(service->page, path, request->if_none_match, &request->reply))
            nsky_reply_problem(&request->reply, 404, NULL, "there is nothing at %.200s", path);
    } else if (strcmp(path, "/") == 0) {
        nsky_reply_text(&request->reply, 404, service->page_reason);
    } else {
        nsky_reply_problem(&request->reply, 404, NULL, "there is nothing at %.200s", path);
    }
}
