/* test_augment.c - each augmentation against what it says it does, in fluxes and in numbers. */
#include "encoder/train/augment_private.h"
#include "tests/encoder/train_support.h"

#define SIZE 96u
#define SIDE 152u
#define PLANE ((size_t)SIZE * SIZE)
#define IMAGE (3 * PLANE)

static nsky_augment_scratch *scratch; /* of nsky_augment_stein: room for any blur */
static float *view, *other;           /* [IMAGE] */

static nsky_augment_numbers nothing(void)
{
    nsky_augment_numbers n;
    nsky_augment_own own = {NAN, {0, 0, 0}};

    nsky_augment_draw(&nsky_augment_none, &own, false, 1, 2, 3, 0, &n);
    return n;
}

static void fluxes(const nsky_stamp *stamp, const nsky_augment_numbers *n)
{
    nsky_error err = NSKY_ERROR_INIT;

    assert_ok(nsky_augment_take(scratch, stamp, &err), err);
    nsky_augment_flux(scratch, n, view);
}

/* A galaxy of sorts: stars all over, noise, and where asked a hole, a lost corner and an infinity.
 */
static nsky_stamp *busy_stamp(uint32_t width, uint32_t height, double scale, bool holes)
{
    static const float sky[3] = {0.004f, 0.006f, 0.015f};
    nsky_stamp *stamp = new_stamp(width, height, scale);
    nsky_rng rng = nsky_rng_at(9, width, height);

    draw_sky(stamp, sky, 4);
    for (int i = 0; i < 12; i++) {
        double flux[3] = {nsky_rng_range(&rng, 0, 4), nsky_rng_range(&rng, 0, 9), 5};
        double dx = width * nsky_rng_range(&rng, -0.5, 0.5);
        double dy = height * nsky_rng_range(&rng, -0.5, 0.5);
        draw_star(stamp, flux, nsky_rng_range(&rng, 1.3, 4), dx, dy);
    }
    for (uint32_t y = 0; holes && y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            if (x + y < width / 2)
                for (uint32_t band = 0; band < 3; band++)
                    nsky_stamp_band(stamp, band)[y * width + x] = NAN;
            if (x % 31 == 7 && y % 17 == 3)
                nsky_stamp_band(stamp, (x + y) % 3)[y * width + x] = NAN;
        }
    return stamp;
}

static void nothing_is_the_plain_crop(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;

    (void)state;
    for (int holes = 0; holes < 2; holes++) {
        nsky_stamp *stamp = busy_stamp(SIDE, SIDE - 14, 0.262, holes);
        assert_ok(nsky_augment_view(&nsky_augment_none, &nsky_preprocess_default, stamp, NULL, 1, 2,
                                    3, 4, view, scratch, &err),
                  err);
        assert_ok(nsky_preprocess_run(&nsky_preprocess_default, stamp, other, &err), err);
        assert_memory_equal(view, other, IMAGE * sizeof *view);
        nsky_stamp_free(stamp);
    }
}

static void quarter_turns_and_flips_are_exact(void **state)
{
    nsky_stamp *stamp = busy_stamp(SIDE, SIDE, 0.262, true);
    float *plain = malloc(IMAGE * sizeof *plain);
    nsky_error err = NSKY_ERROR_INIT;

    (void)state;
    assert_ok(nsky_preprocess_run(&nsky_preprocess_default, stamp, plain, &err), err);
    assert_ok(nsky_augment_take(scratch, stamp, &err), err);
    for (uint32_t v = 0; v < 8; v++) {
        nsky_augment_numbers n = nothing();
        n.angle_deg = 90.0 * (v & 3);
        n.flip[0] = v >= 4;
        nsky_augment_make(scratch, &n, view);
        nsky_preprocess_view(plain, SIZE, v, other);
        assert_memory_equal(view, other, IMAGE * sizeof *view);
    }
    free(plain);
    nsky_stamp_free(stamp);
}

/* --- against the plainest possible resampling, in float64 --- */

