/* The survey as arithmetic: exact shares, matched deflectors, distinct bricks. */
#include "support.h"

#include "sim/plan.h"

static void test_shuffle_is_a_permutation(void **state)
{
    (void)state;
    static const uint64_t counts[] = {1, 2, 3, 5, 64, 100, 1023, 4097};
    for (size_t n = 0; n < sizeof counts / sizeof *counts; n++) {
        unsigned char seen[4097] = {0};
        uint64_t fixed = 0;
        for (uint64_t i = 0; i < counts[n]; i++) {
            uint64_t to = sim_shuffle(42, counts[n], i);
            assert_true(to < counts[n]);
            assert_int_equal(seen[to]++, 0);
            fixed += to == i;
        }
        assert_true(counts[n] < 100 || fixed < counts[n] / 10);
    }
}

static sim_plan plan_of(uint32_t bricks, double lens_fraction, uint64_t seed)
{
    nsky_sim_options options;
    nsky_sim_options_init(&options);
    options.bricks = bricks;
    options.lens_fraction = lens_fraction;
    options.seed = seed;
    return sim_plan_of(&options);
}

/* Each deflector: one lens and two look-alikes; shares exact over the survey. */
static void test_parts(void **state)
{
    (void)state;
    sim_plan plan = plan_of(17, 0.03, 7);
    static unsigned lenses[4096], others[4096];
    uint32_t total = 0, by_class[NSKY_SIM_CLASSES] = {0};
    assert_int_equal(plan.primaries, 240);
    for (uint32_t field = 0; field < plan.fields; field++)
        for (uint32_t i = 0; i < plan.primaries; i++) {
            sim_part part = sim_plan_part(&plan, field, i);
            by_class[part.class]++;
            if (!part.deflector)
                continue;
            assert_true(part.deflector < 4096);
            (part.class == NSKY_SIM_LENS ? lenses : others)[part.deflector]++;
            total++;
        }
    uint32_t expected = (uint32_t)lrint(17 * 240 * 0.03);
    assert_int_equal(by_class[NSKY_SIM_LENS], expected);
    assert_int_equal(total, 3 * expected);
    for (uint32_t k = 1; k <= expected; k++) {
        assert_int_equal(lenses[k], 1);
        assert_int_equal(others[k], 2);
    }
    for (int class = NSKY_SIM_BARE_DEFLECTOR; class <= NSKY_SIM_TANGENTIAL_EDGE; class ++)
        assert_in_range(by_class[class], expected * 2 / 7 - 1, expected * 2 / 7 + 1);
}

static void test_no_lenses_when_none_are_wanted(void **state)
{
    (void)state;
    sim_plan plan = plan_of(2, 0, 1);
    for (uint32_t i = 0; i < plan.primaries; i++)
        assert_int_equal(sim_plan_part(&plan, 1, i).deflector, 0);
    plan = plan_of(2, 0.3, 1); /* ids stay right at the upper bound */
    uint32_t lenses = 0;
    for (uint32_t i = 0; i < 2 * plan.primaries; i++)
        lenses += sim_plan_part(&plan, i / 240, i % 240).class == NSKY_SIM_LENS;
    assert_int_equal(lenses, 144);
}

static void test_bricks_are_distinct_and_named_by_place(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    static sim_brick bricks[COUNT];
    for (uint64_t seed = 1; seed < 6; seed++) {
        sim_plan plan = plan_of(COUNT, 0.03, seed);
        for (uint32_t i = 0; i < COUNT; i++) {
            bricks[i] = sim_plan_brick(&plan, i);
            assert_true(nsky_sky_valid(bricks[i].centre));
            assert_true(bricks[i].id > 0 && bricks[i].id < 1 << 24);
            assert_int_equal(strlen(bricks[i].name), 8);
            assert_int_equal(atoi(bricks[i].name), (int)(bricks[i].centre.ra_deg * 10));
            for (uint32_t k = 0; k < i; k++) {
                assert_string_not_equal(bricks[i].name, bricks[k].name);
                assert_int_not_equal(bricks[i].id, bricks[k].id);
            }
        }
    }
}

static void test_pixels_to_sky(void **state)
{
    (void)state;
    nsky_sky centre = {0.01, -30}, middle = sim_pixel_to_sky(centre, 101, 50, 50);
    assert_near(middle.ra_deg, 0.01, 1e-12);
    assert_near(middle.dec_deg, -30, 1e-12);
    nsky_sky up = sim_pixel_to_sky(centre, 101, 50, 60),
             right = sim_pixel_to_sky(centre, 101, 90, 50);
    assert_near((up.dec_deg + 30) * 3600, 2.62, 1e-5);
    assert_near(nsky_sky_separation_deg(centre, right) * 3600, 40 * 0.262, 1e-5);
    assert_true(right.ra_deg < centre.ra_deg); /* east is left */
    assert_true(sim_pixel_to_sky(centre, 1001, 1000, 500).ra_deg > 359);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shuffle_is_a_permutation),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_no_lenses_when_none_are_wanted),
        cmocka_unit_test(test_bricks_are_distinct_and_named_by_place),
        cmocka_unit_test(test_pixels_to_sky),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
