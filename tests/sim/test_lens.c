/* The lens against its own equations: convergence, no curl, images where they should be. */
#include "support.h"

#include "sim/cosmology.h"
#include "sim/lens.h"
#include "sim/profile.h"

static const sim_lens lenses[] = {
    {.theta_e = 1.6, .q = 0.7, .angle = 0.4},
    {.theta_e = 0.9, .q = 0.45, .angle = -1.1},
    {.theta_e = 3.0, .q = 0.98, .angle = 2.0},
};
#define LENSES (sizeof lenses / sizeof *lenses)

static void derivatives(const sim_lens *lens, double x, double y, double out[2][2])
{
    const double h = 1e-4;
    double ax[2], ay[2];

    for (int axis = 0; axis < 2; axis++) {
        for (int side = 0; side < 2; side++) {
            double step = side ? h : -h;
            sim_deflect(lens, x + (axis == 0 ? step : 0), y + (axis == 1 ? step : 0), &ax[side],
                        &ay[side]);
        }
        out[0][axis] = (ax[1] - ax[0]) / (2 * h);
        out[1][axis] = (ay[1] - ay[0]) / (2 * h);
    }
}

static void test_half_the_divergence_is_the_convergence(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENSES; i++)
        for (double r = 0.3; r < 5; r *= 1.6)
            for (double phi = 0.1; phi < 6.3; phi += 0.7) {
                double x = r * cos(phi), y = r * sin(phi), d[2][2];
                derivatives(&lenses[i], x, y, d);
                double kappa = sim_convergence(&lenses[i], x, y);
                assert_near((d[0][0] + d[1][1]) / 2, kappa, 2e-5 * (1 + kappa));
                assert_near(d[0][1] - d[1][0], 0, 1e-6);
            }
}

/* Shear adds a symmetric, traceless part. */
static void test_shear_bends_without_focusing(void **state)
{
    (void)state;
    sim_lens lens = lenses[0];
    double plain[2][2], sheared[2][2];

    derivatives(&lens, 1.1, -0.7, plain);
    lens.gamma1 = 0.07;
    lens.gamma2 = -0.03;
    derivatives(&lens, 1.1, -0.7, sheared);
    assert_near(sheared[0][0] - plain[0][0], 0.07, 1e-7);
    assert_near(sheared[1][1] - plain[1][1], -0.07, 1e-7);
    assert_near(sheared[0][1] - plain[0][1], -0.03, 1e-7);
    assert_near(sheared[1][0] - plain[1][0], -0.03, 1e-7);
}

/* kappa averages to 1 inside the Einstein radius, whatever the flattening. */
static void test_mean_convergence_within_einstein_radius(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENSES; i++) {
        /* On the ellipse q x^2 + y^2 / q = theta_E^2, by its area in ring coordinates. */
        double sum = 0, area = 0, q = lenses[i].q, t = lenses[i].theta_e;
        double c = cos(lenses[i].angle), s = sin(lenses[i].angle), step = t / 150;
        for (double v = -2 * t + step / 2; v < 2 * t;
             v += step) /* never 0: the centre is singular */
            for (double u = -2 * t + step / 2; u < 2 * t; u += step)
                if (q * u * u + v * v / q < t * t) {
                    sum += sim_convergence(&lenses[i], c * u - s * v, s * u + c * v);
                    area++;
                }
        assert_near(sum / area, 1, 0.02);
    }
}

/* A small source behind a nearly round lens: two images at beta +- theta_E. */
static void test_round_lens_puts_images_where_theory_says(void **state)
{
    (void)state;
    sim_lens lens = {.theta_e = 1.5, .q = 0.98};
    double ax, ay, beta = 0.4;

    sim_deflect(&lens, beta + 1.5, 0, &ax, &ay);
    assert_near(beta + 1.5 - ax, beta, 0.02);
    sim_deflect(&lens, beta - 1.5, 0, &ax, &ay);
    assert_near(beta - 1.5 - ax, beta, 0.02);
}

/* Peaks of the lensed light satisfy beta = theta - alpha(theta). */
static void test_images_satisfy_the_lens_equation(void **state)
{
    (void)state;
    enum { SIDE = 200 };
    static float image[SIDE][SIDE];
    for (size_t n = 0; n < LENSES; n++) {
        sim_lens lens = lenses[n];
        lens.gamma1 = 0.04;
        double step = 6 * lens.theta_e / SIDE;
        sim_component source = {.shape = SIM_ARC,
                                .r = 2 * step,
                                .q = 1,
                                .n = 1,
                                .x = 0.12,
                                .y = 0.05,
                                .flux = {1, 1, 1}};
        sim_brush brush = sim_brush_of(&source, &lens);
        for (int j = 0; j < SIDE; j++)
            for (int i = 0; i < SIDE; i++)
                image[j][i] = sim_brush_at(&brush, (float)((i - SIDE / 2) * step),
                                           (float)((j - SIDE / 2) * step));
        int images = 0;
        for (int j = 1; j < SIDE - 1; j++)
            for (int i = 1; i < SIDE - 1; i++) {
                float p = image[j][i];
                if (p < image[j][i - 1] || p < image[j][i + 1] || p < image[j - 1][i] ||
                    p < image[j + 1][i] || p < 0.25f * brush.norm)
                    continue;
                double x = (i - SIDE / 2) * step, y = (j - SIDE / 2) * step, ax, ay;
                sim_deflect(&lens, x, y, &ax, &ay);
                if (hypot(x, y) < 0.3 * lens.theta_e)
                    continue; /* the centre's own singular image */
                assert_near(hypot(x - ax - source.x, y - ay - source.y), 0, 2 * source.r);
                images++;
            }
        assert_true(images >= 2); /* a ring has a peak in every few pixels */
    }
}

/* mu = 2 theta_E / beta for a point behind a singular isothermal sphere, beta < theta_E. */
static void test_magnification_of_a_round_lens(void **state)
{
    (void)state;
    sim_lens lens = {.theta_e = 1.5, .q = 0.98};
    sim_component source = {.shape = SIM_SERSIC, .r = 0.1, .q = 1, .n = 1, .x = 0.6};
    assert_near(sim_magnification(&lens, &source), 2 * 1.5 / 0.6, 0.35);
    lens.theta_e = 1e-9;
    assert_near(sim_magnification(&lens, &source), 1, 0.03);
}

static void test_velocity_dispersion_and_back(void **state)
{
    (void)state;
    double theta = sim_einstein_radius(220, 0.5, 2);
    double ratio = sim_angular_distance_between_mpc(0.5, 2) / sim_angular_distance_mpc(2);
    assert_near(theta, 1.396 * ratio, 1e-9);
    assert_near(sim_lens_sigma(theta, 0.5, 2), 220, 1e-9);
    assert_near(sim_einstein_radius(220, 0.5, 0.4), 0, 0);
    /* Hogg 1999, flat, 0.3: comoving distance to z = 1 is 0.771 of the Hubble distance. */
    assert_near(sim_comoving_mpc(1), 0.7714 * 299792.458 / 70, 2);
    assert_near(sim_distance_modulus(0.1), 38.3, 0.03);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_half_the_divergence_is_the_convergence),
        cmocka_unit_test(test_shear_bends_without_focusing),
        cmocka_unit_test(test_mean_convergence_within_einstein_radius),
        cmocka_unit_test(test_round_lens_puts_images_where_theory_says),
        cmocka_unit_test(test_images_satisfy_the_lens_equation),
        cmocka_unit_test(test_magnification_of_a_round_lens),
        cmocka_unit_test(test_velocity_dispersion_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
