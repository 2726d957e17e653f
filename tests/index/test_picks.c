/* test_picks.c - picked blocks, early ends and matching slots, every kernel against plain
 * arithmetic bit for bit. */
#include "codes_support.h"

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
        masks[b] = (uint16_t)(1u << nsky_rng_below(&rng, 16));
        masks[b] |= (uint16_t)(1u << nsky_rng_below(&rng, 16));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(picks_have_the_scores_of_a_sweep),
        cmocka_unit_test(early_ends_are_the_same),
        cmocka_unit_test(the_margin_holds_the_rest),
        cmocka_unit_test(matches_are_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
