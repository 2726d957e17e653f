/* geometry.c - see geometry.h. */
#include "ingest/geometry.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "image/stamp.h"
#include "ingest/layer.h"
#include "ingest/notes.h"

#define DEGREE (M_PI / 180)
#define ARCSEC (DEGREE / 3600)
#define ALIGNED_DEG_MAX 5.0

/* Offset of b from a on the tangent plane in arcsec, east and north. */
static void offset(nsky_sky a, nsky_sky b, double *east, double *north)
{
    double turn = remainder(b.ra_deg - a.ra_deg, 360.0) * DEGREE;
    double sin_a = sin(a.dec_deg * DEGREE), cos_a = cos(a.dec_deg * DEGREE);
    double sin_b = sin(b.dec_deg * DEGREE), cos_b = cos(b.dec_deg * DEGREE);
    double down = sin_a * sin_b + cos_a * cos_b * cos(turn);

    *east = cos_b * sin(turn) / down / ARCSEC;
    *north = (cos_a * sin_b - sin_a * cos_b * cos(turn)) / down / ARCSEC;
}

/* ex, ny: east and north for a step along x; ey, ny along y: arcsec a pixel. */
typedef struct jacobian {
    double ex, nx, ey, ny;
} jacobian;

static double angle_deg(double across, double along)
{
    return atan2(fabs(across), fabs(along)) / DEGREE;
}

static void decide_turn(nsky_geometry *out, jacobian j)
{
    bool transpose = hypot(j.ex, j.ny) < hypot(j.ey, j.nx);

    out->mirrored = j.ex * j.ny - j.ey * j.nx > 0;
    if (transpose)
        j = (jacobian){j.ey, j.ny, j.ex, j.nx};
    double off = fmax(angle_deg(j.nx, j.ex), angle_deg(j.ey, j.ny));
    if (off > ALIGNED_DEG_MAX) {
        /* Where north points, measured from up; the untransposed axes again. */
        if (transpose)
            j = (jacobian){j.ey, j.ny, j.ex, j.nx};
        double sign = j.ex * j.ny - j.ey * j.nx > 0 ? 1 : -1;
        out->tilt_deg = fabs(atan2(-j.ey * sign, j.ex * sign)) / DEGREE;
        nsky_note(out->note, sizeof out->note, "north lies %.0f degrees from up%s", out->tilt_deg,
                  out->mirrored ? ", mirrored" : "");
        return;
    }
    out->mirrored = false;
    out->turn = (nsky_turn){transpose, j.ex > 0, j.ny < 0};
}

static void init(nsky_geometry *out)
{
    *out = (nsky_geometry){.centre = {NAN, NAN}, .scale_arcsec_px = NAN};
}

void nsky_geometry_of_wcs(nsky_geometry *out, nsky_wcs *wcs, const nsky_box *box)
{
    double x = (double)box->x + ((double)box->width - 1) / 2;
    double y = (double)box->y + ((double)box->height - 1) / 2;
    nsky_sky centre, right, up;
    jacobian j;

    init(out);
    /* The survey's nominal scale: at the image it may differ by the projection's 0.1%, which would
     * have equal scales resampled. */
    out->scale_arcsec_px = nsky_wcs_scale_arcsec_px(wcs);
    if (!nsky_wcs_to_sky(wcs, x, y, &centre) || !nsky_wcs_to_sky(wcs, x + 1, y, &right) ||
        !nsky_wcs_to_sky(wcs, x, y + 1, &up) || !nsky_sky_valid(centre)) {
        nsky_note(out->note, sizeof out->note, "the middle of the image is off the projection");
        return;
    }
    out->centre = centre;
    offset(centre, right, &j.ex, &j.nx);
    offset(centre, up, &j.ey, &j.ny);
    double ratio = hypot(j.ex, j.nx) / hypot(j.ey, j.ny);
    if (!(ratio > 0.95 && ratio < 1 / 0.95))
        nsky_note(out->note, sizeof out->note, "pixels are not square (%.2f)", ratio);
    decide_turn(out, j);
}

