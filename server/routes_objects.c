/* routes_objects.c - the catalogue: one object, a cone, a name, a few at random, a vector. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "common/hash.h"
#include "common/memory.h"
#include "common/rng.h"
#include "server/api.h"

#define CONE_ARCSEC_DEFAULT 60.0
#define CONE_ARCSEC_MAX 10800.0
#define CONE_LIMIT_DEFAULT 100
#define CONE_LIMIT_MAX 1000
#define RANDOM_MAX 200
#define DRAWS_MAX 1000

typedef struct found {
    const nsky_cone_hit *hits;
    uint32_t count;
} found;

static nsky_status table_rows(void *payload, nsky_table_sink *sink, nsky_error *err)
{
    const found *f = payload;
    nsky_cell cells[NSKY_CONE_COLUMNS];
    nsky_status status = NSKY_OK;

    for (uint32_t i = 0; i < f->count && status == NSKY_OK; i++) {
        nsky_cone_cells(cells, &f->hits[i]);
        status = nsky_table_put(sink, cells, err);
    }
    return status;
}

static void reply_table(nsky_request *request, const nsky_cone_hit *hits, uint32_t count,
                        bool truncated, nsky_table_format format)
{
    char query[NSKY_QUERY_TEXT_BYTES];
    const nsky_provenance provenance = {.query = query};
    found payload = {hits, count};
    const nsky_table table = {.name = "objects",
                              .description = "Objects of the catalogue",
                              .columns = nsky_cone_columns,
                              .column_count = NSKY_CONE_COLUMNS,
                              .rows = table_rows,
                              .payload = &payload,
                              .provenance = &provenance,
                              .truncated = truncated};

    nsky_request_describe(request, query, sizeof query);
    nsky_reply_table(&request->reply, &table, format);
}

/* {objects: [...], warnings: [...], generation, model}; NaN separations are left out. */
static void reply_objects(nsky_request *request, const nsky_cone_hit *hits, uint32_t count,
                          bool truncated, const char *warning)
{
    nsky_table_format format;

    if (!nsky_request_format(request, &format))
        return;
    if (format != NSKY_TABLE_JSON) {
        reply_table(request, hits, count, truncated, format);
        return;
    }
    nsky_json *answer = nsky_json_object(), *list = nsky_json_array(), *warnings;
    for (uint32_t i = 0; i < count; i++) {
        nsky_json *json = nsky_json_of_object(&hits[i].object);
        if (!isnan(hits[i].separation_arcsec))
            nsky_json_put_fixed(json, "separation_arcsec", hits[i].separation_arcsec, 3);
        nsky_json_append(list, json);
    }
    nsky_json_put(answer, "objects", list);
    warnings = nsky_json_array();
    if (warning)
        nsky_json_append_string(warnings, warning);
    nsky_json_put(answer, "warnings", warnings);
    nsky_put_provenance(answer, request->view);
    nsky_reply_json(&request->reply, answer);
}

static void reply_named(nsky_request *request, nsky_survey *survey, const char *name)
{
    nsky_cone_hit hit = {.separation_arcsec = NAN};
    nsky_error err = NSKY_ERROR_INIT;
    nsky_status status = nsky_survey_by_name(survey, name, &hit.object, &err);

    if (status == NSKY_OK)
        reply_objects(request, &hit, 1, false, NULL);
    else if (status == NSKY_ENOTFOUND)
        nsky_reply_problem(&request->reply, 404, "no-such-object",
                           "this survey has no object named \"%.95s\"", name);
    else
        nsky_reply_error(&request->reply, &err);
}

/* Fills the reply; hits [limit + 1] is scratch. */
static nsky_status reply_cone(nsky_request *request, nsky_survey *survey, nsky_sky centre,
                              double radius, uint32_t limit, nsky_cone_hit *hits, nsky_error *err)
{
    char warning[160] = "";
    uint32_t count = 0;
    bool outside = false;
    nsky_status status = nsky_survey_cone(survey, centre, radius, limit + 1, hits, &count, err);

    if (status == NSKY_OK && count == 0)
        status = nsky_outside_footprint(survey, centre, &outside, err);
    if (status != NSKY_OK)
        return status;
    if (outside) {
        nsky_reply_problem(&request->reply, 404, "outside-footprint",
                           "ra %.5f dec %+.5f is outside this survey's footprint: it has no "
                           "object within %g arcmin",
                           centre.ra_deg, centre.dec_deg, NSKY_FOOTPRINT_ARCSEC / 60);
        return NSKY_OK;
    }
    if (count == 0)
        snprintf(warning, sizeof warning,
                 "no object within %g arcsec, though the survey has some "
                 "nearby",
                 radius);
    bool truncated = count > limit;
    if (truncated) {
        snprintf(warning, sizeof warning,
                 "the nearest %u; there are more within %g arcsec (limit goes up to %d)", limit,
                 radius, CONE_LIMIT_MAX);
        count = limit;
    }
    reply_objects(request, hits, count, truncated, warning[0] ? warning : NULL);
    return NSKY_OK;
}

