/* augment_text.c - augmentations written down, read back and set by name. Thread rule: any thread.
 */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "encoder/tidy.h"
#include "encoder/train/augment.h"

#define NUMBER_MAX 1e6
#define ZOOM_MIN 0.25
#define ZOOM_MAX 4.0
#define JITTER_MAX_PX 64.0
#define WORD_BYTES 128

const char nsky_augment_set_help[] =
    "all=default|stein|off    reddening=off|stein|MAX|around:WIDTH    flips=on|off\n"
    "rotation=on|off    zoom=off|FRACTION    zoom_keeps=brightness|flux\n"
    "blur=off|lognormal|uniform|TIMES    jitter=off|PIXELS\n"
    "noise=off|lognormal|uniform|TIMES    fill=on|off\n";

static const char *const kinds[] = {
    [NSKY_DRAW_OFF] = "off",
    [NSKY_DRAW_UNIFORM] = "uniform",
    [NSKY_DRAW_LOGNORMAL] = "lognormal",
    [NSKY_DRAW_TIMES] = "times",
    [NSKY_DRAW_AROUND] = "around",
};
#define KIND_COUNT (sizeof kinds / sizeof *kinds)

/* --- out --- */

static nsky_json *describe_draw(const nsky_draw *d)
{
    nsky_json *object = nsky_json_object();

    nsky_json_put_string(object, "kind", kinds[d->kind]);
    if (d->kind == NSKY_DRAW_LOGNORMAL) {
        nsky_json_put_number(object, "scale", nsky_tidy(d->scale));
        nsky_json_put_number(object, "sigma", nsky_tidy(d->sigma));
        nsky_json_put_number(object, "shift", nsky_tidy(d->shift));
    } else if (d->kind != NSKY_DRAW_OFF) {
        nsky_json_put_number(object, "low", nsky_tidy(d->low));
        nsky_json_put_number(object, "high", nsky_tidy(d->high));
    }
    return object;
}

static nsky_json *describe_three(const nsky_draw d[3])
{
    nsky_json *array = nsky_json_array();

    for (int band = 0; band < 3; band++)
        nsky_json_append(array, describe_draw(&d[band]));
    return array;
}

nsky_json *nsky_augment_describe(const nsky_augment *a)
{
    assert(a);
    nsky_json *object = nsky_json_object();

    nsky_json_put(object, "reddening", describe_draw(&a->reddening));
    nsky_json_put(object, "reddening_own", describe_draw(&a->reddening_own));
    nsky_json_put_bool(object, "reddening_catalogue", a->reddening_catalogue);
    nsky_json_put_bool(object, "flips", a->flips);
    nsky_json_put_bool(object, "rotation", a->rotation);
    nsky_json_put_number(object, "zoom_low", nsky_tidy(a->zoom_low));
    nsky_json_put_number(object, "zoom_high", nsky_tidy(a->zoom_high));
    nsky_json_put_string(object, "zoom_keeps", a->zoom_keeps_flux ? "flux" : "brightness");
    nsky_json_put(object, "blur", describe_three(a->blur));
    nsky_json_put(object, "blur_own", describe_three(a->blur_own));
    nsky_json_put_number(object, "jitter_px", nsky_tidy(a->jitter_px));
    nsky_json_put(object, "noise", describe_three(a->noise));
    nsky_json_put(object, "noise_own", describe_three(a->noise_own));
    nsky_json_put_bool(object, "fill", a->fill);
    return object;
}

/* --- in --- */

static bool read_number(const nsky_json *object, const char *key, double low, double high,
                        float *out)
{
    double number = nsky_json_get_number(object, key, NAN);

    *out = (float)number; /* compared as floats: bounds may be floats themselves */
    return *out >= (float)low && *out <= (float)high;
}

static bool read_flag(const nsky_json *object, const char *key, bool *out)
{
    const nsky_json *value = nsky_json_get(object, key);

    *out = value && nsky_json_bool(value, false);
    return value && nsky_json_kind(value) == NSKY_JSON_BOOL;
}

