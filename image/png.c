/* png.c - PNG by libpng, which reports errors by longjmp.
 *
 * Everything that must survive the jump lives in one struct set up before setjmp and changed only
 * through its pointer; the function that calls setjmp has no other locals that change. Thread rule:
 * any thread; every call stands alone.
 */
#include <assert.h>
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "common/memory.h"
#include "image/picture_buffer.h"

#define CHUNK_BYTES_MAX (1u << 20) /* of a text or profile chunk, also once decompressed */
#define CHUNKS_MAX 64

typedef struct png_job {
    jmp_buf failed;
    nsky_error *err;
    const char *what;
    nsky_status status;

    const uint8_t *data; /* reading */
    size_t bytes, used;
    uint8_t *out; /* writing */
    size_t out_bytes, out_room;
    nsky_picture *picture;
} png_job;

/* The one way out for anything that goes wrong inside libpng's callbacks. */
static _Noreturn void on_error(png_structp png, png_const_charp message)
{
    png_job *job = png_get_error_ptr(png);

    if (job->status == NSKY_OK) /* not described yet by one of our own callbacks */
        job->status = nsky_fail(job->err, NSKY_EDATA, "%s: damaged PNG: %s", job->what, message);
    longjmp(job->failed, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png; /* odd colour profiles and the like: the pixels are what counts */
    (void)message;
}

static void read_bytes(png_structp png, png_bytep to, size_t count)
{
    png_job *job = png_get_io_ptr(png);

    if (count > job->bytes - job->used)
        png_error(png, "it is cut short");
    memcpy(to, job->data + job->used, count);
    job->used += count;
}

static void write_bytes(png_structp png, png_bytep from, size_t count)
{
    png_job *job = png_get_io_ptr(png);

    if (count > job->out_room - job->out_bytes) {
        size_t room = 2 * job->out_room + count + 4096;
        uint8_t *grown = nsky_realloc(job->out, room, 1, job->err);
        if (!grown) {
            job->status = job->err->status;
            png_error(png, "out of memory");
        }
        job->out = grown;
        job->out_room = room;
    }
    memcpy(job->out + job->out_bytes, from, count);
    job->out_bytes += count;
}

static void flush_nothing(png_structp png)
{
    (void)png;
}

/* Whatever the file holds, rows come out as 8-bit RGB. */
static void ask_for_rgb(png_structp png, png_infop info)
{
    int colour = png_get_color_type(png, info);

    if (colour == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(png);
    if (!(colour & PNG_COLOR_MASK_COLOR)) {
        png_set_expand_gray_1_2_4_to_8(png);
        png_set_gray_to_rgb(png);
    }
    if (png_get_bit_depth(png, info) == 16)
        png_set_scale_16(png);
    png_set_strip_alpha(png);
}

static void read_image(png_structp png, png_infop info, png_job *job)
{
    png_read_info(png, info);
    uint32_t width = png_get_image_width(png, info), height = png_get_image_height(png, info);

    job->status = nsky_picture_check_size(width, height, job->what, job->err);
    if (job->status == NSKY_OK)
        job->status = nsky_picture_new(&job->picture, width, height, job->err);
    if (job->status != NSKY_OK)
        png_error(png, "refused");

    ask_for_rgb(png, info);
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    if (png_get_rowbytes(png, info) != (size_t)width * 3)
        png_error(png, "unexpected pixel format");
    for (int pass = 0; pass < passes; pass++)
        for (uint32_t y = 0; y < height; y++)
            png_read_row(png, job->picture->rgb + (size_t)y * width * 3, NULL);
    png_read_end(png, NULL);
}

static uint32_t big_endian(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* IHDR comes first in every PNG: its claims are checked before libpng is asked anything. */
static nsky_status check_claims(const uint8_t *data, size_t bytes, const char *what,
                                nsky_error *err)
{
    if (bytes < 24 || memcmp(data + 12, "IHDR", 4) != 0)
        return nsky_fail(err, NSKY_EDATA, "%s: damaged PNG: it has no header", what);
    return nsky_picture_check_size(big_endian(data + 16), big_endian(data + 20), what, err);
}

/* Creation may also fail by on_error, hence the struct filled in by reference. */
nsky_status nsky_png_decode(nsky_picture **out, const void *data, size_t bytes, const char *what,
                            nsky_error *err)
{
    png_job job = {.err = err, .what = what, .data = data, .bytes = bytes};
    png_structp volatile png = NULL;
    png_infop volatile info = NULL;

    *out = NULL;
    nsky_status claims = check_claims(data, bytes, what, err);
    if (claims != NSKY_OK)
        return claims;
    if (setjmp(job.failed) == 0) {
        png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &job, on_error, on_warning);
        if (png)
            info = png_create_info_struct(png);
        if (!info) {
            job.status = nsky_fail(err, NSKY_ENOMEM, "%s: out of memory for the PNG decoder", what);
        } else {
            png_set_user_limits(png, NSKY_PICTURE_SIDE_MAX, NSKY_PICTURE_SIDE_MAX);
            png_set_chunk_malloc_max(png, CHUNK_BYTES_MAX);
            png_set_chunk_cache_max(png, CHUNKS_MAX);
            png_set_read_fn(png, &job, read_bytes);
            read_image(png, info, &job);
        }
    }
    png_structp png_done = png;
    png_infop info_done = info;
    png_destroy_read_struct(&png_done, &info_done, NULL);
    if (job.status != NSKY_OK) {
        nsky_picture_free(job.picture);
        return job.status;
    }
    *out = job.picture;
    return NSKY_OK;
}

static void write_image(png_structp png, png_infop info, const nsky_picture *picture)
{
    png_set_IHDR(png, info, picture->width, picture->height, 8, PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_compression_level(png, 6);
    png_write_info(png, info);
    for (uint32_t y = 0; y < picture->height; y++)
        png_write_row(png, picture->rgb + (size_t)y * picture->width * 3);
    png_write_end(png, NULL); /* no info: no time stamp, same picture, same bytes */
}

nsky_status nsky_picture_to_png(const nsky_picture *picture, void **out, size_t *bytes,
                                nsky_error *err)
{
    assert(picture && out && bytes && err);
    png_job job = {.err = err, .what = "PNG encoder"};
    png_structp volatile png = NULL;
    png_infop volatile info = NULL;

    *out = NULL;
    *bytes = 0;
    if (setjmp(job.failed) == 0) {
        png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &job, on_error, on_warning);
        if (png)
            info = png_create_info_struct(png);
        if (!info) {
            job.status = nsky_fail(err, NSKY_ENOMEM, "out of memory for the PNG encoder");
        } else {
            png_set_write_fn(png, &job, write_bytes, flush_nothing);
            write_image(png, info, picture);
        }
    }
    png_structp png_done = png;
    png_infop info_done = info;
    png_destroy_write_struct(&png_done, &info_done);
    if (job.status != NSKY_OK) {
        nsky_free(job.out);
        return job.status;
    }
    *out = job.out;
    *bytes = job.out_bytes;
    return NSKY_OK;
}
