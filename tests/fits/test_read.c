/* test_read.c - pixels and keywords of real files, against astropy 5.2's reading of them. */
#include "support.h"

typedef struct pixel_case {
    const char *file;
    uint32_t hdu;
    uint64_t plane, x, y;
    float value;
} pixel_case;

/* fits.getdata(file, hdu)[plane, y, x] */
static const pixel_case pixels[] = {
    {"legacysurvey/cubes/dr9_lens_J2351-5452.fits", 0, 1, 193, 131, -0.0006470216f},
    {"legacysurvey/cubes/dr9_lens_J2351-5452.fits", 0, 2, 36, 8, -1.8272875e-05f},
    {"legacysurvey/cubes/zoo_example.fits", 0, 2, 105, 402, -5.8600494e-05f},
    {"legacysurvey/cubes/zoo_example.fits", 0, 0, 179, 368, -0.001442229f},
    {"legacysurvey/cubes/zoo_temp_small.fits", 0, 0, 57, 186, 0.010333534f},
    {"legacysurvey/cubes/zoo_temp_small.fits", 0, 1, 123, 144, 0.042872954f},
    {"legacysurvey/edge_cases/DR9_multiHDU_image_invvar.fits", 3, 0, 7, 21, 0.0014648435f},
    {"legacysurvey/edge_cases/DR9_multiHDU_image_invvar.fits", 3, 0, 192, 221, 0.0023156495f},
    {"legacysurvey/edge_cases/DR9_multiHDU_image_invvar.fits", 6, 0, 137, 214, 12673.292f},
    {"legacysurvey/edge_cases/DR9_multiHDU_image_invvar.fits", 6, 0, 84, 209, 12606.473f},
    {"legacysurvey/edge_cases/bad_pix.fits", 0, 1, 52, 334, -0.009028688f},
    {"legacysurvey/edge_cases/bad_pix.fits", 0, 0, 192, 52, 0.0f},
    {"ps1_lenses/cubes/lensed_quasar__PSJ1800_0146.fits", 0, 2, 36, 12, 0.037255716f},
    {"ps1_lenses/cubes/lensed_quasar__PSJ1800_0146.fits", 0, 1, 19, 86, -0.00500756f},
    {"ps1_lenses/native_5band/B1422_231_g.fits", 0, 0, 31, 60, 48.703953f},
    {"ps1_lenses/native_5band/B1422_231_g.fits", 0, 0, 90, 2, 554.23676f},
    {"ps1_lenses/native_5band/HAHJ0137-0827_z.fits", 0, 0, 33, 7, 90.16298f},
    {"ps1_lenses/native_5band/HAHJ0137-0827_z.fits", 0, 0, 58, 59, 1008.9078f},
    {"kids_galaxies/cubes/KV00015.fits", 0, 0, 53, 70, 0.0024264415f},
    {"kids_galaxies/cubes/KV00015.fits", 0, 2, 52, 6, 0.008726327f},
    {"des_red_galaxies/grz_nmgy_cubes/des_lrg_00.fits", 0, 0, 84, 49, -0.002600882f},
    {"des_red_galaxies/grz_nmgy_cubes/des_lrg_00.fits", 0, 0, 14, 66, 2.0100415e-05f},
    {"challenge_mock/ground_based/lens/Band1/imageSDSS_R-100002.fits", 0, 0, 97, 32,
     3.1069067e-12f},
    {"challenge_mock/ground_based/lens/Band1/imageSDSS_R-100002.fits", 0, 0, 52, 42,
     8.5633453e-13f},
};

static void test_pixels_of_surveys(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;

    for (size_t i = 0; i < sizeof pixels / sizeof *pixels; i++) {
        const pixel_case *c = &pixels[i];
        const char *path = data_file(c->file);
        nsky_fits *fits;
        nsky_fits_hdu hdu;
        float value;
        if (!path)
            skip();
        assert_ok(nsky_fits_open(&fits, path, &err), err);
        assert_ok(nsky_fits_select(fits, c->hdu, &hdu, &err), err);
        assert_int_equal(hdu.kind, NSKY_FITS_IMAGE);
        assert_int_equal(hdu.bitpix, -32);
        assert_ok(nsky_fits_read_box(fits, c->plane, c->x, c->y, 1, 1, &value, &err), err);
        if (value != c->value)
            fail_msg("%s: %.9g instead of %.9g", c->file, (double)value, (double)c->value);
        nsky_fits_close(fits);
    }
}

