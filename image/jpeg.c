/* jpeg.c - JPEG by TurboJPEG. Thread rule: any thread; every call has a handle of its own. */
#include <assert.h>
#include <limits.h>
#include <turbojpeg.h>

#include "common/memory.h"
#include "image/picture_buffer.h"

nsky_status nsky_picture_to_jpeg(const nsky_picture *picture, int quality, void **out,
                                 size_t *bytes, nsky_error *err)
{
    assert(picture && quality >= 1 && quality <= 100 && out && bytes && err);
    /* Full colour resolution: arcs around red galaxies are thin and blue. */
    const int subsampling = TJSAMP_444;
    int width = (int)picture->width, height = (int)picture->height;
    unsigned long used = tjBufSize(width, height, subsampling);
    unsigned char *buffer = NULL, *trimmed;
    nsky_status status = NSKY_OK;
    tjhandle jpeg = tjInitCompress();

    *out = NULL;
    *bytes = 0;
    if (!jpeg)
        return nsky_fail(err, NSKY_ENOMEM, "JPEG encoder: %s", tjGetErrorStr2(NULL));
    if (!(buffer = nsky_alloc(used, 1, err))) {
        status = err->status;
        goto done;
    }
    if (tjCompress2(jpeg, picture->rgb, width, 0, height, TJPF_RGB, &buffer, &used, subsampling,
                    quality, TJFLAG_NOREALLOC | TJFLAG_ACCURATEDCT) != 0) {
        status = nsky_fail(err, NSKY_EINVAL, "JPEG encoder: %s", tjGetErrorStr2(jpeg));
        goto done;
    }
    if (!(trimmed = nsky_realloc(buffer, used, 1, err))) { /* the bound is ten times the result */
        status = err->status;
        goto done;
    }
    *out = trimmed;
    *bytes = used;
    buffer = NULL;
done:
    nsky_free(buffer);
    tjDestroy(jpeg);
    return status;
}

static nsky_status decode_with(tjhandle jpeg, nsky_picture *picture, const void *data, size_t bytes,
                               const char *what, nsky_error *err)
{
    /* LIMITSCANS: a progressive file may ask for endless passes. Warnings mean lost pixels. */
    const int flags = TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS | TJFLAG_STOPONWARNING;

    if (tjDecompress2(jpeg, data, bytes, picture->rgb, (int)picture->width, 0, (int)picture->height,
                      TJPF_RGB, flags) != 0)
        return nsky_fail(err, NSKY_EDATA, "%s: damaged JPEG: %s", what, tjGetErrorStr2(jpeg));
    return NSKY_OK;
}

nsky_status nsky_jpeg_decode(nsky_picture **out, const void *data, size_t bytes, const char *what,
                             nsky_error *err)
{
    int width = 0, height = 0, subsampling = 0, colours = 0;
    nsky_picture *picture = NULL;
    nsky_status status;
    tjhandle jpeg = tjInitDecompress();

    *out = NULL;
    if (!jpeg)
        return nsky_fail(err, NSKY_ENOMEM, "JPEG decoder: %s", tjGetErrorStr2(NULL));
    if (tjDecompressHeader3(jpeg, data, bytes, &width, &height, &subsampling, &colours) != 0) {
        status = nsky_fail(err, NSKY_EDATA, "%s: damaged JPEG: %s", what, tjGetErrorStr2(jpeg));
        goto done;
    }
    if (colours == TJCS_CMYK || colours == TJCS_YCCK) {
        status =
            nsky_fail(err, NSKY_EDATA, "%s: a JPEG in print colours (CMYK); save it as RGB", what);
        goto done;
    }
    if ((status = nsky_picture_check_size((uint64_t)width, (uint64_t)height, what, err)) !=
            NSKY_OK ||
        (status = nsky_picture_new(&picture, (uint32_t)width, (uint32_t)height, err)) != NSKY_OK ||
        (status = decode_with(jpeg, picture, data, bytes, what, err)) != NSKY_OK)
        goto done;
    *out = picture;
    picture = NULL;
done:
    nsky_picture_free(picture);
    tjDestroy(jpeg);
    return status;
}
