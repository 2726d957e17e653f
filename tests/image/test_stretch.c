/* test_stretch.c - the viewer's formula in double precision is the oracle. */
#include "image/stretch.h"
#include "support.h"

static const nsky_stretch *const all[] = {&nsky_stretch_viewer, &nsky_stretch_faint,
                                          &nsky_stretch_bright};

/* dr2_rgb as legacysurvey/imagine writes it, for one pixel. */
static void reference(const nsky_stretch *s, const float flux[3], double colour[3])
{
    double v[3], intensity = 0;

    for (int b = 0; b < 3; b++) {
        v[b] = (isnan(flux[b]) ? 0.0 : (double)flux[b]) * s->scale[b] + s->m;
        intensity += fmax(0, v[b]) / 3;
    }
    double f = asinh(s->q * intensity) / sqrt(s->q);
    for (int b = 0; b < 3; b++) {
        double c = v[b] * f / (intensity == 0 ? 1e-6 : intensity);
        colour[b] = c < 0 ? 0 : c > 1 ? 1 : c;
    }
}

/* Fluxes from far below to far above everything, in all three planes. */
static float some_flux(uint32_t i)
{
    static const float ends[] = {0,      -0.0f, 1e-30f, -1e-30f, 1e-6f, -0.005f,
                                 0.003f, 1,     100,    1e6f,    NAN};
    float noise = noise_at(i);

    return i % 3 == 0 ? ends[i / 3 % 11] : noise * powf(10, (float)(i % 9) - 5);
}

static void test_against_the_formula(void **state)
{
    (void)state;
    enum { COUNT = 5003 };
    static float flux[3 * COUNT], colour[3 * COUNT];

    for (uint32_t i = 0; i < 3 * COUNT; i++)
        flux[i] = some_flux(i);
    for (int k = 0; k < 3; k++) {
        nsky_stretch_apply(all[k], flux, COUNT, colour);
        for (int i = 0; i < COUNT; i++) {
            double want[3];
            reference(all[k], (float[]){flux[i], flux[COUNT + i], flux[2 * COUNT + i]}, want);
            for (int b = 0; b < 3; b++)
                if (!(fabs(colour[b * COUNT + i] - want[b]) <= 2e-6 * (1e-3 + want[b])))
                    fail_msg("stretch %d, fluxes %g %g %g: %.9g instead of %.9g", k,
                             (double)flux[i], (double)flux[COUNT + i], (double)flux[2 * COUNT + i],
                             (double)colour[b * COUNT + i], want[b]);
        }
    }
}

static void test_viewer_numbers(void **state)
{
    (void)state;
    const nsky_stretch *s = &nsky_stretch_viewer;

    assert_true(s->scale[0] == 6.0f && s->scale[1] == 3.4f && s->scale[2] == 2.2f);
    assert_true(s->m == 0.03f && s->q == 20.0f);
    float dark[3] = {-1, -1, -1}, grey[3] = {0, 0, 0}, colour[3];
    nsky_stretch_apply(s, dark, 1, colour); /* I = 0: black, not NaN */
    assert_true(colour[0] == 0 && colour[1] == 0 && colour[2] == 0);
    nsky_stretch_apply(s, grey, 1, colour);
    assert_true(fabsf(colour[0] - 0.1271f) < 1e-4f); /* asinh(0.6) / sqrt(20) */
    assert_true(colour[0] == colour[1] && colour[1] == colour[2]);
}

/* The same pixel gives the same bits wherever it stands and whatever surrounds it. */
static void test_per_pixel(void **state)
{
    (void)state;
    enum { COUNT = 67 };
    float flux[3 * COUNT], colour[3 * COUNT];

    for (uint32_t i = 0; i < 3 * COUNT; i++)
        flux[i] = some_flux(i);
    nsky_stretch_apply(&nsky_stretch_viewer, flux, COUNT, colour);
    for (int i = 0; i < COUNT; i++) {
        float one[3] = {flux[i], flux[COUNT + i], flux[2 * COUNT + i]}, alone[3];
        nsky_stretch_apply(&nsky_stretch_viewer, one, 1, alone);
        for (int b = 0; b < 3; b++)
            assert_true(same_bits(alone[b], colour[b * COUNT + i]));
    }
    nsky_stretch_apply(&nsky_stretch_viewer, flux, 0, colour);
}

