/* test_writer.c - what is written reads back, and is the same every time. */
#include "fits/wcs.h"
#include "writer_support.h"

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
        cmocka_unit_test(test_stamp_as_cutout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
