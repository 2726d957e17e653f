/* codec_support.h - pictures to encode, and files of kinds that nearsky itself does not write. */
#ifndef NSKY_TESTS_IMAGE_CODEC_SUPPORT_H
#define NSKY_TESTS_IMAGE_CODEC_SUPPORT_H

#include <png.h>
#include <turbojpeg.h>

#include "image/codec.h"
#include "support.h"

/* A smooth picture with something in it. */
static inline nsky_picture *scene(uint32_t width, uint32_t height)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_picture *picture;

    assert_ok(nsky_picture_new(&picture, width, height, &err), err);
    for (uint32_t i = 0; i < width * height * 3; i++) {
        float x = (float)(i / 3 % width) - (float)width / 3;
        float y = (float)(i / 3 / width) - (float)height / 2;
        float glow = 200 * expf(-(x * x + y * y) / 60);
        picture->rgb[i] = (uint8_t)(20 + glow * (0.4f + 0.3f * (float)(i % 3)));
    }
    return picture;
}

/* --- PNG of other kinds, by libpng --- */

typedef struct sink {
    uint8_t bytes[65536];
    size_t count;
} sink;

static inline void to_sink(png_structp png, png_bytep data, size_t count)
{
    sink *s = png_get_io_ptr(png);
    assert_true(s->count + count <= sizeof s->bytes);
    memcpy(s->bytes + s->count, data, count);
    s->count += count;
}

/* 9 x 5 pixels; samples are what `sample` says, scaled to the depth. */
static inline void make_png(sink *s, int colour, int depth, int interlace)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_color palette[16];
    uint8_t rows[5][9 * 8], *pointers[5];
    int channels = colour == PNG_COLOR_TYPE_RGB          ? 3
                   : colour == PNG_COLOR_TYPE_RGB_ALPHA  ? 4
                   : colour == PNG_COLOR_TYPE_GRAY_ALPHA ? 2
                                                         : 1;
    s->count = 0;
    memset(rows, 0, sizeof rows);
    for (int i = 0; i < 16; i++)
        palette[i] = (png_color){(png_byte)(i * 17), (png_byte)(255 - i * 17), 7};
    for (int y = 0; y < 5; y++) {
        pointers[y] = rows[y];
        for (int i = 0; i < 9 * channels; i++) {
            int level = (y * 9 + i / channels) % 16 >> (depth < 4 ? 4 - depth : 0);
            if (depth == 16)
                rows[y][2 * i] = rows[y][2 * i + 1] = (uint8_t)(level * 17);
            else if (depth == 8)
                rows[y][i] = (uint8_t)(colour == PNG_COLOR_TYPE_PALETTE ? level : level * 17);
            else
                rows[y][i * depth / 8] |= (uint8_t)(level << (8 - depth - i * depth % 8));
        }
    }
    png_set_write_fn(png, s, to_sink, NULL);
    png_set_IHDR(png, info, 9, 5, depth, colour, interlace, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    if (colour == PNG_COLOR_TYPE_PALETTE)
        png_set_PLTE(png, info, palette, depth < 4 ? 1 << depth : 16);
    png_set_gAMA(png, info, 1.0); /* asks for other brightness: not followed */
    png_write_info(png, info);
    png_write_image(png, pointers);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
}

/* --- JPEG of other kinds, by TurboJPEG --- */

static inline size_t make_jpeg(unsigned char **bytes, int format, int subsampling, int flags)
{
    static uint8_t pixels[64 * 48 * 4];
    unsigned long count = 0;
    tjhandle jpeg = tjInitCompress();

    for (int i = 0; i < 64 * 48 * 4; i++)
        pixels[i] = (uint8_t)(i / 64);
    *bytes = NULL;
    assert_int_equal(
        tjCompress2(jpeg, pixels, 64, 0, 48, format, bytes, &count, subsampling, 80, flags), 0);
    tjDestroy(jpeg);
    return count;
}

#endif
