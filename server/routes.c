/* routes.c - every address there is. */
#include <string.h>

#include "server/api.h"

static const char *const any[] = {"*", NULL};
static const char *const objects_params[] = {"ra",   "dec",    "radius", "limit",
                                             "name", "format", NULL};
static const char *const random_params[] = {"n", "format", NULL};
static const char *const image_params[] = {"size", "stretch", "field", NULL};
static const char *const format_params[] = {"format", NULL};
static const char *const job_params[] = {NSKY_JOB_PARAMS, NULL};
static const char *const rank_params[] = {"top", "class", NSKY_FILTER_PARAMS, "format", NULL};
static const char *const suggest_params[] = {"n", "class", NSKY_FILTER_PARAMS, "format", NULL};
static const char *const estimate_params[] = {"id", "k", NULL};
static const char *const estimates_params[] = {"k", NULL};
static const char *const upload_params[] = {NSKY_JOB_PARAMS, "name", NULL};

static const nsky_route routes[] = {
    {"/healthz", NSKY_GET, NULL, NSKY_BODY_NONE, nsky_route_healthz},
    {"/readyz", NSKY_GET, NULL, NSKY_BODY_NONE, nsky_route_readyz},
    {"/metrics", NSKY_GET, NULL, NSKY_BODY_NONE, nsky_route_metrics},
    {NSKY_API "/info", NSKY_GET, NULL, NSKY_BODY_NONE, nsky_route_info},
    {NSKY_API "/openapi.json", NSKY_GET, NULL, NSKY_BODY_NONE, nsky_route_openapi},
    {NSKY_API "/objects", NSKY_GET, objects_params, NSKY_BODY_NONE, nsky_route_objects},
    {NSKY_API "/objects/random", NSKY_GET, random_params, NSKY_BODY_NONE, nsky_route_random},
    {NSKY_API "/objects/{id}", NSKY_GET, NULL, NSKY_BODY_NONE, nsky_route_object},
    {NSKY_API "/objects/{id}/image.jpg", NSKY_GET, image_params, NSKY_BODY_NONE, nsky_route_image},
    {NSKY_API "/objects/{id}/cutout.fits", NSKY_GET, NULL, NSKY_BODY_NONE, nsky_route_cutout},
    {NSKY_API "/objects/{id}/vector", NSKY_GET, format_params, NSKY_BODY_NONE, nsky_route_vector},
    {NSKY_API "/objects/{id}/neighbors", NSKY_GET, job_params, NSKY_BODY_NONE,
     nsky_route_neighbors},
    {NSKY_API "/search", NSKY_POST, format_params, NSKY_BODY_JSON, nsky_route_search},
    {NSKY_API "/probes", NSKY_GET, NULL, NSKY_BODY_NONE, nsky_route_probes},
    {NSKY_API "/probes", NSKY_POST, NULL, NSKY_BODY_JSON, nsky_route_probe_train},
    {NSKY_API "/probes/{name}", NSKY_GET, NULL, NSKY_BODY_NONE, nsky_route_probe},
    {NSKY_API "/probes/{name}/rank", NSKY_GET, rank_params, NSKY_BODY_NONE, nsky_route_rank},
    {NSKY_API "/probes/{name}/suggest", NSKY_GET, suggest_params, NSKY_BODY_NONE,
     nsky_route_suggest},
    {NSKY_API "/probes/{name}/estimate", NSKY_GET, estimate_params, NSKY_BODY_NONE,
     nsky_route_probe_estimate},
    {NSKY_API "/objects/{id}/estimates", NSKY_GET, estimates_params, NSKY_BODY_NONE,
     nsky_route_estimates},
    {NSKY_API "/search/upload", NSKY_POST, upload_params, NSKY_BODY_UPLOAD, nsky_route_upload},
    /* The standard has parameters ignored that a service does not know. */
    {"/vo/scs", NSKY_GET, any, NSKY_BODY_NONE, nsky_route_cone_search},
};
#define ROUTES (sizeof routes / sizeof *routes)

static const nsky_route page_route = {"page", NSKY_GET, any, NSKY_BODY_NONE, nsky_route_page};

nsky_match nsky_routes_match(const char *path, uint32_t method)
{
    nsky_match match = nsky_route_find(routes, ROUTES, path, method);

    if (match.allowed || strncmp(path, "/api/", 5) == 0)
        return match;
    match.allowed = page_route.methods;
    match.route = (method & page_route.methods) != 0 ? &page_route : NULL;
    return match;
}

uint32_t nsky_route_count(void)
{
    return ROUTES + 2;
}

uint32_t nsky_route_number(const nsky_route *route)
{
    if (!route)
        return ROUTES + 1;
    return route == &page_route ? ROUTES : (uint32_t)(route - routes);
}

const char *nsky_route_label(uint32_t number)
{
    if (number < ROUTES && routes[number].run == nsky_route_probe_train)
        return "POST " NSKY_API "/probes"; /* labels are unique, and GET has its own */
    if (number < ROUTES)
        return routes[number].pattern;
    return number == ROUTES ? page_route.pattern : "none";
}

nsky_survey *nsky_request_survey(nsky_request *request)
{
    nsky_error err = NSKY_ERROR_INIT;

    if (!request->survey && nsky_view_borrow(request->view, &request->survey, &err) != NSKY_OK) {
        request->survey = NULL;
        nsky_reply_error(&request->reply, &err);
    }
    return request->survey;
}

void nsky_request_submit(nsky_request *request, void (*finish)(nsky_request *request))
{
    request->submit = true;
    request->finish = finish;
}
