/* test_resample.c - symmetry to the last bit, flux that is kept, and pixels that are missing. */
#include "image/resample.h"
#include "support.h"

/* Noise on a bright blob: values of very different size, so that summation order would show. */
static nsky_stamp *sky(uint32_t width, uint32_t height, float scale, bool missing)
{
    nsky_stamp *stamp = new_stamp(width, height, scale);

    for (uint32_t i = 0; i < 3 * width * height; i++) {
        float x = (float)(i % width) - 0.4f * (float)width;
        float y = (float)(i / width % height) - 0.6f * (float)height;
        stamp->pixels[i] = noise_at(i) * powf(10, 3 * noise_at(i + 7)) + 50 / (1 + x * x + y * y);
        if (missing && (i % 11 == 3 || (x > 3 && y < -3)))
            stamp->pixels[i] = NAN;
    }
    return stamp;
}

/* The eight ways to lay a square down: bit 0 transposes, bit 1 flips x, bit 2 flips y. */
static void turn(const float *in, uint32_t width, uint32_t height, int way, float *out)
{
    uint32_t out_width = way & 1 ? height : width, out_height = way & 1 ? width : height;

    for (uint32_t y = 0; y < out_height; y++)
        for (uint32_t x = 0; x < out_width; x++) {
            uint32_t sx = way & 2 ? out_width - 1 - x : x, sy = way & 4 ? out_height - 1 - y : y;
            out[y * out_width + x] = way & 1 ? in[sx * width + sy] : in[sy * width + sx];
        }
}

static void check_symmetry(uint32_t width, uint32_t height, uint32_t size, float out_scale,
                           bool missing)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_stamp *stamp = sky(width, height, 0.262f, missing);
    size_t plane = (size_t)size * size;
    float *straight = malloc(3 * plane * sizeof *straight);
    float *turned = malloc(3 * plane * sizeof *turned),
          *expected = malloc(plane * sizeof *expected);

    assert_true(straight && turned && expected);
    assert_ok(nsky_resample(stamp, size, out_scale, straight, &err), err);
    for (int way = 1; way < 8; way++) {
        nsky_stamp *other = new_stamp(way & 1 ? height : width, way & 1 ? width : height, 0.262f);
        for (uint32_t band = 0; band < 3; band++)
            turn(nsky_stamp_band(stamp, band), width, height, way, nsky_stamp_band(other, band));
        assert_ok(nsky_resample(other, size, out_scale, turned, &err), err);
        for (uint32_t band = 0; band < 3; band++) {
            turn(straight + band * plane, size, size, way, expected);
            for (size_t i = 0; i < plane; i++)
                if (!same_bits(turned[band * plane + i], expected[i]))
                    fail_msg("%u x %u to %u at %g, way %d: pixel %zu is %.9g, not %.9g", width,
                             height, size, (double)out_scale, way, i,
                             (double)turned[band * plane + i], (double)expected[i]);
        }
        nsky_stamp_free(other);
    }
    free(expected);
    free(turned);
    free(straight);
    nsky_stamp_free(stamp);
}

static void test_turned_in_turned_out(void **state)
{
    (void)state;
    static const float scales[] = {0.262f, 0.1f, 0.25f, 0.263f, 0.5f, 0.6f, 1.3f, 5.0f};
    static const uint32_t sides[][3] = {{20, 20, 20}, {21, 21, 20}, {20, 20, 21},
                                        {17, 17, 33}, {30, 30, 8},  {19, 26, 15}};

    for (size_t s = 0; s < sizeof scales / sizeof *scales; s++)
        for (size_t i = 0; i < sizeof sides / sizeof *sides; i++)
            for (int missing = 0; missing < 2; missing++)
                check_symmetry(sides[i][0], sides[i][1], sides[i][2], scales[s], missing);
}

/* [3, size, size] of a stamp. */
static float *resampled(const nsky_stamp *stamp, uint32_t size, float scale)
{
    nsky_error err = NSKY_ERROR_INIT;
    float *out = malloc(3 * (size_t)size * size * sizeof *out);
    assert_non_null(out);
    assert_ok(nsky_resample(stamp, size, scale, out, &err), err);
    return out;
}

static void test_equal_scale_copies(void **state)
{
    (void)state;
    nsky_stamp *stamp = sky(20, 24, 0.262f, true);
    static const uint32_t sizes[] = {20, 12, 24, 40, 2};

    for (int k = 0; k < 5; k++) {
        uint32_t size = sizes[k];
        float *out = resampled(stamp, size, 0.26201f); /* near enough to be the same */
        for (uint32_t i = 0; i < 3 * size * size; i++) {
            int x = (int)(i % size) + (20 - (int)size) / 2;
            int y = (int)(i / size % size) + (24 - (int)size) / 2;
            bool inside = x >= 0 && x < 20 && y >= 0 && y < 24;
            float want = inside ? nsky_stamp_band(stamp, i / size / size)[y * 20 + x] : NAN;
            assert_true(same_bits(out[i], want));
        }
        free(out);
    }
    nsky_stamp_free(stamp);
}

