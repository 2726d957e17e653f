/* Noise as asked for, and the nights it belongs to. */
#include "support.h"

#include "image/stamp.h"
#include "sim/conditions.h"

#define SIDE 400
static float pixels[SIDE * SIDE], scratch[SIDE];

static void moments(double *mean, double *sigma)
{
    double sum = 0, squares = 0;
    for (int i = 0; i < SIDE * SIDE; i++)
        sum += pixels[i];
    *mean = sum / (SIDE * SIDE);
    for (int i = 0; i < SIDE * SIDE; i++)
        squares += (pixels[i] - *mean) * (pixels[i] - *mean);
    *sigma = sqrt(squares / (SIDE * SIDE));
}

static void test_background_and_photons(void **state)
{
    (void)state;
    static const double fluxes[] = {0, 0.01, 1, 20};
    for (size_t n = 0; n < sizeof fluxes / sizeof *fluxes; n++) {
        double mean, sigma, expected = sqrt(0.004 * 0.004 + fluxes[n] / 7300);
        for (int i = 0; i < SIDE * SIDE; i++)
            pixels[i] = (float)fluxes[n];
        sim_add_noise(pixels, SIDE, SIDE, 0.004, 7300, 9, 64, scratch);
        moments(&mean, &sigma);
        assert_near(sigma, expected, 0.01 * expected);
        assert_near(mean, fluxes[n], 5 * expected / SIDE);
    }
}

/* A row's noise depends on its number, seed and stream alone. */
static void test_rows_have_streams_of_their_own(void **state)
{
    (void)state;
    static float again[SIDE * 10];
    memset(pixels, 0, sizeof pixels);
    sim_add_noise(pixels, SIDE, SIDE, 1, 1, 5, 64, scratch);
    sim_add_noise(again, SIDE, 10, 1, 1, 5, 64, scratch);
    assert_memory_equal(again, pixels, sizeof again);
    memset(again, 0, sizeof again);
    sim_add_noise(again, SIDE, 10, 1, 1, 6, 64, scratch);
    assert_memory_not_equal(again, pixels, sizeof again);
}

/* Medians behind the augmentations of Stein et al. 2022: FWHM 1.48, 1.33, 1.24 arcsec; noise
 * .0031, .0044, .0117 in the deep fields, up to 1.85 times that in the others. */
static void test_nights(void **state)
{
    (void)state;
    enum { COUNT = 4001 };
    static double fwhm[3][COUNT], noise[3][COUNT], ebv[COUNT];
    nsky_rng rng = nsky_rng_at(1, 2, 3);
    for (int i = 0; i < COUNT; i++) {
        sim_conditions c = sim_draw_conditions(&rng);
        for (int band = 0; band < 3; band++) {
            fwhm[band][i] = c.fwhm_arcsec[band];
            noise[band][i] = c.sigma[band];
            assert_true(c.sigma[band] > 0 && c.fwhm_arcsec[band] > 0.6);
            assert_true(c.transmission[band] > 0 && c.transmission[band] < 1);
        }
        assert_true(c.transmission[0] < c.transmission[1]); /* dust reddens */
        ebv[i] = c.ebv;
    }
    static const double fwhm_medians[] = {1.478, 1.330, 1.244};
    static const double deep[] = {0.0031, 0.0044, 0.0117}, shallow[] = {1.16, 1.85, 1.69};
    for (int band = 0; band < 3; band++) {
        double median = median_of(noise[band], COUNT);
        assert_near(median_of(fwhm[band], COUNT), fwhm_medians[band], 0.02);
        assert_true(median > deep[band] && median < deep[band] * shallow[band]);
    }
    assert_near(median_of(ebv, COUNT), 0.0345, 0.003);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_background_and_photons),
        cmocka_unit_test(test_rows_have_streams_of_their_own),
        cmocka_unit_test(test_nights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
