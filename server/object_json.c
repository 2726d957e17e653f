/* object_json.c - objects of the catalogue as the API shows them; see api.h. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "server/api.h"

static void put_text(nsky_json *json, const char *key, const char *text)
{
    nsky_json_put_string(json, key, text[0] ? text : NULL);
}

static void put_link(nsky_json *json, const char *key, uint64_t id, const char *what)
{
    char link[128];

    snprintf(link, sizeof link, NSKY_API "/objects/%" PRIu64 "/%s", id, what);
    nsky_json_put_string(json, key, link);
}

nsky_json *nsky_json_of_object(const nsky_object *object)
{
    nsky_json *json = nsky_json_object();

    nsky_json_put_id(json, "id", object->id);
    nsky_json_put_string(json, "name", object->name);
    nsky_json_put_fixed(json, "ra", object->ra_deg, 7);
    nsky_json_put_fixed(json, "dec", object->dec_deg, 7);
    nsky_json_put_fixed(json, "mag_g", object->mag_g, 3);
    nsky_json_put_fixed(json, "mag_r", object->mag_r, 3);
    nsky_json_put_fixed(json, "mag_z", object->mag_z, 3);
    nsky_json_put_fixed(json, "z_phot", object->z_phot, 4);
    nsky_json_put_fixed(json, "z_spec", object->z_spec, 5);
    put_text(json, "type", object->type);
    put_text(json, "known", object->known);
    put_link(json, "image", object->id, "image.jpg");
    put_link(json, "cutout", object->id, "cutout.fits");
    put_link(json, "vector", object->id, "vector");
    put_link(json, "neighbors", object->id, "neighbors");
    return json;
}

/* "a; b; c" as ["a", "b", "c"]. */
static nsky_json *notes_of(const char *text)
{
    nsky_json *notes = nsky_json_array();
    char note[512];

    while (*text) {
        size_t length = strcspn(text, ";");
        snprintf(note, sizeof note, "%.*s", (int)(length < 500 ? length : 500), text);
        if (length > 0)
            nsky_json_append_string(notes, note);
        text += length;
        text += strspn(text, "; ");
    }
    return notes;
}

static void put_stamp(nsky_json *json, const nsky_stamp *stamp, const char *notes)
{
    nsky_json_put_string(json, "bands", stamp->bands);
    nsky_json_put_fixed(json, "pixel_scale", stamp->scale_arcsec_px, 4);
    nsky_json_put_integer(json, "width", stamp->width);
    nsky_json_put_integer(json, "height", stamp->height);
    nsky_json_put(json, "notes", notes_of(notes));
}

/* Of a catalogue alone. */
static void put_no_stamp(nsky_json *json)
{
    nsky_json_put_string(json, "bands", NULL);
    nsky_json_put_number(json, "pixel_scale", NAN);
    nsky_json_put_number(json, "width", NAN);
    nsky_json_put_number(json, "height", NAN);
    nsky_json_put(json, "notes", notes_of("the store has no picture of it"));
}

nsky_status nsky_json_of_object_and_stamp(nsky_survey *survey, const nsky_object *object,
                                          nsky_json **out, nsky_error *err)
{
    nsky_stamp *stamp = NULL;
    char notes[256];
    nsky_error problem = NSKY_ERROR_INIT;
    nsky_status status = nsky_survey_stamp(survey, object->row, &stamp, &problem);

    *out = NULL;
    if (status == NSKY_ENOTFOUND) {
        *out = nsky_json_of_object(object);
        put_no_stamp(*out);
        return NSKY_OK;
    }
    if (status != NSKY_OK) {
        *err = problem;
        return status;
    }
    nsky_stamp_describe_flags(stamp->flags, notes, sizeof notes);
    *out = nsky_json_of_object(object);
    put_stamp(*out, stamp, notes);
    nsky_stamp_free(stamp);
    return NSKY_OK;
}

nsky_json *nsky_json_of_decoded(const nsky_decoded *decoded, const char *name)
{
    nsky_json *json = nsky_json_object();

    put_text(json, "name", name);
    put_text(json, "survey", decoded->survey);
    nsky_json_put_fixed(json, "ra", decoded->position.ra_deg, 7);
    nsky_json_put_fixed(json, "dec", decoded->position.dec_deg, 7);
    put_stamp(json, decoded->stamp, decoded->notes);
    return json;
}

void nsky_put_provenance(nsky_json *object, const nsky_view *view)
{
    nsky_json_put_integer(object, "generation", view->generation);
    nsky_json_put_string(object, "model", view->model_info->name);
    nsky_json_put_string(object, "model_sha256", view->model_info->sha256);
}

bool nsky_request_object(nsky_request *request, nsky_survey *survey, nsky_object *out)
{
    const char *text = request->captured;
    nsky_error err = NSKY_ERROR_INIT;

    errno = 0;
    uint64_t id = strtoull(text, NULL, 10);
    if (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0' || errno != 0) {
        nsky_reply_problem(&request->reply, 400, NULL,
                           "\"%s\" is no object id: ids are whole numbers up to 2^64", text);
        return false;
    }
    if (nsky_survey_by_id(survey, id, out, &err) == NSKY_OK)
        return true;
    if (err.status == NSKY_ENOTFOUND)
        nsky_reply_problem(&request->reply, 404, "no-such-object",
                           "this survey has no object with the id %" PRIu64, id);
    else
        nsky_reply_error(&request->reply, &err);
    return false;
}