static bool read_draw(const nsky_json *object, nsky_draw *out)
{
    const char *name = object ? nsky_json_get_string(object, "kind") : NULL;
    size_t kind = 0;

    *out = (nsky_draw){.kind = NSKY_DRAW_OFF};
    while (name && kind < KIND_COUNT && strcmp(name, kinds[kind]) != 0)
        kind++;
    if (!name || kind == KIND_COUNT)
        return false;
    out->kind = (nsky_draw_kind)kind;
    if (out->kind == NSKY_DRAW_OFF)
        return true;
    if (out->kind == NSKY_DRAW_LOGNORMAL)
        return read_number(object, "scale", 0, NUMBER_MAX, &out->scale) &&
               read_number(object, "sigma", 0, 10, &out->sigma) &&
               read_number(object, "shift", -NUMBER_MAX, NUMBER_MAX, &out->shift);
    double low = out->kind == NSKY_DRAW_AROUND ? -NUMBER_MAX : 0;
    return read_number(object, "low", low, NUMBER_MAX, &out->low) &&
           read_number(object, "high", out->low, NUMBER_MAX, &out->high);
}

static bool read_three(const nsky_json *object, const char *key, nsky_draw out[3])
{
    const nsky_json *array = nsky_json_get(object, key), *v;
    int band = 0;

    if (!array || nsky_json_kind(array) != NSKY_JSON_ARRAY || nsky_json_count(array) != 3)
        return false;
    for (v = nsky_json_first(array); v; v = nsky_json_next(v))
        if (!read_draw(v, &out[band++]))
            return false;
    return true;
}

static bool read_keeps(const nsky_json *object, bool *flux)
{
    const char *text = nsky_json_get_string(object, "zoom_keeps");

    *flux = text && strcmp(text, "flux") == 0;
    return text && (*flux || strcmp(text, "brightness") == 0);
}

nsky_status nsky_augment_parse(nsky_augment *out, const nsky_json *object, const char *what,
                               nsky_error *err)
{
    assert(out && object && what && err);
    nsky_augment a = nsky_augment_none;
    const char *wrong = NULL;

    if (!read_draw(nsky_json_get(object, "reddening"), &a.reddening))
        wrong = "reddening";
    else if (!read_draw(nsky_json_get(object, "reddening_own"), &a.reddening_own))
        wrong = "reddening_own";
    else if (!read_flag(object, "reddening_catalogue", &a.reddening_catalogue))
        wrong = "reddening_catalogue";
    else if (!read_flag(object, "flips", &a.flips))
        wrong = "flips";
    else if (!read_flag(object, "rotation", &a.rotation))
        wrong = "rotation";
    else if (!read_number(object, "zoom_low", ZOOM_MIN, ZOOM_MAX, &a.zoom_low))
        wrong = "zoom_low";
    else if (!read_number(object, "zoom_high", a.zoom_low, ZOOM_MAX, &a.zoom_high))
        wrong = "zoom_high";
    else if (!read_keeps(object, &a.zoom_keeps_flux))
        wrong = "zoom_keeps";
    else if (!read_three(object, "blur", a.blur))
        wrong = "blur";
    else if (!read_three(object, "blur_own", a.blur_own))
        wrong = "blur_own";
    else if (!read_number(object, "jitter_px", 0, JITTER_MAX_PX, &a.jitter_px))
        wrong = "jitter_px";
    else if (!read_three(object, "noise", a.noise))
        wrong = "noise";
    else if (!read_three(object, "noise_own", a.noise_own))
        wrong = "noise_own";
    else if (!read_flag(object, "fill", &a.fill))
        wrong = "fill";
    if (wrong)
        return nsky_fail(err, NSKY_EDATA, "%s: augmentation: %s is missing or out of range", what,
                         wrong);
    *out = a;
    return NSKY_OK;
}

/* --- by name --- */

static bool take_number(const char *text, double low, double high, float *out)
{
    char *end;
    double number;

    errno = 0;
    number = strtod(text, &end);
    *out = (float)number;
    return end != text && *end == '\0' && errno == 0 && number >= low && number <= high;
}

static bool take_switch(const char *text, bool *out)
{
    *out = strcmp(text, "on") == 0;
    return *out || strcmp(text, "off") == 0;
}

static bool set_all(nsky_augment *a, const char *text)
{
    if (strcmp(text, "default") == 0)
        *a = nsky_augment_default;
    else if (strcmp(text, "stein") == 0)
        *a = nsky_augment_stein;
    else if (strcmp(text, "off") == 0)
        *a = nsky_augment_none;
    else
        return false;
    return true;
}

static bool set_reddening(nsky_augment *a, const char *text)
{
    const nsky_augment *stein = &nsky_augment_stein;
    float number;

    a->reddening_own = nsky_augment_default.reddening_own;
    a->reddening_catalogue = true;
    if (strcmp(text, "off") == 0) {
        a->reddening = (nsky_draw){.kind = NSKY_DRAW_OFF};
    } else if (strcmp(text, "stein") == 0) {
        a->reddening = stein->reddening;
        a->reddening_catalogue = stein->reddening_catalogue;
    } else if (strncmp(text, "around:", 7) == 0) {
        if (!take_number(text + 7, 0, 5, &number))
            return false;
        a->reddening = (nsky_draw){.kind = NSKY_DRAW_AROUND, .low = -number, .high = number};
    } else {
        if (!take_number(text, 0, 5, &number))
            return false;
        a->reddening = (nsky_draw){.kind = NSKY_DRAW_UNIFORM, .high = number};
    }
    return true;
}

