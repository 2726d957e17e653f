/* png.c - PNG through libpng's simplified interface, which reports errors instead of jumping.
 * Each call stands alone: any thread. */
#include <assert.h>
#include <png.h>
#include <string.h>

#include "common/memory.h"
#include "image/codec_private.h"

bool nsky_picture_is_png(const void *data, size_t bytes)
{
    return bytes >= 8 && memcmp(data, "\x89PNG\r\n\x1a\n", 8) == 0;
}

nsky_status nsky_picture_to_png(const nsky_picture *picture, void **out, size_t *bytes,
                                nsky_error *err)
{
    assert(picture && out && bytes && err);
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = picture->width,
                       .height = picture->height,
                       .format = PNG_FORMAT_RGB};
    png_alloc_size_t length = PNG_IMAGE_PNG_SIZE_MAX(image); /* an upper bound, known beforehand */
    *out = nsky_alloc(length, 1, err);
    if (!*out)
        return err->status;
    if (!png_image_write_to_memory(&image, *out, &length, 0, picture->rgb, 0, NULL)) {
        nsky_free(*out);
        *out = NULL;
        return nsky_fail(err, NSKY_EDATA, "cannot encode a PNG: %s", image.message);
    }
    *bytes = length;
    return NSKY_OK;
}

nsky_status nsky_png_decode(nsky_picture **out, const void *data, size_t bytes, const char *what,
                            nsky_error *err)
{
    png_image image = {.version = PNG_IMAGE_VERSION};
    const png_color black = {0, 0, 0};
    if (!png_image_begin_read_from_memory(&image, data, bytes))
        return nsky_fail(err, NSKY_EDATA, "%s: not a readable PNG: %s", what, image.message);
    if (image.width > NSKY_PICTURE_SIDE_MAX || image.height > NSKY_PICTURE_SIDE_MAX) {
        png_image_free(&image);
        return nsky_fail(err, NSKY_ELIMIT, "%s: %u x %u pixels; at most %d a side", what,
                         image.width, image.height, NSKY_PICTURE_SIDE_MAX);
    }
    image.format = PNG_FORMAT_RGB;
    /* Without this 16-bit files count as linear light and come out brighter than they look. */
    image.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
    nsky_status status = nsky_picture_new(out, image.width, image.height, err);
    if (status == NSKY_OK && !png_image_finish_read(&image, &black, (*out)->rgb, 0, NULL)) {
        status = nsky_fail(err, NSKY_EDATA, "%s: a damaged PNG: %s", what, image.message);
        nsky_picture_free(*out);
        *out = NULL;
    }
    png_image_free(&image);
    return status;
}
