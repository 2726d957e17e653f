/* test_resample.c - copies, symmetry, surface brightness, missing sky. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/memory.h"
#include "common/rng.h"
#include "image/resample.h"

static nsky_stamp *random_stamp(uint32_t width, uint32_t height, float scale)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_stamp *stamp = NULL;
    nsky_rng rng = nsky_rng_at(9, width, height);
    assert_int_equal(nsky_stamp_new(&stamp, width, height, scale, &err), NSKY_OK);
    for (uint32_t i = 0; i < 3 * width * height; i++)
        stamp->pixels[i] = (float)nsky_rng_normal(&rng);
    return stamp;
}

static void equal_scale_is_a_crop(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_stamp *stamp = random_stamp(20, 20, 0.262f);
    float out[3 * 8 * 8];
    assert_int_equal(nsky_resample(stamp, 8, 0.262f, out, &err), NSKY_OK);
    for (int b = 0; b < 3; b++)
        for (int y = 0; y < 8; y++)
            assert_memory_equal(out + (b * 8 + y) * 8, nsky_stamp_band(stamp, b) + (y + 6) * 20 + 6,
                                8 * sizeof(float));
    nsky_stamp_free(stamp);
}

static void odd_to_even_averages_neighbours(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_stamp *stamp = random_stamp(5, 5, 1);
    float out[3 * 4 * 4];
    assert_int_equal(nsky_resample(stamp, 4, 1, out, &err), NSKY_OK);
    const float *p = stamp->pixels;
    assert_true(fabsf(out[0] - (p[0] + p[1] + p[5] + p[6]) / 4) < 1e-6f);
    nsky_stamp_free(stamp);
}

/* Quarter turn and flip of [3, n, n]. */
static void turn(const float *in, uint32_t n, int how, float *out)
{
    for (uint32_t b = 0; b < 3; b++)
        for (uint32_t y = 0; y < n; y++)
            for (uint32_t x = 0; x < n; x++) {
                uint32_t sx = how == 0 ? y : n - 1 - x, sy = how == 0 ? n - 1 - x : y;
                out[(b * n + y) * n + x] = in[(b * n + sy) * n + sx];
            }
}

static void turning_commutes(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    const float scales[] = {0.1f, 0.25f, 0.262f, 0.263f, 0.4f, 1.0f};
    for (size_t s = 0; s < sizeof scales / sizeof *scales; s++)
        for (uint32_t n = 30; n <= 31; n++)
            for (int how = 0; how < 2; how++) {
                nsky_stamp *stamp = random_stamp(n, n, scales[s]), *turned = NULL;
                float a[3 * 24 * 24], b[3 * 24 * 24], expected[3 * 24 * 24];
                stamp->pixels[7] = NAN;
                assert_int_equal(nsky_stamp_copy(&turned, stamp, &err), NSKY_OK);
                turn(stamp->pixels, n, how, turned->pixels);
                assert_int_equal(nsky_resample(stamp, 24, 0.262f, a, &err), NSKY_OK);
                assert_int_equal(nsky_resample(turned, 24, 0.262f, b, &err), NSKY_OK);
                turn(a, 24, how, expected);
                for (int i = 0; i < 3 * 24 * 24; i++) {
                    assert_int_equal(isnan(b[i]), isnan(expected[i]));
                    if (!isnan(b[i])) /* the rounding of the last bit */
                        assert_true(fabsf(b[i] - expected[i]) <= 2e-7f * (1 + fabsf(b[i])));
                }
                nsky_stamp_free(turned);
                nsky_stamp_free(stamp);
            }
}

static void surface_brightness_is_kept(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_stamp *stamp = random_stamp(60, 60, 0.1f);
    float out[3 * 10 * 10];
    for (int i = 0; i < 3 * 60 * 60; i++)
        stamp->pixels[i] = 2;
    assert_int_equal(nsky_resample(stamp, 10, 0.3f, out, &err), NSKY_OK);
    for (int i = 0; i < 300; i++) /* nine small pixels in a large one */
        assert_true(fabsf(out[i] - 18) < 1e-4f);
    assert_int_equal(nsky_resample(stamp, 10, 0.05f, out, &err), NSKY_OK);
    for (int i = 0; i < 300; i++)
        assert_true(fabsf(out[i] - 0.5f) < 1e-5f);
    nsky_stamp_free(stamp);
}

static void total_flux_is_kept(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_stamp *stamp = random_stamp(60, 60, 0.1f);
    float out[3 * 24 * 24];
    double before = 0, after = 0;
    for (int i = 0; i < 60 * 60; i++)
        before += stamp->pixels[i];
    assert_int_equal(nsky_resample(stamp, 24, 0.25f, out, &err), NSKY_OK);
    for (int i = 0; i < 24 * 24; i++)
        after += out[i];
    assert_true(fabs(before - after) < 1e-3);
    nsky_stamp_free(stamp);
}

static void unknown_sky_is_nan(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_stamp *stamp = random_stamp(4, 4, 1);
    float out[3 * 8 * 8];
    stamp->pixels[5] = NAN;
    assert_int_equal(nsky_resample(stamp, 8, 1, out, &err), NSKY_OK);
    for (int y = 0; y < 8; y++)
        for (int x = 0; x < 8; x++) {
            int inside = x >= 2 && x < 6 && y >= 2 && y < 6 && !(x == 3 && y == 3);
            assert_int_equal(!isnan(out[y * 8 + x]), inside);
        }
    nsky_stamp_free(stamp);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_stamp *stamp = NULL;
    float out[3];
    assert_int_equal(nsky_stamp_new(&stamp, 0, 5, 1, &err), NSKY_ELIMIT);
    assert_int_equal(nsky_stamp_new(&stamp, 5, NSKY_STAMP_SIDE_MAX + 1, 1, &err), NSKY_ELIMIT);
    const float scales[] = {0, -1, NAN, INFINITY};
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++)
        assert_int_equal(nsky_stamp_new(&stamp, 4, 4, scales[i], &err), NSKY_EINVAL);
    stamp = random_stamp(4, 4, 1);
    assert_int_equal(nsky_resample(stamp, 1, NAN, out, &err), NSKY_EINVAL);
    assert_int_equal(nsky_resample(stamp, 0, 1, out, &err), NSKY_ELIMIT);
    nsky_stamp_free(stamp);
    for (uint64_t n = 1; n <= 2; n++) {
        nsky_memory_fail_at(n);
        assert_int_equal(nsky_stamp_new(&stamp, 5, 5, 1, &err), NSKY_ENOMEM);
        nsky_memory_fail_at(0);
    }
    char words[200], few[8];
    nsky_stamp_describe_flags(NSKY_STAMP_CROPPED | NSKY_STAMP_HAS_NAN, words, sizeof words);
    assert_string_equal(words, "cut to its centre; pixels missing");
    nsky_stamp_describe_flags(NSKY_STAMP_CROPPED, few, sizeof few);
    assert_int_equal(strlen(few), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_scale_is_a_crop), cmocka_unit_test(odd_to_even_averages_neighbours),
        cmocka_unit_test(turning_commutes),      cmocka_unit_test(surface_brightness_is_kept),
        cmocka_unit_test(total_flux_is_kept),    cmocka_unit_test(unknown_sky_is_nan),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
