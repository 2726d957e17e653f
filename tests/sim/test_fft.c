/* The convolution against what it should give for points and flat images. */
#include "support.h"

#include "sim/fft.h"
#include "sim/psf.h"

static void test_a_point_becomes_the_point_spread(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    sim_fft *fft;
    assert_ok(sim_fft_new(&fft, &err), err);
    for (uint32_t side = 64; side <= 256; side *= 2) { /* odd and even powers of two */
        size_t pixels = (size_t)side * side, stride = side / 2 + 1;
        float *a = calloc(pixels, sizeof *a), *b = calloc(pixels, sizeof *b);
        float *ta = calloc(stride * stride, sizeof *ta), *tb = calloc(stride * stride, sizeof *tb);
        double alpha_a = 3, alpha_b = 4.5;
        sim_moffat_transfer_fill(alpha_a, side, ta);
        sim_moffat_transfer_fill(alpha_b, side, tb);
        uint32_t x0 = side / 2 + 3, y0 = side / 2 - 5;
        a[y0 * side + x0] = 2;
        b[x0 * side + y0] = 3;
        sim_fft_convolve(fft, side, a, ta, b, tb);
        double sum_a = 0, sum_b = 0;
        for (uint32_t y = 0; y < side; y++)
            for (uint32_t x = 0; x < side; x++) {
                double ra = hypot((double)x - x0, (double)y - y0);
                double rb = hypot((double)x - y0, (double)y - x0);
                if (ra < 12)
                    assert_near(a[y * side + x], 2 * sim_moffat(alpha_a, ra), 8e-4);
                if (rb < 12)
                    assert_near(b[y * side + x], 3 * sim_moffat(alpha_b, rb), 8e-4);
                sum_a += a[y * side + x];
                sum_b += b[y * side + x];
            }
        assert_near(sum_a, 2, 1e-4);
        assert_near(sum_b, 3, 1e-4);
        free(a);
        free(b);
        free(ta);
        free(tb);
    }
    sim_fft_free(fft);
    sim_fft_free(NULL);
}

/* Alone or beside another image: the same. */
static void test_images_do_not_mix(void **state)
{
    (void)state;
    enum { SIDE = 64, STRIDE = SIDE / 2 + 1 };
    static float alone[SIDE * SIDE], paired[SIDE * SIDE], other[SIDE * SIDE];
    static float ta[STRIDE * STRIDE], tb[STRIDE * STRIDE];
    nsky_error err = NSKY_ERROR_INIT;
    sim_fft *fft;
    assert_ok(sim_fft_new(&fft, &err), err);
    sim_moffat_transfer_fill(2.5, SIDE, ta);
    sim_moffat_transfer_fill(6, SIDE, tb);
    for (int i = 0; i < SIDE * SIDE; i++) {
        alone[i] = paired[i] = (float)((i * 7919) % 101) / 100;
        other[i] = (float)((i * 104729) % 89);
    }
    sim_fft_convolve(fft, SIDE, alone, ta, NULL, NULL);
    sim_fft_convolve(fft, SIDE, paired, ta, other, tb);
    for (int i = 0; i < SIDE * SIDE; i++)
        assert_near(paired[i], alone[i], 5e-5);
    sim_fft_free(fft);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    sim_fft *fft;
    nsky_memory_fail_at(0);
    assert_ok(sim_fft_new(&fft, &err), err);
    sim_fft_free(fft);
    uint64_t allocations = nsky_memory_count();
    for (uint64_t n = 1; n <= allocations; n++) {
        nsky_memory_fail_at(n);
        assert_int_equal(sim_fft_new(&fft, &err), NSKY_ENOMEM);
        assert_null(fft);
    }
    nsky_memory_fail_at(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_point_becomes_the_point_spread),
        cmocka_unit_test(test_images_do_not_mix),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
