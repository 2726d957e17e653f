/* test_picture.c - stamps painted for people, and painted pictures read back. */
#include "image/codec.h"
#include "support.h"

static const uint8_t *at(const nsky_picture *picture, uint32_t x, uint32_t y)
{
    return picture->rgb + 3 * ((size_t)y * picture->width + x);
}

static nsky_picture *paint(const nsky_stamp *stamp, uint32_t size, double field_arcsec)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_picture *picture;

    assert_ok(
        nsky_picture_of_stamp(&picture, stamp, size, field_arcsec, &nsky_stretch_viewer, &err),
        err);
    return picture;
}

static nsky_stamp *dark(uint32_t width, uint32_t height, float scale)
{
    nsky_stamp *stamp = new_stamp(width, height, scale);
    memset(stamp->pixels, 0, 3 * (size_t)width * height * sizeof *stamp->pixels);
    return stamp;
}

/* North up, east left; z red, g blue. */
static void test_orientation_and_colours(void **state)
{
    (void)state;
    nsky_stamp *stamp = dark(10, 10, 0.262f);
    nsky_stamp_band(stamp, 2)[9 * 10 + 2] = 1; /* z, at the north edge, east of the middle */
    nsky_stamp_band(stamp, 1)[0] = 1;          /* r, south-east corner */
    nsky_stamp_band(stamp, 0)[9] = 1;          /* g, south-west corner */
    nsky_picture *picture = paint(stamp, 0, 0);

    assert_int_equal(picture->width, 10);
    assert_int_equal(picture->height, 10);
    assert_true(at(picture, 2, 0)[0] > 150 && at(picture, 2, 0)[2] < 80);
    assert_true(at(picture, 0, 9)[1] > 150 && at(picture, 0, 9)[0] < 80);
    assert_true(at(picture, 9, 9)[2] > 150 && at(picture, 9, 9)[0] < 80);
    assert_true(at(picture, 5, 5)[0] < 50); /* sky */
    nsky_picture_free(picture);
    nsky_stamp_free(stamp);
}

/* At its own size a picture is exactly the stretch of the pixels. */
static void test_pixel_values(void **state)
{
    (void)state;
    nsky_stamp *stamp = new_stamp(16, 16, (float)NSKY_SCALE_ARCSEC_PX);
    float colour[3 * 256];

    for (uint32_t i = 0; i < 768; i++)
        stamp->pixels[i] = 0.3f * noise_at(i) + 0.05f;
    nsky_stretch_apply(&nsky_stretch_viewer, stamp->pixels, 256, colour);
    nsky_picture *picture = paint(stamp, 16, 0);
    for (uint32_t y = 0; y < 16; y++)
        for (uint32_t x = 0; x < 16; x++)
            for (uint32_t c = 0; c < 3; c++) {
                float want = colour[256 * (2 - c) + 16 * (15 - y) + x] * 255;
                assert_true(fabsf(at(picture, x, y)[c] - want) <= 0.502f);
            }
    nsky_picture_free(picture);
    nsky_stamp_free(stamp);
}

static void test_size_and_field(void **state)
{
    (void)state;
    static const struct {
        uint32_t width, height, size;
        double field;
        uint32_t expected;
    } cases[] = {
        {20, 20, 0, 0, 20},  {20, 30, 0, 0, 30},  {20, 20, 64, 0, 64},
        {20, 20, 7, 0, 7},   {20, 20, 0, 10, 10}, {20, 20, 0, 40, 40},
        {20, 20, 50, 5, 50}, {20, 20, 1, 0, 1},   {20, 20, 0, 1e-9, 1},
    };
    nsky_error err = NSKY_ERROR_INIT;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        nsky_stamp *stamp = dark(cases[i].width, cases[i].height, 1);
        nsky_picture *picture = paint(stamp, cases[i].size, cases[i].field);
        assert_int_equal(picture->width, cases[i].expected);
        assert_int_equal(picture->height, cases[i].expected);
        nsky_picture_free(picture);
        nsky_stamp_free(stamp);
    }
    nsky_stamp *stamp = dark(20, 20, 1);
    nsky_picture *picture;
    assert_fails(nsky_picture_of_stamp(&picture, stamp, 5000, 0, &nsky_stretch_viewer, &err),
                 NSKY_ELIMIT, err, "at most 4096");
    assert_fails(nsky_picture_of_stamp(&picture, stamp, 0, 1e6, &nsky_stretch_viewer, &err),
                 NSKY_ELIMIT, err, "at most 4096");
    assert_null(picture);
    nsky_stamp_free(stamp);
}

