/* The point spread, and objects painted through it. */
#include "support.h"

#include "image/stamp.h"
#include "sim/psf.h"
#include "sim/scene.h"

#define SIDE 128

static const sim_conditions seen = {
    .fwhm_arcsec = {1.48, 1.33, 1.24},
    .sigma = {0.003, 0.0044, 0.0117},
    .transmission = {1, 1, 1},
};

static void test_full_width_at_half_maximum(void **state)
{
    (void)state;
    double alpha = sim_moffat_alpha(1.3);
    assert_near(sim_moffat(alpha, 0.65) / sim_moffat(alpha, 0), 0.5, 1e-12);
    assert_near(sim_moffat_radius(alpha, sim_moffat(alpha, 2)), 2, 1e-9);
    assert_near(sim_moffat_radius(alpha, 100), 0, 0);
}

/* Numerical Hankel transform by a plain sum over the plane's radius. */
static void test_transfer_function(void **state)
{
    (void)state;
    double alpha = 1;
    for (double f = 0; f < 1.2; f += 0.1) {
        double sum = 0, step = 0.002;
        for (double r = step / 2; r < 60; r += step)
            sum += 2 * M_PI * r * sim_moffat(alpha, r) * j0(2 * M_PI * f * r) * step;
        assert_near(sim_moffat_transfer(alpha, f), sum, 3e-4);
    }
}

typedef struct scene {
    sim_painter *painter;
    sim_canvas canvas;
} scene;

static scene open_scene(void)
{
    nsky_error err = NSKY_ERROR_INIT;
    scene s = {.canvas = {calloc(3 * SIDE * SIDE, sizeof(float)), SIDE, SIDE}};
    assert_ok(sim_painter_new(&s.painter, &err), err);
    sim_painter_look(s.painter, &seen);
    return s;
}

static void close_scene(scene *s)
{
    sim_painter_free(s->painter);
    free(s->canvas.pixels);
}

static double total(const scene *s, int band)
{
    double sum = 0;
    for (int i = 0; i < SIDE * SIDE; i++)
        sum += s->canvas.pixels[band * SIDE * SIDE + i];
    return sum;
}

/* Twice the distance from the peak at which the row through it falls to half, interpolated. */
static double measured_fwhm(const scene *s, int band, int x0, int y0)
{
    const float *row = s->canvas.pixels + band * SIDE * SIDE + y0 * SIDE;
    double peak = row[x0];
    int x = x0;
    while (row[x] > peak / 2)
        x++;
    double t = (row[x - 1] - peak / 2) / (row[x - 1] - row[x]);
    return 2 * (x - 1 + t - x0) * NSKY_SCALE_ARCSEC_PX;
}

static void test_a_star_has_the_width_and_flux_asked_for(void **state)
{
    (void)state;
    scene s = open_scene();
    sim_object star = {.class = NSKY_SIM_STAR, .x = 60, .y = 70, .total = {50, 100, 200}};
    sim_paint(s.painter, &s.canvas, &star);
    for (int band = 0; band < 3; band++) {
        assert_near(measured_fwhm(&s, band, 60, 70), seen.fwhm_arcsec[band],
                    0.03 * seen.fwhm_arcsec[band]);
        assert_near(total(&s, band), star.total[band], 0.01 * star.total[band]);
    }
    close_scene(&s);
}

/* A galaxy much smaller than the seeing looks like a star, also in between pixels. */
static void test_a_tiny_galaxy_is_a_point(void **state)
{
    (void)state;
    scene a = open_scene(), b = open_scene();
    sim_object star = {.class = NSKY_SIM_STAR, .x = 63.3, .y = 58.8, .total = {50, 50, 50}};
    sim_object dot = {.x = 63.3, .y = 58.8, .count = 1};
    dot.components[0] =
        (sim_component){.shape = SIM_SERSIC, .r = 0.12, .q = 1, .n = 0.5, .flux = {50, 50, 50}};
    sim_paint(a.painter, &a.canvas, &star);
    sim_paint(b.painter, &b.canvas, &dot);
    double peak = a.canvas.pixels[59 * SIDE + 63];
    for (int i = 0; i < SIDE * SIDE; i++)
        assert_near(b.canvas.pixels[i], a.canvas.pixels[i], 0.03 * peak);
    close_scene(&a);
    close_scene(&b);
}

static void test_galaxies_keep_their_flux_and_place(void **state)
{
    (void)state;
    static const sim_component shapes[] = {
        {.shape = SIM_SERSIC, .r = 1, .q = 0.6, .n = 4},
        {.shape = SIM_SERSIC, .r = 1.5, .q = 0.3, .n = 1, .angle = 1},
        {.shape = SIM_ARMS, .r = 2, .q = 0.8, .n = 1, .arms = 2, .pitch = 0.3, .sharpness = 2},
        {.shape = SIM_RING, .r = 2, .q = 0.8, .n = 1, .width = 0.3},
        {.shape = SIM_EDGE, .r = 1, .q = 1, .n = 1, .width = 0.2},
        {.shape = SIM_TAIL, .r = 2, .q = 1, .n = 1, .width = 0.3, .arms = 1},
    };
    for (size_t n = 0; n < sizeof shapes / sizeof *shapes; n++) {
        scene s = open_scene();
        sim_object object = {.x = 61.5, .y = 66.25, .count = 1};
        object.components[0] = shapes[n];
        for (int band = 0; band < 3; band++)
            object.components[0].flux[band] = 20;
        sim_paint(s.painter, &s.canvas, &object);
        for (int band = 0; band < 3; band++) /* an index of 4 has wings that are cut off */
            assert_near(total(&s, band), 20, n == 0 ? 1.5 : 0.3);
        double x = 0, y = 0;
        for (int i = 0; i < SIDE * SIDE; i++) {
            x += i % SIDE * s.canvas.pixels[i];
            y += (int)(i / SIDE) * s.canvas.pixels[i];
        }
        if (shapes[n].shape == SIM_SERSIC) {
            assert_near(x / total(&s, 0), 61.5, 0.05);
            assert_near(y / total(&s, 0), 66.25, 0.05);
        }
        close_scene(&s);
    }
}

/* Dust in front dims, and what lies outside the canvas is left out without harm. */
static void test_dust_and_edges(void **state)
{
    (void)state;
    scene s = open_scene();
    sim_conditions dusty = seen;
    dusty.transmission[0] = 0.5;
    sim_painter_look(s.painter, &dusty);
    sim_object object = {.x = 64, .y = 64, .count = 1};
    object.components[0] =
        (sim_component){.shape = SIM_SERSIC, .r = 0.5, .q = 1, .n = 1, .flux = {10, 10, 10}};
    sim_paint(s.painter, &s.canvas, &object);
    assert_near(total(&s, 0) / total(&s, 1), 0.5, 0.005);
    for (double x = -40; x < SIDE + 40; x += 9.7) {
        object.x = x;
        object.y = SIDE - x;
        sim_paint(s.painter, &s.canvas, &object);
        double flux[3] = {3, 3, 3};
        sim_paint_point(s.painter, &s.canvas, SIDE - x, x, flux, 0.3);
    }
    assert_true(isfinite(total(&s, 2)));
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_width_at_half_maximum),
        cmocka_unit_test(test_transfer_function),
        cmocka_unit_test(test_a_star_has_the_width_and_flux_asked_for),
        cmocka_unit_test(test_a_tiny_galaxy_is_a_point),
        cmocka_unit_test(test_galaxies_keep_their_flux_and_place),
        cmocka_unit_test(test_dust_and_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
