/* test_decode.c - one picture file of one object: bands, units, turns, sizes, uploads. */
#include "support.h"

#include "fits/wcs.h"
#include "image/codec.h"
#include "ingest/missing.h"

static nsky_decoded decode(const char *path)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_decoded decoded;
    assert_ok(nsky_decode_file(&decoded, path, &err), err);
    return decoded;
}

static void assert_refuses(const char *path, const char *word)
{
    nsky_error err;
    nsky_decoded decoded;
    assert_fails(nsky_decode_file(&decoded, path, &err), NSKY_EDATA, err, word);
    assert_null(decoded.stamp);
}

/* g, r and z are found wherever they are; i only where there is no z. */
static void test_band_order(void **state)
{
    (void)state;
    static const struct {
        const char *bands, *taken;
        uint32_t planes[3];
        uint32_t flags;
    } cases[] = {{"grz", "grz", {0, 1, 2}, 0},
                 {"zrg", "grz", {2, 1, 0}, 0},
                 {"ugrizY", "grz", {1, 2, 4}, 0},
                 {"irg", "gri", {2, 1, 0}, NSKY_STAMP_BAND_REPLACED}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = in_directory("cube.fits");
        make_image(path, &(image_spec){.width = 40, .height = 30, .bands = cases[i].bands});
        nsky_decoded d = decode(path);
        assert_string_equal(d.stamp->bands, cases[i].taken);
        assert_int_equal(d.stamp->flags, cases[i].flags | NSKY_STAMP_SCALE_ASSUMED);
        assert_int_equal(d.stamp->width, 40);
        assert_int_equal(d.stamp->height, 30);
        assert_true(isnan(d.position.ra_deg) && isnan(d.position.dec_deg));
        for (uint32_t b = 0; b < 3; b++)
            assert_true(pixel(d.stamp, b, 7, 5) == pixel_of(0, cases[i].planes[b], 5, 7));
        nsky_decoded_clear(&d);
    }
}

static void test_missing_bands(void **state)
{
    (void)state;
    const char *path = in_directory("m.fits");
    image_spec spec = {.width = 20, .height = 20, .bands = "gri"};

    spec.bands = "grY";
    make_image(path, &spec);
    assert_refuses(path, "no band z (there is g, r, y)");
    spec.bands = "rz";
    make_image(path, &spec);
    assert_refuses(path, "no band g");
    spec = (image_spec){.width = 20, .height = 20, .bands = "grz", .no_keywords = true};
    make_image(path, &spec);
    assert_refuses(path, "BANDS = 'grz'");
    spec = (image_spec){.width = 20, .height = 20, .band_key = "r.MP9602"};
    make_image(path, &spec);
    assert_refuses(path, "one image only (band r)");
    spec = (image_spec){.width = 4, .height = 20, .bands = "grz"};
    make_image(path, &spec);
    assert_refuses(path, "too few");
}

/* A cutout of several HDUs, weights among them, whatever comes first. */
static void test_extensions(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_sky centre = {150, 2};
    nsky_fits_writer *writer;
    const char *path = in_directory("multi.fits");
    static const struct {
        const char *band, *type;
    } hdus[] = {{"z", "image"}, {"z", "invvar"}, {"g", "image"}, {"r", "invvar"}, {"r", "image"}};

    assert_ok(nsky_fits_create(&writer, path, &err), err);
    for (uint32_t i = 0; i < 5; i++) {
        image_spec spec = {.width = 32, .height = 32, .band_key = hdus[i].band, .centre = &centre};
        spec.seed = 1000 * i;
        float *pixels = make_pixels(&spec, 1);
        put_image(writer, &spec, pixels);
        assert_ok(nsky_fits_put_string(writer, "IMAGETYP", hdus[i].type, NULL, &err), err);
        free(pixels);
    }
    assert_ok(nsky_fits_finish(writer, &err), err);
    nsky_decoded d = decode(path);
    assert_true(pixel(d.stamp, 0, 1, 2) == pixel_of(2000, 0, 2, 1));
    assert_true(pixel(d.stamp, 1, 1, 2) == pixel_of(4000, 0, 2, 1));
    assert_true(pixel(d.stamp, 2, 1, 2) == pixel_of(0, 0, 2, 1));
    assert_int_equal(d.stamp->flags, 0);
    assert_float_equal(d.position.ra_deg, 150, 1e-9);
    assert_float_equal(d.position.dec_deg, 2, 1e-9);
    assert_float_equal(d.stamp->scale_arcsec_px, 0.262, 1e-6);
    nsky_decoded_clear(&d);
}

