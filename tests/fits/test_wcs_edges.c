/* test_wcs_edges.c - headers that are refused, and positions at the edges of what is possible. */
#include "wcs_support.h"

static const char *const plain[] = {"CD1_1   = -1E-4", "CD2_2   = 1E-4"};

static void check_refused(const char *const *cards, size_t count, size_t shared,
                          nsky_status expected, const char *word)
{
    nsky_error err = NSKY_ERROR_INIT;
    corpus_file file = {0};
    nsky_fits *fits = with_cards(cards, count, shared, &file);
    nsky_wcs *wcs;

    if (nsky_wcs_open(&wcs, fits, &err) != expected)
        fail_msg("%s: %s", word, err.text);
    assert_null(wcs);
    assert_non_null(strstr(err.text, "made up"));
    if (!strstr(err.text, word))
        fail_msg("'%s' is not in: %s", word, err.text);
    nsky_fits_close(fits);
    corpus_free(&file);
}

static void test_refused(void **state)
{
    (void)state;
#define CARDS(...)                      \
    (const char *const[]){__VA_ARGS__}, \
        sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)
#define SCALE "CD1_1   = -1E-4", "CD2_2   = 1E-4"
    check_refused(NULL, 0, 0, NSKY_ENOTFOUND, "does not say");
    check_refused(CARDS("CTYPE1  = 'WAVE'", "CTYPE2  = 'LINEAR'"), 4, NSKY_ENOTFOUND, "not say");
    check_refused(NULL, 0, 6, NSKY_EDATA, "how large");
    check_refused(CARDS("CROTA2  = 3.0"), 6, NSKY_EDATA, "how large");
    check_refused(CARDS("CD1_1   = 0.0", "CD2_2   = 0.0"), 6, NSKY_EDATA, "no area");
    check_refused(CARDS("CDELT1  = 0.0", "CDELT2  = 1E-4"), 6, NSKY_EDATA, "no area");
    check_refused(CARDS("CD1_1   = 1E-4", "CD1_2   = 1E-4", "CD2_1   = 1E-4", "CD2_2   = 1E-4"), 6,
                  NSKY_EDATA, "no area");
    check_refused(CARDS("CTYPE1  = 'GLON-TAN'", "CTYPE2  = 'GLAT-TAN'", SCALE), 4, NSKY_EDATA,
                  "GLON-TAN");
    check_refused(CARDS("RADESYS = 'FK4'", SCALE), 6, NSKY_EDATA, "FK4");
    check_refused(CARDS("EQUINOX = 1950.0", SCALE), 6, NSKY_EDATA, "only equatorial");
    check_refused(CARDS("CTYPE1  = 'RA---XXX'", "CTYPE2  = 'DEC--XXX'", SCALE), 4, NSKY_EDATA,
                  "broken");
    check_refused(CARDS("CTYPE1  = 'RA---TAN'", "CTYPE2  = 'DEC--SIN'", SCALE), 4, NSKY_EDATA,
                  "broken");
    check_refused(CARDS("CTYPE1  = 'RA---TAN'", SCALE), 4, NSKY_EDATA, "only equatorial");
    check_refused(CARDS("CTYPE1  = 'RA---TAN-SIP'", "CTYPE2  = 'DEC--TAN-SIP'", SCALE), 4,
                  NSKY_EDATA, "SIP distortion");
    check_refused(CARDS("CUNIT1  = 'parsec'", SCALE), 6, NSKY_EDATA, "CUNIT");
    check_refused(CARDS("CD1_1   = 'wide'", "CD2_2   = 1E-4"), 6, NSKY_EDATA, "keyword CD1_1");
    check_refused(CARDS("CRPIX1  = NaN", SCALE), 6, NSKY_EDATA, "keyword CRPIX1");
#undef CARDS
#undef SCALE
}

static void test_off_the_projection(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    corpus_file file = {0};
    nsky_fits *fits = with_cards(plain, 2, 6, &file);
    nsky_wcs *wcs;
    nsky_sky sky = {1, 2};
    double x = 7, y = 8;

    assert_ok(nsky_wcs_open(&wcs, fits, &err), err);
    assert_false(nsky_wcs_to_pixel(wcs, (nsky_sky){330, -2}, &x, &y)); /* the other side */
    assert_false(nsky_wcs_to_pixel(wcs, (nsky_sky){NAN, 0}, &x, &y));
    assert_false(nsky_wcs_to_pixel(wcs, (nsky_sky){0, 91}, &x, &y));
    assert_true(x == 7 && y == 8);
    assert_false(nsky_wcs_to_sky(wcs, NAN, 0, &sky));
    assert_false(nsky_wcs_to_sky(wcs, INFINITY, 0, &sky));
    assert_true(sky.ra_deg == 1 && sky.dec_deg == 2);
    nsky_wcs_close(wcs);
    nsky_wcs_close(NULL);
    nsky_fits_close(fits);
    corpus_free(&file);
}

/* Just west of RA 0 is 359.99..., never -0.00... or 360. */
static void test_wraps_at_zero(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    corpus_file file = {0};
    const char *const cards[] = {"CRPIX1  = 50.5",  "CRPIX2  = 40.5",       "CRVAL1  = 0.0",
                                 "CRVAL2  = 89.9",  "CTYPE1  = 'RA---TAN'", "CTYPE2  = 'DEC--TAN'",
                                 "CD1_1   = -1E-4", "CD2_2   = 1E-4"};
    nsky_fits *fits = with_cards(cards, 8, 0, &file);
    nsky_wcs *wcs;

    assert_ok(nsky_wcs_open(&wcs, fits, &err), err);
    for (double x = 49.499; x < 49.501; x += 1e-5) {
        nsky_sky sky;
        double back_x, back_y;
        assert_true(nsky_wcs_to_sky(wcs, x, 39.5, &sky));
        assert_true(nsky_sky_valid(sky) && sky.ra_deg < 360);
        assert_true(nsky_wcs_to_pixel(wcs, sky, &back_x, &back_y));
        assert_true(fabs(back_x - x) < 1e-6);
    }
    nsky_wcs_close(wcs);
    nsky_fits_close(fits);
    corpus_free(&file);
}

static void test_scale_keywords(void **state)
{
    (void)state;
    static const struct {
        const char *card;
        double scale;
    } cases[] = {{"PIXSCALE= 0.3", 0.3}, {"SECPIX  = 0.4", 0.4}, {"HIERARCH PIXELSCALE = 0.5", 0.5},
                 {"PIXSCALE= 0", 0},     {"PIXSCALE= 'x'", 0},   {"OBJECT  = 'x'", 0}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        corpus_file file = {0};
        nsky_fits *fits = with_cards(&cases[i].card, 1, 0, &file);
        double scale = -1;
        assert_int_equal(nsky_wcs_header_scale(fits, &scale), cases[i].scale > 0);
        assert_true(scale == (cases[i].scale > 0 ? cases[i].scale : -1));
        nsky_fits_close(fits);
        corpus_free(&file);
    }
}

static nsky_status open_and_close(void *context, nsky_error *err)
{
    nsky_wcs *wcs;
    nsky_status status = nsky_wcs_open(&wcs, context, err);

    nsky_wcs_close(wcs);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    corpus_file file = {0};
    nsky_fits *fits = with_cards(plain, 2, 6, &file);

    assert_true(exhaust_memory(open_and_close, fits) >= 1);
    nsky_fits_close(fits);
    corpus_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),       cmocka_unit_test(test_off_the_projection),
        cmocka_unit_test(test_wraps_at_zero), cmocka_unit_test(test_scale_keywords),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
