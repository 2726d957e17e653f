/* units.c - see units.h. BUNIT first, then a zero point, then the custom of the survey. */
#include "ingest/units.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "ingest/layer.h"

#define FAINTEST_PEAK_NMGY 1e-6 /* noise alone is a thousand times that in the deepest fields */
#define MAGGY_NMGY 1e9
#define JY_NMGY 3.631e-6 /* janskys in a nanomaggy: 3631 Jy is magnitude 0 */

/* false: not a unit of flux that we know. Surface brightness (MJy/sr) is not flux a pixel. */
static bool factor_of_unit(const char *unit, double *factor)
{
    static const struct {
        const char *name;
        double factor;
    } table[] = {
        {"nanomagg", 1},
        {"nmgy", 1},
        {"nmaggy", 1},
        {"maggies", MAGGY_NMGY},
        {"maggy", MAGGY_NMGY},
        {"mgy", MAGGY_NMGY},
        {"njy", 1e-9 / JY_NMGY},
        {"ujy", 1e-6 / JY_NMGY},
        {"microjy", 1e-6 / JY_NMGY},
        {"mjy", 1e-3 / JY_NMGY},
        {"jy", 1 / JY_NMGY},
    };

    while (isspace((unsigned char)*unit))
        unit++;
    if (strncmp(unit, "MJy", 3) == 0 || strchr(unit, '/') || strstr(unit, "sr-1"))
        return false;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strncasecmp(unit, table[i].name, strlen(table[i].name)) == 0) {
            *factor = table[i].factor;
            return true;
        }
    return false;
}

/* Cutouts of the Legacy Surveys carry no BUNIT; they are nanomaggies by their documentation. */
static bool is_legacy(nsky_fits *fits, uint32_t hdu)
{
    static const char *const names[] = {"legacysurvey", "legacy survey", "decals",
                                        "mzls",         "bass",          "dr9"};
    char survey[72] = "";

    if (!nsky_layer_string(fits, hdu, "SURVEY", survey, sizeof survey))
        return false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcasestr(survey, names[i]))
            return true;
    return false;
}

static nsky_status bad(nsky_fits *fits, const char *key, double value, nsky_error *err)
{
    return nsky_fail(err, NSKY_EDATA, "%s: %s = %g makes no sense", nsky_fits_name(fits), key,
                     value);
}

/* Pan-STARRS stacks are counts, FPA.ZP is that of one second; the others are by SExtractor's
 * custom: magnitude = zero point - 2.5 log10(value). */
static nsky_status by_zero_point(nsky_units *out, nsky_fits *fits, uint32_t hdu, bool *found,
                                 nsky_error *err)
{
    static const char *const keys[] = {"FPA.ZP", "MAGZERO", "MAGZPT", "MAGZP",  "MAG_ZP",
                                       "ZEROPT", "PHOTZP",  "ZPT",    "MAGZPT1"};
    double zero = NAN, exposure = 1;
    const char *key = NULL;

    for (size_t i = 0; i < sizeof keys / sizeof keys[0] && !key; i++)
        if (nsky_layer_double(fits, hdu, keys[i], &zero))
            key = keys[i];
    *found = key != NULL;
    if (!key)
        return NSKY_OK;
    if (!(zero > -100 && zero < 100))
        return bad(fits, key, zero, err);
    if (strcmp(key, "FPA.ZP") == 0 && nsky_layer_double(fits, hdu, "EXPTIME", &exposure) &&
        !(exposure > 0 && exposure < 1e9))
        return bad(fits, "EXPTIME", exposure, err);
    out->factor = pow(10.0, (22.5 - zero) / 2.5) / exposure;
    snprintf(out->note, sizeof out->note, "counts, converted with %s = %g%s", key, zero,
             exposure == 1 ? "" : " and EXPTIME");
    return NSKY_OK;
}

nsky_status nsky_units_read(nsky_units *out, nsky_fits *fits, uint32_t hdu, nsky_error *err)
{
    char unit[72] = "";
    bool found;

    *out = (nsky_units){.factor = 1};
    if (nsky_layer_string(fits, hdu, "BUNIT", unit, sizeof unit) &&
        factor_of_unit(unit, &out->factor)) {
        if (out->factor != 1)
            snprintf(out->note, sizeof out->note, "converted from %.40s", unit);
        return NSKY_OK;
    }
    nsky_status status = by_zero_point(out, fits, hdu, &found, err);
    if (status == NSKY_OK && !found)
        out->assumed = !is_legacy(fits, hdu);
    return status;
}

nsky_status nsky_units_settle(nsky_units *units, const float *pixels, uint64_t count,
                              const char *what, nsky_error *err)
{
    float peak = 0; /* pixels without light are not about units */

    if (!units->assumed)
        return NSKY_OK;
    for (uint64_t i = 0; i < count; i++)
        if (pixels[i] > peak) /* never NaN */
            peak = pixels[i];
    if (peak >= FAINTEST_PEAK_NMGY || peak == 0)
        return NSKY_OK;
    if (peak * MAGGY_NMGY < FAINTEST_PEAK_NMGY)
        return nsky_fail(err, NSKY_EDATA,
                         "%s: no value is above %.2g and the header says neither unit nor zero "
                         "point; add BUNIT (nanomaggy, Jy, ...) or MAGZERO, the magnitude of a "
                         "value of 1, to the header",
                         what, (double)peak);
    units->factor = MAGGY_NMGY;
    snprintf(units->note, sizeof units->note, "too faint for nanomaggies, taken as maggies");
    return NSKY_OK;
}
