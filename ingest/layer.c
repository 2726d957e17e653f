/* layer.c - see layer.h. */
#include "ingest/layer.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "ingest/band.h"

static bool select_quietly(nsky_fits *fits, uint32_t hdu)
{
    nsky_error ignored = NSKY_ERROR_INIT;
    nsky_fits_hdu info;
    return nsky_fits_select(fits, hdu, &info, &ignored) == NSKY_OK;
}

bool nsky_layer_string(nsky_fits *fits, uint32_t hdu, const char *key, char *out, size_t bytes)
{
    if (nsky_fits_key_string(fits, key, out, bytes))
        return true;
    if (hdu == 0 || !select_quietly(fits, 0))
        return false;
    bool found = nsky_fits_key_string(fits, key, out, bytes);
    return select_quietly(fits, hdu) && found;
}

bool nsky_layer_double(nsky_fits *fits, uint32_t hdu, const char *key, double *out)
{
    if (nsky_fits_key_double(fits, key, out))
        return true;
    if (hdu == 0 || !select_quietly(fits, 0))
        return false;
    bool found = nsky_fits_key_double(fits, key, out);
    return select_quietly(fits, hdu) && found;
}

/* Inverse variances, masks and the like lie beside the image of the sky in the same file. */
static bool is_companion(nsky_fits *fits, const nsky_fits_hdu *hdu)
{
    static const char *const words[] = {"invvar", "ivar",  "mask",  "weight", "wht",  "variance",
                                        "psf",    "model", "sigma", "error",  "nexp", "depth"};
    static const char *const whole[] = {"var", "err", "dq", "rms", "wt", "bkg"};
    char texts[2][72] = {"", ""};

    snprintf(texts[0], sizeof texts[0], "%s", hdu->name);
    (void)nsky_fits_key_string(fits, "IMAGETYP", texts[1], sizeof texts[1]);
    for (int t = 0; t < 2; t++) {
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
            if (strcasestr(texts[t], words[i]))
                return true;
        for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
            if (strcasecmp(texts[t], whole[i]) == 0)
                return true;
    }
    return false;
}

/* The band of a 2-D image by its own header. */
static char header_band(nsky_fits *fits, const nsky_fits_hdu *hdu, char filter[24])
{
    static const char *const keys[] = {"BAND",    "BAND0",      "FILTER", "FILTNAM",
                                       "FILTER1", "FPA.FILTER", "BANDS"};
    char text[72];

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (!nsky_fits_key_string(fits, keys[i], text, sizeof text) || text[0] == '\0')
            continue;
        snprintf(filter, 24, "%.23s", text);
        return nsky_band_of_filter(text);
    }
    char band = nsky_band_of_filter(hdu->name);
    if (band != '\0')
        snprintf(filter, 24, "%.23s", hdu->name);
    return band;
}

static nsky_status push(nsky_layers *layers, const nsky_layer *layer, nsky_error *err)
{
    if (layers->count == NSKY_LAYERS_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "%s: more than %d images", nsky_fits_name(layer->fits),
                         NSKY_LAYERS_MAX);
    layers->list[layers->count++] = *layer;
    return NSKY_OK;
}

/* BANDS = 'grz', also 'g,r,z': one letter a plane. false: absent, or words rather than letters. */
static bool bands_keyword(nsky_fits *fits, uint64_t planes, char *out, char *text, size_t bytes)
{
    uint64_t count = 0;

    if (!nsky_fits_key_string(fits, "BANDS", text, bytes))
        return false;
    for (const char *at = text; *at != '\0'; at++)
        if (isalnum((unsigned char)*at)) {
            if (count < planes)
                out[count] = *at;
            count++;
        }
    return count == planes;
}

/* BAND0.. or, from 1, BAND1..: complete or not at all. */
static bool band_keywords(nsky_fits *fits, uint64_t planes, char filters[][24])
{
    char key[16], text[72];

    for (int first = 0; first <= 1; first++) {
        uint64_t plane = 0;
        for (; plane < planes; plane++) {
            snprintf(key, sizeof key, "BAND%" PRIu64, plane + (uint64_t)first);
            if (!nsky_fits_key_string(fits, key, text, sizeof text))
                break;
            snprintf(filters[plane], 24, "%.23s", text);
        }
        if (plane == planes)
            return true;
    }
    return false;
}

static nsky_status find_in_cube(nsky_layers *layers, nsky_layer layer, uint64_t planes,
                                nsky_error *err)
{
    char letters[NSKY_LAYERS_MAX], filters[NSKY_LAYERS_MAX][24], text[160] = "";
    nsky_status status = NSKY_OK;

    layers->cube = true;
    if (planes > NSKY_LAYERS_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "%s: %" PRIu64 " planes, more than %d",
                         nsky_fits_name(layer.fits), planes, NSKY_LAYERS_MAX);
    bool by_letter = bands_keyword(layer.fits, planes, letters, text, sizeof text);
    bool by_plane = band_keywords(layer.fits, planes, filters);
    if (!by_letter && !by_plane && text[0] != '\0')
        return nsky_fail(err, NSKY_EDATA, "%s: BANDS = '%s' but %" PRIu64 " planes",
                         nsky_fits_name(layer.fits), text, planes);
    for (layer.plane = 0; layer.plane < planes && status == NSKY_OK; layer.plane++) {
        char letter[2] = {by_letter ? letters[layer.plane] : '\0', '\0'};
        snprintf(layer.filter, sizeof layer.filter, "%s", by_plane ? filters[layer.plane] : letter);
        layer.band = nsky_band_of_filter(layer.filter);
        if (by_letter && by_plane && nsky_band_of_filter(letter) != layer.band)
            return nsky_fail(
                err, NSKY_EDATA,
                "%s: BANDS = '%s' says that plane %" PRIu64 " is %s, BAND%" PRIu64 " that it is %s",
                nsky_fits_name(layer.fits), text, layer.plane, letter, layer.plane, layer.filter);
        status = push(layers, &layer, err);
    }
    return status;
}