/* The same sky looks equally bright whatever the pixel scale and the zoom. */
static void test_brightness_does_not_depend_on_zoom(void **state)
{
    (void)state;
    int reference = -1;

    for (int k = 0; k < 3; k++) {
        float scale = (float[]){0.1f, 0.262f, 0.6f}[k];
        nsky_stamp *stamp = new_stamp(30, 30, scale);
        for (uint32_t i = 0; i < 2700; i++)
            stamp->pixels[i] = 0.05f * (scale / 0.262f) * (scale / 0.262f);
        for (uint32_t size = 10; size <= 90; size += 20) {
            nsky_picture *picture = paint(stamp, size, 0);
            int level = at(picture, size / 2, size / 2)[0];
            if (reference < 0)
                reference = level;
            assert_true(abs(level - reference) <= 1);
            nsky_picture_free(picture);
        }
        nsky_stamp_free(stamp);
    }
}

/* All bands missing: the grey of nothing. One missing: the others speak for it, in their colour. */
static void test_missing_pixels(void **state)
{
    (void)state;
    nsky_stamp *stamp = dark(8, 8, 0.262f);
    for (uint32_t b = 0; b < 3; b++) {
        for (int i = 0; i < 64; i++)
            nsky_stamp_band(stamp, b)[i] = 0.2f / nsky_stretch_viewer.scale[b];
        nsky_stamp_band(stamp, b)[0] = NAN;
    }
    nsky_stamp_band(stamp, 0)[9] = NAN;
    nsky_picture *picture = paint(stamp, 0, 0);
    const uint8_t *nothing = at(picture, 0, 7), *partly = at(picture, 1, 6);
    const uint8_t *whole = at(picture, 5, 5);

    assert_true(nothing[0] == nothing[1] && nothing[1] == nothing[2]);
    assert_true(nothing[0] > 60 && nothing[0] < 130);
    assert_true(abs(partly[0] - whole[0]) <= 1 && abs(partly[2] - whole[2]) <= 1);
    assert_int_equal(nothing[0], 89); /* a third of the way up */
    nsky_picture_free(picture);
    picture = paint(stamp, 16, 16 * 0.262); /* twice the sky: the frame is missing */
    assert_memory_equal(at(picture, 0, 0), at(picture, 15, 8), 3);
    assert_int_equal(at(picture, 0, 0)[0], 89);
    nsky_picture_free(picture);
    nsky_stamp_free(stamp);
}

static void test_extreme_pixels(void **state)
{
    (void)state;
    static const float extremes[] = {3.4e38f, -3.4e38f, 1e-45f, NAN, 0};
    nsky_stamp *stamp = new_stamp(12, 12, 0.001f);

    for (uint32_t i = 0; i < 432; i++)
        stamp->pixels[i] = extremes[(i * 7 + i / 12) % 5];
    for (uint32_t size = 0; size < 40; size += 13)
        nsky_picture_free(paint(stamp, size, 0));
    nsky_stamp_free(stamp);
}

/* A stamp painted and read back gives its fluxes again, as exactly as 8 bits allow. */
static void test_there_and_back(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_stamp *stamp = new_stamp(24, 24, (float)NSKY_SCALE_ARCSEC_PX), *back;

    for (uint32_t i = 0; i < 3 * 576; i++) {
        float x = (float)(i % 24) - 9, y = (float)(i / 24 % 24) - 14;
        stamp->pixels[i] = 0.12f * expf(-(x * x + y * y) / 30) * (1 + 0.3f * (float)(i / 576));
    }
    nsky_picture *picture = paint(stamp, 0, 0);
    assert_ok(nsky_stamp_from_picture(&back, picture, &err), err);
    assert_int_equal(back->width, 24);
    assert_int_equal(back->flags, NSKY_STAMP_FROM_PICTURE | NSKY_STAMP_SCALE_ASSUMED);
    assert_true(back->scale_arcsec_px == (float)NSKY_SCALE_ARCSEC_PX);
    assert_string_equal(back->bands, "grz");
    for (uint32_t i = 0; i < 3 * 576; i++) {
        float sky = 0.03f / nsky_stretch_viewer.scale[i / 576];
        float step = 0.02f * (stamp->pixels[i] + sky) + sky / 20;
        if (!(fabsf(back->pixels[i] - stamp->pixels[i]) < step))
            fail_msg("pixel %u: %g instead of %g", i, (double)back->pixels[i],
                     (double)stamp->pixels[i]);
    }
    nsky_stamp_free(back);
    nsky_picture_free(picture);
    nsky_stamp_free(stamp);
}

