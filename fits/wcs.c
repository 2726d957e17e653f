/* wcs.c - pixels to sky and back by wcslib, which gets its parameters from us: its own header
 * parser crashes on damaged headers, and keeps state. A handle belongs to one thread at a time. */
#include "fits/wcs.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <wcs.h>
#include <wcsfix.h>
#include <wcsmath.h>

#include "common/memory.h"
#include "fits/handle.h"
#include "fits/wcs_header.h"

struct nsky_wcs {
    struct wcsprm prm;
    double scale_arcsec_px;
    bool mirrored;
};

/* wcsset reads units with a scanner that may keep state. */
static pthread_mutex_t scanner = PTHREAD_MUTEX_INITIALIZER;

/* Units wcslib is to hear about; degrees by default, also misspelt. NULL: not an angle. */
static const char *angle_unit(const char *text)
{
    static const char *const units[][2] = {
        {"", "deg"},        {"deg", "deg"},       {"DEG", "deg"},       {"degree", "deg"},
        {"degrees", "deg"}, {"arcmin", "arcmin"}, {"arcsec", "arcsec"}, {"rad", "rad"}};

    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(text, units[i][0]) == 0)
            return units[i][1];
    return NULL;
}

static bool is_equatorial(const nsky_wcs_header *h)
{
    int ra = strncmp(h->type[0], "RA--", 4) == 0 ? 0 : 1;

    return strncmp(h->type[ra], "RA--", 4) == 0 && strncmp(h->type[1 - ra], "DEC-", 4) == 0;
}

/* Any celestial axis: RA, DEC, or xLON, xLAT. */
static bool is_celestial(const char *type)
{
    return strncmp(type, "RA--", 4) == 0 || strncmp(type, "DEC-", 4) == 0 ||
           (strlen(type) > 4 &&
            (memcmp(type + 1, "LON", 3) == 0 || memcmp(type + 1, "LAT", 3) == 0));
}

/* The linear part, in the words of whichever convention the header follows: CD, then PC + CDELT,
 * then CDELT + CROTA. Old cameras wrote several; they agree. */
static void fill_linear(struct wcsprm *prm, const nsky_wcs_header *h)
{
    for (int i = 0; i < 2; i++) {
        prm->cdelt[i] = h->step[i];
        prm->crota[i] = h->rotation[i];
        for (int j = 0; j < 2; j++) {
            prm->cd[2 * i + j] = h->cd[i][j];
            prm->pc[2 * i + j] = h->pc[i][j];
        }
    }
    prm->altlin = h->has_cd ? 2 : h->has_pc ? 1 : h->has_rotation ? 4 : 1;
}

/* False for pixels without area. wcslib would say so too, and leak. */
static bool is_regular(const nsky_wcs_header *h)
{
    double m[4];

    for (int i = 0; i < 4; i++)
        m[i] = h->has_cd ? h->cd[i / 2][i % 2] : h->step[i / 2] * h->pc[i / 2][i % 2];
    double along = m[0] * m[3], across = m[1] * m[2];
    return isfinite(along) && isfinite(across) &&
           fabs(along - across) > 1e-12 * (fabs(along) + fabs(across));
}

/* Everything but the linear part. Returns wcslib's status, 0 for success. */
static int fill(struct wcsprm *prm, const nsky_wcs_header *h)
{
    prm->flag = -1;
    int status = wcsinit(1, 2, prm, NSKY_WCS_PARAMETERS_MAX, 0, 0);

    if (status != 0)
        return status;
    fill_linear(prm, h);
    for (int i = 0; i < 2; i++) {
        snprintf(prm->ctype[i], sizeof prm->ctype[i], "%.71s", h->type[i]);
        snprintf(prm->cunit[i], sizeof prm->cunit[i], "%s", angle_unit(h->unit[i]));
        prm->crval[i] = h->value[i];
        prm->crpix[i] = h->pixel[i];
    }
    if (!isnan(h->pole_lon))
        prm->lonpole = h->pole_lon;
    if (!isnan(h->pole_lat))
        prm->latpole = h->pole_lat;
    for (uint32_t i = 0; i < h->parameter_count; i++)
        prm->pv[i] = (struct pvcard){.i = h->parameters[i].axis,
                                     .m = h->parameters[i].index,
                                     .value = h->parameters[i].value};
    prm->npv = (int)h->parameter_count;
    return 0;
}

static int set_up(struct wcsprm *prm, const nsky_wcs_header *h)
{
    int status = fill(prm, h);

    if (status != 0)
        return status;
    pthread_mutex_lock(&scanner);
    celfix(prm); /* projections that were renamed */
    status = wcsset(prm);
    pthread_mutex_unlock(&scanner);
    return status;
}

/* Positions here are ICRS; FK5 of equinox 2000 differs by milliarcseconds, the rest by far more. */
static bool is_icrs(const nsky_wcs_header *h)
{
    bool j2000 = isnan(h->equinox) || h->equinox == 0 || fabs(h->equinox - 2000) < 1e-6;

    if (strcmp(h->frame, "ICRS") == 0)
        return true;
    return j2000 && (strcmp(h->frame, "FK5") == 0 || h->frame[0] == '\0');
}