void nsky_route_objects(nsky_request *request)
{
    const nsky_uri *uri = &request->uri;
    const char *name = nsky_uri_param_of(uri, "name");
    nsky_survey *survey = nsky_request_survey(request);
    nsky_error err = NSKY_ERROR_INIT;
    nsky_sky centre = {NAN, NAN};
    double radius = CONE_ARCSEC_DEFAULT;
    uint32_t limit = CONE_LIMIT_DEFAULT;
    nsky_status status;

    if (!survey)
        return;
    if (name && !nsky_uri_param_of(uri, "ra") && !nsky_uri_param_of(uri, "dec")) {
        reply_named(request, survey, name);
        return;
    }
    if ((status = nsky_uri_number(uri, "ra", 0, 360, &centre.ra_deg, &err)) == NSKY_OK &&
        (status = nsky_uri_number(uri, "dec", -90, 90, &centre.dec_deg, &err)) == NSKY_OK &&
        (status = nsky_uri_number(uri, "radius", 1e-3, CONE_ARCSEC_MAX, &radius, &err)) ==
            NSKY_OK &&
        (status = nsky_uri_integer(uri, "limit", 1, CONE_LIMIT_MAX, &limit, &err)) == NSKY_OK) {
        centre.ra_deg = centre.ra_deg == 360 ? 0 : centre.ra_deg;
        if (name || isnan(centre.ra_deg) || isnan(centre.dec_deg))
            status = nsky_fail(&err, NSKY_EINVAL,
                               "give ra and dec in degrees (and radius in arcsec), or name");
    }
    nsky_cone_hit *hits = NULL;
    if (status == NSKY_OK && !(hits = nsky_alloc(limit + 1, sizeof *hits, &err)))
        status = err.status;
    if (status == NSKY_OK)
        status = reply_cone(request, survey, centre, radius, limit, hits, &err);
    if (status != NSKY_OK)
        nsky_reply_error(&request->reply, &err);
    nsky_free(hits);
}

/* Different rows while there are enough, by Floyd's method; order shuffled as it falls. */
static uint32_t draw_rows(uint64_t rows, uint32_t n, uint64_t *out)
{
    uint64_t seed = 0;
    uint32_t count = 0;

    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        seed = (uint64_t)(uintptr_t)out; /* not random, not wrong either */
    nsky_rng rng = nsky_rng_at(seed, 0, 0);
    n = n < rows ? n : (uint32_t)rows;
    for (uint64_t top = rows - n; count < n; top++) {
        uint64_t drawn = nsky_rng_u64(&rng) % (top + 1);
        for (uint32_t i = 0; i < count; i++)
            if (out[i] == drawn)
                drawn = top;
        uint32_t place = nsky_rng_below(&rng, count + 1);
        out[count++] = out[place];
        out[place] = drawn;
    }
    return n;
}

/* Keeps the first n that are not deleted. */
static uint32_t drop_deleted(const nsky_search *search, uint64_t *rows, uint32_t drawn, uint32_t n)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < drawn && kept < n; i++)
        if (!nsky_search_is_deleted(search, rows[i]))
            rows[kept++] = rows[i];
    return kept;
}

/* More are drawn than wanted where some are deleted: as many more as are likely to be. */
static uint32_t spare_draws(const nsky_search *search, uint32_t n)
{
    const uint64_t deleted = nsky_search_deleted(search), rows = nsky_search_rows(search);

    if (deleted == 0 || deleted == rows)
        return n;
    double wanted = 16 + 2.0 * n * (double)rows / (double)(rows - deleted);
    return wanted < DRAWS_MAX ? (uint32_t)wanted : DRAWS_MAX;
}

void nsky_route_random(nsky_request *request)
{
    nsky_survey *survey = nsky_request_survey(request);
    nsky_error err = NSKY_ERROR_INIT;
    uint64_t rows[DRAWS_MAX];
    uint32_t n = 1;
    nsky_cone_hit *hits = NULL;
    nsky_status status;

    if (!survey)
        return;
    if ((status = nsky_uri_integer(&request->uri, "n", 1, RANDOM_MAX, &n, &err)) == NSKY_OK) {
        n = drop_deleted(
            request->view->search, rows,
            draw_rows(request->view->rows, spare_draws(request->view->search, n), rows), n);
        if (!(hits = nsky_alloc(n, sizeof *hits, &err)))
            status = err.status;
    }
    for (uint32_t i = 0; status == NSKY_OK && i < n; i++) {
        hits[i].separation_arcsec = NAN;
        status = nsky_survey_by_row(survey, rows[i], &hits[i].object, &err);
    }
    if (status == NSKY_OK)
        reply_objects(request, hits, n, false, NULL);
    else
        nsky_reply_error(&request->reply, &err);
    nsky_free(hits);
}

void nsky_route_object(nsky_request *request)
{
    nsky_survey *survey = nsky_request_survey(request);
    nsky_error err = NSKY_ERROR_INIT;
    nsky_object object;
    nsky_json *json = NULL;
    double artefact;
    char etag[NSKY_ETAG_BYTES];

    if (!survey || !nsky_request_object(request, survey, &object))
        return;
    const uint64_t row = object.row;
    if (nsky_guard_rows(&artefact, request->view->guard, request->view->search, &row, 1, &err) !=
            NSKY_OK ||
        nsky_json_of_object_and_stamp(survey, &object, &json, &err) != NSKY_OK) {
        nsky_reply_error(&request->reply, &err);
        return;
    }
    nsky_json_put_bool(json, "embedded", object.row < request->view->rows);
    nsky_json_put_fixed(json, "artefact", artefact, 4);
    nsky_put_provenance(json, request->view);
    nsky_reply_json(&request->reply, json);
    if (request->reply.status != 200)
        return;
    /* The body is hashed: `known` may change within a generation. */
    snprintf(etag, sizeof etag, "\"%s-%016" PRIx64 "\"", request->view->tag,
             nsky_hash64(request->reply.body, request->reply.bytes));
    nsky_reply_etag(&request->reply, request->if_none_match, etag);
    request->reply.cache_control = "no-cache";
}