static void test_truncated_file_says_so(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    const char *path = data_file("legacysurvey/edge_cases/incomplete.fits");
    nsky_fits *fits;

    if (!path)
        skip();
    assert_status(nsky_fits_open(&fits, path, &err), NSKY_EDATA, err);
    assert_non_null(strstr(err.text, "incomplete.fits is truncated: header promises 2160192 bytes, "
                                     "file has 1389044"));
    assert_null(fits);
}

static void test_hdus_of_a_cutout(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    const char *path = data_file("legacysurvey/edge_cases/DR9_multiHDU_image_invvar.fits");
    nsky_fits *fits;
    nsky_fits_hdu hdu;
    char text[40];

    if (!path)
        skip();
    assert_ok(nsky_fits_open(&fits, path, &err), err);
    assert_string_equal(nsky_fits_name(fits), path);
    assert_int_equal(nsky_fits_hdu_count(fits), 7);
    assert_ok(nsky_fits_select(fits, 0, &hdu, &err), err);
    assert_int_equal(hdu.kind, NSKY_FITS_EMPTY);
    assert_int_equal(hdu.axes, 0);
    for (uint32_t i = 1; i < 7; i++) {
        assert_ok(nsky_fits_select(fits, i, &hdu, &err), err);
        assert_int_equal(hdu.axes, 2);
        assert_int_equal(hdu.size[0], 256);
        assert_true(nsky_fits_key_string(fits, "BAND", text, sizeof text));
        assert_string_equal(text, ((const char *[]){"g", "r", "z"}[(i - 1) / 2]));
        assert_true(nsky_fits_key_string(fits, "IMAGETYP", text, sizeof text));
        assert_string_equal(text, i % 2 ? "image" : "invvar");
    }
    assert_ok(nsky_fits_select(fits, 2, &hdu, &err), err); /* and back */
    assert_status(nsky_fits_select(fits, 7, &hdu, &err), NSKY_ENOTFOUND, err);
    nsky_fits_close(fits);
}

static void test_keywords_of_panstarrs(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    const char *path = data_file("ps1_lenses/native_5band/B1422_231_g.fits");
    nsky_fits *fits;
    nsky_fits_hdu hdu;
    double number = 0;
    char text[40] = "";

    if (!path)
        skip();
    assert_ok(nsky_fits_open(&fits, path, &err), err);
    assert_ok(nsky_fits_select(fits, 0, &hdu, &err), err);
    assert_true(nsky_fits_key_double(fits, "FPA.ZP", &number)); /* HIERARCH */
    assert_true(number == 25);
    assert_true(nsky_fits_key_double(fits, "EXPTIME", &number));
    assert_true(number == 835);
    assert_true(nsky_fits_key_string(fits, "FPA.FILTER", text, sizeof text));
    assert_string_equal(text, "g.00000");
    assert_false(nsky_fits_key_double(fits, "FPA.TEMP", &number)); /* the string 'NaN' */
    nsky_fits_close(fits);
}

