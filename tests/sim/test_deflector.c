/* Lenses and look-alikes around the same galaxy. */
#include "support.h"

#include "sim/deflector.h"

static const sim_conditions seen = {
    .fwhm_arcsec = {1.48, 1.33, 1.24},
    .sigma = {0.0033, 0.0060, 0.0150},
    .transmission = {0.9, 0.93, 0.96},
};

static void test_a_number_is_a_galaxy(void **state)
{
    (void)state;
    static double mags[301], thetas[301];
    for (uint32_t n = 1; n <= 301; n++) {
        sim_object a = {.x = 1}, b = {.x = 2}, c = {.x = 1};
        sim_make_deflector(&a, 77, n);
        sim_make_deflector(&b, 77, n);
        sim_make_deflector(&c, 78, n);
        assert_memory_equal(a.components, b.components, sizeof a.components);
        assert_memory_not_equal(a.components, c.components, sizeof a.components);
        assert_int_equal(a.deflector, n);
        assert_true(a.z >= 0.2 && a.z <= 0.8);
        assert_true(a.lens.sigma_km_s >= 200 && a.lens.sigma_km_s <= 350);
        assert_true(a.lens.theta_e >= 0.8 && a.lens.theta_e <= 4);
        assert_true(hypot(a.lens.gamma1, a.lens.gamma2) <= 0.15);
        mags[n - 1] = sim_mag(a.total[2]);
        thetas[n - 1] = a.lens.theta_e;
    }
    assert_near(median_of(mags, 301), 18.4, 0.4); /* that of published lenses */
    assert_near(median_of(thetas, 301), 1.6, 0.15);
}

static void test_lenses_pass_their_criteria(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    sim_painter *painter;
    int recognised = 0;
    enum { COUNT = 40 };

    assert_ok(sim_painter_new(&painter, &err), err);
    sim_painter_look(painter, &seen);
    for (uint32_t n = 1; n <= COUNT; n++) {
        nsky_rng rng = nsky_rng_at(5, 6, n);
        sim_object object = {.x = 1};
        sim_make_deflector(&object, 5, n);
        double bare = object.total[0];
        assert_ok(sim_make_lens(&object, &rng, painter, &seen, &err), err);
        const sim_lens *lens = &object.lens;
        assert_int_equal(object.class, NSKY_SIM_LENS);
        assert_true(object.is_lens && lens->z_source > object.z);
        assert_true(lens->source_mag_g >= 23 && lens->source_mag_g <= 25.5);
        assert_near(object.total[0] - bare, lens->magnification * sim_flux(lens->source_mag_g),
                    1e-9);
        assert_true(strchr("ABC", lens->grade));
        if (lens->grade != 'C') {
            assert_true(sim_lens_resolved(lens, seen.fwhm_arcsec[1]));
            assert_true(lens->arc_snr > SIM_LENS_SNR_MIN);
            assert_true(lens->magnification > SIM_LENS_MAGNIFICATION_MIN);
            recognised++;
        }
    }
    assert_in_range(recognised, COUNT * 6 / 10, COUNT - 1);
    sim_painter_free(painter);
}

static void test_resolved(void **state)
{
    (void)state;
    sim_lens lens = {.theta_e = 1.5, .source_re = 0.3, .magnification = 8};
    assert_true(sim_lens_resolved(&lens, 1.3));
    assert_false(sim_lens_resolved(&lens, 3.2)); /* seeing as wide as the images' distance */
    lens.magnification = 4;
    assert_false(sim_lens_resolved(&lens, 1.3)); /* arcs shorter than the seeing */
    lens.source_re = 0.5;
    lens.magnification = 2.9;
    assert_false(sim_lens_resolved(&lens, 1.3));
}

static void test_lookalikes_have_nothing_behind_them(void **state)
{
    (void)state;
    for (int class = NSKY_SIM_BARE_DEFLECTOR; class <= NSKY_SIM_TANGENTIAL_EDGE; class ++)
        for (uint32_t n = 1; n <= 50; n++) {
            nsky_rng rng = nsky_rng_at(5, 7, n);
            sim_object object = {.x = 1}, bare = {.x = 1};
            sim_make_deflector(&object, 5, n);
            sim_make_deflector(&bare, 5, n);
            sim_make_lookalike(&object, &rng, (nsky_sim_class) class);
            assert_int_equal(object.class, class);
            assert_false(object.is_lens);
            assert_near(object.lens.theta_e, 0, 0);
            assert_memory_equal(&object.components[0], &bare.components[0],
                                sizeof object.components[0]);
            assert_true((class == NSKY_SIM_BARE_DEFLECTOR) == (object.count == 1));
            assert_true(object.total[0] >= bare.total[0]);
        }
}

static void test_out_of_memory(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    sim_painter *painter;
    sim_object object = {.x = 1};
    nsky_rng rng = nsky_rng_at(5, 6, 1);

    assert_ok(sim_painter_new(&painter, &err), err);
    sim_painter_look(painter, &seen);
    sim_make_deflector(&object, 5, 1);
    nsky_memory_fail_at(1);
    assert_int_equal(sim_make_lens(&object, &rng, painter, &seen, &err), NSKY_ENOMEM);
    nsky_memory_fail_at(0);
    sim_painter_free(painter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_number_is_a_galaxy),
        cmocka_unit_test(test_lenses_pass_their_criteria),
        cmocka_unit_test(test_resolved),
        cmocka_unit_test(test_lookalikes_have_nothing_behind_them),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
