/* decode.c - see decode.h: what kind of bytes these are, and the one reader for each.
 * Thread rule: any thread; each call stands alone. */
#include "ingest/decode.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/file.h"
#include "common/memory.h"
#include "image/codec.h"
#include "ingest/assemble.h"
#include "ingest/decode_private.h"
#include "ingest/notes.h"

typedef enum content { CONTENT_FITS, CONTENT_PICTURE, CONTENT_HDF5, CONTENT_OTHER } content;

#define MAGIC_BYTES 16

static content content_of(const void *data, size_t bytes)
{
    if (bytes >= 6 && memcmp(data, "SIMPLE", 6) == 0)
        return CONTENT_FITS;
    if (bytes >= 2 && memcmp(data, "\x1f\x8b", 2) == 0) /* gzip: hopefully of FITS */
        return CONTENT_FITS;
    if (nsky_picture_is_jpeg(data, bytes) || nsky_picture_is_png(data, bytes))
        return CONTENT_PICTURE;
    if (bytes >= 4 && memcmp(data, "\x89HDF", 4) == 0)
        return CONTENT_HDF5;
    return CONTENT_OTHER;
}

static nsky_status refuse(content kind, size_t bytes, const char *what, nsky_error *err)
{
    if (bytes == 0)
        return nsky_fail(err, NSKY_EDATA, "%s: empty file", what);
    if (kind == CONTENT_HDF5)
        return nsky_fail(err, NSKY_EDATA, "%s: HDF5 is not read; convert its images to FITS cubes",
                         what);
    return nsky_fail(err, NSKY_EDATA, "%s: neither FITS nor JPEG nor PNG", what);
}

static nsky_status decode_fits(nsky_decoded *out, nsky_fits *fits, char hint, const char *what,
                               nsky_error *err)
{
    nsky_layers *layers = nsky_alloc_zero(1, sizeof *layers, err);
    nsky_status status = layers ? nsky_layers_find(layers, fits, hint, err) : err->status;

    if (status == NSKY_OK)
        status = nsky_assemble(out, layers, what, err);
    nsky_free(layers);
    return status;
}

static nsky_status decode_picture(nsky_decoded *out, const void *data, size_t bytes,
                                  const char *what, nsky_error *err)
{
    nsky_picture *picture;
    nsky_status status = nsky_picture_decode(&picture, data, bytes, what, err);

    if (status != NSKY_OK)
        return status;
    if (picture->width < NSKY_IMAGE_SIDE_MIN || picture->height < NSKY_IMAGE_SIDE_MIN)
        status = nsky_fail(err, NSKY_EDATA, "%s: %u x %u pixels, too few", what, picture->width,
                           picture->height);
    else
        status = nsky_stamp_from_picture(&out->stamp, picture, err);
    nsky_picture_free(picture);
    if (status != NSKY_OK)
        return status;
    nsky_note(out->notes, sizeof out->notes,
              "fluxes recovered from a picture, pixel scale taken as %.3f arcsec",
              (double)out->stamp->scale_arcsec_px);
    if (out->stamp->flags & NSKY_STAMP_CROPPED)
        nsky_note(out->notes, sizeof out->notes, "cut to the middle %u x %u pixels",
                  out->stamp->width, out->stamp->height);
    return NSKY_OK;
}

nsky_status nsky_decode_memory(nsky_decoded *out, const void *data, size_t bytes, const char *what,
                               nsky_error *err)
{
    assert(out && (data || bytes == 0) && what && err);
    content kind = content_of(data, bytes);
    nsky_status status;

    *out = (nsky_decoded){.position = {NAN, NAN}};
    if (bytes > NSKY_UPLOAD_BYTES_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "%s: %zu bytes, more than %u", what, bytes,
                         NSKY_UPLOAD_BYTES_MAX);
    if (kind == CONTENT_PICTURE)
        return decode_picture(out, data, bytes, what, err);
    if (kind != CONTENT_FITS)
        return refuse(kind, bytes, what, err);
    nsky_fits *fits;
    if ((status = nsky_fits_open_memory(&fits, data, bytes, what, err)) != NSKY_OK)
        return status;
    status = decode_fits(out, fits, '\0', what, err);
    nsky_fits_close(fits);
    return status;
}

static nsky_status peek(const char *path, char magic[MAGIC_BYTES], size_t *bytes, nsky_error *err)
{
    FILE *stream = fopen(path, "rbe");

    if (!stream && errno == ENOENT)
        return nsky_fail(err, NSKY_ENOTFOUND, "%s: no such file", path);
    if (!stream)
        return nsky_fail_errno(err, "%s: cannot read", path);
    *bytes = fread(magic, 1, MAGIC_BYTES, stream);
    bool failed = ferror(stream) != 0; /* a folder, for one */
    if (failed)
        (void)nsky_fail_errno(err, "%s: cannot read", path);
    fclose(stream);
    return failed ? NSKY_EIO : NSKY_OK;
}

nsky_status nsky_decode_file(nsky_decoded *out, const char *path, nsky_error *err)
{
    return nsky_decode_band_file(out, path, '\0', err);
}

nsky_status nsky_decode_band_file(nsky_decoded *out, const char *path, char hint, nsky_error *err)
{
    assert(out && path && err);
    char magic[MAGIC_BYTES];
    size_t bytes;
    nsky_status status = peek(path, magic, &bytes, err);

    *out = (nsky_decoded){.position = {NAN, NAN}};
    if (status != NSKY_OK)
        return status;
    content kind = content_of(magic, bytes);
    if (kind == CONTENT_FITS) {
        nsky_fits *fits;
        if ((status = nsky_fits_open(&fits, path, err)) != NSKY_OK)
            return status;
        status = decode_fits(out, fits, hint, path, err);
        nsky_fits_close(fits);
        return status;
    }
    if (kind != CONTENT_PICTURE)
        return refuse(kind, bytes, path, err);
    void *data;
    if ((status = nsky_file_read(&data, &bytes, path, NSKY_UPLOAD_BYTES_MAX, err)) != NSKY_OK)
        return status;
    status = decode_picture(out, data, bytes, path, err);
    nsky_free(data);
    return status;
}

void nsky_decoded_clear(nsky_decoded *decoded)
{
    nsky_stamp_free(decoded->stamp);
    *decoded = (nsky_decoded){.position = {NAN, NAN}};
}
