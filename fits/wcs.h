/* wcs.h - where pixels lie on the sky. The only file that includes wcslib. */
#ifndef NSKY_WCS_H
#define NSKY_WCS_H

#include <stdbool.h>

#include "common/error.h"
#include "common/sky.h"
#include "fits/fits.h"

typedef struct nsky_wcs nsky_wcs; /* owned by one thread */

/* Of the current HDU. NSKY_ENOTFOUND when it has no celestial WCS; NSKY_EDATA when it has a broken
 * one, or one that is not read: SIP distortions, frames other than ICRS and FK5 J2000, which count
 * as equal. CD, PC + CDELT and CDELT + CROTA are understood. */
NSKY_MUST_CHECK nsky_status nsky_wcs_open(nsky_wcs **out, nsky_fits *fits, nsky_error *err);
void nsky_wcs_close(nsky_wcs *wcs);

/* Pixels count from 0 at the centre of the first pixel. false: not on the projection. */
bool nsky_wcs_to_pixel(nsky_wcs *wcs, nsky_sky sky, double *x, double *y);
bool nsky_wcs_to_sky(nsky_wcs *wcs, double x, double y, nsky_sky *sky);

/* Square root of the pixel area at the reference point. */
double nsky_wcs_scale_arcsec_px(const nsky_wcs *wcs);
/* true when east is to the right of north (mirror image of the sky as seen). */
bool nsky_wcs_is_mirrored(const nsky_wcs *wcs);

/*
 * Pixel scale by whatever the header has: WCS, then PIXSCALE / PIXELSCALE / SECPIX keywords
 * (arcsec). false: nothing says.
 */
bool nsky_wcs_header_scale(nsky_fits *fits, double *scale_arcsec_px);

#endif
