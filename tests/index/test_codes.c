/* test_codes.c - coders against float64, kernels against plain C bit for bit. */
#include "codes_support.h"

/* The best uniform quantizers of a normal number lose 0.01154 (4 bits) and 0.0000925 (8 bits; both
 * Max 1960 and its tables' continuation) of its variance. Over 3,000 rows of 40 dimensions
 * measured: 0.0116 and 0.000116. */
static void coders_lose_what_theory_says(void **state)
{
    (void)state;
    enum { N = 3000, CODED = 40 };
    const double most[] = {0.0121, 0.0000925};
    float *x = random_rows(N, CODED, 1), errors[N], decoded[CODED];
    for (uint32_t bits = 4; bits <= 8; bits += 4) {
        nsky_coder *coder = fitted(bits, CODED, x, N);
        uint8_t *blocks = nsky_alloc(nsky_code_blocks(N), nsky_code_block_bytes(coder), &err);
        double lost = 0, variance = 0;
        assert_non_null(blocks);
        nsky_coder_encode(coder, x, N, blocks, errors);
        for (uint32_t i = 0; i < N; i++) {
            double square = 0;
            nsky_coder_decode(coder, blocks, i, decoded);
            for (uint32_t d = 0; d < CODED; d++) {
                double e = (double)x[i * CODED + d] - (double)decoded[d];
                square += e * e;
                lost += e * e / pow(1 + d % 3, 2);
                variance += 1;
            }
            assert_true(fabs(errors[i] - sqrt(square)) < 1e-5);
        }
        assert_true(lost / variance < most[bits / 8]);
        assert_true(lost / variance > (bits == 4 ? 0.011 : 0.00006));
        nsky_free(blocks);
        nsky_free(coder);
    }
    nsky_free(x);
}

static void constant_and_clipped_values_are_told(void **state)
{
    (void)state;
    float x[2 * 3] = {5, 1, 0, 5, 2, 1}, far[3] = {7, 100, -3}, decoded[3], error;
    nsky_coder *coder = fitted(4, 3, x, 2);
    uint8_t block[128];
    nsky_coder_encode(coder, far, 1, block, &error);
    nsky_coder_decode(coder, block, 0, decoded);
    assert_true(decoded[0] == 5.0f); /* step 0: one value */
    assert_true(decoded[1] == coder->low[1] + 15 * coder->step[1] && decoded[1] < 5.0f);
    assert_true(decoded[2] == coder->low[2] && decoded[2] > -3.0f);
    assert_true(error >= 95.0f && error < 98.3f);
    far[0] = NAN;
    nsky_coder_encode(coder, far, 1, block, NULL); /* no crash: what it says is the caller's */
    nsky_free(coder);
}

static void bad_coders_are_refused(void **state)
{
    (void)state;
    float x[4] = {0, 1, NAN, 3};
    nsky_coder *coder = fitted(4, 2, x, 1);
    assert_int_equal(nsky_coder_fit(coder, 4, 2, x, 2, &err), NSKY_EDATA);
    assert_non_null(strstr(err.text, "row 1"));
    assert_int_equal(nsky_coder_fit(coder, 5, 2, x, 1, &err), NSKY_EINVAL);
    assert_int_equal(nsky_coder_fit(coder, 4, NSKY_CODED_MAX + 1, x, 1, &err), NSKY_EINVAL);
    assert_int_equal(nsky_coder_fit(coder, 8, 2, x, 1, &err), NSKY_OK);
    coder->step[1] = -1;
    assert_int_equal(nsky_coder_check(coder, &err), NSKY_EDATA);
    nsky_free(coder);
}

/* Whatever the planes, a score is within the slack of float64 on the decoded rows. */
static void scores_stay_within_the_slack(void **state)
{
    (void)state;
    enum { N = 100, CODED = 61 };
    float *x = random_rows(N, CODED, 2), *w = random_rows(1, CODED, 3), scores[7 * 16];
    double largest[2] = {0, 0};
    for (uint32_t bits = 4; bits <= 8; bits += 4)
        for (uint32_t planes = 1; planes <= 2; planes++) {
            nsky_coder *coder = fitted(bits, CODED, x, N);
            nsky_code_query query, *const queries = &query;
            const nsky_code_query *const list[] = {queries};
            const float base = -3;
            uint8_t *blocks = nsky_alloc(nsky_code_blocks(N), nsky_code_block_bytes(coder), &err);
            assert_non_null(blocks);
            nsky_coder_encode(coder, x, N, blocks, NULL);
            assert_int_equal(nsky_code_query_prepare(&query, coder, w, planes, &err), NSKY_OK);
            nsky_code_sweep(NULL, coder, list, &base, 1, blocks, nsky_code_blocks(N), scores);
            double length = 0;
            for (uint32_t d = 0; d < CODED; d++)
                length += (double)w[d] * (double)w[d] * 4;
            for (uint32_t i = 0; i < N; i++) {
                float decoded[CODED];
                double exact = base;
                nsky_coder_decode(coder, blocks, i, decoded);
                for (uint32_t d = 0; d < CODED; d++)
                    exact += (double)w[d] * (double)decoded[d];
                assert_true(fabs((double)scores[i] - exact) <= (double)query.slack);
                largest[planes - 1] = fmax(largest[planes - 1], fabs((double)scores[i] - exact));
            }
            /* of a typical score, sqrt(length): measured 0.28 (8 bits) and 0.15 with one plane,
             * 0.0012 with two */
            assert_true((double)query.slack < (planes == 2 ? 0.005 : 0.4) * sqrt(length));
            nsky_free(blocks);
            nsky_free(coder);
        }
    assert_true(largest[1] < 0.1 * largest[0]);
    nsky_free(w);
    nsky_free(x);
}

