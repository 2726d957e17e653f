/* picture_stamp.c - stamps as people see them, and uploads of such pictures back into stamps.
 * Thread rule: any thread. */
#include <assert.h>
#include <math.h>

#include "common/memory.h"
#include "image/codec.h"
#include "image/picture_extent.h"
#include "image/resample.h"

/* Where nothing was observed: unlike sky (near black) and unlike any star or galaxy. */
#define MISSING_GREY 0.35f

/* Pixels that lack some bands take the missing ones from the others, at neutral colour; pixels that
 * lack all are painted in the colour of nothing. */
static void paint(const nsky_stretch *stretch, float *flux, size_t count, float *colour)
{
    for (size_t i = 0; i < count; i++) {
        float sum = 0;
        int known = 0;
        for (int band = 0; band < NSKY_STAMP_BANDS; band++) {
            float value = flux[(size_t)band * count + i];
            if (!isnan(value)) {
                sum += value * stretch->scale[band];
                known++;
            }
        }
        if (known == 0 || known == NSKY_STAMP_BANDS)
            continue;
        for (int band = 0; band < NSKY_STAMP_BANDS; band++)
            if (isnan(flux[(size_t)band * count + i]))
                flux[(size_t)band * count + i] = sum / (float)known / stretch->scale[band];
    }
    nsky_stretch_apply(stretch, flux, count, colour);
    for (size_t i = 0; i < NSKY_STAMP_BANDS * count; i++)
        if (isnan(flux[i]))
            colour[i] = MISSING_GREY;
}

/* colour [3, size, size] blue to red, row 0 south -> rgb, row 0 north. */
static void to_bytes(const float *colour, uint32_t size, uint8_t *rgb)
{
    size_t plane = (size_t)size * size;

    for (uint32_t y = 0; y < size; y++) {
        const float *row = colour + (size_t)(size - 1 - y) * size;
        for (uint32_t x = 0; x < size; x++)
            for (int channel = 0; channel < 3; channel++)
                *rgb++ = (uint8_t)(row[(size_t)(2 - channel) * plane + x] * 255.0f + 0.5f);
    }
}

nsky_status nsky_picture_of_stamp(nsky_picture **out, const nsky_stamp *stamp, uint32_t size,
                                  double field_arcsec, const nsky_stretch *stretch, nsky_error *err)
{
    assert(out && stamp && stretch && err && field_arcsec >= 0 && isfinite(field_arcsec));
    uint32_t side = stamp->width > stamp->height ? stamp->width : stamp->height;
    double own = stamp->scale_arcsec_px;
    double field = field_arcsec > 0 ? field_arcsec : side * own;
    nsky_picture *picture = NULL;
    float *flux = NULL, *colour = NULL;
    nsky_status status;

    *out = NULL;
    if (size == 0) /* the stamp's own pixels, as many as fill the field */
        size = (uint32_t)fmin(fmax(1, round(field / own)), NSKY_RESAMPLE_SIDE_MAX + 1.0);
    if (size > NSKY_RESAMPLE_SIDE_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "a picture of %u pixels a side: at most %d", size,
                         NSKY_RESAMPLE_SIDE_MAX);
    float scale = (float)(field / size);
    size_t plane = (size_t)size * size, count = NSKY_STAMP_BANDS * plane;

    if (!(flux = nsky_alloc_aligned(count, sizeof *flux, err)) ||
        !(colour = nsky_alloc_aligned(count, sizeof *colour, err))) {
        status = err->status;
        goto done;
    }
    if ((status = nsky_resample(stamp, size, scale, flux, err)) != NSKY_OK ||
        (status = nsky_picture_new(&picture, size, size, err)) != NSKY_OK)
        goto done;
    /* The stretch is made for the fluxes of survey pixels: surface brightness, whatever the zoom.
     */
    double per_survey_px = (NSKY_SCALE_ARCSEC_PX / scale) * (NSKY_SCALE_ARCSEC_PX / scale);
    for (size_t i = 0; i < count; i++) {
        double value = flux[i] * per_survey_px;
        flux[i] = (float)(value > 3e38 ? 3e38 : value < -3e38 ? -3e38 : value); /* NaN stays */
    }
    paint(stretch, flux, plane, colour);
    to_bytes(colour, size, picture->rgb);
    *out = picture;
    picture = NULL;
done:
    nsky_picture_free(picture);
    nsky_free(colour);
    nsky_free(flux);
    return status;
}