static void test_large_pictures_are_cut_to_their_centre(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_picture *picture;
    nsky_stamp *stamp;

    assert_ok(nsky_picture_new(&picture, 701, 40, &err), err);
    picture->rgb[3 * (20 * 701 + 350) + 0] = 255; /* red in the very middle column, row 20 */
    picture->rgb[3 * (20 * 701 + 350) + 1] = 40;
    assert_ok(nsky_stamp_from_picture(&stamp, picture, &err), err);
    assert_int_equal(stamp->width, 512);
    assert_int_equal(stamp->height, 40);
    assert_true(stamp->flags & NSKY_STAMP_CROPPED);
    uint32_t brightest = 0;
    const float *red = nsky_stamp_band(stamp, 2);
    for (uint32_t i = 0; i < 512 * 40; i++)
        if (red[i] > red[brightest])
            brightest = i;
    assert_int_equal(brightest / 512, 39 - 20);
    assert_true(brightest % 512 == 256); /* 350 - (701 - 512) / 2 */
    nsky_stamp_free(stamp);
    nsky_picture_free(picture);
}

/* A disc of one brightness on black, about (x, y). */
static nsky_picture *disc(uint32_t side, double radius, double x, double y, uint8_t light)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_picture *picture;

    assert_ok(nsky_picture_new(&picture, side, side, &err), err);
    for (uint32_t i = 0; i < side * side; i++)
        if (hypot(i % side + 0.5 - x, i / side + 0.5 - y) < radius)
            memset(picture->rgb + 3 * (size_t)i, light, 3);
    return picture;
}

static nsky_stamp *read_back(nsky_picture *picture)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_stamp *stamp;

    assert_ok(nsky_stamp_from_picture(&stamp, picture, &err), err);
    nsky_picture_free(picture);
    return stamp;
}

/* Of its radius on the sky, in the network's pixels. */
static double shown(const nsky_stamp *stamp, double radius)
{
    return radius * stamp->scale_arcsec_px / NSKY_SCALE_ARCSEC_PX;
}

static void test_large_objects_are_made_to_fit(void **state)
{
    (void)state;
    nsky_stamp *stamp = read_back(disc(256, 72, 128, 128, 200));
    assert_int_equal(stamp->width, 256);
    assert_true(fabs(shown(stamp, 72) - NSKY_PICTURE_RADIUS_MAX) < 2);
    nsky_picture *again = paint(stamp, 0, 0); /* as bright as before */
    assert_in_range(at(again, 128, 128)[0], 199, 201);
    nsky_picture_free(again);
    nsky_stamp_free(stamp);

    stamp = read_back(disc(2000, 700, 1000, 1000, 200)); /* in squares of 4 */
    assert_int_equal(stamp->width, 500);
    assert_false(stamp->flags & NSKY_STAMP_CROPPED);
    assert_true(fabs(shown(stamp, 175) - NSKY_PICTURE_RADIUS_MAX) < 2);
    nsky_stamp_free(stamp);

    stamp = read_back(disc(2000, 90, 1000, 1000, 200)); /* fits after 2, and the middle is kept */
    assert_int_equal(stamp->width, 512);
    assert_true(stamp->flags & NSKY_STAMP_CROPPED);
    assert_true(fabs(shown(stamp, 45) - NSKY_PICTURE_RADIUS_MAX) < 5);
    nsky_stamp_free(stamp);
}

static void test_what_keeps_the_scale(void **state)
{
    (void)state;
    nsky_picture *pictures[] = {
        disc(256, 30, 128, 128, 200),  /* small */
        disc(256, 60, 215, 128, 200),  /* beside the middle */
        disc(256, 72, 128, 128, 9),    /* as faint as sky */
        disc(256, 400, 128, 128, 255), /* all white */
        disc(256, 0, 0, 0, 0),         /* all black */
        disc(8, 3, 4, 4, 200),
    };
    for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++) {
        nsky_stamp *stamp = read_back(pictures[i]);
        assert_true(stamp->scale_arcsec_px == (float)NSKY_SCALE_ARCSEC_PX);
        nsky_stamp_free(stamp);
    }
}

static nsky_status paint_and_read(void *context, nsky_error *err)
{
    nsky_picture *picture;
    nsky_stamp *back = NULL;
    nsky_status status = nsky_picture_of_stamp(&picture, context, 0, 0, &nsky_stretch_viewer, err);

    if (status == NSKY_OK)
        status = nsky_stamp_from_picture(&back, picture, err);
    nsky_stamp_free(back);
    nsky_picture_free(picture);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    nsky_stamp *stamp = dark(8, 9, 0.262f);
    assert_true(exhaust_memory(paint_and_read, stamp) >= 10);
    nsky_stamp_free(stamp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orientation_and_colours),
        cmocka_unit_test(test_pixel_values),
        cmocka_unit_test(test_size_and_field),
        cmocka_unit_test(test_brightness_does_not_depend_on_zoom),
        cmocka_unit_test(test_missing_pixels),
        cmocka_unit_test(test_extreme_pixels),
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_large_pictures_are_cut_to_their_centre),
        cmocka_unit_test(test_large_objects_are_made_to_fit),
        cmocka_unit_test(test_what_keeps_the_scale),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
