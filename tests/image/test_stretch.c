/* test_stretch.c - the viewer's colours against its formula in float64, and the way back. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/rng.h"
#include "image/stretch.h"

enum { COUNT = 500 };

/* dr2_rgb as published, one pixel, in float64. */
static void formula(const nsky_stretch *s, const double flux[3], double colour[3])
{
    double mean = 0;
    for (int b = 0; b < 3; b++)
        mean += fmax(0, flux[b] * s->scale[b] + s->m) / 3;
    if (mean == 0)
        mean = 1e-6;
    double f = asinh(s->q * mean) / sqrt(s->q);
    for (int b = 0; b < 3; b++)
        colour[b] = fmin(fmax((flux[b] * s->scale[b] + s->m) * f / mean, 0), 1);
}

static void follows_the_formula(void **state)
{
    (void)state;
    const nsky_stretch *all[] = {&nsky_stretch_viewer, &nsky_stretch_faint, &nsky_stretch_bright};
    float flux[3 * COUNT], colour[3 * COUNT];
    nsky_rng rng = nsky_rng_at(1, 0, 0);
    for (int i = 0; i < 3 * COUNT; i++)
        flux[i] = (float)(nsky_rng_normal(&rng) * pow(10, nsky_rng_range(&rng, -4, 2)));
    for (int k = 0; k < 3; k++) {
        nsky_stretch_apply(all[k], flux, COUNT, colour);
        for (int i = 0; i < COUNT; i++) {
            double in[3] = {flux[i], flux[COUNT + i], flux[2 * COUNT + i]}, expected[3];
            formula(all[k], in, expected);
            for (int b = 0; b < 3; b++) /* float32 arithmetic on numbers up to 1 */
                assert_true(fabs(colour[b * COUNT + i] - expected[b]) < 2e-6);
        }
    }
}

static void any_input_gives_a_colour(void **state)
{
    (void)state;
    const float odd[] = {NAN, INFINITY, -INFINITY, 3.4e38f, -3.4e38f, 0, -1e-30f, 1e-38f};
    enum { N = sizeof odd / sizeof *odd };
    float flux[3 * N * N * N], colour[3 * N * N * N];
    for (int i = 0; i < N * N * N; i++) {
        flux[i] = odd[i % N];
        flux[N * N * N + i] = odd[i / N % N];
        flux[2 * N * N * N + i] = odd[i / N / N];
    }
    nsky_stretch_apply(&nsky_stretch_viewer, flux, N * N * N, colour);
    for (int i = 0; i < 3 * N * N * N; i++)
        assert_true(colour[i] >= 0 && colour[i] <= 1);
    /* Missing is no flux. */
    float missing[3] = {NAN, NAN, NAN}, none[3] = {0, 0, 0}, a[3], b[3];
    nsky_stretch_apply(&nsky_stretch_viewer, missing, 1, a);
    nsky_stretch_apply(&nsky_stretch_viewer, none, 1, b);
    assert_memory_equal(a, b, sizeof a);
}

static void inverts_what_is_not_clipped(void **state)
{
    (void)state;
    float flux[3 * COUNT], colour[3 * COUNT], back[3 * COUNT];
    nsky_rng rng = nsky_rng_at(2, 0, 0);
    for (int i = 0; i < 3 * COUNT; i++)
        flux[i] = (float)nsky_rng_range(&rng, 0.0, 0.05);
    nsky_stretch_apply(&nsky_stretch_viewer, flux, COUNT, colour);
    nsky_stretch_invert(&nsky_stretch_viewer, colour, COUNT, back);
    int compared = 0;
    for (int i = 0; i < COUNT; i++) {
        if (colour[i] >= 1 || colour[COUNT + i] >= 1 || colour[2 * COUNT + i] >= 1)
            continue;
        for (int b = 0; b < 3; b++)
            assert_true(fabsf(back[b * COUNT + i] - flux[b * COUNT + i]) < 1e-5f);
        compared++;
    }
    assert_true(compared > COUNT / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_formula),
        cmocka_unit_test(any_input_gives_a_colour),
        cmocka_unit_test(inverts_what_is_not_clipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
