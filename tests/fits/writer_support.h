/* writer_support.h - a file with every kind of HDU, written, and its images looked at again. */
#ifndef NSKY_TESTS_FITS_WRITER_SUPPORT_H
#define NSKY_TESTS_FITS_WRITER_SUPPORT_H

#include "fits/writer.h"
#include "support.h"

enum { WIDTH = 50, HEIGHT = 40, PLANES = 3 };

/* Noise of sigma 0.01 around a star, rows of zeros, and missing pixels and rows if wanted. */
static inline float *make_pixels(bool missing)
{
    float *pixels = malloc(sizeof *pixels * WIDTH * HEIGHT * PLANES);

    assert_non_null(pixels);
    for (int i = 0; i < WIDTH * HEIGHT * PLANES; i++) {
        int x = i % WIDTH, y = i / WIDTH % HEIGHT;
        uint32_t h = (uint32_t)i * 2654435761u;
        float noise = 0;
        for (int k = 0; k < 4; k++)
            noise += (float)(h >> (8 * k) & 255) / 256.0f - 0.5f;
        pixels[i] = 0.017f * noise + 5.0f / (float)(1 + (x - 25) * (x - 25) + (y - 20) * (y - 20));
        if (y == 5)
            pixels[i] = 0;
        if (missing && (y == 6 || i % 37 == 3))
            pixels[i] = NAN;
    }
    return pixels;
}

static inline nsky_fits_image image_of(const float *pixels, nsky_fits_compression compression)
{
    static const nsky_sky centre = {150.116321, -2.2058};

    return (nsky_fits_image){.pixels = pixels,
                             .width = WIDTH,
                             .height = HEIGHT,
                             .planes = PLANES,
                             .centre = &centre,
                             .scale_arcsec_px = 0.262,
                             .extname = "SKY",
                             .compression = compression};
}

/* An image, a table, another image: as many kinds of HDU as there are. */
static inline nsky_status write_all(nsky_fits_writer *writer, const nsky_fits_image *image,
                                    nsky_error *err)
{
    static const double reals[] = {1.5, NAN, -3};
    static const float singles[] = {0.5f, 2, 3};
    static const int64_t wholes[] = {1, -5, INT64_MAX};
    static const char *const texts[] = {"a", "longer than", "caf\xc3\xa9"};
    const nsky_fits_column columns[] = {
        {.name = "RA", .unit = "deg", .doubles = reals},
        {.name = "FLUX", .floats = singles},
        {.name = "ID", .integers = wholes},
        {.name = "NAME", .strings = texts},
    };
    nsky_fits_image plain = *image;
    nsky_status status;

    plain.compression = NSKY_FITS_PLAIN;
    plain.planes = 1;
    plain.centre = NULL;
    plain.extname = NULL;
    if ((status = nsky_fits_append_image(writer, image, err)) != NSKY_OK ||
        (status = nsky_fits_put_string(writer, "FILTER", "it's g", "the band", err)) != NSKY_OK ||
        (status = nsky_fits_put_double(writer, "MAGZERO", 22.5, "zero point", err)) != NSKY_OK ||
        (status = nsky_fits_put_double(writer, "UNKNOWN", NAN, NULL, err)) != NSKY_OK ||
        (status = nsky_fits_put_integer(writer, "NGAL", -9007199254740993, NULL, err)) != NSKY_OK ||
        (status = nsky_fits_append_table(writer, "CAT", columns, 4, 3, err)) != NSKY_OK ||
        (status = nsky_fits_append_table(writer, "NONE", columns, 4, 0, err)) != NSKY_OK)
        return status;
    return nsky_fits_append_image(writer, &plain, err);
}

static inline nsky_status in_memory(void **data, size_t *bytes, const nsky_fits_image *image,
                                    nsky_error *err)
{
    nsky_fits_writer *writer;
    nsky_status status = nsky_fits_create_memory(&writer, err);

    *data = NULL;
    if (status != NSKY_OK)
        return status;
    if ((status = write_all(writer, image, err)) != NSKY_OK) {
        nsky_fits_discard(writer);
        return status;
    }
    return nsky_fits_finish_memory(writer, data, bytes, err);
}

static inline void check_image(nsky_fits *fits, uint32_t hdu_index, const float *pixels,
                               uint64_t planes, bool lossy)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_fits_hdu hdu;
    float got[WIDTH * HEIGHT];

    assert_ok(nsky_fits_select(fits, hdu_index, &hdu, &err), err);
    assert_int_equal(hdu.kind, NSKY_FITS_IMAGE);
    assert_int_equal(hdu.axes, planes > 1 ? 3 : 2);
    for (uint64_t z = 0; z < planes; z++) {
        assert_ok(nsky_fits_read_box(fits, z, 0, 0, WIDTH, HEIGHT, got, &err), err);
        for (size_t i = 0; i < WIDTH * HEIGHT; i++) {
            float want = pixels[z * WIDTH * HEIGHT + i];
            bool ok = lossy ? fabsf(got[i] - want) < 0.003f : got[i] == want;
            if (want == 0)
                ok = got[i] == 0; /* exact zeros stay exact */
            if (!(isnan(want) ? isnan(got[i]) : ok))
                fail_msg("HDU %u plane %d pixel %zu: %.9g instead of %.9g", hdu_index, (int)z, i,
                         (double)got[i], (double)want);
        }
    }
}

#endif