static double keys(double x)
{
    x = fabs(x);
    return x < 1   ? 1.5 * x * x * x - 2.5 * x * x + 1
           : x < 2 ? -0.5 * x * x * x + 2.5 * x * x - 4 * x + 2
                   : 0;
}

static double reference(const nsky_stamp *stamp, uint32_t band, const nsky_augment_numbers *n,
                        uint32_t column, uint32_t row)
{
    double ratio = (double)nsky_preprocess_default.scale_arcsec_px / stamp->scale_arcsec_px;
    double x = column - (SIZE - 1) / 2.0 - n->jitter_px[0];
    double y = row - (SIZE - 1) / 2.0 - n->jitter_px[1];
    double angle = n->angle_deg * M_PI / 180, sum = 0, known = 0;

    x *= (n->flip[0] ? -1 : 1) * ratio / n->zoom;
    y *= (n->flip[1] ? -1 : 1) * ratio / n->zoom;
    double sx = x * cos(angle) - y * sin(angle) + (stamp->width - 1) / 2.0;
    double sy = x * sin(angle) + y * cos(angle) + (stamp->height - 1) / 2.0;
    for (int j = (int)floor(sy) - 1; j <= floor(sy) + 2; j++)
        for (int i = (int)floor(sx) - 1; i <= floor(sx) + 2; i++) {
            if (i < 0 || j < 0 || i >= (int)stamp->width || j >= (int)stamp->height)
                continue;
            double value = nsky_stamp_band(stamp, band)[(size_t)j * stamp->width + (size_t)i];
            double weight = keys(sx - i) * keys(sy - j);
            if (!isnan(value)) {
                sum += weight * value;
                known += weight;
            }
        }
    double area = n->keep_flux ? ratio * ratio / n->zoom / n->zoom : ratio * ratio;
    return fabs(known - 0.5) < 1e-4 ? NAN : known < 0.5 ? 0 : sum / known * area * n->gain[band];
}

/* Largest difference seen: 3e-4 nmgy of 0.6, from float32 coordinates. */
static void resampling_is_the_cubic_one(void **state)
{
    static const struct {
        uint32_t width, height;
        double scale, angle, zoom, jitter[2];
        bool flip[2], keep_flux;
    } ways[] = {
        {152, 152, 0.262, 33, 1.07, {3.3, -6.1}, {false, true}, false},
        {151, 97, 0.262, 271.3, 0.9, {-7, 7}, {true, false}, true},
        {72, 72, 0.339, 181, 1, {0, 0}, {true, true}, false},
        {96, 96, 0.25, 44.9, 1.1, {1, 2}, {false, false}, true},
        {5, 7, 0.5, 300, 1, {0.2, 0.3}, {false, false}, false},
        {300, 300, 0.262, 135, 0.95, {0, 0}, {false, false}, false},
    };

    (void)state;
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++)
        for (int holes = 0; holes < 2; holes++) {
            nsky_stamp *stamp = busy_stamp(ways[w].width, ways[w].height, ways[w].scale, holes);
            nsky_augment_numbers n = nothing();
            n.angle_deg = ways[w].angle;
            n.zoom = ways[w].zoom;
            n.keep_flux = ways[w].keep_flux;
            for (int i = 0; i < 2; i++) {
                n.jitter_px[i] = ways[w].jitter[i];
                n.flip[i] = ways[w].flip[i];
            }
            n.gain[1] = 0.7;
            fluxes(stamp, &n);
            for (uint32_t band = 0; band < 3; band++)
                for (uint32_t y = 0; y < SIZE; y++)
                    for (uint32_t x = 0; x < SIZE; x++) {
                        double expected = reference(stamp, band, &n, x, y);
                        double got = view[band * PLANE + y * SIZE + x];
                        if (!isnan(expected) && !(fabs(got - expected) < 1e-3))
                            fail_msg("way %zu, band %u at %u,%u: %g is not %g", w, band, x, y, got,
                                     expected);
                    }
            nsky_stamp_free(stamp);
        }
}

