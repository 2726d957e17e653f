/* preprocess_text.c - preprocessing written down and read back. Thread rule: any thread. */
#include "encoder/preprocess.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "encoder/tidy.h"

/* Raise it when the code turns the same settings and stamp into other numbers. */
#define PREPROCESS_VERSION 1

#define SIZE_MIN 8
#define SCALE_MAX_ARCSEC_PX 100.0

static const char *const stretches[] = {
    [NSKY_STRETCH_VIEWER] = "viewer",
    [NSKY_STRETCH_STEIN] = "stein",
};

static nsky_json *three(const float values[3])
{
    nsky_json *array = nsky_json_array();

    for (uint32_t c = 0; c < 3; c++)
        nsky_json_append_number(array, nsky_tidy(values[c]));
    return array;
}

nsky_json *nsky_preprocess_describe(const nsky_preprocess *how)
{
    assert(how);
    nsky_json *object = nsky_json_object(), *channel = nsky_json_array();

    for (uint32_t c = 0; c < 3; c++)
        nsky_json_append_number(channel, how->channel[c]);
    nsky_json_put_integer(object, "size", how->size);
    nsky_json_put_number(object, "scale_arcsec_px", nsky_tidy(how->scale_arcsec_px));
    nsky_json_put_string(object, "stretch", stretches[how->stretch]);
    nsky_json_put(object, "channel", channel);
    nsky_json_put(object, "mean", three(how->mean));
    nsky_json_put(object, "deviation", three(how->deviation));
    nsky_json_put_integer(object, "views", how->views);
    return object;
}

/* Three numbers in [low, high]. */
static bool read_three(const nsky_json *object, const char *key, double low, double high,
                       double out[3])
{
    const nsky_json *array = nsky_json_get(object, key), *v;
    uint32_t c = 0;

    if (!array || nsky_json_kind(array) != NSKY_JSON_ARRAY || nsky_json_count(array) != 3)
        return false;
    for (v = nsky_json_first(array); v; v = nsky_json_next(v)) {
        double number = nsky_json_number(v, NAN);
        if (!(number >= low && number <= high))
            return false;
        out[c++] = number;
    }
    return true;
}

static bool read_stretch(const nsky_json *object, nsky_stretch_kind *out)
{
    const char *name = nsky_json_get_string(object, "stretch");

    for (int i = 0; name && i <= NSKY_STRETCH_STEIN; i++)
        if (strcmp(name, stretches[i]) == 0) {
            *out = (nsky_stretch_kind)i;
            return true;
        }
    return false;
}

/* A whole number in [low, high]; -1 when it is not. */
static double read_whole(const nsky_json *object, const char *key, double low, double high)
{
    double number = nsky_json_get_number(object, key, -1);

    return number >= low && number <= high && floor(number) == number ? number : -1;
}

nsky_status nsky_preprocess_parse(nsky_preprocess *out, const nsky_json *object, const char *what,
                                  nsky_error *err)
{
    assert(out && object && what && err);
    double size = read_whole(object, "size", SIZE_MIN, NSKY_STAMP_SIDE_MAX);
    double views = read_whole(object, "views", 1, 8);
    double scale = nsky_json_get_number(object, "scale_arcsec_px", 0);
    double channel[3] = {0}, mean[3] = {0}, deviation[3] = {0};
    const char *wrong = NULL;

    if (size < 0)
        wrong = "size";
    else if (views != 1 && views != 8)
        wrong = "views";
    else if (!(scale > 1e-3 && scale <= SCALE_MAX_ARCSEC_PX))
        wrong = "scale_arcsec_px";
    else if (!read_stretch(object, &out->stretch))
        wrong = "stretch";
    else if (!read_three(object, "channel", 0, 2, channel))
        wrong = "channel";
    else if (!read_three(object, "mean", -1e6, 1e6, mean))
        wrong = "mean";
    else if (!read_three(object, "deviation", 1e-6, 1e6, deviation))
        wrong = "deviation";
    for (uint32_t c = 0; c < 3 && !wrong; c++) {
        out->channel[c] = (uint32_t)channel[c];
        out->mean[c] = (float)mean[c];
        out->deviation[c] = (float)deviation[c];
        if (out->channel[c] != channel[c])
            wrong = "channel";
    }
    if (wrong)
        return nsky_fail(err, NSKY_EDATA, "%s: preprocessing: %s is missing or out of range", what,
                         wrong);
    out->size = (uint32_t)size;
    out->views = (uint32_t)views;
    out->scale_arcsec_px = (float)scale;
    return NSKY_OK;
}

nsky_status nsky_preprocess_hash(const nsky_preprocess *how, char out[NSKY_SHA256_HEX_BYTES],
                                 nsky_error *err)
{
    assert(how && out && err);
    nsky_json *object = nsky_preprocess_describe(how);

    nsky_json_put_integer(object, "version", PREPROCESS_VERSION);
    char *text = nsky_json_print(object, false, err);
    nsky_json_free(object);
    if (!text)
        return err->status;
    nsky_sha256_hex(text, strlen(text), out);
    nsky_free(text);
    return NSKY_OK;
}
