/* picture.c - colour pictures: making them, from stamps, and back to stamps.
 * Each call stands alone: any thread. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "image/codec_private.h"
#include "image/resample.h"

#define MISSING_GREY 26 /* sky the file does not show: a little lighter than dark sky */
#define PICTURE_OF_STAMP_SIDE_MAX 2048

nsky_status nsky_picture_new(nsky_picture **out, uint32_t width, uint32_t height, nsky_error *err)
{
    assert(out && err);
    *out = NULL;
    if (width == 0 || height == 0 || width > NSKY_PICTURE_SIDE_MAX ||
        height > NSKY_PICTURE_SIDE_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "a picture of %u x %u pixels: sides are 1 to %d", width,
                         height, NSKY_PICTURE_SIDE_MAX);
    nsky_picture *picture = nsky_alloc_zero(1, sizeof *picture, err);
    if (!picture)
        return err->status;
    picture->width = width;
    picture->height = height;
    picture->rgb = nsky_alloc_zero((size_t)width * height, 3, err);
    if (!picture->rgb) {
        nsky_free(picture);
        return err->status;
    }
    *out = picture;
    return NSKY_OK;
}

void nsky_picture_free(nsky_picture *picture)
{
    if (!picture)
        return;
    nsky_free(picture->rgb);
    nsky_free(picture);
}

nsky_status nsky_picture_decode(nsky_picture **out, const void *data, size_t bytes,
                                const char *what, nsky_error *err)
{
    assert(out && what && err);
    *out = NULL;
    if (nsky_picture_is_jpeg(data, bytes))
        return nsky_jpeg_decode(out, data, bytes, what, err);
    if (nsky_picture_is_png(data, bytes))
        return nsky_png_decode(out, data, bytes, what, err);
    return nsky_fail(err, NSKY_EDATA, "%s: neither a JPEG nor a PNG", what);
}

/* Flux planes to 8 bits, the southern row of the stamp at the bottom of the picture. */
static nsky_status paint(nsky_picture *picture, const float *flux, const nsky_stretch *stretch,
                         nsky_error *err)
{
    const size_t width = picture->width, height = picture->height, count = width * height;
    float *colour = nsky_alloc(3 * count, sizeof *colour, err);
    if (!colour)
        return err->status;
    nsky_stretch_apply(stretch, flux, count, colour);
    for (size_t y = 0; y < height; y++) {
        uint8_t *row = picture->rgb + (height - 1 - y) * width * 3;
        for (size_t x = 0; x < width; x++) {
            size_t i = y * width + x;
            bool missing = isnan(flux[i]) && isnan(flux[count + i]) && isnan(flux[2 * count + i]);
            for (size_t c = 0; c < 3; c++) /* red is the reddest band */
                row[3 * x + c] =
                    missing ? MISSING_GREY : (uint8_t)lrintf(255.0f * colour[(2 - c) * count + i]);
        }
    }
    nsky_free(colour);
    return NSKY_OK;
}

/* A stamp's own pixels need no resampling, and may be wider than high. */
static nsky_status paint_as_is(nsky_picture **out, const nsky_stamp *stamp,
                               const nsky_stretch *stretch, nsky_error *err)
{
    nsky_status status = nsky_picture_new(out, stamp->width, stamp->height, err);
    if (status == NSKY_OK && (status = paint(*out, stamp->pixels, stretch, err)) != NSKY_OK) {
        nsky_picture_free(*out);
        *out = NULL;
    }
    return status;
}

nsky_status nsky_picture_of_stamp(nsky_picture **out, const nsky_stamp *stamp, uint32_t size,
                                  double field_arcsec, const nsky_stretch *stretch, nsky_error *err)
{
    assert(out && stamp && stretch && err);
    *out = NULL;
    if (size > PICTURE_OF_STAMP_SIDE_MAX || !(field_arcsec >= 0))
        return nsky_fail(err, NSKY_EINVAL, "a picture of %u pixels showing %g arcsec: at most %d",
                         size, field_arcsec, PICTURE_OF_STAMP_SIDE_MAX);
    if (size == 0 && field_arcsec == 0)
        return paint_as_is(out, stamp, stretch, err);

    uint32_t side = stamp->width > stamp->height ? stamp->width : stamp->height;
    double own_field = (double)side * stamp->scale_arcsec_px;
    double field = field_arcsec > 0 ? field_arcsec : own_field;
    if (size == 0)
        size = side;
    double scale = field / size;
    float *flux = nsky_alloc(3 * (size_t)size * size, sizeof *flux, err);
    if (!flux)
        return err->status;
    nsky_status status = nsky_resample(stamp, size, (float)scale, flux, err);
    if (status == NSKY_OK) {
        /* The stretch is meant for the surface brightness of the stamp's own pixels. */
        double own = stamp->scale_arcsec_px / scale;
        for (size_t i = 0; i < 3 * (size_t)size * size; i++)
            flux[i] = (float)(flux[i] * own * own);
        status = nsky_picture_new(out, size, size, err);
    }
    if (status == NSKY_OK && (status = paint(*out, flux, stretch, err)) != NSKY_OK) {
        nsky_picture_free(*out);
        *out = NULL;
    }
    nsky_free(flux);
    return status;
}

nsky_status nsky_stamp_from_picture(nsky_stamp **out, const nsky_picture *picture, nsky_error *err)
{
    assert(out && picture && err);
    uint32_t width = picture->width < NSKY_STAMP_SIDE_MAX ? picture->width : NSKY_STAMP_SIDE_MAX;
    uint32_t height = picture->height < NSKY_STAMP_SIDE_MAX ? picture->height : NSKY_STAMP_SIDE_MAX;
    nsky_status status = nsky_stamp_new(out, width, height, (float)NSKY_SCALE_ARCSEC_PX, err);
    if (status != NSKY_OK)
        return status;
    const size_t count = (size_t)width * height;
    float *colour = nsky_alloc(3 * count, sizeof *colour, err);
    if (!colour) {
        nsky_stamp_free(*out);
        *out = NULL;
        return err->status;
    }
    const uint32_t left = (picture->width - width) / 2, top = (picture->height - height) / 2;
    for (uint32_t y = 0; y < height; y++) {
        const uint8_t *row =
            picture->rgb + ((size_t)(top + height - 1 - y) * picture->width + left) * 3;
        for (uint32_t x = 0; x < width; x++)
            for (uint32_t c = 0; c < 3; c++)
                colour[(2 - c) * count + (size_t)y * width + x] = row[3 * x + c] / 255.0f;
    }
    nsky_stretch_invert(&nsky_stretch_viewer, colour, count, (*out)->pixels);
    nsky_free(colour);
    (*out)->flags = NSKY_STAMP_FROM_PICTURE | NSKY_STAMP_SCALE_ASSUMED;
    if (width < picture->width || height < picture->height)
        (*out)->flags |= NSKY_STAMP_CROPPED;
    return NSKY_OK;
}