/* Odd to even: every pixel is the mean of the four around its centre. */
static void test_half_pixel_shift(void **state)
{
    (void)state;
    nsky_stamp *stamp = new_stamp(5, 5, 1);
    for (uint32_t i = 0; i < 75; i++)
        stamp->pixels[i] = (float)((i * 37) % 64);
    float *out = resampled(stamp, 4, 1);

    for (uint32_t b = 0; b < 3; b++)
        for (uint32_t y = 0; y < 4; y++)
            for (uint32_t x = 0; x < 4; x++) {
                const float *p = nsky_stamp_band(stamp, b) + 5 * y + x;
                assert_true(out[16 * b + 4 * y + x] == (p[0] + p[1] + p[5] + p[6]) / 4);
            }
    free(out);
    nsky_stamp_free(stamp);
}

/* Two by two into one: sums, since nanomaggies are per pixel. */
static void test_whole_factors(void **state)
{
    (void)state;
    nsky_stamp *stamp = new_stamp(6, 6, 0.25f);
    for (uint32_t i = 0; i < 108; i++)
        stamp->pixels[i] = (float)((i * 37) % 64);
    float *out = resampled(stamp, 3, 0.5f);

    for (uint32_t b = 0; b < 3; b++)
        for (uint32_t y = 0; y < 3; y++)
            for (uint32_t x = 0; x < 3; x++) {
                const float *p = nsky_stamp_band(stamp, b) + 12 * y + 2 * x;
                assert_true(out[9 * b + 3 * y + x] == p[0] + p[1] + p[6] + p[7]);
            }
    free(out);
    nsky_stamp_free(stamp);
}

static double sum_of(const float *pixels, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += isnan(pixels[i]) ? 0 : (double)pixels[i];
    return sum;
}

/* A galaxy well inside keeps its flux at every scale; uniform sky keeps its surface brightness. */
static void test_flux_is_kept(void **state)
{
    (void)state;
    static const float scales[] = {0.05f, 0.13f, 0.2f, 0.262f, 0.3f, 0.45f, 0.7f};
    nsky_stamp *galaxy = new_stamp(61, 61, 0.262f), *flat = new_stamp(61, 61, 0.262f);

    for (uint32_t i = 0; i < 3 * 61 * 61; i++) {
        float x = (float)(i % 61) - 29.3f, y = (float)(i / 61 % 61) - 31.1f;
        galaxy->pixels[i] = expf(-(x * x + y * y) / 40);
        flat->pixels[i] = 2;
    }
    double want = sum_of(galaxy->pixels, 61 * 61);
    for (int k = 0; k < 7; k++) {
        uint32_t size = (uint32_t)(61 * 0.262f / scales[k]);
        float *out = resampled(galaxy, size, scales[k]);
        double got = sum_of(out, (size_t)size * size);
        if (!(fabs(got / want - 1) < 0.005))
            fail_msg("at %g arcsec %g instead of %g", (double)scales[k], got, want);
        free(out);
        out = resampled(flat, size, scales[k]);
        double ratio = (double)scales[k] / 0.262f;
        for (uint32_t i = 0; i < 3 * size * size; i++)
            assert_true(fabs(out[i] / (2 * ratio * ratio) - 1) < 1e-6);
        free(out);
    }
    nsky_stamp_free(flat);
    nsky_stamp_free(galaxy);
}

/* The middle stays in the middle. */
static void test_centre_stays(void **state)
{
    (void)state;
    static const float scales[] = {0.1f, 0.2f, 0.262f, 0.4f, 0.9f};
    static const uint32_t sides[] = {40, 41};

    for (int s = 0; s < 2; s++) {
        nsky_stamp *stamp = new_stamp(sides[s], sides[s], 0.262f);
        for (uint32_t i = 0; i < 3 * sides[s] * sides[s]; i++) {
            float x = (float)(i % sides[s]) - (float)(sides[s] - 1) / 2 - 3;
            float y = (float)(i / sides[s] % sides[s]) - (float)(sides[s] - 1) / 2 + 2;
            stamp->pixels[i] = expf(-(x * x + y * y) / 18);
        }
        for (int k = 0; k < 5; k++) {
            for (uint32_t size = 30; size < 32; size++) {
                uint32_t n = (uint32_t)((float)size * 0.262f / scales[k]);
                float *out = resampled(stamp, n, scales[k]);
                double mx = 0, my = 0, all = 0;
                for (uint32_t i = 0; i < n * n; i++) {
                    if (isnan(out[i]))
                        continue;
                    all += out[i];
                    mx += out[i] * ((i % n) - (n - 1) / 2.0);
                    my += out[i] * ((i / n) - (n - 1) / 2.0);
                }
                double arcsec_x = mx / all * scales[k], arcsec_y = my / all * scales[k];
                assert_true(fabs(arcsec_x - 3 * 0.262) < 0.01);
                assert_true(fabs(arcsec_y + 2 * 0.262) < 0.01);
                free(out);
            }
        }
        nsky_stamp_free(stamp);
    }
}