/* --- stars --- */

typedef struct moments {
    double flux, x, y, variance; /* the middle is 0, 0; variance of one axis */
} moments;

static moments measure(const float *band)
{
    moments m = {0};
    double squares = 0;

    for (uint32_t y = 0; y < SIZE; y++)
        for (uint32_t x = 0; x < SIZE; x++) {
            double value = band[y * SIZE + x], cx = x - (SIZE - 1) / 2.0, cy = y - (SIZE - 1) / 2.0;
            m.flux += value;
            m.x += value * cx;
            m.y += value * cy;
            squares += value * (cx * cx + cy * cy);
        }
    m.x /= m.flux;
    m.y /= m.flux;
    m.variance = (squares / m.flux - m.x * m.x - m.y * m.y) / 2;
    return m;
}

static nsky_stamp *star_stamp(double sigma_px, double scale)
{
    static const double flux[3] = {3, 5, 7};
    nsky_stamp *stamp = new_stamp(SIDE, SIDE, scale);

    draw_star(stamp, flux, sigma_px, 0, 0);
    return stamp;
}

/* A star of the sharpest seeing there is, 1.2 pixels: flux to 0.5% whatever the turn, size and
 * place (measured: 0.30%, at its smallest), position to 0.01 pixels (0.006), variance to 3% (1.9%).
 */
static void flux_and_place_are_kept(void **state)
{
    nsky_stamp *stamp = star_stamp(1.2, 0.262);

    (void)state;
    for (uint32_t i = 0; i < 60; i++) {
        nsky_rng rng = nsky_rng_at(8, 8, i);
        nsky_augment_numbers n = nothing();
        n.angle_deg = nsky_rng_range(&rng, 0, 360);
        n.zoom = nsky_rng_range(&rng, 0.9, 1.1);
        n.jitter_px[0] = nsky_rng_range(&rng, -7, 7);
        n.jitter_px[1] = nsky_rng_range(&rng, -7, 7);
        n.flip[0] = i % 2;
        n.keep_flux = i % 3 == 0;
        fluxes(stamp, &n);
        for (uint32_t band = 0; band < 3; band++) {
            moments m = measure(view + band * PLANE);
            double expected = (3 + 2 * band) * (n.keep_flux ? 1 : n.zoom * n.zoom);
            assert_true(fabs(m.flux / expected - 1) < 5e-3);
            assert_true(fabs(m.x - n.jitter_px[0]) < 0.01);
            assert_true(fabs(m.y - n.jitter_px[1]) < 0.01);
            assert_true(fabs(m.variance / (1.44 * n.zoom * n.zoom) - 1) < 0.03);
        }
    }
    nsky_stamp_free(stamp);
}

/* Fluxes of pixels of other sizes, as nsky_resample counts them. */
static void other_scales_keep_flux(void **state)
{
    static const double scales[] = {0.22, 0.25, 0.262, 0.339, 0.396};

    (void)state;
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        nsky_stamp *stamp = star_stamp(1.5, scales[i]);
        nsky_augment_numbers n = nothing();
        n.angle_deg = 17;
        fluxes(stamp, &n);
        moments m = measure(view);
        double width = 1.5 * scales[i] / 0.262;
        assert_true(fabs(m.flux / 3 - 1) < 2e-3); /* 1.3e-3 */
        assert_true(fabs(m.variance / (width * width) - 1) < 8e-3);
        nsky_stamp_free(stamp);
    }
}

/* --- seeing --- */

