/* test_codec.c - JPEG and PNG round trips, damage, bombs; stamps to pictures and back. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/memory.h"
#include "image/codec.h"

/* A smooth picture: JPEG keeps it almost. */
static nsky_picture *gradient(uint32_t width, uint32_t height)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_picture *picture = NULL;
    assert_int_equal(nsky_picture_new(&picture, width, height, &err), NSKY_OK);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            uint8_t *p = picture->rgb + 3 * (y * width + x);
            p[0] = (uint8_t)(255 * x / width);
            p[1] = (uint8_t)(255 * y / height);
            p[2] = 100;
        }
    return picture;
}

static void round_trips(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_picture *picture = gradient(67, 41), *back = NULL;
    void *data = NULL;
    size_t bytes = 0;
    assert_int_equal(nsky_picture_to_png(picture, &data, &bytes, &err), NSKY_OK);
    assert_true(nsky_picture_is_png(data, bytes));
    assert_int_equal(nsky_picture_decode(&back, data, bytes, "a.png", &err), NSKY_OK);
    assert_int_equal(back->width, 67);
    assert_int_equal(back->height, 41);
    assert_memory_equal(back->rgb, picture->rgb, 67 * 41 * 3);
    nsky_picture_free(back);
    nsky_free(data);

    assert_int_equal(nsky_picture_to_jpeg(picture, 95, &data, &bytes, &err), NSKY_OK);
    assert_true(nsky_picture_is_jpeg(data, bytes));
    assert_int_equal(nsky_picture_decode(&back, data, bytes, "a.jpg", &err), NSKY_OK);
    for (int i = 0; i < 67 * 41 * 3; i++)
        assert_true(abs(back->rgb[i] - picture->rgb[i]) <= 12);
    nsky_picture_free(back);
    nsky_free(data);
    nsky_picture_free(picture);
}

static void damage_is_an_error(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_picture *picture = gradient(64, 64), *back = NULL;
    for (int kind = 0; kind < 2; kind++) {
        void *data = NULL;
        size_t bytes = 0;
        assert_int_equal(kind ? nsky_picture_to_png(picture, &data, &bytes, &err)
                              : nsky_picture_to_jpeg(picture, 90, &data, &bytes, &err),
                         NSKY_OK);
        for (size_t cut = 0; cut + 3 < bytes; cut += 1 + bytes / 40) {
            assert_int_equal(nsky_picture_decode(&back, data, cut, "cut", &err), NSKY_EDATA);
            assert_null(back);
            assert_non_null(strstr(err.text, "cut"));
        }
        nsky_free(data);
    }
    assert_int_equal(nsky_picture_decode(&back, "GIF89a", 6, "x.gif", &err), NSKY_EDATA);
    nsky_picture_free(picture);
}

/* Headers that promise more than anyone should allocate. */
static void bombs_are_refused_unread(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_picture *picture = gradient(16, 16), *back = NULL;
    unsigned char *data = NULL;
    size_t bytes = 0;
    assert_int_equal(nsky_picture_to_jpeg(picture, 90, (void **)&data, &bytes, &err), NSKY_OK);
    for (size_t i = 0; i + 8 < bytes; i++)
        if (data[i] == 0xff && data[i + 1] == 0xc0) /* the frame header: height, width */
            memset(data + i + 5, 0xf0, 4);
    assert_int_equal(nsky_picture_decode(&back, data, bytes, "big.jpg", &err), NSKY_ELIMIT);
    nsky_free(data);
    nsky_picture_free(picture);
    assert_int_equal(nsky_picture_new(&back, NSKY_PICTURE_SIDE_MAX + 1, 1, &err), NSKY_ELIMIT);
}

/* A red blob in the south-east. */
static nsky_stamp *blob(void)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_stamp *stamp = NULL;
    assert_int_equal(nsky_stamp_new(&stamp, 40, 40, 0.262f, &err), NSKY_OK);
    for (int b = 0; b < 3; b++)
        for (int y = 0; y < 40; y++)
            for (int x = 0; x < 40; x++)
                nsky_stamp_band(stamp, (uint32_t)b)[y * 40 + x] =
                    (float)(0.02 * pow(2.6, b) *
                            exp(-((x - 10) * (x - 10) + (y - 8) * (y - 8)) / 20.0));
    return stamp;
}

static void north_is_up(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_stamp *stamp = blob();
    nsky_picture *picture = NULL;
    const struct {
        uint32_t size;
        double field;
    } views[] = {{0, 0}, {80, 0}, {40, 10.48}, {20, 0}};
    for (size_t v = 0; v < sizeof views / sizeof *views; v++) {
        assert_int_equal(nsky_picture_of_stamp(&picture, stamp, views[v].size, views[v].field,
                                               &nsky_stretch_viewer, &err),
                         NSKY_OK);
        uint32_t n = picture->width;
        const uint8_t *p = picture->rgb + 3 * ((n - 1 - n * 8 / 40) * n + n * 10 / 40);
        const uint8_t *mirrored = picture->rgb + 3 * (n * 8 / 40 * n + n * 10 / 40);
        assert_true(p[0] > p[2] + 10);        /* z is red */
        assert_true(p[0] > mirrored[0] + 40); /* the southern blob is below */
        nsky_picture_free(picture);
    }
    assert_int_equal(nsky_picture_of_stamp(&picture, stamp, 100000, 0, &nsky_stretch_viewer, &err),
                     NSKY_ELIMIT);
    nsky_stamp_free(stamp);
}

static void pictures_become_stamps(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_stamp *stamp = blob(), *back = NULL;
    nsky_picture *picture = NULL;
    assert_int_equal(nsky_picture_of_stamp(&picture, stamp, 0, 0, &nsky_stretch_viewer, &err),
                     NSKY_OK);
    assert_int_equal(nsky_stamp_from_picture(&back, picture, &err), NSKY_OK);
    assert_int_equal(back->flags, NSKY_STAMP_FROM_PICTURE | NSKY_STAMP_SCALE_ASSUMED);
    for (int i = 0; i < 3 * 40 * 40; i++) /* 8 bits a colour, and the stretch steepens with flux */
        assert_true(fabsf(back->pixels[i] - stamp->pixels[i]) < 0.003f + 0.05f * stamp->pixels[i]);
    nsky_stamp_free(back);
    nsky_picture_free(picture);
    nsky_stamp_free(stamp);

    picture = gradient(NSKY_STAMP_SIDE_MAX + 10, 20);
    assert_int_equal(nsky_stamp_from_picture(&back, picture, &err), NSKY_OK);
    assert_int_equal(back->width, NSKY_STAMP_SIDE_MAX);
    assert_true(back->flags & NSKY_STAMP_CROPPED);
    nsky_stamp_free(back);
    nsky_picture_free(picture);
}

static void out_of_memory_is_reported(void **state)
{
    (void)state;
    nsky_stamp *stamp = blob();
    for (uint64_t n = 1; n <= 4; n++) {
        nsky_error err = NSKY_ERROR_INIT;
        nsky_picture *picture = NULL;
        nsky_memory_fail_at(n);
        assert_int_equal(nsky_picture_of_stamp(&picture, stamp, 16, 0, &nsky_stretch_viewer, &err),
                         NSKY_ENOMEM);
        nsky_memory_fail_at(0);
        assert_null(picture);
    }
    nsky_stamp_free(stamp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips),
        cmocka_unit_test(damage_is_an_error),
        cmocka_unit_test(bombs_are_refused_unread),
        cmocka_unit_test(north_is_up),
        cmocka_unit_test(pictures_become_stamps),
        cmocka_unit_test(out_of_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
