/* routes_image.c - the stamp of an object as a picture, as FITS, and its vector. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/memory.h"
#include "common/version.h"
#include "fits/writer.h"
#include "image/codec.h"
#include "server/api.h"

#define SIZE_MAX_PX 1024
#define SIZE_MIN_PX 16
#define FIELD_ARCSEC_MAX 600.0
#define QUALITY 90
/* Pixels of an id never change within a survey; a new server build may paint them differently. */
#define IMAGE_CACHE "public, max-age=3600"

typedef struct look {
    uint32_t size;
    double field_arcsec;
    const nsky_stretch *stretch;
    const char *stretch_name;
} look;

static nsky_status parse_look(const nsky_uri *uri, look *out, nsky_error *err)
{
    static const struct {
        const char *name;
        const nsky_stretch *stretch;
    } stretches[] = {{"viewer", &nsky_stretch_viewer},
                     {"faint", &nsky_stretch_faint},
                     {"bright", &nsky_stretch_bright}};
    const char *name = nsky_uri_param_of(uri, "stretch");
    nsky_status status;

    *out = (look){0, 0, stretches[0].stretch, stretches[0].name};
    if ((status = nsky_uri_integer(uri, "size", SIZE_MIN_PX, SIZE_MAX_PX, &out->size, err)) !=
            NSKY_OK ||
        (status = nsky_uri_number(uri, "field", 1, FIELD_ARCSEC_MAX, &out->field_arcsec, err)) !=
            NSKY_OK ||
        !name)
        return status;
    for (size_t i = 0; i < sizeof stretches / sizeof *stretches; i++)
        if (strcmp(name, stretches[i].name) == 0) {
            out->stretch = stretches[i].stretch;
            out->stretch_name = stretches[i].name;
            return NSKY_OK;
        }
    return nsky_fail(err, NSKY_EINVAL, "stretch must be viewer, faint or bright, not \"%.64s\"",
                     name);
}

/* true: the client has it already, and the reply says so. */
static bool unchanged(nsky_request *request, const char *etag)
{
    if (!nsky_etag_matches(request->if_none_match, etag))
        return false;
    nsky_reply_etag(&request->reply, request->if_none_match, etag);
    request->reply.cache_control = IMAGE_CACHE;
    return true;
}

/* Where a catalogue was all there was, or because something is wrong. */
static void reply_no_picture(nsky_request *request, const nsky_object *object,
                             const nsky_error *err)
{
    if (err->status == NSKY_ENOTFOUND)
        nsky_reply_problem(&request->reply, 404, "no-picture",
                           "the store has no picture of object %" PRIu64, object->id);
    else
        nsky_reply_error(&request->reply, err);
}

void nsky_route_image(nsky_request *request)
{
    nsky_survey *survey = nsky_request_survey(request);
    nsky_error err = NSKY_ERROR_INIT;
    nsky_object object;
    nsky_stamp *stamp = NULL;
    nsky_picture *picture = NULL;
    look how;
    void *jpeg = NULL;
    size_t bytes = 0;
    char etag[NSKY_ETAG_BYTES];

    if (!survey)
        return;
    if (parse_look(&request->uri, &how, &err) != NSKY_OK) {
        nsky_reply_error(&request->reply, &err);
        return;
    }
    if (!nsky_request_object(request, survey, &object))
        return;
    snprintf(etag, sizeof etag, "\"%s-%" PRIx64 "-%u-%g-%s\"", request->view->tag, object.id,
             how.size, how.field_arcsec, how.stretch_name);
    if (unchanged(request, etag))
        return;
    if (nsky_survey_stamp(survey, object.row, &stamp, &err) == NSKY_OK &&
        nsky_picture_of_stamp(&picture, stamp, how.size, how.field_arcsec, how.stretch, &err) ==
            NSKY_OK &&
        nsky_picture_to_jpeg(picture, QUALITY, &jpeg, &bytes, &err) == NSKY_OK) {
        nsky_reply_bytes(&request->reply, "image/jpeg", jpeg, bytes);
        nsky_reply_etag(&request->reply, NULL, etag);
        request->reply.cache_control = IMAGE_CACHE;
    } else {
        reply_no_picture(request, &object, &err);
    }
    nsky_picture_free(picture);
    nsky_stamp_free(stamp);
}

