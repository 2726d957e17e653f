/* test_writer.c - what is written reads back, is the same every time, and is whole or absent. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "fits/wcs.h"
#include "fits/writer.h"
#include "support.h"

enum { WIDTH = 50, HEIGHT = 40, PLANES = 3 };

/* Noise of sigma 0.01 around a star, rows of zeros, and missing pixels and rows if wanted. */
static float *make_pixels(bool missing)
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

static nsky_fits_image image_of(const float *pixels, nsky_fits_compression compression)
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
static nsky_status write_all(nsky_fits_writer *writer, const nsky_fits_image *image,
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

static nsky_status in_memory(void **data, size_t *bytes, const nsky_fits_image *image,
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

static void check_image(nsky_fits *fits, uint32_t hdu_index, const float *pixels, uint64_t planes,
                        bool lossy)
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

static void check_keys_and_table(nsky_fits *fits, uint32_t first)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_fits_hdu hdu;
    char text[40], names[3][16];
    double real = 0, reals[3];
    int64_t whole = 0, wholes[3];

    assert_ok(nsky_fits_select(fits, first, &hdu, &err), err);
    assert_string_equal(hdu.name, "SKY");
    assert_true(nsky_fits_key_string(fits, "FILTER", text, sizeof text));
    assert_string_equal(text, "it's g");
    assert_true(nsky_fits_key_double(fits, "MAGZERO", &real) && real == 22.5);
    assert_false(nsky_fits_key_double(fits, "UNKNOWN", &real));
    assert_true(nsky_fits_key_integer(fits, "NGAL", &whole) && whole == -9007199254740993);
    assert_ok(nsky_fits_select(fits, first + 1, &hdu, &err), err);
    assert_string_equal(hdu.name, "CAT");
    assert_ok(nsky_fits_read_doubles(fits, "RA", 0, 3, reals, &err), err);
    assert_true(reals[0] == 1.5 && isnan(reals[1]) && reals[2] == -3);
    assert_ok(nsky_fits_read_doubles(fits, "FLUX", 0, 3, reals, &err), err);
    assert_true(reals[0] == 0.5);
    assert_ok(nsky_fits_read_integers(fits, "ID", 0, 3, wholes, &err), err);
    assert_true(wholes[1] == -5 && wholes[2] == INT64_MAX);
    assert_ok(nsky_fits_read_strings(fits, "NAME", 0, 3, names[0], sizeof names[0], &err), err);
    assert_string_equal(names[0], "a");
    assert_string_equal(names[1], "longer than");
    assert_string_equal(names[2], "caf??"); /* FITS text is ASCII */
    assert_ok(nsky_fits_select(fits, first + 2, &hdu, &err), err);
    assert_int_equal(hdu.rows, 0);
}

static void check_round_trip(nsky_fits_compression compression, bool missing)
{
    nsky_error err = NSKY_ERROR_INIT;
    float *pixels = make_pixels(missing);
    nsky_fits_image image = image_of(pixels, compression);
    uint32_t first = compression == NSKY_FITS_RICE; /* an empty primary goes before tables */
    void *data, *again;
    size_t bytes, bytes_again;
    nsky_fits *fits;
    nsky_fits_hdu hdu;
    nsky_wcs *wcs;
    nsky_sky sky;

    assert_ok(in_memory(&data, &bytes, &image, &err), err);
    assert_int_equal(bytes % 2880, 0);
    assert_ok(nsky_fits_open_memory(&fits, data, bytes, "written", &err), err);
    assert_int_equal(nsky_fits_hdu_count(fits), first + 4);
    check_image(fits, first, pixels, PLANES, compression == NSKY_FITS_RICE);
    check_image(fits, first + 3, pixels, 1, false);
    check_keys_and_table(fits, first);

    assert_ok(nsky_fits_select(fits, first, &hdu, &err), err);
    assert_ok(nsky_wcs_open(&wcs, fits, &err), err);
    assert_true(fabs(nsky_wcs_scale_arcsec_px(wcs) - 0.262) < 1e-9);
    assert_true(nsky_wcs_to_sky(wcs, (WIDTH - 1) / 2.0, (HEIGHT - 1) / 2.0, &sky));
    assert_true(nsky_sky_separation_deg(sky, *image.centre) < 1e-10);
    assert_false(nsky_wcs_is_mirrored(wcs));
    nsky_wcs_close(wcs);
    nsky_fits_close(fits);

    assert_ok(in_memory(&again, &bytes_again, &image, &err), err);
    assert_int_equal(bytes, bytes_again);
    assert_memory_equal(data, again, bytes);
    nsky_free(again);
    nsky_free(data);
    free(pixels);
}

static void test_round_trips(void **state)
{
    (void)state;
    check_round_trip(NSKY_FITS_PLAIN, false);
    check_round_trip(NSKY_FITS_PLAIN, true);
    check_round_trip(NSKY_FITS_RICE, false);
    check_round_trip(NSKY_FITS_RICE, true);
}

static void test_no_date_anywhere(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    float *pixels = make_pixels(false);
    nsky_fits_image image = image_of(pixels, NSKY_FITS_RICE);
    void *data;
    size_t bytes;

    assert_ok(in_memory(&data, &bytes, &image, &err), err);
    for (size_t i = 0; i < bytes; i += 80) {
        const char *card = (const char *)data + i;
        assert_true(memcmp(card, "DATE", 4) != 0);
        assert_true(memcmp(card, "CHECKSUM", 8) != 0);
    }
    nsky_free(data);
    free(pixels);
}

static void count_files(const char *folder, size_t expected)
{
    nsky_error err = NSKY_ERROR_INIT;
    char **names;
    size_t count;

    assert_ok(nsky_directory_list(&names, &count, folder, &err), err);
    assert_int_equal(count, expected);
    nsky_free(names);
}

static void test_files_are_whole_or_absent(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    float *pixels = make_pixels(false);
    nsky_fits_image image = image_of(pixels, NSKY_FITS_RICE);
    char folder[64], path[128];
    nsky_fits_writer *writer;
    nsky_fits *fits;
    void *data, *on_disk;
    size_t bytes, disk_bytes;

    temporary_begin(folder);
    snprintf(path, sizeof path, "%s/a[1:2].fits.fz", folder); /* a name like any other */
    assert_ok(nsky_fits_create(&writer, path, &err), err);
    assert_ok(write_all(writer, &image, &err), err);
    assert_false(nsky_file_exists(path));
    nsky_fits_discard(writer);
    nsky_fits_discard(NULL);
    count_files(folder, 0);

    assert_ok(nsky_fits_create(&writer, path, &err), err);
    assert_ok(write_all(writer, &image, &err), err);
    assert_ok(nsky_fits_finish(writer, &err), err);
    count_files(folder, 1);
    assert_ok(nsky_fits_open(&fits, path, &err), err);
    check_image(fits, 1, pixels, PLANES, true);
    nsky_fits_close(fits);

    assert_ok(in_memory(&data, &bytes, &image, &err), err); /* the same bytes in memory */
    assert_ok(nsky_file_read(&on_disk, &disk_bytes, path, 1u << 24, &err), err);
    assert_int_equal(bytes, disk_bytes);
    assert_memory_equal(data, on_disk, bytes);
    nsky_free(on_disk);
    nsky_free(data);

    assert_ok(nsky_fits_create(&writer, path, &err), err); /* replacing */
    image.compression = NSKY_FITS_PLAIN;
    assert_ok(nsky_fits_append_image(writer, &image, &err), err);
    assert_ok(nsky_fits_finish(writer, &err), err);
    count_files(folder, 1);
    assert_ok(nsky_fits_open(&fits, path, &err), err);
    check_image(fits, 0, pixels, PLANES, false);
    nsky_fits_close(fits);
    temporary_end(folder);
    free(pixels);
}

static void test_failures(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_fits_writer *writer;
    float *pixels = make_pixels(false);
    nsky_fits_image image = image_of(pixels, NSKY_FITS_PLAIN);
    double real = 1;
    nsky_fits_column column = {.name = "X", .doubles = &real};
    char folder[64], path[2000];
    void *data;
    size_t bytes;

    assert_status(nsky_fits_create(&writer, "/nonexistent/x.fits", &err), NSKY_EIO, err);
    assert_null(writer);
    memset(path, 'x', sizeof path);
    path[sizeof path - 1] = '\0';
    assert_status(nsky_fits_create(&writer, path, &err), NSKY_EIO, err);

    assert_ok(nsky_fits_create_memory(&writer, &err), err); /* a broken writer publishes nothing */
    assert_ok(nsky_fits_append_image(writer, &image, &err), err);
    assert_status(nsky_fits_append_table(writer, NULL, &column, 0, 1, &err), NSKY_ELIMIT, err);
    assert_status(nsky_fits_finish_memory(writer, &data, &bytes, &err), NSKY_EINVAL, err);
    assert_null(data);

    temporary_begin(folder); /* a directory is in the way of the rename */
    snprintf(path, sizeof path, "%s/taken", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_ok(nsky_fits_create(&writer, path, &err), err);
    assert_ok(nsky_fits_append_image(writer, &image, &err), err);
    assert_status(nsky_fits_finish(writer, &err), NSKY_EIO, err);
    count_files(folder, 1);
    temporary_end(folder);
    free(pixels);
}

/* No room on disk, played by a limit on file sizes. CFITSIO forgets some failed writes; we do not.
 */
static void test_disk_full(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    struct rlimit old, small;
    char folder[64], path[128];
    nsky_fits_writer *writer;
    nsky_fits_image image = {.width = 1000, .height = 1000, .planes = 1};
    float *pixels = calloc(1000 * 1000, sizeof *pixels);

    assert_non_null(pixels);
    image.pixels = pixels;
    signal(SIGXFSZ, SIG_IGN);
    temporary_begin(folder);
    snprintf(path, sizeof path, "%s/full.fits", folder);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 3u << 20;
    assert_ok(nsky_fits_create(&writer, path, &err), err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    nsky_status status = nsky_fits_append_image(writer, &image, &err);
    if (status == NSKY_OK)
        status = nsky_fits_finish(writer, &err);
    else
        nsky_fits_discard(writer);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(status, NSKY_EIO);
    assert_non_null(strstr(err.text, path));
    count_files(folder, 0);
    temporary_end(folder);
    free(pixels);
}

static nsky_status write_and_free(void *context, nsky_error *err)
{
    void *data;
    size_t bytes;
    nsky_status status = in_memory(&data, &bytes, context, err);

    nsky_free(data);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    float *pixels = make_pixels(true);
    nsky_fits_image image = image_of(pixels, NSKY_FITS_RICE);

    assert_true(exhaust_memory(write_and_free, &image) >= 10);
    free(pixels);
}

static void test_stamp_as_cutout(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_sky centre = {10.5, 41.25};
    nsky_stamp *stamp;
    nsky_fits *fits;
    nsky_fits_hdu hdu;
    void *data;
    size_t bytes;
    char text[40];
    double scale;
    float got;

    assert_ok(nsky_stamp_new(&stamp, 7, 5, 0.262f, &err), err);
    strcpy(stamp->bands, "gri");
    stamp->flags = NSKY_STAMP_BAND_REPLACED;
    nsky_stamp_band(stamp, 2)[7 * 3 + 4] = 2.5f;
    for (int with = 0; with < 2; with++) {
        assert_ok(
            nsky_fits_from_stamp(&data, &bytes, stamp, with ? &centre : NULL, "cut by hand", &err),
            err);
        assert_ok(nsky_fits_open_memory(&fits, data, bytes, "cutout", &err), err);
        assert_ok(nsky_fits_select(fits, 0, &hdu, &err), err);
        assert_int_equal(hdu.axes, 3);
        assert_int_equal(hdu.size[0], 7);
        assert_int_equal(hdu.size[1], 5);
        assert_int_equal(hdu.size[2], 3);
        assert_true(nsky_fits_key_string(fits, "BANDS", text, sizeof text));
        assert_string_equal(text, "gri");
        assert_true(nsky_fits_key_string(fits, "BAND2", text, sizeof text));
        assert_string_equal(text, "i");
        assert_true(nsky_wcs_header_scale(fits, &scale));
        assert_true(fabs(scale - 0.262) < 1e-12); /* not 0.26199999 */
        assert_ok(nsky_fits_read_box(fits, 2, 4, 3, 1, 1, &got, &err), err);
        assert_true(got == 2.5f);
        assert_ok(nsky_fits_read_box(fits, 0, 0, 0, 1, 1, &got, &err), err);
        assert_true(isnan(got));
        assert_non_null(memmem(data, bytes, "HISTORY i stands in for z", 25));
        assert_non_null(memmem(data, bytes, "HISTORY cut by hand", 19));
        nsky_fits_close(fits);
        nsky_free(data);
    }
    nsky_stamp_free(stamp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_no_date_anywhere),
        cmocka_unit_test(test_files_are_whole_or_absent),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_disk_full),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_stamp_as_cutout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
