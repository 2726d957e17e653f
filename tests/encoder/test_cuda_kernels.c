/* test_cuda_kernels.c - the card's own kernels, compiled for the host, against what they repeat:
 * preprocess.h, half.h, and plain sums. Thread rule: one thread. */

#include <math.h>

#include "common/half.h"
#include "common/rng.h"
#include "encoder/cuda/kernels.h"
#include "encoder/cuda/wire.h"
#include "encoder/encoder.h"
#include "encoder/preprocess.h"
#include "tests/encoder/device_support.h"

/* --- numbers --- */

static void test_numbers_are_those_of_half_h(void **state)
{
    (void)state;
    nsky_rng rng = nsky_rng_at(7, 1, 0);

    for (uint32_t bits = 0; bits < 65536; bits++) {
        float bf16 = nsky_float_of(NSKY_NUMBER_BF16, (uint16_t)bits);
        float fp16 = nsky_float_of(NSKY_NUMBER_FP16, (uint16_t)bits);
        float want = nsky_bfloat16_to_float((uint16_t)bits);
        assert_memory_equal(&bf16, &want, sizeof want);
        want = nsky_half_to_float((uint16_t)bits);
        assert_memory_equal(&fp16, &want, sizeof want);
    }
    for (uint32_t i = 0; i < 200000; i++) {
        nsky_number_word w = {.bits = nsky_rng_u32(&rng)};
        if (i % 4 == 0) /* a tie, or just beside one */
            w.bits = (w.bits & 0xffff0000u) | (0x7fffu + i / 4 % 3);
        uint16_t got = nsky_number_of(NSKY_NUMBER_BF16, w.number);
        uint16_t want = nsky_bfloat16_from_float(w.number);
        if (w.number == w.number)
            assert_int_equal(got, want);
        else
            assert_true(isnan(nsky_bfloat16_to_float(got)));
    }
}

/* --- preprocessing --- */

typedef struct scene {
    nsky_stamp *stamp;
    nsky_preprocess how;
} scene;

/* Pixels that float16 holds, so that the bus takes nothing away. */
static scene scene_new(uint32_t width, uint32_t height, float scale, uint32_t size, uint32_t seed)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_rng rng = nsky_rng_at(20260301, 5, seed);
    scene s = {.how = nsky_preprocess_default};

    assert_ok(nsky_stamp_new(&s.stamp, width, height, scale, &err), err);
    s.how.size = size;
    for (size_t i = 0; i < (size_t)3 * width * height; i++) {
        float value = (float)(0.05 * nsky_rng_normal(&rng));
        if (nsky_rng_below(&rng, 50) == 0)
            value *= 400;
        s.stamp->pixels[i] = nsky_half_to_float(nsky_half_from_float(value));
        if (seed % 3 == 1 && nsky_rng_below(&rng, 9) == 0)
            s.stamp->pixels[i] = NAN;
    }
    if (seed % 2) {
        const float mean[3] = {0.1f, 0.2f, 0.15f}, deviation[3] = {0.3f, 0.2f, 0.5f};
        const uint32_t channel[3] = {2, 0, 1};
        memcpy(s.how.mean, mean, sizeof mean);
        memcpy(s.how.deviation, deviation, sizeof deviation);
        memcpy(s.how.channel, channel, sizeof channel);
    }
    s.how.stretch = seed % 5 == 2 ? NSKY_STRETCH_STEIN : NSKY_STRETCH_VIEWER;
    return s;
}

/* [views, size, size, 8] of one stamp, in fp16: finer than bf16, so that more shows. */
static void *prepare(const scene *s, uint32_t views, nsky_number number)
{
    nsky_error err = NSKY_ERROR_INIT;
    size_t count = nsky_wire_count(&s->how, s->stamp);
    size_t eights = (size_t)views * s->how.size * s->how.size;
    uint16_t *pixels = malloc(count * sizeof *pixels);
    size_t bytes = eights * NSKY_EIGHT * nsky_number_bytes(number);
    void *out = aligned_alloc(16, bytes);
    nsky_wire wire = {.at = 0};

    assert_ok(nsky_wire_put(&s->how, s->stamp, &wire, pixels, &err), err);
    memset(out, 0xff, bytes);
    nsky_prepare_args args = {.wires = &wire,
                              .pixels = pixels,
                              .out = out,
                              .stamps = 1,
                              .images = views,
                              .views = views,
                              .size = s->how.size,
                              .number = number,
                              .look = nsky_look_of(&s->how)};
    assert_int_equal(nsky_launch_prepare(&args, stream), 0);
    finish_work();
    free(pixels);
    return out;
}

static const int digits[] = {8, 11, 24}; /* of nsky_number */