static void kernels_have_the_variance_asked_for(void **state)
{
    static const double sigmas[] = {0.05, 0.1, 0.3, 0.5, 0.9, 1.4, 2, 3, 4.5, 6};
    float taps[NSKY_AUGMENT_RADIUS_MAX + 1];

    (void)state;
    for (size_t i = 0; i < sizeof sigmas / sizeof *sigmas; i++) {
        uint32_t radius = nsky_augment_kernel(sigmas[i], taps);
        double sum = taps[0], variance = 0;
        for (uint32_t k = 1; k <= radius; k++) {
            sum += 2 * (double)taps[k];
            variance += 2.0 * k * k * taps[k];
            assert_true(taps[k] > 0 && taps[k] < taps[k - 1]);
        }
        assert_true(radius <= NSKY_AUGMENT_RADIUS_MAX);
        assert_true(fabs(sum - 1) < 1e-6);
        if (sigmas[i] > 0.1) /* what is cut off is at most 2e-4 of the weight */
            assert_true(fabs(variance / (sigmas[i] * sigmas[i]) - 1) < 6e-3);
    }
    assert_int_equal(nsky_augment_kernel(0, taps), 0);
    assert_int_equal(nsky_augment_kernel(0.049, taps), 0);
}

/* The width of a star in each band becomes what was drawn; wider already, it stays. */
static void blur_reaches_the_seeing_drawn(void **state)
{
    static const double own[3] = {1.3, 1.6, 2.0};
    static const double drawn[][3] = {{5, 4.5, 4.25}, {1.35, 2.5, 3}, {1.2, 1.2, 1.2}, {0, 2, 0}};
    nsky_stamp *stamp = new_stamp(SIDE, SIDE, 0.262);

    (void)state;
    for (uint32_t band = 0; band < 3; band++) {
        double flux[3] = {0, 0, 0};
        flux[band] = 4;
        draw_star(stamp, flux, own[band], 0, 0);
    }
    for (size_t i = 0; i < sizeof drawn / sizeof *drawn; i++)
        for (int zoomed = 0; zoomed < 2; zoomed++) {
            nsky_augment_numbers n = nothing();
            n.zoom = zoomed ? 1.1 : 1;
            n.angle_deg = zoomed ? 23 : 0;
            for (int band = 0; band < 3; band++) {
                n.blur_own[band] = own[band];
                n.blur[band] = drawn[i][band];
            }
            fluxes(stamp, &n);
            for (uint32_t band = 0; band < 3; band++) {
                moments m = measure(view + band * PLANE);
                double width = fmax(own[band] * n.zoom, drawn[i][band]);
                assert_true(fabs(sqrt(m.variance) / width - 1) < 5e-3);
                assert_true(fabs(m.flux / (4 * n.zoom * n.zoom) - 1) < 1e-3);
            }
        }
    nsky_stamp_free(stamp);
}

/* Against sums in float64, at sizes that are no multiple of anything. */
static void blur_is_the_convolution(void **state)
{
    static const uint32_t sizes[] = {1, 8, 31, 32, 33, 97};
    float taps[NSKY_AUGMENT_RADIUS_MAX + 1];
    nsky_rng rng = nsky_rng_at(1, 1, 1);

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint32_t radius = nsky_augment_kernel(2.3, taps), margin = radius + 2, size = sizes[i];
        size_t side = size + 2 * (size_t)margin;
        float *in = malloc(side * side * sizeof *in), *columns = malloc(side * side * sizeof *in);
        nsky_rng_fill_normal(&rng, in, side * side);
        nsky_augment_blur(in, size, margin, taps, radius, columns, view);
        for (uint32_t y = 0; y < size; y++)
            for (uint32_t x = 0; x < size; x++) {
                double sum = 0;
                for (int dy = -(int)radius; dy <= (int)radius; dy++)
                    for (int dx = -(int)radius; dx <= (int)radius; dx++)
                        sum += (double)taps[abs(dy)] * taps[abs(dx)] *
                               in[(size_t)((int)(y + margin) + dy) * side +
                                  (size_t)((int)(x + margin) + dx)];
                assert_true(fabs(sum - view[y * size + x]) < 1e-6);
            }
        free(in);
        free(columns);
    }
}

/* --- depth --- */

static double deviation(const float *values, size_t count)
{
    double sum = 0, squares = 0;

    for (size_t i = 0; i < count; i++) {
        sum += values[i];
        squares += (double)values[i] * values[i];
    }
    return sqrt(squares / (double)count - sum * sum / (double)count / (double)count);
}