nsky_status nsky_layers_find(nsky_layers *layers, nsky_fits *fits, char hint, nsky_error *err)
{
    assert(layers && fits && err);
    uint32_t hdus = nsky_fits_hdu_count(fits);

    for (uint32_t i = 0; i < hdus; i++) {
        nsky_fits_hdu hdu;
        nsky_status status = nsky_fits_select(fits, i, &hdu, err);
        if (status != NSKY_OK)
            return status;
        layers->table |= hdu.kind == NSKY_FITS_TABLE;
        while (hdu.axes > 2 && hdu.size[hdu.axes - 1] == 1)
            hdu.axes--;
        if (hdu.kind != NSKY_FITS_IMAGE || hdu.axes < 2 || hdu.axes > 3 || is_companion(fits, &hdu))
            continue;
        if (hdu.size[0] < NSKY_IMAGE_SIDE_MIN || hdu.size[1] < NSKY_IMAGE_SIDE_MIN)
            return nsky_fail(err, NSKY_EDATA, "%s: %" PRIu64 " x %" PRIu64 " pixels, too few",
                             nsky_fits_name(fits), hdu.size[0], hdu.size[1]);
        nsky_layer layer = {.fits = fits, .hdu = i, .width = hdu.size[0], .height = hdu.size[1]};
        if (hdu.axes == 3) {
            status = find_in_cube(layers, layer, hdu.size[2], err);
        } else {
            layer.band = header_band(fits, &hdu, layer.filter);
            if (layer.filter[0] == '\0')
                layer.band = hint;
            status = push(layers, &layer, err);
        }
        if (status != NSKY_OK)
            return status;
    }
    return NSKY_OK;
}

/* "r, i, VIS": what there is, for messages. */
static void list_filters(const nsky_layers *layers, char *out, size_t bytes)
{
    size_t used = 0;

    out[0] = '\0';
    for (uint32_t i = 0; i < layers->count && used + 32 < bytes; i++) {
        const nsky_layer *layer = &layers->list[i];
        char letter[2] = {layer->band, '\0'};
        const char *name = layer->band ? letter : layer->filter[0] ? layer->filter : "unnamed";
        used += (size_t)snprintf(out + used, bytes - used, "%s%s", used ? ", " : "", name);
    }
}

static nsky_status no_image(const nsky_layers *layers, const char *what, nsky_error *err)
{
    return nsky_fail(err, NSKY_EDATA,
                     layers->table ? "%s: a table and no image; give it as --catalogue"
                                   : "%s: no image in it",
                     what);
}

static nsky_status describe_missing(const nsky_layers *layers, const char *what,
                                    const char *missing, nsky_error *err)
{
    bool known = false;
    char have[160];

    for (uint32_t i = 0; i < layers->count; i++)
        known |= layers->list[i].band != '\0' || layers->list[i].filter[0] != '\0';
    list_filters(layers, have, sizeof have);
    if (layers->count == 0)
        return no_image(layers, what, err);
    if (!known && layers->cube)
        return nsky_fail(err, NSKY_EDATA,
                         "%s: %u planes and no BANDS or BAND0.. keyword says which bands they are; "
                         "add one, for example BANDS = 'grz'",
                         what, layers->count);
    if (layers->count == 1)
        return nsky_fail(err, NSKY_EDATA,
                         "%s: one image only (band %s) where g, r and z are needed; give the other "
                         "bands beside it as NAME_g.fits, NAME_r.fits, NAME_z.fits, or a cube",
                         what, known || layers->list[0].band ? have : "not said");
    return nsky_fail(err, NSKY_EDATA,
                     "%s: no band %s (there is %s); g, r and z are needed, i may "
                     "stand in for z",
                     what, missing, have);
}

static const nsky_layer *largest(const nsky_layers *layers, char band)
{
    const nsky_layer *best = NULL;

    for (uint32_t i = 0; i < layers->count; i++) {
        const nsky_layer *layer = &layers->list[i];
        if (layer->band == band &&
            (!best || layer->width * layer->height > best->width * best->height))
            best = layer;
    }
    return best;
}

nsky_status nsky_layers_choose(const nsky_layers *layers, const char *what,
                               const nsky_layer *out[NSKY_STAMP_BANDS],
                               char bands[NSKY_STAMP_BANDS + 1], nsky_error *err)
{
    char missing[16] = "";

    memcpy(bands, "grz", NSKY_STAMP_BANDS + 1);
    for (uint32_t b = 0; b < NSKY_STAMP_BANDS; b++) {
        out[b] = largest(layers, bands[b]);
        if (!out[b] && bands[b] == 'z' && (out[b] = largest(layers, 'i')) != NULL)
            bands[b] = 'i';
        if (!out[b])
            snprintf(missing + strlen(missing), sizeof missing - strlen(missing), "%s%c",
                     missing[0] ? ", " : "", bands[b]);
    }
    return missing[0] == '\0' ? NSKY_OK : describe_missing(layers, what, missing, err);
}
