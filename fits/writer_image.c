/* writer_image.c - images: plain float32, or tile-compressed as surveys ship them. */
#include <assert.h>
#include <math.h>

#include "common/memory.h"
#include "fits/writer_private.h"

/* CFITSIO recognises missing pixels by comparing with a value, which NaN never passes. */
#define MISSING_PIXEL (-1e38f)
#define DITHER_SEED 1 /* any fixed one: the same pixels make the same bytes */

static nsky_status set_compression(nsky_fits_writer *writer, nsky_fits_compression compression,
                                   nsky_error *err)
{
    int failed = 0;

    if (compression == NSKY_FITS_RICE) {
        fits_set_compression_type(writer->file, RICE_1, &failed);
        fits_set_quantize_level(writer->file, 16, &failed);
        fits_set_quantize_dither(writer->file, SUBTRACTIVE_DITHER_2, &failed);
        fits_set_dither_seed(writer->file, DITHER_SEED, &failed);
    } else {
        fits_set_compression_type(writer->file, 0, &failed);
    }
    return failed ? nsky_fits_write_failed(writer, failed, "compressed pixels", err) : NSKY_OK;
}

/* TAN with north up and east left, the reference pixel in the middle. */
static nsky_status put_wcs(nsky_fits_writer *writer, const nsky_fits_image *image, nsky_error *err)
{
    double step_deg = image->scale_arcsec_px / 3600;
    const struct {
        const char *key;
        double value;
        const char *comment;
    } numbers[] = {
        {"CRVAL1", image->centre->ra_deg, "Reference RA"},
        {"CRVAL2", image->centre->dec_deg, "Reference Dec"},
        {"CRPIX1", ((double)image->width + 1) / 2, "Reference x"},
        {"CRPIX2", ((double)image->height + 1) / 2, "Reference y"},
        {"CD1_1", -step_deg, "CD matrix"},
        {"CD1_2", 0, "CD matrix"},
        {"CD2_1", 0, "CD matrix"},
        {"CD2_2", step_deg, "CD matrix"},
    };
    nsky_status status;

    if ((status = nsky_fits_put_string(writer, "CTYPE1", "RA---TAN", "TANgent plane", err)) !=
            NSKY_OK ||
        (status = nsky_fits_put_string(writer, "CTYPE2", "DEC--TAN", "TANgent plane", err)) !=
            NSKY_OK)
        return status;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if ((status = nsky_fits_put_double(writer, numbers[i].key, numbers[i].value,
                                           numbers[i].comment, err)) != NSKY_OK)
            return status;
    return NSKY_OK;
}

/* One plane of a compressed image; copied only where pixels are missing. */
static nsky_status write_compressed_plane(nsky_fits_writer *writer, const float *pixels,
                                          size_t count, uint64_t plane, nsky_error *err)
{
    long first[] = {1, 1, (long)plane + 1};
    float *copy = NULL, missing = MISSING_PIXEL;
    int failed = 0;
    size_t i = 0;

    while (i < count && isfinite(pixels[i]))
        i++;
    if (i < count) {
        if (!(copy = nsky_alloc(count, sizeof *copy, err))) {
            writer->broken = true;
            return err->status;
        }
        for (i = 0; i < count; i++)
            copy[i] = isfinite(pixels[i]) ? pixels[i] : MISSING_PIXEL;
    }
    fits_write_pixnull(writer->file, TFLOAT, first, (LONGLONG)count,
                       copy ? copy : (float *)(uintptr_t)pixels, &missing, &failed);
    nsky_free(copy);
    return failed ? nsky_fits_write_failed(writer, failed, "pixels", err) : NSKY_OK;
}

nsky_status nsky_fits_append_image(nsky_fits_writer *writer, const nsky_fits_image *image,
                                   nsky_error *err)
{
    assert(writer && image && image->pixels && err);
    assert(image->width > 0 && image->height > 0 && image->planes > 0);
    LONGLONG size[] = {(LONGLONG)image->width, (LONGLONG)image->height, (LONGLONG)image->planes};
    size_t plane = (size_t)image->width * image->height;
    int failed = 0;
    nsky_status status;

    if ((status = set_compression(writer, image->compression, err)) != NSKY_OK)
        return status;
    if (fits_create_imgll(writer->file, FLOAT_IMG, image->planes > 1 ? 3 : 2, size, &failed))
        return nsky_fits_write_failed(writer, failed, "an image", err);
    if (image->extname &&
        (status = nsky_fits_put_string(writer, "EXTNAME", image->extname, NULL, err)) != NSKY_OK)
        return status;
    if (image->centre && (status = put_wcs(writer, image, err)) != NSKY_OK)
        return status;
    for (uint64_t i = 0; i < image->planes; i++) {
        const float *pixels = image->pixels + i * plane;
        if (image->compression == NSKY_FITS_RICE) {
            if ((status = write_compressed_plane(writer, pixels, plane, i, err)) != NSKY_OK)
                return status;
        } else if (fits_write_img(writer->file, TFLOAT, (LONGLONG)(i * plane) + 1, (LONGLONG)plane,
                                  (float *)(uintptr_t)pixels, &failed)) {
            return nsky_fits_write_failed(writer, failed, "pixels", err);
        }
    }
    return NSKY_OK;
}
