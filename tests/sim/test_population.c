/* Medians of the population against the tables it is drawn from. */
#include "support.h"

#include "sim/galaxy.h"
#include "sim/population.h"

enum { COUNT = 2001 };

static void test_colours_by_redshift(void **state)
{
    (void)state;
    static const double rows[][5] = {/* z, red g-r, r-z, blue g-r, r-z */
                                     {0.1, 0.95, 0.65, 0.50, 0.40},
                                     {0.3, 1.54, 0.85, 0.75, 0.50},
                                     {0.5, 1.79, 1.13, 0.85, 0.70},
                                     {0.8, 1.80, 1.68, 0.70, 0.90}};
    nsky_rng rng = nsky_rng_at(4, 1, 1);
    for (size_t n = 0; n < sizeof rows / sizeof *rows; n++)
        for (int early = 0; early < 2; early++) {
            static double g_r[COUNT], r_z[COUNT];
            for (int i = 0; i < COUNT; i++) {
                sim_colour c = sim_draw_colour(&rng, early, rows[n][0]);
                g_r[i] = c.g_r;
                r_z[i] = c.r_z;
            }
            assert_near(median_of(g_r, COUNT), rows[n][early ? 1 : 3], 0.02);
            assert_near(median_of(r_z, COUNT), rows[n][early ? 2 : 4], 0.02);
            double spread = (g_r[COUNT * 84 / 100] - g_r[COUNT * 16 / 100]) / 2;
            assert_near(spread, early ? 0.068 : 0.146, 0.02);
        }
}

static void test_magnitudes_and_redshifts(void **state)
{
    (void)state;
    nsky_rng rng = nsky_rng_at(4, 1, 2);
    static double z[COUNT];
    int faint = 0;
    for (int i = 0; i < COUNT; i++) {
        double m = sim_draw_magnitude(&rng, 15, 20, 0.4);
        assert_true(m >= 15 && m <= 20);
        faint += m > 19;
    }
    assert_near(faint / (double)COUNT, (1 - pow(10, -0.4)) / (1 - pow(10, -2)), 0.04);
    for (double mag = 16; mag <= 20; mag += 1.3) {
        for (int i = 0; i < COUNT; i++)
            z[i] = sim_draw_redshift(&rng, mag);
        double expected = 0.30 * pow(10, 0.17 * (mag - 19.5));
        assert_near(median_of(z, COUNT), expected, 0.06 * expected);
    }
}

static void test_sizes_follow_mass(void **state)
{
    (void)state;
    nsky_rng rng = nsky_rng_at(4, 1, 3);
    static double size[COUNT];
    /* A late type of 5e10 suns has 8.9 kpc (1 + z)^-0.75: by its own mass-size relation. */
    double z = 0.2, mag = 16;
    while (sim_stellar_mass(false, mag, z) > 5e10)
        mag += 0.01;
    for (int i = 0; i < COUNT; i++)
        size[i] = sim_draw_size(&rng, false, mag, z);
    assert_near(median_of(size, COUNT), 8.9 * pow(1.2, -0.75) / 3.30, 0.1); /* 3.30 kpc an arcsec */
    assert_true(sim_stellar_mass(true, 17, 0.3) > sim_stellar_mass(true, 18, 0.3));
    assert_true(sim_stellar_mass(true, 18, 0.5) > sim_stellar_mass(true, 18, 0.3));
}

static void test_early_share(void **state)
{
    (void)state;
    nsky_rng rng = nsky_rng_at(4, 1, 4);
    int bright = 0, faint = 0;
    for (int i = 0; i < COUNT; i++) {
        bright += sim_draw_is_early(&rng, 16.5, 0.2);
        faint += sim_draw_is_early(&rng, 19.8, 0.2);
    }
    assert_true(bright > faint && faint > COUNT / 6 && bright < COUNT * 3 / 4);
}

/* Every class: fluxes add up to the magnitude asked for, nothing odd in the pieces. */
static void test_galaxies_have_the_flux_they_were_given(void **state)
{
    (void)state;
    for (int class = NSKY_SIM_ELLIPTICAL; class <= NSKY_SIM_IRREGULAR; class ++)
        for (uint32_t i = 0; i < 200; i++) {
            nsky_rng rng = nsky_rng_at(8, (uint32_t) class, i);
            double mag_z = 15.3 + 0.02 * i, z = 0.05 + 0.002 * i;
            sim_object object = {.x = 3, .y = 4};
            sim_make_galaxy(&object, &rng, (nsky_sim_class) class, mag_z, z);
            assert_int_equal(object.class, class);
            assert_near(object.x, 3, 0);
            assert_true(object.count >= 1 && object.count <= SIM_COMPONENTS_MAX);
            /* Dust lanes take away, tails add. */
            assert_near(sim_mag(object.total[2]), mag_z, 0.4);
            assert_true(object.total[0] > 0 && object.total[1] > 0.8 * object.total[0]);
            assert_true(object.re > 0.05 && object.re < 60);
            assert_true(object.q > 0.05 && object.q <= 1);
            for (uint32_t k = 0; k < object.count; k++)
                assert_true(object.components[k].r > 0 && isfinite(object.components[k].x) &&
                            isfinite(object.components[k].flux[0]));
        }
}

static void test_stars(void **state)
{
    (void)state;
    nsky_rng rng = nsky_rng_at(4, 1, 6);
    int dwarfs = 0;
    for (int i = 0; i < COUNT; i++) {
        double flux[3];
        sim_draw_star(&rng, flux);
        double g_r = sim_mag(flux[0]) - sim_mag(flux[1]), r = sim_mag(flux[1]);
        assert_true(r >= 16 && r <= 22 && g_r > 0.2 && g_r < 1.9);
        dwarfs += sim_mag(flux[1]) - sim_mag(flux[2]) > 0.8;
    }
    assert_near(dwarfs / (double)COUNT, 0.45, 0.05);
}

static void test_classes_have_names(void **state)
{
    (void)state;
    for (int a = 0; a < NSKY_SIM_CLASSES; a++)
        for (int b = 0; b < a; b++)
            assert_string_not_equal(nsky_sim_class_name((nsky_sim_class)a),
                                    nsky_sim_class_name((nsky_sim_class)b));
    for (int i = 0; i < NSKY_SIM_ARTEFACT_KINDS; i++)
        assert_non_null(nsky_sim_artefact_name(1u << i));
    assert_null(nsky_sim_artefact_name(0));
    assert_null(nsky_sim_artefact_name(1u << NSKY_SIM_ARTEFACT_KINDS));
    assert_string_equal(nsky_sim_role_name(NSKY_SIM_FOREGROUND), "foreground");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_colours_by_redshift),
        cmocka_unit_test(test_magnitudes_and_redshifts),
        cmocka_unit_test(test_sizes_follow_mass),
        cmocka_unit_test(test_early_share),
        cmocka_unit_test(test_galaxies_have_the_flux_they_were_given),
        cmocka_unit_test(test_stars),
        cmocka_unit_test(test_classes_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
