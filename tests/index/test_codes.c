/* test_codes.c - coders against float64, kernels against plain C bit for bit. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/memory.h"
#include "common/rng.h"
#include "index/codes.h"

static nsky_error err = NSKY_ERROR_INIT;

/* [n, coded] normal numbers, every dimension with a mean and a spread of its own. */
static float *random_rows(uint64_t n, uint32_t coded, uint32_t stream)
{
    float *x = nsky_alloc(n * coded, sizeof *x, &err);
    assert_non_null(x);
    for (uint64_t i = 0; i < n; i++) {
        nsky_rng rng = nsky_rng_at(11, stream, (uint32_t)i);
        for (uint32_t d = 0; d < coded; d++)
            x[i * coded + d] = (float)(0.1 * (d % 7) + (1 + d % 3) * nsky_rng_normal(&rng));
    }
    return x;
}

static nsky_coder *fitted(uint32_t bits, uint32_t coded, const float *x, uint64_t n)
{
    nsky_coder *coder = nsky_alloc(1, sizeof *coder, &err);
    assert_non_null(coder);
    assert_int_equal(nsky_coder_fit(coder, bits, coded, x, n, &err), NSKY_OK);
    return coder;
}

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

enum { QUERIES = 19 };

/* Extreme codes and planes too: sums of two products must not saturate. */
static void fill(nsky_coder *coder, uint8_t *blocks, uint64_t block_count, float *w, uint32_t turn)
{
    nsky_rng rng = nsky_rng_at(5, turn, coder->coded);
    size_t bytes = block_count * nsky_code_block_bytes(coder);
    for (size_t i = 0; i < bytes; i++)
        blocks[i] = turn == 0 ? 255 : (uint8_t)nsky_rng_range(&rng, 0, 256);
    for (uint32_t d = 0; d < coder->coded; d++) {
        coder->low[d] = -0.5f;
        coder->step[d] = 0.01f;
    }
    for (uint32_t i = 0; i < QUERIES * coder->coded; i++)
        w[i] = turn == 0 ? (i / coder->coded % 2 ? -1.0f : 1.0f) : (float)nsky_rng_normal(&rng);
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

/* Picked blocks, in any order, some twice, have the scores of a sweep; only `count` are written. */
static void compare_picks(uint32_t bits, uint32_t coded, uint32_t planes, uint32_t turn)
{
    enum { BLOCKS = 11, PICKS = 14 };
    nsky_code_kernel kernels[NSKY_CODE_KERNELS];
    const uint32_t kernel_count = nsky_code_kernels(kernels);
    nsky_coder *coder = nsky_alloc_zero(1, sizeof *coder, &err);
    coder->bits = bits;
    coder->coded = coded;
    uint8_t *blocks = nsky_alloc(BLOCKS, nsky_code_block_bytes(coder), &err);
    float *w = nsky_alloc(QUERIES * coded, sizeof *w, &err);
    float expected[PICKS * 16], got[(PICKS + 1) * 16];
    nsky_code_query query;
    const nsky_code_query *list[] = {&query};
    nsky_code_pick picks[PICKS];
    fill(coder, blocks, BLOCKS, w, turn);
    assert_int_equal(nsky_code_query_prepare(&query, coder, w, planes, &err), NSKY_OK);
    for (uint32_t i = 0; i < PICKS; i++) {
        picks[i] = (nsky_code_pick){i * 7 % BLOCKS, (float)i / 3};
        nsky_code_sweep(&kernels[kernel_count - 1], coder, list, &picks[i].base, 1,
                        blocks + picks[i].block * nsky_code_block_bytes(coder), 1,
                        expected + (size_t)i * 16);
    }
    for (uint32_t k = 0; k < kernel_count; k++)
        for (uint32_t count = 0; count <= PICKS; count++) {
            memset(got, 0xff, sizeof got);
            nsky_code_pick_blocks(&kernels[k], coder,
                                  (nsky_code_pick_args){.query = &query,
                                                        .blocks = blocks,
                                                        .picks = picks,
                                                        .count = count,
                                                        .known = count < 9 ? PICKS : count,
                                                        .scores = got});
            assert_memory_equal(got, expected, count * 16 * sizeof *got);
            assert_true(isnan(got[(size_t)count * 16]));
        }
    nsky_free(w);
    nsky_free(blocks);
    nsky_free(coder);
}

/* Early ends: a block has the scores of a sweep if a slot of its mask comes to `least` with its
 * first dimensions, which are scored here in whole numbers, else minus infinity. Thresholds are
 * scores that occur, so that some slots lie on them. */
static void compare_early(uint32_t bits, uint32_t coded, uint32_t turn)
{
    enum { BLOCKS = NSKY_CODE_PICKS };
    nsky_code_kernel kernels[NSKY_CODE_KERNELS];
    const uint32_t kernel_count = nsky_code_kernels(kernels), head = nsky_code_head(coded);
    nsky_coder *coder = nsky_alloc_zero(1, sizeof *coder, &err);
    coder->bits = bits;
    coder->coded = coded;
    uint8_t *blocks = nsky_alloc(BLOCKS, nsky_code_block_bytes(coder), &err);
    float *w = nsky_alloc(QUERIES * coded, sizeof *w, &err);
    static float full[BLOCKS * 16], first[BLOCKS * 16], got[BLOCKS * 16];
    uint16_t masks[BLOCKS];
    nsky_code_query query, begun;
    const nsky_code_query *list[] = {&query};
    nsky_code_pick picks[BLOCKS];
    uint32_t ended = 0, read = 0;
    fill(coder, blocks, BLOCKS, w, turn);
    assert_int_equal(nsky_code_query_prepare(&query, coder, w, 1, &err), NSKY_OK);
    begun = query; /* the same with its first dimensions only */
    memset(begun.planes[0] + head, 0, coded - head);
    nsky_rng rng = nsky_rng_at(8, turn, coded);
    for (uint32_t b = 0; b < BLOCKS; b++) {
        picks[b] = (nsky_code_pick){b, (float)b / 64};
        masks[b] = (uint16_t)(1u << nsky_rng_below(&rng, 16) | 1u << nsky_rng_below(&rng, 16));
        nsky_code_sweep(NULL, coder, list, &picks[b].base, 1,
                        blocks + b * nsky_code_block_bytes(coder), 1, full + (size_t)b * 16);
        for (uint32_t r = 0; r < 16; r++) {
            int32_t sum = query.rest;
            for (uint32_t d = 0; d < head; d++) {
                const uint8_t *block = blocks + b * nsky_code_block_bytes(coder);
                const uint32_t code = bits == 8 ? block[d / 4 * 64 + r * 4 + d % 4]
                                                : block[d / 8 * 64 + r * 4 + d % 4] >> (d & 4) & 15;
                sum += begun.planes[0][d] * (int32_t)code;
            }
            const float scaled = query.scales[0] * (float)sum, base = picks[b].base + query.offset;
            first[b * 16 + r] = base + scaled;
        }
    }
    for (uint32_t t = 0; t < 6; t++) {
        const float least = t == 0 ? -INFINITY : t == 1 ? INFINITY : first[t * 37 % (BLOCKS * 16)];
        for (uint32_t k = 0; k < kernel_count; k++) {
            memset(got, 0, sizeof got);
            nsky_code_pick_blocks(&kernels[k], coder,
                                  (nsky_code_pick_args){.query = &query,
                                                        .blocks = blocks,
                                                        .picks = picks,
                                                        .count = BLOCKS,
                                                        .known = BLOCKS,
                                                        .early = true,
                                                        .least = least,
                                                        .masks = masks,
                                                        .scores = got});
            for (uint32_t b = 0; b < BLOCKS; b++) {
                bool near = head == 0;
                for (uint32_t r = 0; r < 16; r++)
                    near = near || ((masks[b] >> r & 1) && first[b * 16 + r] >= least);
                for (uint32_t r = 0; r < 16; r++)
                    assert_true(got[b * 16 + r] == (near ? full[b * 16 + r] : -INFINITY));
                ended += !near && t > 1;
                read += near && t > 1;
            }
        }
    }
    assert_true(head == 0 || turn == 0 || (ended > 0 && read > 0));
    nsky_free(w);
    nsky_free(blocks);
    nsky_free(coder);
}

static void early_ends_are_the_same(void **state)
{
    (void)state;
    const uint32_t dims[] = {8, 16, 24, 40, 61, 128, 2048};
    for (uint32_t i = 0; i < sizeof dims / sizeof *dims; i++)
        for (uint32_t bits = 4; bits <= 8; bits += 4)
            for (uint32_t turn = 0; turn < 2; turn++)
                compare_early(bits, dims[i], turn);
}

/* What is not looked at lies within the margin, which is a few times its spread. */
static void the_margin_holds_the_rest(void **state)
{
    (void)state;
    enum { N = 20000, CODED = 64 };
    float *x = random_rows(N, CODED, 4), *w = random_rows(1, CODED, 5);
    for (uint32_t i = 0; i < N * CODED; i++) /* values about zero, as residuals are */
        x[i] -= (float)(0.1 * (i % CODED % 7));
    for (uint32_t bits = 4; bits <= 8; bits += 4) {
        nsky_coder *coder = fitted(bits, CODED, x, N);
        nsky_code_query query;
        double largest = 0, square = 0;
        assert_int_equal(nsky_code_query_prepare(&query, coder, w, 1, &err), NSKY_OK);
        for (uint32_t i = 0; i < N; i++) {
            double rest = 0;
            for (uint32_t d = nsky_code_head(CODED); d < CODED; d++)
                rest += (double)w[d] * (double)x[i * CODED + d];
            largest = fmax(largest, fabs(rest));
            square += rest * rest;
        }
        const double spread = sqrt(square / N);
        assert_true(largest < (double)query.margin); /* of 20,000 normal ones: 4.1 deviations */
        assert_true((double)query.margin > 4.5 * spread && (double)query.margin < 6.5 * spread);
        nsky_free(coder);
    }
    nsky_free(w);
    nsky_free(x);
}

static void picks_have_the_scores_of_a_sweep(void **state)
{
    (void)state;
    const uint32_t dims[] = {1, 8, 9, 24, 61, 128, 2048};
    for (uint32_t i = 0; i < sizeof dims / sizeof *dims; i++)
        for (uint32_t bits = 4; bits <= 8; bits += 4)
            for (uint32_t planes = 1; planes <= 2; planes++)
                for (uint32_t turn = 0; turn < 2; turn++)
                    compare_picks(bits, dims[i], planes, turn);
}

/* Every kernel against the bitmap read bit by bit; the bitmap ends where its memory does, and slots
 * without a row, or with one that is not there, never match. */
static void matches_are_the_same(void **state)
{
    (void)state;
    enum { BLOCKS = 9, SLOTS = BLOCKS * 16 };
    nsky_code_kernel kernels[NSKY_CODE_KERNELS];
    const uint32_t kernel_count = nsky_code_kernels(kernels);
    const uint32_t rows[] = {1, 7, 8, 24, 25, 31, 32, 33, 40, 41, 1000, 4096, 100000};
    for (uint32_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        nsky_rng rng = nsky_rng_at(2, 9, rows[r]);
        uint8_t *allowed = nsky_alloc((rows[r] + 7) / 8, 1, &err);
        uint32_t row_of[SLOTS];
        uint16_t masks[BLOCKS];
        for (uint32_t i = 0; i < (rows[r] + 7) / 8; i++)
            allowed[i] = (uint8_t)nsky_rng_u32(&rng);
        for (uint32_t i = 0; i < SLOTS; i++)
            row_of[i] = i % 11 == 3   ? UINT32_MAX
                        : i % 11 == 5 ? rows[r] + i % 3 * 0x40000000u
                        : i % 11 == 7 ? rows[r] - 1
                                      : nsky_rng_below(&rng, rows[r]);
        for (uint32_t k = 0; k < kernel_count; k++) {
            uint64_t count = 0, got = kernels[k].match(row_of, BLOCKS, allowed, rows[r], masks);
            for (uint32_t i = 0; i < SLOTS; i++) {
                const uint32_t row = row_of[i];
                const bool may = row < rows[r] && (allowed[row >> 3] >> (row & 7) & 1);
                assert_int_equal(masks[i / 16] >> (i % 16) & 1, may);
                count += may;
            }
            assert_int_equal(got, count);
        }
        nsky_free(allowed);
    }
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
        cmocka_unit_test(picks_have_the_scores_of_a_sweep),
        cmocka_unit_test(early_ends_are_the_same),
        cmocka_unit_test(the_margin_holds_the_rest),
        cmocka_unit_test(masks_are_the_same),
        cmocka_unit_test(matches_are_the_same),
        cmocka_unit_test(directions_that_say_nothing_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
