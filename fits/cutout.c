/* cutout.c - a stamp as the cutout file that Legacy Survey users know. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "fits/writer_private.h"

static nsky_status put_bands(nsky_fits_writer *writer, const nsky_stamp *stamp, nsky_error *err)
{
    nsky_status status = nsky_fits_put_string(writer, "BANDS", stamp->bands, NULL, err);

    for (int i = 0; i < NSKY_STAMP_BANDS && status == NSKY_OK; i++) {
        const char key[] = {'B', 'A', 'N', 'D', (char)('0' + i), '\0'};
        const char band[] = {stamp->bands[i], '\0'};
        status = nsky_fits_put_string(writer, key, band, NULL, err);
    }
    return status;
}

/* 0.262f as the 0.262 somebody meant, not 0.26199999. */
static double meant_by(float value)
{
    char digits[32];

    snprintf(digits, sizeof digits, "%.7g", (double)value);
    return strtod(digits, NULL);
}

static nsky_status put_all(nsky_fits_writer *writer, const nsky_stamp *stamp,
                           const nsky_sky *centre, const char *history, nsky_error *err)
{
    char words[512];
    nsky_fits_image image = {.pixels = stamp->pixels,
                             .width = stamp->width,
                             .height = stamp->height,
                             .planes = NSKY_STAMP_BANDS,
                             .centre = centre,
                             .scale_arcsec_px = meant_by(stamp->scale_arcsec_px)};
    nsky_status status;

    if ((status = nsky_fits_append_image(writer, &image, err)) != NSKY_OK ||
        (status = put_bands(writer, stamp, err)) != NSKY_OK ||
        (status = nsky_fits_put_string(writer, "BUNIT", "nanomaggy", NULL, err)) != NSKY_OK)
        return status;
    if (!centre && (status = nsky_fits_put_double(writer, "PIXSCALE", image.scale_arcsec_px,
                                                  "arcsec a pixel", err)) != NSKY_OK)
        return status;
    nsky_stamp_describe_flags(stamp->flags, words, sizeof words);
    if (words[0] && (status = nsky_fits_put_history(writer, words, err)) != NSKY_OK)
        return status;
    return history ? nsky_fits_put_history(writer, history, err) : NSKY_OK;
}

nsky_status nsky_fits_from_stamp(void **data, size_t *bytes, const nsky_stamp *stamp,
                                 const nsky_sky *centre, const char *history, nsky_error *err)
{
    assert(data && bytes && stamp && err);
    nsky_fits_writer *writer;
    nsky_status status;

    *data = NULL;
    *bytes = 0;
    if ((status = nsky_fits_create_memory(&writer, err)) != NSKY_OK)
        return status;
    if ((status = put_all(writer, stamp, centre, history, err)) != NSKY_OK) {
        nsky_fits_discard(writer);
        return status;
    }
    return nsky_fits_finish_memory(writer, data, bytes, err);
}
