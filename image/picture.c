/* picture.c - 8-bit colour buffers, and telling JPEG from PNG. Thread rule: any thread. */
#include "image/codec.h"

#include <assert.h>
#include <string.h>

#include "common/memory.h"
#include "image/picture_buffer.h"

nsky_status nsky_picture_check_size(uint64_t width, uint64_t height, const char *what,
                                    nsky_error *err)
{
    if (width == 0 || height == 0)
        return nsky_fail(err, NSKY_EDATA, "%s: a picture without pixels", what);
    if (width > NSKY_PICTURE_SIDE_MAX || height > NSKY_PICTURE_SIDE_MAX ||
        width * height > NSKY_PICTURE_PIXELS_MAX)
        return nsky_fail(
            err, NSKY_ELIMIT,
            "%s: %llu x %llu pixels are too many; cut it to %d a side and %d megapixels", what,
            (unsigned long long)width, (unsigned long long)height, NSKY_PICTURE_SIDE_MAX,
            NSKY_PICTURE_PIXELS_MAX / 1000000);
    return NSKY_OK;
}

nsky_status nsky_picture_new(nsky_picture **out, uint32_t width, uint32_t height, nsky_error *err)
{
    assert(out && err);
    *out = NULL;
    nsky_status status = nsky_picture_check_size(width, height, "new picture", err);
    if (status != NSKY_OK)
        return status;

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

bool nsky_picture_is_jpeg(const void *data, size_t bytes)
{
    return bytes >= 3 && memcmp(data, "\xff\xd8\xff", 3) == 0;
}

bool nsky_picture_is_png(const void *data, size_t bytes)
{
    return bytes >= 8 && memcmp(data, "\x89PNG\r\n\x1a\n", 8) == 0;
}

nsky_status nsky_picture_decode(nsky_picture **out, const void *data, size_t bytes,
                                const char *what, nsky_error *err)
{
    assert(out && (data || bytes == 0) && what && err);
    *out = NULL;
    if (nsky_picture_is_jpeg(data, bytes))
        return nsky_jpeg_decode(out, data, bytes, what, err);
    if (nsky_picture_is_png(data, bytes))
        return nsky_png_decode(out, data, bytes, what, err);
    return nsky_fail(err, NSKY_EDATA, "%s: neither JPEG nor PNG; convert it to one of them", what);
}