static void test_crop(void **state)
{
    (void)state;
    nsky_sky centre = {150, 2};
    const char *path = in_directory("large.fits");

    make_image(path, &(image_spec){.width = 600, .height = 515, .bands = "grz", .centre = &centre});
    nsky_decoded d = decode(path);
    assert_int_equal(d.stamp->width, 512);
    assert_int_equal(d.stamp->height, 512);
    assert_int_equal(d.stamp->flags, NSKY_STAMP_CROPPED);
    assert_true(pixel(d.stamp, 0, 0, 0) == pixel_of(0, 0, 44, 1));
    /* 515 is odd: the middle of the 512 kept lies half a pixel to the south. */
    assert_float_equal(d.position.dec_deg, 2 - 0.5 * 0.262 / 3600, 1e-9);
    assert_float_equal(d.position.ra_deg, 150, 1e-9);
    assert_non_null(strstr(d.notes, "cut to the middle"));
    nsky_decoded_clear(&d);
}

/* A cube whose CD matrix is (a b; c d) arcsec a pixel, written with any keywords. */
static void make_turned(const char *path, double a, double b, double c, double d)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_fits_writer *writer;
    image_spec spec = {.width = 24, .height = 16, .bands = "grz"};
    float *pixels = make_pixels(&spec, 3);
    const struct {
        const char *key;
        double value;
    } numbers[] = {{"CRVAL1", 150},     {"CRVAL2", 60},      {"CRPIX1", 12.5},
                   {"CRPIX2", 8.5},     {"CD1_1", a / 3600}, {"CD1_2", b / 3600},
                   {"CD2_1", c / 3600}, {"CD2_2", d / 3600}};

    assert_ok(nsky_fits_create(&writer, path, &err), err);
    put_image(writer, &spec, pixels);
    assert_ok(nsky_fits_put_string(writer, "CTYPE1", "RA---TAN", NULL, &err), err);
    assert_ok(nsky_fits_put_string(writer, "CTYPE2", "DEC--TAN", NULL, &err), err);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        assert_ok(nsky_fits_put_double(writer, numbers[i].key, numbers[i].value, NULL, &err), err);
    assert_ok(nsky_fits_finish(writer, &err), err);
    free(pixels);
}

/* All eight ways to lie on the sky come out north up, east left; the file's pixel (3, 2) is found
 * where the sky says. */
static void test_turns(void **state)
{
    (void)state;
    static const struct {
        double a, b, c, d;
        uint32_t x, y; /* of the file's (3, 2) in the stamp */
    } cases[] = {{-1, 0, 0, 1, 3, 2},   {1, 0, 0, 1, 20, 2},  {-1, 0, 0, -1, 3, 13},
                 {1, 0, 0, -1, 20, 13}, {0, -1, 1, 0, 2, 3},  {0, 1, 1, 0, 13, 3},
                 {0, -1, -1, 0, 2, 20}, {0, 1, -1, 0, 13, 20}};
    const char *path = in_directory("turned.fits");

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double tilt = 0.05; /* 3 degrees: still "axis-aligned" */
        make_turned(path, cases[i].a * 0.3 - tilt * cases[i].b * 0.3,
                    cases[i].b * 0.3 + tilt * cases[i].a * 0.3,
                    cases[i].c * 0.3 - tilt * cases[i].d * 0.3,
                    cases[i].d * 0.3 + tilt * cases[i].c * 0.3);
        nsky_decoded d = decode(path);
        bool transposed = cases[i].a == 0;
        assert_int_equal(d.stamp->width, transposed ? 16 : 24);
        assert_int_equal(d.stamp->height, transposed ? 24 : 16);
        assert_true(pixel(d.stamp, 1, cases[i].y, cases[i].x) == pixel_of(0, 1, 3, 2));
        assert_float_equal(d.stamp->scale_arcsec_px, 0.3, 1e-3);
        assert_float_equal(d.position.ra_deg, 150, 1e-9);
        assert_string_equal(d.notes, "");
        nsky_decoded_clear(&d);
    }
}

