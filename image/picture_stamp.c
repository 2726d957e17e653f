/* picture_stamp.c - stamps as people see them, and uploads of such pictures back into stamps.
 * Thread rule: any thread. */
#include <assert.h>
#include <math.h>

#include "common/memory.h"
#include "image/codec.h"
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

nsky_status nsky_stamp_from_picture(nsky_stamp **out, const nsky_picture *picture, nsky_error *err)
{
    assert(out && picture && err);
    uint32_t width = picture->width < NSKY_STAMP_SIDE_MAX ? picture->width : NSKY_STAMP_SIDE_MAX;
    uint32_t height = picture->height < NSKY_STAMP_SIDE_MAX ? picture->height : NSKY_STAMP_SIDE_MAX;
    uint32_t x0 = (picture->width - width) / 2, y0 = (picture->height - height) / 2;
    size_t plane = (size_t)width * height;
    nsky_stamp *stamp = NULL;
    nsky_status status;

    *out = NULL;
    if ((status = nsky_stamp_new(&stamp, width, height, (float)NSKY_SCALE_ARCSEC_PX, err)) !=
        NSKY_OK)
        return status;
    float *colour = nsky_alloc(NSKY_STAMP_BANDS * plane, sizeof *colour, err);
    if (!colour) {
        nsky_stamp_free(stamp);
        return err->status;
    }
    for (uint32_t y = 0; y < height; y++) { /* row 0 of the stamp is the lowest of the picture */
        const uint8_t *rgb =
            picture->rgb + 3 * ((size_t)(y0 + height - 1 - y) * picture->width + x0);
        for (uint32_t x = 0; x < width; x++)
            for (int channel = 0; channel < 3; channel++)
                colour[(size_t)(2 - channel) * plane + (size_t)y * width + x] =
                    (float)*rgb++ / 255.0f;
    }
    nsky_stretch_invert(&nsky_stretch_viewer, colour, plane, stamp->pixels);
    nsky_free(colour);
    stamp->flags = NSKY_STAMP_FROM_PICTURE | NSKY_STAMP_SCALE_ASSUMED;
    if (width < picture->width || height < picture->height)
        stamp->flags |= NSKY_STAMP_CROPPED;
    *out = stamp;
    return NSKY_OK;
}