/* Differences in units of the expected number's last place; 0: the same bits everywhere. */
static double compare_scene(scene s, uint32_t views, nsky_number number)
{
    nsky_error err = NSKY_ERROR_INIT;
    size_t plane = (size_t)s.how.size * s.how.size;
    float *image = malloc(3 * plane * sizeof *image), *view = malloc(3 * plane * sizeof *view);
    void *got = prepare(&s, views, number);
    double worst = 0;

    assert_ok(nsky_preprocess_run(&s.how, s.stamp, image, &err), err);
    for (uint32_t v = 0; v < views; v++) {
        nsky_preprocess_view(image, s.how.size, v, view);
        for (size_t p = 0; p < plane; p++)
            for (size_t c = 0; c < 8; c++) {
                float have = nsky_number_get(number, got, (v * plane + p) * NSKY_EIGHT + c), want;
                if (c >= 3) {
                    assert_true(have == 0);
                    continue;
                }
                nsky_number_put(number, &want, 0, view[c * plane + p]);
                want = nsky_number_get(number, &want, 0);
                if (have == want)
                    continue;
                int exponent;
                frexpf(want, &exponent);
                double last = ldexp(1, exponent - digits[number]);
                worst = fmax(worst, fabs((double)have - want) / fmax(last, 0x1p-14));
                assert_true(isfinite(have));
            }
    }
    free(image);
    free(view);
    free(got);
    nsky_stamp_free(s.stamp);
    return worst;
}

/* What is copied pixel by pixel and stretched as the viewer does has the CPU's bits. */
static void test_prepare_crops_as_the_cpu(void **state)
{
    (void)state;
    static const uint32_t sides[][3] = {{152, 152, 96}, {96, 96, 96},  {33, 35, 11}, {12, 40, 20},
                                        {8, 8, 96},     {152, 40, 64}, {9, 9, 9},    {1, 1, 9}};

    for (uint32_t i = 0; i < sizeof sides / sizeof *sides; i++)
        for (uint32_t seed = 0; seed < 2; seed++) {
            scene s = scene_new(sides[i][0], sides[i][1], (float)NSKY_SCALE_ARCSEC_PX, sides[i][2],
                                10 * i + seed);
            s.how.stretch = NSKY_STRETCH_VIEWER;
            assert_true(compare_scene(s, 8, (nsky_number)(i % 3)) == 0);
        }
}

/* Sums in another order, in double: at most the last place of a float16 differs, and only where
 * float32 rounding tips it over. */
static void test_prepare_resamples_as_the_cpu(void **state)
{
    (void)state;
    static const float scales[] = {0.262f, 0.05f, 0.13f, 0.2f, 0.4f, 0.27f, 1.1f};
    double worst = 0;

    for (uint32_t i = 0; i < 40; i++) {
        nsky_rng rng = nsky_rng_at(3, 3, i);
        scene s = scene_new(1 + nsky_rng_below(&rng, 120), 1 + nsky_rng_below(&rng, 120),
                            scales[i % 7], 5 + nsky_rng_below(&rng, 40), i);
        worst = fmax(worst, compare_scene(s, 1 + 7 * (i % 2), NSKY_NUMBER_FP16));
    }
    assert_true(worst <= 1.01);
}

/* Cutting away what the network does not see changes nothing of what it sees. */
static void test_wire_takes_what_is_seen(void **state)
{
    (void)state;
    scene s = scene_new(300, 301, 0.1f, 32, 4);
    double ratio = nsky_wire_ratio(&s.how, s.stamp);
    uint32_t kept = nsky_wire_side(&s.how, ratio, 300);

    assert_true(kept < 110 && kept % 2 == 0);
    assert_int_equal(nsky_wire_side(&s.how, ratio, 20), 20);
    assert_true(compare_scene(s, 8, NSKY_NUMBER_FP16) <= 1.01);
    s = scene_new(152, 152, (float)NSKY_SCALE_ARCSEC_PX, 96, 0);
    assert_int_equal(nsky_wire_count(&s.how, s.stamp), 3 * 96 * 96);
    nsky_stamp_free(s.stamp);
}