static void test_tilted(void **state)
{
    (void)state;
    double c = 0.3 * cos(0.5), s = 0.3 * sin(0.5); /* 29 degrees */
    const char *path = in_directory("tilted.fits");

    make_turned(path, -c, s, s, c);
    nsky_decoded d = decode(path);
    assert_true(pixel(d.stamp, 1, 2, 3) == pixel_of(0, 1, 3, 2)); /* left as it is */
    assert_non_null(strstr(d.notes, "29 degrees"));
    assert_null(strstr(d.notes, "mirrored"));
    nsky_decoded_clear(&d);
    make_turned(path, c, -s, s, c);
    d = decode(path);
    assert_non_null(strstr(d.notes, "29 degrees from up, mirrored"));
    nsky_decoded_clear(&d);
}

/* Row 0 south, column 0 east: the sky is asked, not the code's own geometry. */
static void test_turn_agrees_with_sky(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    const char *path = in_directory("sky.fits");
    nsky_fits_hdu hdu;
    nsky_fits *fits;
    nsky_wcs *wcs;
    nsky_sky sky, middle;

    make_turned(path, 0, 0.3, 0.3, 0);
    assert_ok(nsky_fits_open(&fits, path, &err), err);
    assert_ok(nsky_fits_select(fits, 0, &hdu, &err), err);
    assert_ok(nsky_wcs_open(&wcs, fits, &err), err);
    assert_true(nsky_wcs_to_sky(wcs, 3, 2, &sky) && nsky_wcs_to_sky(wcs, 11.5, 7.5, &middle));
    /* Above, this case put (3, 2) to x = 13 of 16 and y = 3 of 24: west and south. */
    assert_true(sky.ra_deg < middle.ra_deg && sky.dec_deg < middle.dec_deg);
    nsky_wcs_close(wcs);
    nsky_fits_close(fits);
}

typedef struct card {
    const char *key, *text;
    double number;
} card;

static void make_with(const char *path, const card *cards, size_t count)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_fits_writer *writer;
    image_spec spec = {.width = 16, .height = 16, .bands = "grz"};
    float *pixels = make_pixels(&spec, 3);
    nsky_fits_image image = {.pixels = pixels, .width = 16, .height = 16, .planes = 3};

    assert_ok(nsky_fits_create(&writer, path, &err), err);
    assert_ok(nsky_fits_append_image(writer, &image, &err), err);
    assert_ok(nsky_fits_put_string(writer, "BANDS", "grz", NULL, &err), err);
    for (size_t i = 0; i < count; i++)
        assert_ok(cards[i].text
                      ? nsky_fits_put_string(writer, cards[i].key, cards[i].text, NULL, &err)
                      : nsky_fits_put_double(writer, cards[i].key, cards[i].number, NULL, &err),
                  err);
    assert_ok(nsky_fits_finish(writer, &err), err);
    free(pixels);
}

static void test_units(void **state)
{
    (void)state;
    static const struct {
        card cards[2];
        double factor;
        bool assumed;
    } cases[] = {{{{"BUNIT", "nanomaggy", 0}}, 1, false},
                 {{{"BUNIT", "nanomaggies", 0}}, 1, false},
                 {{{"BUNIT", "uJy", 0}}, 1 / 3.631, false},
                 {{{"BUNIT", "Jy", 0}}, 1e6 / 3.631, false},
                 {{{"MAGZERO", NULL, 30}}, 1e-3, false},
                 {{{"MAGZERO", NULL, 22.5}, {"EXPTIME", NULL, 90}}, 1, false},
                 {{{"FPA.ZP", NULL, 25}, {"EXPTIME", NULL, 50}}, 0.1 / 50, false},
                 {{{"SURVEY", "DECaLS", 0}}, 1, false},
                 {{{"BUNIT", "MJy/sr", 0}}, 1, true},
                 {{{"SURVEY", "mine", 0}}, 1, true}};
    const char *path = in_directory("units.fits");

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make_with(path, cases[i].cards, cases[i].cards[1].key ? 2 : 1);
        nsky_decoded d = decode(path);
        double expected = cases[i].factor * pixel_of(0, 2, 4, 3);
        assert_true(fabs(pixel(d.stamp, 2, 3, 4) / expected - 1) < 1e-6);
        assert_int_equal((d.stamp->flags & NSKY_STAMP_UNITS_ASSUMED) != 0, cases[i].assumed);
        nsky_decoded_clear(&d);
    }
    make_with(path, (card[]){{"FPA.ZP", NULL, 25}, {"EXPTIME", NULL, 0}}, 2);
    assert_refuses(path, "EXPTIME");
    make_with(path, (card[]){{"MAGZERO", NULL, 1e9}}, 1);
    assert_refuses(path, "MAGZERO");
}

