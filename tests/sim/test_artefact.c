/* Each artefact leaves its mark where it says it does. */
#include "support.h"

#include "sim/artefact.h"

#define SIDE 152

static const sim_conditions seen = {
    .fwhm_arcsec = {1.48, 1.33, 1.24},
    .sigma = {0.0033, 0.0060, 0.0150},
    .transmission = {1, 1, 1},
};

static sim_painter *painter;
static float pixels[3 * SIDE * SIDE];
static sim_canvas canvas = {pixels, SIDE, SIDE};

static int open_painter(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    if (sim_painter_new(&painter, &err) != NSKY_OK)
        return 1;
    sim_painter_look(painter, &seen);
    return 0;
}

static int close_painter(void **state)
{
    (void)state;
    sim_painter_free(painter);
    return 0;
}

/* Pixels that changed in each band. */
static void paint(const sim_artefact *a, int changed[3])
{
    for (int i = 0; i < 3 * SIDE * SIDE; i++)
        pixels[i] = 1 + 0.01f * (float)(i % 13);
    for (int before = 0; before < 2; before++)
        sim_paint_artefact(a, painter, &canvas, &seen, before);
    for (int band = 0; band < 3; band++) {
        changed[band] = 0;
        for (int i = 0; i < SIDE * SIDE; i++) {
            int at = band * SIDE * SIDE + i;
            assert_true(isfinite(pixels[at]));
            changed[band] += fabsf(pixels[at] - (1 + 0.01f * (float)(at % 13))) > 1e-4f;
        }
    }
}

static void test_every_kind_shows(void **state)
{
    (void)state;
    for (int kind = 0; kind < NSKY_SIM_ARTEFACT_KINDS; kind++)
        for (uint32_t i = 0; i < 60; i++) {
            nsky_rng rng = nsky_rng_at(3, (uint32_t)kind, i);
            sim_artefact a = sim_draw_artefact(&rng, 1u << kind, 75.5, 75.5);
            int changed[3];
            paint(&a, changed);
            assert_int_equal(a.kind, 1u << kind);
            assert_true(sim_artefact_touches(&a, 75.5, 75.5));
            assert_false(sim_artefact_touches(&a, 75.5 + 5000, 75.5 + 4000));
            assert_true(changed[0] + changed[1] + changed[2] > 0);
            bool one_band = a.kind & (NSKY_SIM_ARTEFACT_TRAIL | NSKY_SIM_ARTEFACT_NO_BAND |
                                      NSKY_SIM_ARTEFACT_CHIP_EDGE | NSKY_SIM_ARTEFACT_COSMIC_RAY |
                                      NSKY_SIM_ARTEFACT_SKY_OFFSET | NSKY_SIM_ARTEFACT_MISALIGNED);
            for (int band = 0; one_band && band < 3; band++)
                assert_true((band == a.band) == (changed[band] > 0));
        }
}

static void test_missing_band_is_zero(void **state)
{
    (void)state;
    nsky_rng rng = nsky_rng_at(3, 1, 1);
    sim_artefact a = sim_draw_artefact(&rng, NSKY_SIM_ARTEFACT_NO_BAND, 75.5, 75.5);
    int changed[3], zeros = 0;
    paint(&a, changed);
    for (int i = 0; i < SIDE * SIDE; i++)
        zeros += pixels[a.band * SIDE * SIDE + i] == 0;
    assert_true(zeros > SIDE * SIDE * 2 / 3);
}

/* Outside, and far outside, of the canvas: nothing happens, nothing breaks. */
static void test_off_the_canvas(void **state)
{
    (void)state;
    for (int kind = 0; kind < NSKY_SIM_ARTEFACT_KINDS; kind++) {
        nsky_rng rng = nsky_rng_at(3, 9, (uint32_t)kind);
        int changed[3];
        for (double far = 160; far < 20000; far *= 5) {
            sim_artefact a = sim_draw_artefact(&rng, 1u << kind, -far, far);
            paint(&a, changed);
        }
        assert_int_equal(changed[0] + changed[1] + changed[2], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_shows),
        cmocka_unit_test(test_missing_band_is_zero),
        cmocka_unit_test(test_off_the_canvas),
    };
    return cmocka_run_group_tests(tests, open_painter, close_painter);
}
