/* api.h (private) - the JSON and the tables that routes share. Thread rule: as request.h. */
#ifndef NSKY_SERVER_API_H
#define NSKY_SERVER_API_H

#include "common/json.h"
#include "server/request.h"
#include "server/service.h"
#include "table/objects.h"

#define NSKY_API "/api/v1"

/* --- object_json.c --- */
/* Catalogue columns and links. */
nsky_json *nsky_json_of_object(const nsky_object *object);
/* As above with what only the stamp knows: bands, pixel_scale, width, height, notes. */
NSKY_MUST_CHECK nsky_status nsky_json_of_object_and_stamp(nsky_survey *survey,
                                                          const nsky_object *object,
                                                          nsky_json **out, nsky_error *err);
/* {name, width, ...} of a decoded upload. */
nsky_json *nsky_json_of_decoded(const nsky_decoded *decoded, const char *name);
/* generation, model, model_sha256: what every answer carries. */
void nsky_put_provenance(nsky_json *object, const nsky_view *view);
/* The id in the path, "" or a problem. false: the reply is set. */
bool nsky_request_object(nsky_request *request, nsky_survey *survey, nsky_object *out);

/* --- table_format.c --- */
#define NSKY_QUERY_TEXT_BYTES 512
/* ?format= before Accept. false: the reply is set. */
bool nsky_request_format(nsky_request *request, nsky_table_format *out);
/* The address with its parameters, decoded and maybe cut: what a table says was asked. */
void nsky_request_describe(const nsky_request *request, char *out, size_t bytes);
/* Borrowed from the view. */
void nsky_provenance_of_view(nsky_provenance *out, const nsky_view *view);
/* The table as a file to save, or a problem. */
void nsky_reply_table(nsky_reply *reply, const nsky_table *table, nsky_table_format format);

/* --- query_json.c, query_uri.c: what is asked --- */
/* k, effort, exact, group_arcsec, format and the filter from the query string. false: the reply is
 * set. */
bool nsky_job_from_uri(nsky_request *request, nsky_job *job);
/* POST /search. false: the reply is set. */
bool nsky_job_from_json(nsky_request *request, nsky_survey *survey, nsky_job *job);
/* One bound of a filter by its name ("mag_z_min"); NULL when there is no such bound. */
double *nsky_filter_bound(nsky_filter *filter, const char *name);
/* Checks what the filter says together (a cone needs all three numbers), and turns arcsec to deg.
 */
NSKY_MUST_CHECK nsky_status nsky_filter_complete(nsky_filter *filter, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_healpix_order(const char *name, bool *nested, nsky_error *err);
/* effort: a name, or NULL; exact says the same as "exact" and may not contradict it. */
NSKY_MUST_CHECK nsky_status nsky_job_set_effort(nsky_job *job, const char *effort, bool exact,
                                                nsky_error *err);
/* --- filter_json.c: the filter of a body, complete --- */
NSKY_MUST_CHECK nsky_status nsky_filter_from_json(nsky_job *job, const nsky_json *object,
                                                  nsky_survey *survey, nsky_error *err);
/* Parameters of nsky_job_from_uri, for route tables. */
#define NSKY_FILTER_PARAMS                                                                       \
    "hide_known", "only_known", "mag_g_min", "mag_g_max", "mag_r_min", "mag_r_max", "mag_z_min", \
        "mag_z_max", "g_r_min", "g_r_max", "r_z_min", "r_z_max", "z_phot_min", "z_phot_max",     \
        "z_spec_min", "z_spec_max", "type", "ra", "dec", "radius", "polygon", "healpix_nside",   \
        "healpix_order", "healpix_cells"
#define NSKY_JOB_PARAMS "k", "effort", "exact", "group_arcsec", "format", NSKY_FILTER_PARAMS

/* The object nearest to a position, within match_arcsec; else NSKY_ENOTFOUND saying how far the
 * nearest is or that the position is outside the footprint. */
#define NSKY_MATCH_ARCSEC 10.0
#define NSKY_FOOTPRINT_ARCSEC 1800.0
NSKY_MUST_CHECK nsky_status nsky_object_at(nsky_survey *survey, nsky_sky position,
                                           double match_arcsec, nsky_object *out, nsky_error *err);
/* Nothing within NSKY_FOOTPRINT_ARCSEC. */
NSKY_MUST_CHECK nsky_status nsky_outside_footprint(nsky_survey *survey, nsky_sky position,
                                                   bool *outside, nsky_error *err);

/* --- answer.c: finish of every search --- */
void nsky_answer_search(nsky_request *request);

/* --- probe_json.c: POST /probes. false: the reply is set. */
bool nsky_probe_job_from_json(nsky_request *request, nsky_probe_job *job);

/* --- routes_probes.c --- */
/* A job with a probe's part; NULL with the reply set. */
nsky_probe_job *nsky_request_probe_job(nsky_request *request, nsky_probe_work work);
/* The probe that the path names, retained, or NULL with the reply set. */
nsky_shared_probe *nsky_request_probe(nsky_request *request);

/* --- the routes --- */
void nsky_route_healthz(nsky_request *request);
void nsky_route_readyz(nsky_request *request);
void nsky_route_metrics(nsky_request *request);
void nsky_route_info(nsky_request *request);
void nsky_route_openapi(nsky_request *request);
void nsky_route_objects(nsky_request *request);
void nsky_route_random(nsky_request *request);
void nsky_route_object(nsky_request *request);
void nsky_route_image(nsky_request *request);
void nsky_route_cutout(nsky_request *request);
void nsky_route_vector(nsky_request *request);
void nsky_route_neighbors(nsky_request *request);
void nsky_route_search(nsky_request *request);
void nsky_route_upload(nsky_request *request);
void nsky_route_cone_search(nsky_request *request);
void nsky_route_probes(nsky_request *request);
void nsky_route_probe_train(nsky_request *request);
void nsky_route_probe(nsky_request *request);
void nsky_route_rank(nsky_request *request);
void nsky_route_suggest(nsky_request *request);
void nsky_route_probe_estimate(nsky_request *request);
void nsky_route_estimates(nsky_request *request);
void nsky_route_page(nsky_request *request);

#endif
