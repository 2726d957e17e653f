/* geometry.h (private) - how an image lies on the sky, and how to turn it north up, east left.
 * Thread rule: pure, but for the reading of headers. */
#ifndef NSKY_INGEST_GEOMETRY_H
#define NSKY_INGEST_GEOMETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "fits/fits.h"
#include "fits/wcs.h"

/* First exchange x and y, then flip: row 0 becomes south and column 0 east. */
typedef struct nsky_turn {
    bool transpose, flip_x, flip_y;
} nsky_turn;

typedef struct nsky_geometry {
    nsky_sky centre;        /* of the box asked for; NaN when the header does not say */
    double scale_arcsec_px; /* NaN when the header does not say */
    nsky_turn turn;
    double tilt_deg; /* not turned: north lies this far from up, 0 otherwise */
    bool mirrored;   /* not turned and a mirror image */
    char note[96];   /* "" or what was odd */
} nsky_geometry;

/* A box of an image, in pixels counted from 0. */
typedef struct nsky_box {
    uint64_t x, y, width, height;
} nsky_box;

/* Of the current HDU `hdu`: WCS first, then RA, DEC and PIXSCALE keywords. NSKY_EDATA when the WCS
 * is broken. */
NSKY_MUST_CHECK nsky_status nsky_geometry_read(nsky_geometry *out, nsky_fits *fits, uint32_t hdu,
                                               const nsky_box *box, nsky_error *err);
/* The same for a WCS that is open. */
void nsky_geometry_of_wcs(nsky_geometry *out, nsky_wcs *wcs, const nsky_box *box);

/* in [height, width] -> out, turned: [height, width], or [width, height] after a transpose. */
void nsky_turn_pixels(nsky_turn turn, const float *in, uint32_t width, uint32_t height, float *out);

/* The middle of an image, NSKY_STAMP_SIDE_MAX pixels at most. */
nsky_box nsky_box_middle(uint64_t width, uint64_t height);

#endif
