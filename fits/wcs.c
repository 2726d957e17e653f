/* wcs.c - pixels to sky and back by wcslib. Parsing holds a lock (wcslib's scanners keep state);
 * a handle belongs to one thread at a time. */
#include "fits/wcs.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <string.h>
#include <wcs.h>
#include <wcsfix.h>
#include <wcshdr.h>
#include <wcsmath.h>

#include "common/memory.h"
#include "fits/handle.h"
#include "fits/wcs_header.h"

struct nsky_wcs {
    int count;
    struct wcsprm *list; /* the first is the primary description */
    double scale_arcsec_px;
    bool mirrored;
};

static pthread_mutex_t parser = PTHREAD_MUTEX_INITIALIZER;

/* Reads the cards and sets the transformation up. Returns wcslib's status, 0 for success. */
static int parse(nsky_wcs *wcs, char *header, uint32_t cards)
{
    int rejected = 0, fixes[NWCSFIX], status;

    pthread_mutex_lock(&parser);
    status = wcspih(header, (int)cards, WCSHDR_all, 0, &rejected, &wcs->count, &wcs->list);
    if (status == 0 && wcs->count > 0) {
        wcsfix(0, NULL, wcs->list, fixes); /* old units and projection names; may find nothing */
        status = wcsset(wcs->list);
    }
    pthread_mutex_unlock(&parser);
    return status;
}

/* Positions here are ICRS; FK5 of equinox 2000 differs by milliarcseconds, the rest by far more. */
static bool is_icrs(const struct wcsprm *prm)
{
    const char *lng = prm->lngtyp, *frame = prm->radesys;
    double equinox = prm->equinox;

    if (strncmp(lng, "RA", 2) != 0)
        return false;
    if (strcmp(frame, "ICRS") == 0)
        return true;
    if (strcmp(frame, "FK5") == 0 || frame[0] == '\0')
        return equinox == 0 || equinox == UNDEFINED || fabs(equinox - 2000) < 1e-6;
    return false;
}

/* Fills scale and handedness from the linear part. false: it is singular, not finite, or what
 * wcslib assumes for headers that do not give one: a degree a pixel. */
static bool measure(nsky_wcs *wcs)
{
    const struct wcsprm *prm = wcs->list;
    const double *pc = prm->pc, *cdelt = prm->cdelt;
    int lng = prm->lng, lat = prm->lat;
    double east_x = cdelt[lng] * pc[2 * lng], east_y = cdelt[lng] * pc[2 * lng + 1];
    double north_x = cdelt[lat] * pc[2 * lat], north_y = cdelt[lat] * pc[2 * lat + 1];
    double area = east_x * north_y - east_y * north_x; /* square degrees a pixel, signed */

    wcs->scale_arcsec_px = sqrt(fabs(area)) * 3600;
    wcs->mirrored = area > 0;
    bool assumed =
        cdelt[0] == 1 && cdelt[1] == 1 && pc[0] == 1 && pc[1] == 0 && pc[2] == 0 && pc[3] == 1;
    return isfinite(wcs->scale_arcsec_px) && wcs->scale_arcsec_px > 0 && !assumed;
}

nsky_status nsky_wcs_open(nsky_wcs **out, nsky_fits *fits, nsky_error *err)
{
    assert(out && fits && err);
    const nsky_fits_section *section = nsky_fits_current(fits);
    char *header = NULL;
    uint32_t cards = 0;
    nsky_status status;

    *out = NULL;
    nsky_wcs *wcs = nsky_alloc_zero(1, sizeof *wcs, err);
    if (!wcs)
        return err->status;
    if ((status = nsky_wcs_header(&header, &cards, section, fits->name, err)) != NSKY_OK)
        goto failed;
    int broken = cards > 0 ? parse(wcs, header, cards) : 0;
    if (broken == 0 &&
        (wcs->count == 0 || wcs->list->naxis != 2 || wcs->list->lng < 0 || wcs->list->lat < 0)) {
        status = nsky_fail(err, NSKY_ENOTFOUND, "%s: HDU %u does not say where on the sky it lies",
                           fits->name, fits->current);
        goto failed;
    }
    if (broken != 0) {
        status =
            nsky_fail(err, broken == WCSHDRERR_MEMORY ? NSKY_ENOMEM : NSKY_EDATA,
                      "%s: the sky coordinates of HDU %u are broken: %s", fits->name, fits->current,
                      broken > 0 && broken <= 13 ? wcs_errmsg[broken] : "unread");
        goto failed;
    }
    if (!is_icrs(wcs->list)) {
        status = nsky_fail(err, NSKY_EDATA,
                           "%s: HDU %u has coordinates %s %s; only ICRS and FK5 J2000 are read",
                           fits->name, fits->current, wcs->list->lngtyp, wcs->list->radesys);
        goto failed;
    }
    if (!measure(wcs)) {
        status = nsky_fail(err, NSKY_EDATA, "%s: the pixels of HDU %u have no size on the sky",
                           fits->name, fits->current);
        goto failed;
    }
    nsky_free(header);
    *out = wcs;
    return NSKY_OK;
failed:
    nsky_free(header);
    nsky_wcs_close(wcs);
    return status;
}

void nsky_wcs_close(nsky_wcs *wcs)
{
    if (!wcs)
        return;
    if (wcs->list)
        wcsvfree(&wcs->count, &wcs->list);
    nsky_free(wcs);
}

bool nsky_wcs_to_pixel(nsky_wcs *wcs, nsky_sky sky, double *x, double *y)
{
    assert(wcs && x && y);
    double world[2], phi, theta, plane[2], pixel[2];
    int bad = 0;

    if (!nsky_sky_valid(sky))
        return false;
    world[wcs->list->lng] = sky.ra_deg;
    world[wcs->list->lat] = sky.dec_deg;
    if (wcss2p(wcs->list, 1, 2, world, &phi, &theta, plane, pixel, &bad) != 0 || bad ||
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
        wcsp2s(wcs->list, 1, 2, pixel, plane, &phi, &theta, world, &bad) != 0 || bad)
        return false;
    double ra = fmod(world[wcs->list->lng], 360);
    nsky_sky found = {.ra_deg = ra < 0 ? ra + 360 : ra, .dec_deg = world[wcs->list->lat]};
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
