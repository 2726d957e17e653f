/* jpeg.c - JPEG through TurboJPEG. Handles live for one call: any thread. */
#include <assert.h>
#include <limits.h>
#include <string.h>
#include <turbojpeg.h>

#include "common/memory.h"
#include "image/codec_private.h"

bool nsky_picture_is_jpeg(const void *data, size_t bytes)
{
    return bytes >= 3 && memcmp(data, "\xff\xd8\xff", 3) == 0;
}

nsky_status nsky_picture_to_jpeg(const nsky_picture *picture, int quality, void **out,
                                 size_t *bytes, nsky_error *err)
{
    assert(picture && out && bytes && err && quality >= 1 && quality <= 100);
    *out = NULL;
    tjhandle handle = tjInitCompress();
    if (!handle)
        return nsky_fail(err, NSKY_ENOMEM, "cannot start the JPEG encoder");
    unsigned char *encoded = NULL;
    unsigned long length = 0;
    nsky_status status = NSKY_OK;
    if (tjCompress2(handle, picture->rgb, (int)picture->width, 0, (int)picture->height, TJPF_RGB,
                    &encoded, &length, TJSAMP_444, quality, TJFLAG_ACCURATEDCT) != 0) {
        status = nsky_fail(err, NSKY_EDATA, "cannot encode a JPEG: %s", tjGetErrorStr2(handle));
    } else if (!(*out = nsky_alloc(length, 1, err))) {
        status = err->status;
    } else {
        memcpy(*out, encoded, length);
        *bytes = length;
    }
    tjFree(encoded);
    tjDestroy(handle);
    return status;
}

static nsky_status decode(tjhandle handle, nsky_picture **out, const void *data, size_t bytes,
                          const char *what, nsky_error *err)
{
    int width = 0, height = 0, sampling = 0, colour_space = 0;
    if (tjDecompressHeader3(handle, data, (unsigned long)bytes, &width, &height, &sampling,
                            &colour_space) != 0)
        return nsky_fail(err, NSKY_EDATA, "%s: not a readable JPEG: %s", what,
                         tjGetErrorStr2(handle));
    if (width > NSKY_PICTURE_SIDE_MAX || height > NSKY_PICTURE_SIDE_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "%s: %d x %d pixels; at most %d a side", what, width,
                         height, NSKY_PICTURE_SIDE_MAX);
    if (colour_space == TJCS_CMYK || colour_space == TJCS_YCCK)
        return nsky_fail(err, NSKY_EDATA, "%s: a CMYK JPEG; save it as RGB", what);
    nsky_status status = nsky_picture_new(out, (uint32_t)width, (uint32_t)height, err);
    if (status != NSKY_OK)
        return status;
    /* A truncated JPEG decodes to grey below the cut with a mere warning; a likeness of grey is a
     * wrong answer, so warnings are errors here. */
    if (tjDecompress2(handle, data, (unsigned long)bytes, (*out)->rgb, width, 0, height, TJPF_RGB,
                      TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS) != 0) {
        nsky_picture_free(*out);
        *out = NULL;
        return nsky_fail(err, NSKY_EDATA, "%s: a damaged JPEG: %s", what, tjGetErrorStr2(handle));
    }
    return NSKY_OK;
}

nsky_status nsky_jpeg_decode(nsky_picture **out, const void *data, size_t bytes, const char *what,
                             nsky_error *err)
{
    tjhandle handle = tjInitDecompress();
    if (!handle)
        return nsky_fail(err, NSKY_ENOMEM, "cannot start the JPEG decoder");
    nsky_status status = decode(handle, out, data, bytes, what, err);
    tjDestroy(handle);
    return status;
}