static void test_no_flux_breaks_it(void **state)
{
    (void)state;
    static const float extremes[] = {3.4e38f, -3.4e38f, 1e20f, -1e20f, 1e-45f,   -1e-45f,  0, 1,
                                     1e9f,    1.2e15f,  NAN,   1e-38f, INFINITY, -INFINITY};
    enum { N = sizeof extremes / sizeof *extremes };

    for (int k = 0; k < 3; k++)
        for (int i = 0; i < N * N * N; i++) {
            float flux[3] = {extremes[i % N], extremes[i / N % N], extremes[i / N / N]}, colour[3];
            nsky_stretch_apply(all[k], flux, 1, colour);
            for (int b = 0; b < 3; b++)
                if (!(colour[b] >= 0 && colour[b] <= 1))
                    fail_msg("%g %g %g -> %g", (double)flux[0], (double)flux[1], (double)flux[2],
                             (double)colour[b]);
        }
}

/* Brighter stays brighter, up to white. */
static void test_monotonic(void **state)
{
    (void)state;
    float last = -1;

    for (float flux = 1e-4f; flux < 1e4f; flux *= 1.01f) {
        float grey[3] = {flux / 6.0f, flux / 3.4f, flux / 2.2f}, colour[3];
        nsky_stretch_apply(&nsky_stretch_viewer, grey, 1, colour);
        assert_true(colour[1] >= last);
        last = colour[1];
    }
    assert_true(last == 1);
}

static void test_inverse(void **state)
{
    (void)state;
    for (int k = 0; k < 3; k++) {
        for (uint32_t i = 0; i < 2000; i++) {
            float flux[3], colour[3], back[3];
            bool clipped = false;
            for (uint32_t b = 0; b < 3; b++)
                flux[b] = powf(10, 6 * noise_at(3 * i + b) - 2) / all[k]->scale[b];
            nsky_stretch_apply(all[k], flux, 1, colour);
            nsky_stretch_invert(all[k], colour, 1, back);
            for (int b = 0; b < 3; b++)
                clipped |= colour[b] <= 0 || colour[b] >= 1;
            for (int b = 0; b < 3; b++) {
                float sky = all[k]->m / all[k]->scale[b];
                if (clipped)
                    assert_true(isfinite(back[b]));
                else if (!(fabsf(back[b] - flux[b]) < 1e-4f * (flux[b] + sky)))
                    fail_msg("%g -> %g -> %g", (double)flux[b], (double)colour[b], (double)back[b]);
            }
        }
    }
}

static void test_inverse_at_the_ends(void **state)
{
    (void)state;
    float colour[3] = {0, 0, 0}, flux[3];

    nsky_stretch_invert(&nsky_stretch_viewer, colour, 1, flux);
    assert_true(fabsf(flux[0] + 0.03f / 6) < 1e-7f); /* as dark as can be told */
    colour[0] = colour[1] = colour[2] = 1;
    nsky_stretch_invert(&nsky_stretch_viewer, colour, 1, flux);
    assert_true(isfinite(flux[0]) && flux[2] > flux[0] && flux[2] > 0.5f);
    colour[0] = NAN;
    colour[1] = -5;
    colour[2] = INFINITY;
    nsky_stretch_invert(&nsky_stretch_viewer, colour, 1, flux);
    assert_true(isfinite(flux[0]) && isfinite(flux[1]) && isfinite(flux[2]));
}

/* What the three are for: faint things shown brighter, cores kept from white. */
static void test_faint_and_bright(void **state)
{
    (void)state;
    float faint[3] = {0.004f, 0.008f, 0.012f}, core[3] = {0.5f, 0.9f, 1.4f}, v[3], other[3];

    nsky_stretch_apply(&nsky_stretch_viewer, faint, 1, v);
    nsky_stretch_apply(&nsky_stretch_faint, faint, 1, other);
    assert_true(other[1] > 1.2f * v[1]);
    nsky_stretch_apply(&nsky_stretch_viewer, core, 1, v);
    nsky_stretch_apply(&nsky_stretch_bright, core, 1, other);
    assert_true(other[1] < 0.8f * v[1] && other[1] > 0.2f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_the_formula), cmocka_unit_test(test_viewer_numbers),
        cmocka_unit_test(test_per_pixel),           cmocka_unit_test(test_no_flux_breaks_it),
        cmocka_unit_test(test_monotonic),           cmocka_unit_test(test_inverse),
        cmocka_unit_test(test_inverse_at_the_ends), cmocka_unit_test(test_faint_and_bright),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