static void make_faint(const char *path, float peak, const card *unit)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_fits_writer *writer;
    float *pixels = calloc(3 * 16 * 16, sizeof *pixels);
    nsky_fits_image image = {.pixels = pixels, .width = 16, .height = 16, .planes = 3};

    for (int i = 0; i < 3 * 16 * 16; i++)
        pixels[i] = peak * (float)(i % 256 - 100) / 155;
    assert_ok(nsky_fits_create(&writer, path, &err), err);
    assert_ok(nsky_fits_append_image(writer, &image, &err), err);
    assert_ok(nsky_fits_put_string(writer, "BANDS", "grz", NULL, &err), err);
    if (unit)
        assert_ok(nsky_fits_put_string(writer, unit->key, unit->text, NULL, &err), err);
    assert_ok(nsky_fits_finish(writer, &err), err);
    free(pixels);
}

/* Where the header is silent: nanomaggies, or maggies where those would be too faint to be seen, or
 * refused, with the remedy, on disk and uploaded. Believed where the header says what they are. */
static void test_silent_units(void **state)
{
    (void)state;
    static const card nanomaggy = {"BUNIT", "nanomaggy", 0}, maggy = {"BUNIT", "maggy", 0},
                      legacy = {"SURVEY", "DECaLS", 0}, other = {"BUNIT", "erg/s/cm2", 0};
    static const struct {
        float peak;
        const card *unit;
        double stored; /* of the brightest pixel, nanomaggies */
        bool assumed;
    } cases[] = {
        {2e-11f, NULL, 2e-2, true},      {2e-11f, &other, 2e-2, true},
        {2e-11f, &maggy, 2e-2, false},   {2e-11f, &nanomaggy, 2e-11, false},
        {2e-11f, &legacy, 2e-11, false}, {1e-4f, NULL, 1e-4, true},
    };
    const char *path = in_directory("faint.fits");
    nsky_error err = NSKY_ERROR_INIT;
    nsky_decoded d;
    void *data;
    size_t bytes;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make_faint(path, cases[i].peak, cases[i].unit);
        d = decode(path);
        assert_float_equal(pixel(d.stamp, 1, 15, 15) / cases[i].stored, 1, 1e-6);
        assert_int_equal(!!(d.stamp->flags & NSKY_STAMP_UNITS_ASSUMED), cases[i].assumed);
        assert_int_equal(strstr(d.notes, "taken as maggies") != NULL,
                         cases[i].assumed && cases[i].peak < 1e-6f);
        nsky_decoded_clear(&d);
    }
    make_faint(path, 2e-20f, NULL);
    assert_refuses(path, "add BUNIT (nanomaggy, Jy, ...) or MAGZERO");
    assert_ok(nsky_file_read(&data, &bytes, path, 1 << 20, &err), err);
    assert_fails(nsky_decode_memory(&d, data, bytes, "the upload", &err), NSKY_EDATA, err,
                 "the upload: no value is above 2e-20");
    free(data);
}

static void test_positions(void **state)
{
    (void)state;
    const char *path = in_directory("position.fits");

    make_with(path, (card[]){{"RA", NULL, 150.5}, {"DEC", NULL, -2.5}, {"PIXSCALE", NULL, 0.4}}, 3);
    nsky_decoded d = decode(path);
    assert_float_equal(d.position.ra_deg, 150.5, 1e-12);
    assert_float_equal(d.position.dec_deg, -2.5, 1e-12);
    assert_float_equal(d.stamp->scale_arcsec_px, 0.4, 1e-6);
    nsky_decoded_clear(&d);
    make_with(path, (card[]){{"RA", "10:00:00", 0}, {"DEC", "-02:30:00", 0}}, 2);
    d = decode(path);
    assert_float_equal(d.position.ra_deg, 150, 1e-9);
    assert_float_equal(d.position.dec_deg, -2.5, 1e-9);
    nsky_decoded_clear(&d);
    make_with(path, (card[]){{"RA", NULL, 700}, {"DEC", NULL, -2.5}, {"PIXSCALE", NULL, -1}}, 3);
    d = decode(path);
    assert_true(isnan(d.position.ra_deg));
    assert_true(d.stamp->flags & NSKY_STAMP_SCALE_ASSUMED);
    nsky_decoded_clear(&d);
}