/* A pixel that draws half or more on known sky is made of that; less, and it is missing. */
static void test_missing_pixels(void **state)
{
    (void)state;
    nsky_stamp *stamp = new_stamp(8, 8, 1);
    for (uint32_t i = 0; i < 192; i++)
        stamp->pixels[i] = 5;
    float *band = nsky_stamp_band(stamp, 0);
    band[0] = band[1] = band[8] = NAN; /* three of four */
    band[2] = band[3] = NAN;           /* two of four */
    band[4] = NAN;                     /* one of four */
    float *out = resampled(stamp, 4, 2);

    assert_true(isnan(out[0]));
    assert_true(out[1] == 20 && out[2] == 20 && out[3] == 20);
    assert_true(out[16] == 20); /* other bands know nothing of it */
    free(out);
    band[10] = INFINITY; /* as good as missing: now three of four */
    out = resampled(stamp, 4, 2);
    assert_true(isnan(out[1]));
    free(out);
    nsky_stamp_free(stamp);
}

/* Sky outside is missing; finer pixels cover exactly the stamp. */
static void test_outside(void **state)
{
    (void)state;
    nsky_stamp *stamp = new_stamp(10, 10, 0.3f);
    for (uint32_t i = 0; i < 300; i++)
        stamp->pixels[i] = 1;
    float *out = resampled(stamp, 50, 0.1f); /* 30 of them on the stamp */

    for (uint32_t y = 0; y < 50; y++)
        for (uint32_t x = 0; x < 50; x++) {
            bool inside = x >= 10 && x < 40 && y >= 10 && y < 40;
            assert_int_equal(!isnan(out[50 * y + x]), inside);
        }
    free(out);
    out = resampled(stamp, 3, 100); /* the stamp is a thousandth of the middle pixel */
    for (int i = 0; i < 27; i++)
        assert_true(isnan(out[i]));
    free(out);
    nsky_stamp_free(stamp);
}

static void test_extremes(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_stamp *stamp = sky(9, 7, 0.262f, false);
    float out[27] = {0};
    const float scales[] = {1e-30f, 1e30f, 3e38f, 1e-45f};

    for (int k = 0; k < 4; k++)
        assert_ok(nsky_resample(stamp, 3, scales[k], out, &err), err);
    for (int i = 0; i < 189; i++)
        stamp->pixels[i] = 3e38f;
    assert_ok(nsky_resample(stamp, 3, 0.5f, out, &err), err);
    for (int i = 0; i < 27; i++)
        assert_true(isfinite(out[i]));
    assert_fails(nsky_resample(stamp, 0, 0.262f, out, &err), NSKY_ELIMIT, err, "sides go from 1");
    assert_fails(nsky_resample(stamp, 4097, 0.262f, out, &err), NSKY_ELIMIT, err, "4097");
    const float bad[] = {0, -1, NAN, INFINITY};
    for (int k = 0; k < 4; k++)
        assert_fails(nsky_resample(stamp, 3, bad[k], out, &err), NSKY_EINVAL, err, "arcsec");
    nsky_stamp_free(stamp);
}

static nsky_status resample_once(void *context, nsky_error *err)
{
    float out[3 * 25];
    return nsky_resample(context, 5, 0.4f, out, err);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    nsky_stamp *stamp = sky(9, 7, 0.262f, true);
    assert_true(exhaust_memory(resample_once, stamp) >= 8);
    nsky_stamp_free(stamp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turned_in_turned_out),
        cmocka_unit_test(test_equal_scale_copies),
        cmocka_unit_test(test_half_pixel_shift),
        cmocka_unit_test(test_whole_factors),
        cmocka_unit_test(test_flux_is_kept),
        cmocka_unit_test(test_centre_stays),
        cmocka_unit_test(test_missing_pixels),
        cmocka_unit_test(test_outside),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
