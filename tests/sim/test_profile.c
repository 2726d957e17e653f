/* Sersic profiles against their analytic totals; patterns stay finite and are deterministic. */
#include "support.h"

#include "sim/pattern.h"
#include "sim/profile.h"

static const double indices[] = {0.5, 1, 1.7, 2.5, 4, 6};

/* Light within `radius` of a round brush, by rings. */
static double light_within(const sim_brush *brush, double radius)
{
    double sum = 0;
    const int steps = 20000;

    for (int i = 0; i < steps; i++) { /* r = radius t^4: fine in the cusp */
        double t = (i + 0.5) / steps, r = radius * t * t * t * t;
        double dr = radius * 4 * t * t * t / steps;
        sum += 2 * M_PI * r * dr * sim_brush_at(brush, (float)r, 0);
    }
    return sum;
}

static void test_flux_is_one_and_half_lies_within_re(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof indices / sizeof *indices; i++) {
        sim_component c = {.shape = SIM_SERSIC, .r = 1.3, .q = 1, .n = indices[i]};
        sim_brush brush = sim_brush_of(&c, NULL);
        assert_near(light_within(&brush, 1.3), 0.5, 0.004);
        assert_near(light_within(&brush, 1.3 * 400), 1, 0.015);
    }
}

static void test_flattened_profile_keeps_its_flux(void **state)
{
    (void)state;
    sim_component c = {.shape = SIM_SERSIC, .r = 1, .q = 0.4, .angle = 0.7, .n = 1};
    sim_brush brush = sim_brush_of(&c, NULL);
    double sum = 0, step = 0.02;

    for (double y = -8; y < 8; y += step)
        for (double x = -8; x < 8; x += step)
            sum += sim_brush_at(&brush, (float)x, (float)y) * step * step;
    assert_near(sum, 1, 0.005);
    /* Brighter along the major axis. */
    assert_true(sim_brush_at(&brush, cosf(0.7f), sinf(0.7f)) >
                3 * sim_brush_at(&brush, -sinf(0.7f), cosf(0.7f)));
}

static void test_total_of_an_exponential(void **state)
{
    (void)state;
    double h = 1 / sim_sersic_b(1); /* R_e = 1 */
    assert_near(sim_sersic_total(1, 1, 1), 2 * M_PI * h * h * exp(1 / h), 1e-6);
    assert_near(sim_sersic_b(4), 7.6692, 1e-4);
    assert_near(sim_sersic_b(1), 1.67835, 1e-4);
}

static void test_radius_of_a_brightness(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof indices / sizeof *indices; i++) {
        sim_component c = {.shape = SIM_SERSIC, .r = 0.8, .q = 0.6, .n = indices[i]};
        sim_brush brush = sim_brush_of(&c, NULL);
        double level = sim_brush_at(&brush, 2, 0);
        assert_near(sim_sersic_radius(indices[i], 0.8, 0.6, level), 2, 2e-3);
        assert_near(sim_sersic_radius(indices[i], 0.8, 0.6, 1e12), 0, 0);
    }
}

static const sim_component patterns[] = {
    {.shape = SIM_ARMS, .r = 2, .q = 0.7, .arms = 2, .pitch = 0.3, .sharpness = 2, .patches = 5},
    {.shape = SIM_RING, .r = 2, .q = 0.8, .width = 0.3, .patches = 9},
    {.shape = SIM_EDGE, .r = 1.5, .q = 1, .width = 0.2, .angle = 1},
    {.shape = SIM_TAIL, .r = 3, .q = 1, .width = 0.4, .arms = 0.8, .phase = 2},
};

static void test_patterns_are_finite_and_positive(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof patterns / sizeof *patterns; n++) {
        sim_component c = patterns[n];
        c.flux[0] = c.flux[1] = c.flux[2] = 10;
        sim_brush brush = sim_brush_of(&c, NULL);
        double reach = sim_component_reach(&c, NULL, 0.01), most = 0, sum = 0;
        assert_in_range((int)(reach * 10), 10, 400);
        for (double y = -20; y <= 20; y += 0.1)
            for (double x = -20; x <= 20; x += 0.1) {
                float value = sim_brush_at(&brush, (float)x, (float)y);
                assert_true(isfinite(value) && value >= 0);
                sum += value;
                if (hypot(x, y) > reach)
                    most = fmax(most, value);
            }
        assert_true(sum > 0);
        assert_true(most / (sum * 0.01) * 10 < 0.03); /* what is cut off was not to be seen */
    }
}

static void test_value_noise(void **state)
{
    (void)state;
    double sum = 0;
    assert_near(sim_value_noise(0, 1.3f, 7.1f), 0.5, 0);
    for (int i = 0; i < 10000; i++) {
        float x = (float)i * 0.37f - 1000, value = sim_value_noise(7, x, -x * 0.3f);
        assert_true(value >= 0 && value <= 1);
        sum += value;
    }
    assert_near(sum / 10000, 0.5, 0.03);
    assert_near(sim_value_noise(7, 3.999f, 2), sim_value_noise(7, 4.001f, 2), 0.01);
    assert_true(sim_value_noise(7, 3.5f, 2.5f) != sim_value_noise(8, 3.5f, 2.5f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flux_is_one_and_half_lies_within_re),
        cmocka_unit_test(test_flattened_profile_keeps_its_flux),
        cmocka_unit_test(test_total_of_an_exponential),
        cmocka_unit_test(test_radius_of_a_brightness),
        cmocka_unit_test(test_patterns_are_finite_and_positive),
        cmocka_unit_test(test_value_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