static void test_wire_spans_the_range(void **state)
{
    (void)state;
    static const float brightest[] = {0, 1e-44f, 1e-38f, 1e-6f, 3, 65504, 1e9f, 3e38f};
    nsky_error err = NSKY_ERROR_INIT;
    nsky_wire wire;

    for (uint32_t i = 0; i < sizeof brightest / sizeof *brightest; i++) {
        scene s = scene_new(16, 16, (float)NSKY_SCALE_ARCSEC_PX, 16, 0);
        uint16_t pixels[3 * 16 * 16];
        for (size_t p = 0; p < 3 * 16 * 16; p++)
            s.stamp->pixels[p] = brightest[i] * ((float)(p % 8) / 8);
        s.stamp->pixels[5] = brightest[i];
        assert_ok(nsky_wire_put(&s.how, s.stamp, &wire, pixels, &err), err);
        for (size_t p = 0; p < 3 * 16 * 16; p++) {
            float back = nsky_half_to_float(pixels[p]) * wire.scale_first * wire.scale_after;
            float want = s.stamp->pixels[p];
            assert_true(fabsf(back - want) <= fabsf(want) * 0x1p-11f + 1e-45f);
        }
        s.stamp->pixels[7] = -INFINITY;
        assert_fails(nsky_wire_put(&s.how, s.stamp, &wire, pixels, &err), NSKY_EDATA, err,
                     "infinite");
        s.how.size = 15; /* then it is resampled, and the pixel is missing, as on the CPU */
        err = (nsky_error)NSKY_ERROR_INIT;
        assert_ok(nsky_wire_put(&s.how, s.stamp, &wire, pixels, &err), err);
        assert_true(isnan(nsky_half_to_float(pixels[7])));
        nsky_stamp_free(s.stamp);
    }
}

/* --- vectors --- */

static void one_finish(uint32_t stamps, uint32_t views, uint32_t dim)
{
    size_t count = (size_t)stamps * views * dim;
    nsky_rng rng = nsky_rng_at(9, 9, dim);
    float *features = malloc(count * sizeof *features);
    uint16_t *vectors = malloc((size_t)stamps * dim * sizeof *vectors);
    uint8_t *faults = malloc(stamps);

    nsky_rng_fill_normal(&rng, features, count);
    for (uint32_t i = 0; i < views * dim; i++) /* the second sees nothing, the third too much */
        if (stamps > 2)
            features[(size_t)views * dim + i] = 0;
    if (stamps > 2)
        features[(size_t)3 * views * dim - 1] = INFINITY;
    memset(vectors, 0xff, (size_t)stamps * dim * sizeof *vectors);
    memset(faults, 0xff, stamps);
    const nsky_finish_args args = {features, vectors, faults, stamps, views, dim};
    assert_int_equal(nsky_launch_finish(&args, stream), 0);
    finish_work();
    for (uint32_t s = 0; s < stamps; s++) {
        double square = 0, sum;
        uint8_t fault = stamps > 2 && s == 1   ? NSKY_ROW_BLANK
                        : stamps > 2 && s == 2 ? NSKY_ROW_NOT_FINITE
                                               : NSKY_ROW_SOUND;
        assert_int_equal(faults[s], fault);
        for (uint32_t pass = 0; pass < 2; pass++)
            for (uint32_t i = 0; i < dim; i++) {
                sum = 0;
                for (uint32_t v = 0; v < views; v++)
                    sum += features[((size_t)s * views + v) * dim + i];
                if (pass == 0)
                    square += sum * sum;
                else if (fault != NSKY_ROW_SOUND)
                    assert_int_equal(vectors[(size_t)s * dim + i], 0);
                else
                    assert_true(fabs(nsky_half_to_float(vectors[(size_t)s * dim + i]) -
                                     sum / sqrt(square)) <= 0x1p-11);
            }
    }
    free(features);
    free(vectors);
    free(faults);
}

static void test_finish(void **state)
{
    (void)state;
    static const uint32_t dims[] = {1, 7, 127, 128, 129, 512, 2048};

    for (uint32_t i = 0; i < sizeof dims / sizeof *dims; i++) {
        one_finish(1, 8, dims[i]);
        one_finish(5, 1, dims[i]);
        one_finish(4, 8, dims[i]);
    }
}

static void test_noise_fills_and_varies(void **state)
{
    (void)state;
    static uint32_t room[100001]; /* of the widest */
    char *out = (char *)room;
    double sum = 0, square = 0;

    for (int number = NSKY_NUMBER_BF16; number <= NSKY_NUMBER_FP32; number++) {
        size_t end = 100000 * nsky_number_bytes((nsky_number)number);
        const nsky_noise_args args = {out, 100000, (nsky_number)number};
        sum = square = 0;
        out[end] = 0x12;
        assert_int_equal(nsky_launch_noise(&args, stream), 0);
        finish_work();
        assert_int_equal(out[end], 0x12);
        for (uint32_t i = 0; i < 100000; i++) {
            float value = nsky_number_get((nsky_number)number, out, i);
            assert_true(value >= -1 && value <= 1);
            sum += value;
            square += value * value;
        }
        assert_true(fabs(sum / 1e5) < 0.01 && fabs(square / 1e5 - 1.0 / 3) < 0.01);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_those_of_half_h),
        cmocka_unit_test(test_prepare_crops_as_the_cpu),
        cmocka_unit_test(test_prepare_resamples_as_the_cpu),
        cmocka_unit_test(test_wire_takes_what_is_seen),
        cmocka_unit_test(test_wire_spans_the_range),
        cmocka_unit_test(test_finish),
        cmocka_unit_test(test_noise_fills_and_varies),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
