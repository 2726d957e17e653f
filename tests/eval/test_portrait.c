/* test_portrait.c - hand-made features: turned stamps, known shapes, empty ones. */
#include "tests/eval/support.h"

#include "eval/portrait.h"
#include "image/stamp.h"

static nsky_grid *grid;
static nsky_portrait *portrait;

static int open_portrait(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    (void)state;
    if (nsky_grid_new(&grid, &err) != NSKY_OK ||
        !(portrait = nsky_alloc_zero(1, sizeof *portrait, &err)))
        return -1;
    portrait->grid = grid;
    return 0;
}

static int close_portrait(void **state)
{
    (void)state;
    nsky_free(grid);
    nsky_free(portrait);
    return 0;
}

/* An elliptical galaxy, blue clump beside it, and noise. */
static nsky_stamp *make_stamp(double clump, double noise)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_stamp *stamp = NULL;
    static const double colour[3] = {0.2, 1, 2}, blue[3] = {1, 1, 1};
    assert_ok(nsky_stamp_new(&stamp, PORTRAIT_SIDE, PORTRAIT_SIDE, 0.262f, &err), err);
    for (uint32_t band = 0; band < 3; band++)
        for (int i = 0; i < PORTRAIT_PIXELS; i++) {
            double x = i % PORTRAIT_SIDE - 63.5, y = i / PORTRAIT_SIDE - 63.5;
            nsky_rng rng = nsky_rng_at(1, band, (uint32_t)i);
            double light = colour[band] * exp(-hypot(x, y / 0.6) / 4);
            light += clump * blue[band] * exp(-(pow(x - 9, 2) + pow(y - 4, 2)) / 4);
            nsky_stamp_band(stamp, band)[i] = (float)(light + noise * nsky_rng_normal(&rng));
        }
    return stamp;
}

/* turns by 90 degrees, then mirrors. */
static nsky_stamp *turn(const nsky_stamp *stamp, uint32_t turns, bool mirror)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_stamp *out = NULL;
    assert_ok(nsky_stamp_copy(&out, stamp, &err), err);
    for (uint32_t band = 0; band < 3; band++)
        for (uint32_t i = 0; i < PORTRAIT_PIXELS; i++) {
            uint32_t x = i % PORTRAIT_SIDE, y = i / PORTRAIT_SIDE;
            for (uint32_t t = 0; t < turns; t++) {
                uint32_t before = x;
                x = y;
                y = PORTRAIT_SIDE - 1 - before;
            }
            x = mirror ? PORTRAIT_SIDE - 1 - x : x;
            nsky_stamp_band(out, band)[i] = nsky_stamp_band(stamp, band)[y * PORTRAIT_SIDE + x];
        }
    return out;
}

static uint32_t features_of(nsky_stamp *stamp, float *out)
{
    nsky_error err = NSKY_ERROR_INIT;
    assert_ok(nsky_portrait_draw(portrait, stamp, &err), err);
    nsky_stamp_free(stamp);
    return nsky_handmade_measure(portrait, out);
}

static void turned_stamps_have_the_same_features(void **state)
{
    float straight[PORTRAIT_FEATURES_MAX], turned[PORTRAIT_FEATURES_MAX];
    nsky_stamp *stamp = make_stamp(0.3, 0.01);
    (void)state;

    for (uint32_t view = 1; view < 8; view++) {
        nsky_stamp *other = turn(stamp, view & 3, view >= 4);
        nsky_stamp *same = turn(stamp, 0, false);
        uint32_t count = features_of(same, straight);
        assert_int_equal(features_of(other, turned), count);
        assert_true(count >= 300);
        /* Sums in another order: measured, 1e-7 at most. */
        for (uint32_t f = 0; f < count; f++)
            if (fabs((double)straight[f] - turned[f]) > 1e-4)
                fail_msg("view %u, feature %u: %g, not %g", view, f, turned[f], straight[f]);
    }
    nsky_stamp_free(stamp);
}

static void a_clump_changes_them(void **state)
{
    float with[PORTRAIT_FEATURES_MAX], without[PORTRAIT_FEATURES_MAX];
    uint32_t count = features_of(make_stamp(0.3, 0.01), with), changed = 0;
    (void)state;

    assert_int_equal(features_of(make_stamp(0, 0.01), without), count);
    for (uint32_t f = 0; f < count; f++)
        changed += fabs((double)with[f] - without[f]) > 0.2;
    assert_true(changed > 50);
}

static void the_smooth_galaxy_is_taken_away(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_stamp *stamp = make_stamp(0.3, 0);
    (void)state;

    assert_ok(nsky_portrait_draw(portrait, stamp, &err), err);
    nsky_stamp_free(stamp);
    assert_near(portrait->axis_ratio, 0.6, 0.06);
    /* Of g, at the clump (72.5, 67.5 of 0..127) and at its mirror image. */
    const uint32_t at = 67 * PORTRAIT_SIDE + 72, opposite = PORTRAIT_PIXELS - 1 - at;
    assert_true(portrait->rest[0][at] > 0.25);
    assert_true(fabsf(portrait->rest[0][opposite]) < 0.003);
    assert_true(portrait->flux[0][opposite] > 0.01);
}

static void empty_and_hostile_stamps_give_finite_numbers(void **state)
{
    float out[PORTRAIT_FEATURES_MAX];
    nsky_error err = NSKY_ERROR_INIT;
    const float fills[] = {NAN, 0, 1, -1e30f, 1e30f};
    (void)state;

    for (size_t i = 0; i < sizeof fills / sizeof *fills; i++) {
        nsky_stamp *stamp = NULL;
        assert_ok(nsky_stamp_new(&stamp, 7, 5, 0.5f, &err), err);
        for (uint32_t k = 0; k < 3 * 7 * 5; k++)
            stamp->pixels[k] = k % 4 ? fills[i] : 0;
        uint32_t count = features_of(stamp, out);
        for (uint32_t f = 0; f < count; f++)
            assert_true(isfinite(out[f]));
    }
    nsky_stamp *stamp = make_stamp(0, 0);
    stamp->pixels[9000] = INFINITY;
    assert_int_equal(nsky_portrait_draw(portrait, stamp, &err), NSKY_EDATA);
    nsky_stamp_free(stamp);
}

static int ascending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void quantiles_are_those_of_sorted_values(void **state)
{
    (void)state;
    for (uint32_t count = 1; count < 200; count += 7) {
        float values[200] = {0}, sorted[200] = {0};
        for (uint32_t i = 0; i < count; i++) {
            nsky_rng rng = nsky_rng_at(3, count, i);
            values[i] = sorted[i] = (float)nsky_rng_below(&rng, 20); /* with ties */
        }
        qsort(sorted, count, sizeof *sorted, ascending);
        for (int q = 0; q <= 4; q++)
            assert_true(nsky_quantile(values, count, q / 4.0) ==
                        sorted[(uint32_t)(q / 4.0 * (count - 1))]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turned_stamps_have_the_same_features),
        cmocka_unit_test(a_clump_changes_them),
        cmocka_unit_test(the_smooth_galaxy_is_taken_away),
        cmocka_unit_test(empty_and_hostile_stamps_give_finite_numbers),
        cmocka_unit_test(quantiles_are_those_of_sorted_values),
    };
    return cmocka_run_group_tests(tests, open_portrait, close_portrait);
}