/* Fills scale and handedness from the linear part. false: it is not finite, or no area. */
static bool measure(nsky_wcs *wcs)
{
    const struct wcsprm *prm = &wcs->prm;
    const double *pc = prm->pc, *cdelt = prm->cdelt;
    size_t lng = (size_t)prm->lng, lat = (size_t)prm->lat;
    double east_x = cdelt[lng] * pc[2 * lng], east_y = cdelt[lng] * pc[2 * lng + 1];
    double north_x = cdelt[lat] * pc[2 * lat], north_y = cdelt[lat] * pc[2 * lat + 1];
    double area = east_x * north_y - east_y * north_x; /* square degrees a pixel, signed */

    wcs->scale_arcsec_px = sqrt(fabs(area)) * 3600;
    wcs->mirrored = area > 0;
    return isfinite(wcs->scale_arcsec_px) && wcs->scale_arcsec_px > 0;
}

/* Why a header cannot be used, in words; NULL when it can. */
static const char *objection(const nsky_wcs_header *h)
{
    if (!is_equatorial(h) || !is_icrs(h))
        return "only equatorial positions, ICRS or FK5 J2000, are read";
    if (strstr(h->type[0], "-SIP") || strstr(h->type[1], "-SIP"))
        return "its SIP distortion is not read; resample it onto a plain projection";
    if (!angle_unit(h->unit[0]) || !angle_unit(h->unit[1]))
        return "CUNIT is no angle";
    if (!h->has_cd && !h->has_step && !h->has_pc)
        return "nothing says how large the pixels are";
    return is_regular(h) ? NULL : "its pixels have no area";
}

nsky_status nsky_wcs_open(nsky_wcs **out, nsky_fits *fits, nsky_error *err)
{
    assert(out && fits && err);
    nsky_wcs_header h;
    int broken;

    *out = NULL;
    nsky_wcs_header_read(&h, nsky_fits_current(fits));
    if (!is_celestial(h.type[0]) && !is_celestial(h.type[1]))
        return nsky_fail(err, NSKY_ENOTFOUND, "%s: HDU %u does not say where on the sky it lies",
                         fits->name, fits->current);
    if (h.broken[0])
        return nsky_fail(err, NSKY_EDATA, "%s: keyword %s of HDU %u has no proper value",
                         fits->name, h.broken, fits->current);
    const char *why = objection(&h);
    if (why)
        return nsky_fail(err, NSKY_EDATA, "%s: HDU %u has coordinates %s, %s %s: %s", fits->name,
                         fits->current, h.type[0], h.type[1], h.frame, why);

    nsky_wcs *wcs = nsky_alloc_zero(1, sizeof *wcs, err);
    if (!wcs)
        return err->status;
    if ((broken = set_up(&wcs->prm, &h)) != 0 || !measure(wcs)) {
        nsky_wcs_close(wcs);
        return nsky_fail(err, broken == WCSERR_MEMORY ? NSKY_ENOMEM : NSKY_EDATA,
                         "%s: the sky coordinates of HDU %u are broken: %s", fits->name,
                         fits->current,
                         broken > 0 && broken <= 13 ? wcs_errmsg[broken] : "impossible scale");
    }
    *out = wcs;
    return NSKY_OK;
}

void nsky_wcs_close(nsky_wcs *wcs)
{
    if (!wcs)
        return;
    wcsfree(&wcs->prm);
    nsky_free(wcs);
}

bool nsky_wcs_to_pixel(nsky_wcs *wcs, nsky_sky sky, double *x, double *y)
{
    assert(wcs && x && y);
    double world[2], phi, theta, plane[2], pixel[2];
    int bad = 0;

    if (!nsky_sky_valid(sky))
        return false;
    world[wcs->prm.lng] = sky.ra_deg;
    world[wcs->prm.lat] = sky.dec_deg;
    if (wcss2p(&wcs->prm, 1, 2, world, &phi, &theta, plane, pixel, &bad) != 0 || bad ||
        !isfinite(pixel[0]) || !isfinite(pixel[1]))
        return false;
    *x = pixel[0] - 1;
    *y = pixel[1] - 1;
    return true;
}

bool nsky_wcs_to_sky(nsky_wcs *wcs, double x, double y, nsky_sky *sky)
{
    assert(wcs && sky);
    double pixel[2] = {x + 1, y + 1}, plane[2], phi, theta, world[2];
    int bad = 0;

    if (!isfinite(x) || !isfinite(y) ||
        wcsp2s(&wcs->prm, 1, 2, pixel, plane, &phi, &theta, world, &bad) != 0 || bad)
        return false;
    double ra = fmod(world[wcs->prm.lng], 360);
    nsky_sky found = {.ra_deg = ra < 0 ? ra + 360 : ra, .dec_deg = world[wcs->prm.lat]};
    if (found.ra_deg >= 360) /* -1e-16 + 360 rounds up */
        found.ra_deg = 0;
    if (!nsky_sky_valid(found))
        return false;
    *sky = found;
    return true;
}

double nsky_wcs_scale_arcsec_px(const nsky_wcs *wcs)
{
    assert(wcs);
    return wcs->scale_arcsec_px;
}

bool nsky_wcs_is_mirrored(const nsky_wcs *wcs)
{
    assert(wcs);
    return wcs->mirrored;
}

bool nsky_wcs_header_scale(nsky_fits *fits, double *scale_arcsec_px)
{
    assert(fits && scale_arcsec_px);
    static const char *const keys[] = {"PIXSCALE", "PIXELSCALE", "SECPIX"};
    nsky_error ignored = NSKY_ERROR_INIT;
    nsky_wcs *wcs;
    double value;

    if (nsky_wcs_open(&wcs, fits, &ignored) == NSKY_OK) {
        *scale_arcsec_px = wcs->scale_arcsec_px;
        nsky_wcs_close(wcs);
        return true;
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (nsky_fits_key_double(fits, keys[i], &value) && value > 0) {
            *scale_arcsec_px = value;
            return true;
        }
    }
    return false;
}