/* --- the way back --- */

/* What of a picture becomes a stamp. */
typedef struct cut {
    uint32_t step;                  /* pixels to each side of a square that are averaged to one */
    uint32_t width, height, x0, y0; /* of the stamp, and where it begins in pixels */
    double scale_arcsec_px;
} cut;

/* Nobody said how large the pixels are. A galaxy too large for the network's view is taken to be
 * as large as fits; a picture of many pixels is made smaller first, as far as that takes it. */
static nsky_status choose_cut(cut *c, const nsky_picture *picture, nsky_error *err)
{
    double radius;
    nsky_status status = nsky_picture_radius(&radius, picture, err);
    if (status != NSKY_OK)
        return status;
    const double times = fmax(1, radius / NSKY_PICTURE_RADIUS_MAX);
    const uint32_t side = picture->width > picture->height ? picture->width : picture->height;
    const uint32_t whole = (side + NSKY_STAMP_SIDE_MAX - 1) / NSKY_STAMP_SIDE_MAX;
    c->step = whole < (uint32_t)times ? whole : (uint32_t)times;
    c->scale_arcsec_px = NSKY_SCALE_ARCSEC_PX * c->step / times;
    const uint32_t width = picture->width / c->step, height = picture->height / c->step;
    c->width = width < NSKY_STAMP_SIDE_MAX ? width : NSKY_STAMP_SIDE_MAX;
    c->height = height < NSKY_STAMP_SIDE_MAX ? height : NSKY_STAMP_SIDE_MAX;
    c->x0 = (picture->width - c->width * c->step) / 2;
    c->y0 = (picture->height - c->height * c->step) / 2;
    return NSKY_OK;
}

/* colour [3, height, width] blue to red, 0..1; row 0 is the lowest of the picture. */
static void average_bytes(const nsky_picture *picture, const cut *c, float *colour)
{
    const size_t plane = (size_t)c->width * c->height;

    for (uint32_t y = 0; y < c->height; y++)
        for (uint32_t x = 0; x < c->width; x++) {
            uint32_t sum[3] = {0};
            for (uint32_t v = 0; v < c->step; v++) {
                const size_t row = c->y0 + (size_t)(c->height - 1 - y) * c->step + v;
                const uint8_t *rgb =
                    picture->rgb + 3 * (row * picture->width + c->x0 + (size_t)x * c->step);
                for (uint32_t i = 0; i < 3 * c->step; i++)
                    sum[i % 3] += rgb[i];
            }
            for (size_t channel = 0; channel < 3; channel++)
                colour[(2 - channel) * plane + (size_t)y * c->width + x] =
                    (float)sum[channel] / (255.0f * (float)(c->step * c->step));
        }
}

nsky_status nsky_stamp_from_picture(nsky_stamp **out, const nsky_picture *picture, nsky_error *err)
{
    assert(out && picture && err);
    cut c;
    nsky_stamp *stamp = NULL;
    nsky_status status;

    *out = NULL;
    if ((status = choose_cut(&c, picture, err)) != NSKY_OK ||
        (status = nsky_stamp_new(&stamp, c.width, c.height, (float)c.scale_arcsec_px, err)) !=
            NSKY_OK)
        return status;
    const size_t plane = (size_t)c.width * c.height;
    float *colour = nsky_alloc(NSKY_STAMP_BANDS * plane, sizeof *colour, err);
    if (!colour) {
        nsky_stamp_free(stamp);
        return err->status;
    }
    average_bytes(picture, &c, colour);
    nsky_stretch_invert(&nsky_stretch_viewer, colour, plane, stamp->pixels);
    nsky_free(colour);
    /* The stretch is of survey pixels; as bright, smaller ones hold less. */
    const float part = (float)(c.scale_arcsec_px * c.scale_arcsec_px /
                               (NSKY_SCALE_ARCSEC_PX * NSKY_SCALE_ARCSEC_PX));
    for (size_t i = 0; i < NSKY_STAMP_BANDS * plane; i++)
        stamp->pixels[i] *= part;
    stamp->flags = NSKY_STAMP_FROM_PICTURE | NSKY_STAMP_SCALE_ASSUMED;
    if (c.width < picture->width / c.step || c.height < picture->height / c.step)
        stamp->flags |= NSKY_STAMP_CROPPED;
    *out = stamp;
    return NSKY_OK;
}