static void test_missing_pixels(void **state)
{
    (void)state;
    float pixels[100];

    for (int i = 0; i < 100; i++)
        pixels[i] = (float)(i + 1);
    pixels[0] = 0;
    assert_true(nsky_mark_missing(pixels, 100) == 0); /* one 0 is a value */
    pixels[1] = INFINITY;
    pixels[2] = NAN;
    assert_float_equal(nsky_mark_missing(pixels, 100), 0.02, 1e-9);
    assert_true(isnan(pixels[1]) && pixels[0] == 0);
    for (int i = 0; i < 10; i++)
        pixels[i] = 0;
    assert_float_equal(nsky_mark_missing(pixels, 100), 0.1, 1e-9);
    assert_true(isnan(pixels[0]) && pixels[10] == 11);
}

/* What people upload: the same bytes from memory, JPEG, PNG, rubbish. */
static void test_uploads(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    const char *path = in_directory("upload.fits");
    nsky_decoded d, file;
    nsky_picture *picture;
    void *data;
    size_t bytes;

    make_image(path, &(image_spec){.width = 64, .height = 64, .bands = "rgz"});
    file = decode(path);
    assert_ok(nsky_file_read(&data, &bytes, path, 1 << 24, &err), err);
    assert_ok(nsky_decode_memory(&d, data, bytes, "upload", &err), err);
    assert_memory_equal(d.stamp->pixels, file.stamp->pixels, 3 * 64 * 64 * sizeof(float));
    nsky_decoded_clear(&d);
    nsky_decoded_clear(&file);
    for (size_t cut = 0; cut < bytes; cut += cut < 3000 ? 7 : 2879)
        assert_int_not_equal(nsky_decode_memory(&d, data, cut, "upload", &err), NSKY_OK);
    nsky_free(data);

    assert_ok(nsky_picture_new(&picture, 90, 70, &err), err);
    memset(picture->rgb, 128, 90 * 70 * 3);
    for (int png = 0; png < 2; png++) {
        assert_ok(png ? nsky_picture_to_png(picture, &data, &bytes, &err)
                      : nsky_picture_to_jpeg(picture, 90, &data, &bytes, &err),
                  err);
        assert_ok(nsky_decode_memory(&d, data, bytes, "upload", &err), err);
        assert_int_equal(d.stamp->width, 90);
        assert_int_equal(d.stamp->height, 70);
        assert_true(d.stamp->flags & NSKY_STAMP_FROM_PICTURE);
        assert_true(isfinite(pixel(d.stamp, 0, 5, 5)) && isnan(d.position.ra_deg));
        assert_non_null(strstr(d.notes, "picture"));
        nsky_decoded_clear(&d);
        nsky_free(data);
    }
    nsky_picture_free(picture);
    assert_fails(nsky_decode_memory(&d, "hello", 5, "upload", &err), NSKY_EDATA, err, "neither");
    assert_fails(nsky_decode_memory(&d, "", 0, "upload", &err), NSKY_EDATA, err, "empty");
    assert_fails(nsky_decode_memory(&d, "\x89HDF\r\n\x1a\n", 8, "upload", &err), NSKY_EDATA, err,
                 "HDF5");
    assert_fails(nsky_decode_file(&d, in_directory("gone"), &err), NSKY_ENOTFOUND, err, "gone");
    assert_fails(nsky_decode_file(&d, test_directory, &err), NSKY_EIO, err, "read");
}

static nsky_status decode_again(void *context, nsky_error *err)
{
    nsky_decoded d;
    nsky_status status = nsky_decode_file(&d, context, err);

    nsky_decoded_clear(&d);
    return status;
}

static void test_memory(void **state)
{
    (void)state;
    nsky_sky centre = {10, 10};
    char path[300];

    snprintf(path, sizeof path, "%s", in_directory("memory.fits"));
    make_image(path, &(image_spec){.width = 16, .height = 16, .bands = "grz", .centre = &centre});
    assert_true(exhaust_memory(decode_again, path) >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_band_order),
        cmocka_unit_test(test_missing_bands),
        cmocka_unit_test(test_extensions),
        cmocka_unit_test(test_crop),
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_tilted),
        cmocka_unit_test(test_turn_agrees_with_sky),
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_silent_units),
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_missing_pixels),
        cmocka_unit_test(test_uploads),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, make_test_directory, remove_test_directory);
}