static void noise_is_measured(void **state)
{
    static const float sky[3] = {0.003f, 0.005f, 0.012f};
    static const double flux[3] = {50, 80, 99};
    nsky_stamp *stamp = new_stamp(SIDE, SIDE, 0.262);
    float noise[3];

    (void)state;
    draw_sky(stamp, sky, 3);
    draw_star(stamp, flux, 9, 4, -8);
    for (uint32_t i = 0; i < SIDE * 40; i++)
        nsky_stamp_band(stamp, 1)[i] = NAN;
    nsky_augment_measure_noise(stamp, noise);
    for (int band = 0; band < 3; band++) /* 4096 pairs tell it to 1.9%; the star adds a little */
        assert_true(noise[band] / sky[band] > 0.93 && noise[band] / sky[band] < 1.15);
    memset(nsky_stamp_band(stamp, 2), 0, sizeof(float) * SIDE * SIDE);
    nsky_augment_measure_noise(stamp, noise);
    assert_true(noise[2] == 0);
    nsky_stamp_free(stamp);
    nsky_stamp *tiny = new_stamp(1, 9, 0.262);
    nsky_augment_measure_noise(tiny, noise);
    assert_true(noise[0] == 0);
    nsky_stamp_free(tiny);
}

/* Pure sky: its noise in the view is what was drawn, however it was turned, magnified and blurred;
 * what is noisier already stays. Averages over stamps of 9216 pixels each; the worst of these is
 * off by 2.5%, where blurred noise has few independent pixels. */
static void noise_reaches_the_depth_drawn(void **state)
{
    static const struct {
        double scale, angle, zoom, blur, noise; /* in units of the stamp's sigma */
    } ways[] = {
        {0.262, 0, 1, 0, 2},    {0.262, 31, 1, 0, 1.1},    {0.262, 200, 1.1, 0, 1},
        {0.262, 31, 0.9, 4, 1}, {0.262, 78, 1.02, 2.6, 3}, {0.339, 78, 1, 0, 1.2},
        {0.339, 0, 1, 3, 0.2},  {0.25, 45, 1, 0, 1.5},
    };
    static const float sky[3] = {0.004f, 0.004f, 0.004f};

    (void)state;
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
        double squares = 0;
        enum { STAMPS = 4 };
        for (uint32_t i = 0; i < STAMPS; i++) {
            nsky_stamp *stamp = new_stamp(200, 200, ways[w].scale);
            draw_sky(stamp, sky, i);
            nsky_augment_numbers n = nothing();
            double ratio = 0.262 / ways[w].scale;
            n.angle_deg = ways[w].angle;
            n.zoom = ways[w].zoom;
            for (int band = 0; band < 3; band++) {
                n.blur_own[band] = 1;
                n.blur[band] = ways[w].blur;
                n.noise_own[band] = sky[0] * ratio * ratio;
                n.noise[band] = sky[0] * ways[w].noise;
                n.rng = nsky_rng_at(1, 2, i);
            }
            fluxes(stamp, &n);
            squares += pow(deviation(view, IMAGE), 2) / STAMPS;
            nsky_stamp_free(stamp);
        }
        double got = sqrt(squares) / sky[0];
        if (!(fabs(got / ways[w].noise - 1) < 0.03))
            fail_msg("way %zu: %.4f is not %.4f", w, got, ways[w].noise);
    }
}

static void less_noise_than_there_is_changes_nothing(void **state)
{
    nsky_stamp *stamp = busy_stamp(SIDE, SIDE, 0.262, false);
    nsky_augment_numbers n = nothing();

    (void)state;
    fluxes(stamp, &n);
    memcpy(other, view, IMAGE * sizeof *view);
    for (int band = 0; band < 3; band++) {
        n.noise_own[band] = 0.02;
        n.noise[band] = 0.019;
        n.blur_own[band] = 2;
        n.blur[band] = 1.9;
    }
    fluxes(stamp, &n);
    assert_memory_equal(view, other, IMAGE * sizeof *view);
    nsky_stamp_free(stamp);
}