static bool set_zoom(nsky_augment *a, const char *text)
{
    float fraction = 0;

    if (strcmp(text, "off") != 0 && !take_number(text, 0, 0.75, &fraction))
        return false;
    a->zoom_low = 1 - fraction;
    a->zoom_high = 1 + fraction;
    return true;
}

static bool set_keeps(nsky_augment *a, const char *text)
{
    a->zoom_keeps_flux = strcmp(text, "flux") == 0;
    return a->zoom_keeps_flux || strcmp(text, "brightness") == 0;
}

/* Blur and noise take the same words: the published distributions, or times the stamp's own. */
static bool choose(nsky_draw out[3], const char *text, const nsky_draw lognormal[3],
                   const nsky_draw uniform[3])
{
    nsky_draw times = {.kind = NSKY_DRAW_TIMES, .low = 1}, nothing = {.kind = NSKY_DRAW_OFF};
    bool off = strcmp(text, "off") == 0, log = strcmp(text, "lognormal") == 0;
    bool flat = strcmp(text, "uniform") == 0;

    if (!off && !log && !flat && !take_number(text, 1, 100, &times.high))
        return false;
    for (int band = 0; band < 3; band++)
        out[band] = off ? nothing : log ? lognormal[band] : flat ? uniform[band] : times;
    return true;
}

static bool set_blur(nsky_augment *a, const char *text)
{
    memcpy(a->blur_own, nsky_augment_default.blur_own, sizeof a->blur_own);
    return choose(a->blur, text, nsky_augment_default.blur, nsky_augment_stein.blur);
}

static bool set_noise(nsky_augment *a, const char *text)
{
    memcpy(a->noise_own, nsky_augment_default.noise_own, sizeof a->noise_own);
    return choose(a->noise, text, nsky_augment_stein.noise_own, nsky_augment_stein.noise);
}

static bool set_jitter(nsky_augment *a, const char *text)
{
    a->jitter_px = 0;
    return strcmp(text, "off") == 0 || take_number(text, 0, JITTER_MAX_PX, &a->jitter_px);
}

static bool set_flips(nsky_augment *a, const char *text)
{
    return take_switch(text, &a->flips);
}

static bool set_rotation(nsky_augment *a, const char *text)
{
    return take_switch(text, &a->rotation);
}

static bool set_fill(nsky_augment *a, const char *text)
{
    return take_switch(text, &a->fill);
}

static const struct {
    const char *name;
    bool (*set)(nsky_augment *a, const char *text);
} setters[] = {
    {"all", set_all},   {"reddening", set_reddening}, {"flips", set_flips},
    {"zoom", set_zoom}, {"zoom_keeps", set_keeps},    {"rotation", set_rotation},
    {"blur", set_blur}, {"jitter", set_jitter},       {"noise", set_noise},
    {"fill", set_fill},
};

/* "NAME=VALUE" of `length` bytes. */
static nsky_status set_one(nsky_augment *a, const char *word, size_t length, nsky_error *err)
{
    char name[WORD_BYTES];

    if (length < sizeof name) {
        memcpy(name, word, length);
        name[length] = '\0';
        char *value = strchr(name, '=');
        if (value)
            *value++ = '\0';
        for (size_t i = 0; value && i < sizeof setters / sizeof *setters; i++)
            if (strcmp(name, setters[i].name) == 0 && setters[i].set(a, value))
                return NSKY_OK;
    }
    return nsky_fail(err, NSKY_EINVAL, "\"%.*s\" sets no augmentation; there are\n%s",
                     (int)(length < WORD_BYTES ? length : WORD_BYTES), word, nsky_augment_set_help);
}

nsky_status nsky_augment_set(nsky_augment *augment, const char *words, nsky_error *err)
{
    assert(augment && words && err);
    nsky_augment a = *augment;

    for (const char *word = words;; word++) {
        size_t length = strcspn(word, ",");
        nsky_status status = set_one(&a, word, length, err);
        if (status != NSKY_OK)
            return status;
        word += length;
        if (*word == '\0')
            break;
    }
    *augment = a;
    return NSKY_OK;
}