/* Simulations put their images at 0, 0 for want of a place. */
static bool is_placeholder(nsky_fits *fits)
{
    double ra = NAN, dec = NAN;
    return nsky_fits_key_double(fits, "CRVAL1", &ra) &&
           nsky_fits_key_double(fits, "CRVAL2", &dec) && ra == 0 && dec == 0;
}

/* Keywords that are numbers (degrees) or text in people's notation. */
static void position_of_keywords(nsky_sky *out, nsky_fits *fits, uint32_t hdu)
{
    char ra[40], dec[40], both[84];
    nsky_error ignored = NSKY_ERROR_INIT;
    nsky_sky sky;

    if (nsky_layer_double(fits, hdu, "RA", &sky.ra_deg) &&
        nsky_layer_double(fits, hdu, "DEC", &sky.dec_deg)) {
        if (nsky_sky_valid(sky))
            *out = sky;
    } else if (nsky_layer_string(fits, hdu, "RA", ra, sizeof ra) &&
               nsky_layer_string(fits, hdu, "DEC", dec, sizeof dec)) {
        snprintf(both, sizeof both, "%s %s", ra, dec);
        if (nsky_sky_parse(&sky, both, &ignored) == NSKY_OK)
            *out = sky;
    }
}

nsky_status nsky_geometry_read(nsky_geometry *out, nsky_fits *fits, uint32_t hdu,
                               const nsky_box *box, nsky_error *err)
{
    assert(out && fits && box && err);
    nsky_wcs *wcs = NULL;
    double scale;

    init(out);
    nsky_status status = nsky_wcs_open(&wcs, fits, err);
    if (status != NSKY_OK && status != NSKY_ENOTFOUND)
        return status;
    if (status == NSKY_OK) {
        nsky_geometry_of_wcs(out, wcs, box);
        nsky_wcs_close(wcs);
        if (is_placeholder(fits)) {
            out->centre = (nsky_sky){NAN, NAN};
            nsky_note(out->note, sizeof out->note, "position 0, 0 taken as unknown");
        }
        return NSKY_OK;
    }
    *err = (nsky_error)NSKY_ERROR_INIT;
    position_of_keywords(&out->centre, fits, hdu);
    if (nsky_wcs_header_scale(fits, &scale) || nsky_layer_double(fits, hdu, "PIXSCALE", &scale))
        out->scale_arcsec_px = scale;
    return NSKY_OK;
}

void nsky_turn_pixels(nsky_turn turn, const float *in, uint32_t width, uint32_t height, float *out)
{
    uint32_t out_width = turn.transpose ? height : width;
    uint32_t out_height = turn.transpose ? width : height;

    if (!turn.transpose && !turn.flip_x && !turn.flip_y) {
        memcpy(out, in, (size_t)width * height * sizeof *out);
        return;
    }
    for (uint32_t y = 0; y < out_height; y++)
        for (uint32_t x = 0; x < out_width; x++) {
            uint32_t u = turn.flip_x ? out_width - 1 - x : x;
            uint32_t v = turn.flip_y ? out_height - 1 - y : y;
            out[(size_t)y * out_width + x] =
                turn.transpose ? in[(size_t)u * width + v] : in[(size_t)v * width + u];
        }
}

nsky_box nsky_box_middle(uint64_t width, uint64_t height)
{
    nsky_box box = {0, 0, width, height};

    if (width > NSKY_STAMP_SIDE_MAX)
        box = (nsky_box){(width - NSKY_STAMP_SIDE_MAX) / 2, 0, NSKY_STAMP_SIDE_MAX, height};
    if (height > NSKY_STAMP_SIDE_MAX) {
        box.y = (height - NSKY_STAMP_SIDE_MAX) / 2;
        box.height = NSKY_STAMP_SIDE_MAX;
    }
    return box;
}