/* Keywords of every type, and what is not there. */
static void test_keyword_types(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    corpus_file file = {0};
    nsky_fits *fits;
    nsky_fits_hdu hdu;
    double number = -1;
    int64_t whole = -1;
    char text[100] = "untouched";

    corpus_primary(&file, 8, 0, NULL);
    corpus_card(&file, "WHOLE   = 42");
    corpus_card(&file, "REAL    = 2.5D3 / old style");
    corpus_card(&file, "TEXT    = 'it''s    '");
    corpus_card(&file, "NUMTEXT = '7'");
    corpus_card(&file, "FLAG    = T");
    corpus_card(&file, "BLANKED =");
    corpus_card(&file, "BIG     = 9007199254740993");
    corpus_card(&file, "INF     = 1E999");
    corpus_card(&file, "LONG    = 'the first part of something long, and then&'");
    corpus_card(&file, "CONTINUE  ' the rest'");
    corpus_end(&file);
    assert_ok(nsky_fits_open_memory(&fits, file.data, file.bytes, "keys", &err), err);
    assert_ok(nsky_fits_select(fits, 0, &hdu, &err), err);

    assert_true(nsky_fits_key_integer(fits, "WHOLE", &whole) && whole == 42);
    assert_true(nsky_fits_key_double(fits, "WHOLE", &number) && number == 42);
    assert_true(nsky_fits_key_double(fits, "REAL", &number) && number == 2500);
    assert_true(nsky_fits_key_integer(fits, "BIG", &whole) && whole == 9007199254740993);
    assert_true(nsky_fits_key_string(fits, "LONG", text, sizeof text));
    assert_string_equal(text, "the first part of something long, and then the rest");
    assert_true(nsky_fits_key_string(fits, "TEXT", text, sizeof text));
    assert_string_equal(text, "it's");
    assert_true(nsky_fits_key_string(fits, "TEXT", text, 3));
    assert_string_equal(text, "it");

    strcpy(text, "untouched");
    number = whole = -1;
    const char *const wrong[] = {"REAL", "TEXT", "NUMTEXT", "FLAG", "BLANKED", "NONE", "INF"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(nsky_fits_key_integer(fits, wrong[i], &whole));
    for (size_t i = 1; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(nsky_fits_key_double(fits, wrong[i], &number));
    assert_false(nsky_fits_key_string(fits, "WHOLE", text, sizeof text));
    assert_false(nsky_fits_key_string(fits, "FLAG", text, sizeof text));
    assert_false(nsky_fits_key_string(fits, "NONE", text, sizeof text));
    assert_string_equal(text, "untouched");
    assert_true(number == -1 && whole == -1);
    nsky_fits_close(fits);
    corpus_free(&file);
}

/* Integers with scale, offset and blank; every BITPIX. */
static void test_integer_images(void **state)
{
    (void)state;
    static const struct {
        int bitpix;
        uint8_t bytes[16];
    } cases[] = {
        {8, {3, 250}},
        {16, {0, 3, 0, 250}},
        {32, {0, 0, 0, 3, 0, 0, 0, 250}},
        {64, {0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 250}},
        {-64, {0x40, 0x08, 0, 0, 0, 0, 0, 0, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0}}, /* 3.0, NaN */
    };
    nsky_error err = NSKY_ERROR_INIT;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        corpus_file file = {0};
        nsky_fits *fits;
        nsky_fits_hdu hdu;
        float got[2];
        corpus_primary(&file, cases[i].bitpix, 1, (long long[]){2});
        corpus_card(&file, "BSCALE  = 0.5");
        corpus_card(&file, "BZERO   = 10");
        if (cases[i].bitpix > 0)
            corpus_card(&file, "BLANK   = 250");
        corpus_end(&file);
        corpus_bytes(&file, cases[i].bytes, 16);
        corpus_pad(&file);
        assert_ok(nsky_fits_open_memory(&fits, file.data, file.bytes, "integers", &err), err);
        assert_ok(nsky_fits_select(fits, 0, &hdu, &err), err);
        assert_int_equal(hdu.axes, 1);
        assert_ok(nsky_fits_read_box(fits, 0, 0, 0, 2, 1, got, &err), err);
        assert_true(got[0] == 11.5f);
        assert_true(isnan(got[1]));
        nsky_fits_close(fits);
        corpus_free(&file);
    }
}

/* Boxes of a cube whose pixels name themselves. */
static void test_boxes(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    corpus_file file = {0};
    nsky_fits *fits;
    nsky_fits_hdu hdu;
    int16_t big_endian[3][4][5];
    float got[6];

    for (int z = 0; z < 3; z++)
        for (int y = 0; y < 4; y++)
            for (int x = 0; x < 5; x++)
                big_endian[z][y][x] = (int16_t)__builtin_bswap16((uint16_t)(100 * z + 10 * y + x));
    corpus_primary(&file, 16, 4, (long long[]){5, 4, 3, 1});
    corpus_end(&file);
    corpus_bytes(&file, big_endian, sizeof big_endian);
    corpus_pad(&file);
    assert_ok(nsky_fits_open_memory(&fits, file.data, file.bytes, "cube", &err), err);
    assert_ok(nsky_fits_select(fits, 0, &hdu, &err), err);
    assert_ok(nsky_fits_read_box(fits, 2, 3, 1, 2, 3, got, &err), err);
    const float expected[6] = {213, 214, 223, 224, 233, 234};
    assert_memory_equal(got, expected, sizeof expected);

    const uint64_t outside[][5] = {
        {3, 0, 0, 1, 1}, {0, 5, 0, 1, 1}, {0, 4, 0, 2, 1},          {0, 0, 4, 1, 1},
        {0, 0, 2, 1, 3}, {0, 0, 0, 6, 1}, {0, UINT64_MAX, 0, 2, 1}, {0, 0, UINT64_MAX, 1, 2}};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        const uint64_t *o = outside[i];
        assert_status(nsky_fits_read_box(fits, o[0], o[1], o[2], o[3], o[4], got, &err),
                      NSKY_EINVAL, err);
    }
    nsky_fits_close(fits);
    corpus_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pixels_of_surveys),
        cmocka_unit_test(test_truncated_file_says_so),
        cmocka_unit_test(test_hdus_of_a_cutout),
        cmocka_unit_test(test_keywords_of_panstarrs),
        cmocka_unit_test(test_keyword_types),
        cmocka_unit_test(test_integer_images),
        cmocka_unit_test(test_boxes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