/* Corners that a turn brings into view look like the sky next to them. */
static void fills_with_sky(void **state)
{
    static const float sky[3] = {0.004f, 0.006f, 0.01f};
    nsky_stamp *stamp = new_stamp(SIZE, SIZE, 0.262);
    nsky_augment_numbers n = nothing();

    (void)state;
    draw_sky(stamp, sky, 1);
    n.angle_deg = 45;
    for (int fill = 0; fill < 2; fill++) {
        n.fill = fill;
        for (int band = 0; band < 3; band++)
            n.noise_own[band] = sky[band];
        fluxes(stamp, &n);
        float corner[3][100], middle[3][100];
        for (size_t band = 0; band < 3; band++)
            for (size_t i = 0; i < 100; i++) {
                corner[band][i] = view[band * PLANE + i / 10 * SIZE + i % 10];
                middle[band][i] = view[band * PLANE + (40 + i / 10) * SIZE + 40 + i % 10];
            }
        for (int band = 0; band < 3; band++)
            assert_true(
                fill ? fabs(deviation(corner[band], 100) / deviation(middle[band], 100) - 1) < 0.4
                     : deviation(corner[band], 100) == 0);
    }
    nsky_stamp_free(stamp);
}

/* The same bits from every compiler and vector width: a view that needs no function of libm, whose
 * last bits are not promised. */
static void bits_are_the_same_everywhere(void **state)
{
    nsky_stamp *stamp = new_stamp(SIDE, SIDE, 0.262);
    nsky_augment_numbers n = nothing();
    char hash[NSKY_SHA256_HEX_BYTES];

    (void)state;
    for (uint32_t i = 0; i < 3 * SIDE * SIDE; i++)
        stamp->pixels[i] = (float)(i * 2654435761u % 1000) * 0.001f;
    n.zoom = 1.0625;
    n.jitter_px[0] = 2.375;
    n.jitter_px[1] = -5.1875;
    for (int band = 0; band < 3; band++) {
        n.gain[band] = 0.75;
        n.blur[band] = 1 + band; /* 1: none, for it is magnified beyond */
        n.blur_own[band] = 1;
        n.noise_own[band] = 0.01;
        n.noise[band] = 0.02;
    }
    n.rng = nsky_rng_at(1, 2, 3);
    fluxes(stamp, &n);
    nsky_sha256_hex(view, IMAGE * sizeof *view, hash);
    assert_string_equal(hash, "be1f266a377c667226b32e3f512490c833165cebfb1e8ee3ce76723da139a3e3");
    nsky_stamp_free(stamp);
}

static int set_up(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;

    (void)state;
    assert_ok(
        nsky_augment_scratch_new(&scratch, &nsky_augment_stein, &nsky_preprocess_default, &err),
        err);
    view = malloc(IMAGE * sizeof *view);
    other = malloc(IMAGE * sizeof *other);
    return view && other ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    nsky_augment_scratch_free(scratch);
    free(view);
    free(other);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_the_plain_crop),
        cmocka_unit_test(quarter_turns_and_flips_are_exact),
        cmocka_unit_test(resampling_is_the_cubic_one),
        cmocka_unit_test(flux_and_place_are_kept),
        cmocka_unit_test(other_scales_keep_flux),
        cmocka_unit_test(kernels_have_the_variance_asked_for),
        cmocka_unit_test(blur_reaches_the_seeing_drawn),
        cmocka_unit_test(blur_is_the_convolution),
        cmocka_unit_test(noise_is_measured),
        cmocka_unit_test(noise_reaches_the_depth_drawn),
        cmocka_unit_test(less_noise_than_there_is_changes_nothing),
        cmocka_unit_test(fills_with_sky),
        cmocka_unit_test(bits_are_the_same_everywhere),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