static void name_file(const nsky_object *object, const char *ending, char *out, size_t bytes)
{
    char name[NSKY_NAME_BYTES];
    size_t i = 0;

    for (; i < sizeof name - 1 && object->name[i]; i++)
        name[i] = isalnum((unsigned char)object->name[i]) || strchr("+-_.", object->name[i])
                      ? object->name[i]
                      : '_';
    name[i] = '\0';
    snprintf(out, bytes, "attachment; filename=\"%s.%s\"", name, ending);
}

void nsky_route_cutout(nsky_request *request)
{
    nsky_survey *survey = nsky_request_survey(request);
    nsky_error err = NSKY_ERROR_INIT;
    nsky_object object;
    nsky_stamp *stamp = NULL;
    void *fits = NULL;
    size_t bytes = 0;
    char etag[NSKY_ETAG_BYTES], history[200];

    if (!survey || !nsky_request_object(request, survey, &object))
        return;
    snprintf(etag, sizeof etag, "\"%s-%" PRIx64 "-fits\"", request->view->tag, object.id);
    if (unchanged(request, etag))
        return;
    nsky_sky centre = {object.ra_deg, object.dec_deg};
    snprintf(history, sizeof history, "object %" PRIu64 " by nearsky %s (%s)", object.id,
             nsky_version(), nsky_commit());
    if (nsky_survey_stamp(survey, object.row, &stamp, &err) == NSKY_OK &&
        nsky_fits_from_stamp(&fits, &bytes, stamp, nsky_sky_valid(centre) ? &centre : NULL, history,
                             &err) == NSKY_OK) {
        nsky_reply_bytes(&request->reply, "application/fits", fits, bytes);
        nsky_reply_etag(&request->reply, NULL, etag);
        request->reply.cache_control = IMAGE_CACHE;
        name_file(&object, "fits", request->reply.disposition, sizeof request->reply.disposition);
    } else {
        reply_no_picture(request, &object, &err);
    }
    nsky_stamp_free(stamp);
}

static bool wants_bytes(nsky_request *request, bool *bytes)
{
    const char *format = nsky_uri_param_of(&request->uri, "format");

    *bytes = format ? strcmp(format, "f32") == 0 || strcmp(format, "octet-stream") == 0
                    : strstr(request->accept, "application/octet-stream") != NULL;
    if (!format || *bytes || strcmp(format, "json") == 0)
        return true;
    nsky_reply_problem(&request->reply, 400, NULL, "format must be json or f32, not \"%.64s\"",
                       format);
    return false;
}

static void reply_vector_json(nsky_request *request, const nsky_object *object, const float *vector)
{
    nsky_json *json = nsky_json_object(), *list = nsky_json_array();

    for (uint32_t i = 0; i < request->view->dim; i++)
        nsky_json_append_number(list, vector[i]);
    nsky_json_put_id(json, "id", object->id);
    nsky_json_put_string(json, "name", object->name);
    nsky_json_put_integer(json, "dim", request->view->dim);
    nsky_json_put(json, "vector", list);
    nsky_put_provenance(json, request->view);
    nsky_reply_json(&request->reply, json);
}

void nsky_route_vector(nsky_request *request)
{
    nsky_survey *survey = nsky_request_survey(request);
    nsky_error err = NSKY_ERROR_INIT;
    nsky_object object;
    float *vector = NULL;
    bool bytes;

    if (!survey || !wants_bytes(request, &bytes) || !nsky_request_object(request, survey, &object))
        return;
    if (object.row >= request->view->rows) {
        nsky_reply_problem(&request->reply, 404, "no-vector",
                           "object %" PRIu64 " came after generation %u; run `nearsky embed` to "
                           "give it a vector",
                           object.id, request->view->generation);
        return;
    }
    if (!(vector = nsky_alloc(request->view->dim, sizeof *vector, &err)) ||
        nsky_search_vector(request->view->search, object.row, vector, &err) != NSKY_OK) {
        nsky_reply_error(&request->reply, &err);
    } else if (bytes) { /* little-endian float32, as this machine and numpy's '<f4' have them */
        nsky_reply_bytes(&request->reply, "application/octet-stream", vector,
                         request->view->dim * sizeof *vector);
        vector = NULL;
        name_file(&object, "f32", request->reply.disposition, sizeof request->reply.disposition);
    } else {
        reply_vector_json(request, &object, vector);
    }
    nsky_free(vector);
}