static void compare_kernels(uint32_t bits, uint32_t coded, uint64_t block_count, uint32_t planes,
                            uint32_t turn)
{
    nsky_code_kernel kernels[NSKY_CODE_KERNELS];
    const uint32_t kernel_count = nsky_code_kernels(kernels);
    nsky_coder *coder = nsky_alloc_zero(1, sizeof *coder, &err);
    coder->bits = bits;
    coder->coded = coded;
    uint8_t *blocks = nsky_alloc(block_count, nsky_code_block_bytes(coder), &err);
    float *w = nsky_alloc(QUERIES * coded, sizeof *w, &err), bases[QUERIES];
    const size_t scores = (size_t)QUERIES * block_count * 16;
    float *expected = nsky_alloc(scores, sizeof *expected, &err);
    float *got = nsky_alloc(scores, sizeof *got, &err);
    nsky_code_query *queries = nsky_alloc(QUERIES, sizeof *queries, &err);
    const nsky_code_query *list[QUERIES];
    fill(coder, blocks, block_count, w, turn);
    for (uint32_t q = 0; q < QUERIES; q++) {
        assert_int_equal(nsky_code_query_prepare(&queries[q], coder, w + q * coded, planes, &err),
                         NSKY_OK);
        list[q] = &queries[q];
        bases[q] = (float)q / 3;
    }
    assert_string_equal(kernels[kernel_count - 1].name, "c");
    for (uint32_t count = 1; count <= QUERIES; count += count < 9 ? 1 : 5) {
        const size_t bytes = count * block_count * 16 * sizeof *got;
        nsky_code_sweep(&kernels[kernel_count - 1], coder, list, bases, count, blocks, block_count,
                        expected);
        for (uint32_t k = 0; k + 1 < kernel_count; k++) {
            memset(got, 0xff, bytes);
            nsky_code_sweep(&kernels[k], coder, list, bases, count, blocks, block_count, got);
            assert_memory_equal(got, expected, bytes);
        }
    }
    nsky_free(queries);
    nsky_free(got);
    nsky_free(expected);
    nsky_free(w);
    nsky_free(blocks);
    nsky_free(coder);
}

static void kernels_give_the_same_bits(void **state)
{
    (void)state;
    const uint32_t dims[] = {1, 7, 8, 9, 40, 61, 64, 256, 2048};
    for (uint32_t i = 0; i < sizeof dims / sizeof *dims; i++)
        for (uint32_t bits = 4; bits <= 8; bits += 4)
            for (uint32_t planes = 1; planes <= 2; planes++)
                for (uint32_t turn = 0; turn < 2; turn++)
                    for (uint64_t blocks = 1; blocks <= 3; blocks++)
                        compare_kernels(bits, dims[i], blocks, planes, turn);
}

static void masks_are_the_same(void **state)
{
    (void)state;
    nsky_code_kernel kernels[NSKY_CODE_KERNELS];
    const uint32_t kernel_count = nsky_code_kernels(kernels);
    float scores[5 * 16];
    uint16_t masks[5];
    nsky_rng rng = nsky_rng_at(1, 9, 9);
    for (uint32_t i = 0; i < 80; i++)
        scores[i] = (float)floor(nsky_rng_range(&rng, -3, 3));
    scores[0] = NAN;
    scores[1] = INFINITY;
    scores[2] = -INFINITY;
    const float thresholds[] = {-INFINITY, -2, 0, 2, INFINITY, NAN};
    for (uint32_t t = 0; t < 6; t++)
        for (uint32_t k = 0; k < kernel_count; k++) {
            kernels[k].above(scores, 5, thresholds[t], masks);
            for (uint32_t i = 0; i < 80; i++)
                assert_int_equal(masks[i / 16] >> (i % 16) & 1, scores[i] >= thresholds[t]);
        }
}

static void directions_that_say_nothing_are_refused(void **state)
{
    (void)state;
    float x[4] = {0, 1, 2, 3}, w[2] = {NAN, 1}, zero[2] = {0, 0}, score[16], base = 2;
    nsky_coder *coder = fitted(4, 2, x, 2);
    nsky_code_query query;
    const nsky_code_query *const list[] = {&query};
    uint8_t block[64];
    assert_int_equal(nsky_code_query_prepare(&query, coder, w, 2, &err), NSKY_EDATA);
    w[0] = 3e38f;
    coder->step[0] = 1e5f;
    assert_int_equal(nsky_code_query_prepare(&query, coder, w, 2, &err), NSKY_EDATA);
    assert_int_equal(nsky_code_query_prepare(&query, coder, zero, 2, &err), NSKY_OK);
    nsky_coder_encode(coder, x, 2, block, NULL);
    nsky_code_sweep(NULL, coder, list, &base, 1, block, 1, score);
    assert_true(score[0] == base && score[1] == base);
    nsky_free(coder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(coders_lose_what_theory_says),
        cmocka_unit_test(constant_and_clipped_values_are_told),
        cmocka_unit_test(bad_coders_are_refused),
        cmocka_unit_test(scores_stay_within_the_slack),
        cmocka_unit_test(kernels_give_the_same_bits),
        cmocka_unit_test(masks_are_the_same),
        cmocka_unit_test(directions_that_say_nothing_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
