/* test_rng.c - published Philox vectors, then uniforms and counts against their moments with a seed
 * fixed: bounds are five standard errors, so a pass is no luck and a failure no accident. */
#include "support.h"

#include <math.h>

#include "common/rng.h"

static void test_philox_vectors(void **state) /* Random123, kat_vectors */
{
    (void)state;
    static const struct {
        uint32_t key[2], counter[4], out[4];
    } known[] = {
        {{0, 0}, {0, 0, 0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0xa4093822, 0x299f31d0},
         {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint32_t out[4];
        nsky_philox(known[i].key, known[i].counter, out);
        assert_memory_equal(out, known[i].out, sizeof out);
    }
}

static void test_sequence_is_the_counter(void **state)
{
    (void)state;
    nsky_rng rng = nsky_rng_at(0x123456789abcdef0, 7, 9);
    const uint32_t key[2] = {0x9abcdef0, 0x12345678};

    for (uint32_t block = 0; block < 3; block++) {
        uint32_t out[4], counter[4] = {block, 0, 9, 7};
        nsky_philox(key, counter, out);
        for (int i = 0; i < 4; i++)
            assert_int_equal(nsky_rng_u32(&rng), out[i]);
    }
    nsky_rng words = nsky_rng_at(1, 2, 3), longs = words;
    uint64_t low = nsky_rng_u32(&words), high = nsky_rng_u32(&words);
    assert_true(nsky_rng_u64(&longs) == (high << 32 | low));
}

static void test_counter_carries(void **state)
{
    (void)state;
    nsky_rng rng = nsky_rng_at(5, 0, 0);
    uint32_t out[4], after[4] = {0, 1, 0, 0};

    rng.counter[0] = UINT32_MAX;
    for (int i = 0; i < 4; i++)
        nsky_rng_u32(&rng);
    nsky_philox(rng.key, after, out);
    assert_int_equal(nsky_rng_u32(&rng), out[0]);
}

static void test_streams_differ(void **state)
{
    (void)state;
    nsky_rng rngs[] = {nsky_rng_at(1, 0, 0), nsky_rng_at(2, 0, 0), nsky_rng_at(1, 1, 0),
                       nsky_rng_at(1, 0, 1), nsky_rng_at(1ull << 32, 0, 0)};
    uint64_t first[5];

    for (int i = 0; i < 5; i++) {
        first[i] = nsky_rng_u64(&rngs[i]);
        for (int j = 0; j < i; j++)
            assert_true(first[i] != first[j]);
    }
}

static void test_uniform_and_range(void **state)
{
    (void)state;
    nsky_rng rng = nsky_rng_at(11, 0, 0);
    double sum = 0.0, squares = 0.0;
    const int count = 200000;

    for (int i = 0; i < count; i++) {
        double u = nsky_rng_uniform(&rng);
        assert_true(u >= 0.0 && u < 1.0);
        sum += u;
        squares += u * u;
    }
    assert_true(fabs(sum / count - 0.5) < 5.0 * sqrt(1.0 / 12.0 / count));
    assert_true(fabs(squares / count - 1.0 / 3.0) < 5.0 * sqrt(4.0 / 45.0 / count));
    double high = nextafter(1.0, 2.0); /* two values only: half of the roundings reach high */
    for (int i = 0; i < 1000; i++) {
        double value = nsky_rng_range(&rng, 1.0, high);
        assert_true(value >= 1.0 && value < high);
        value = nsky_rng_range(&rng, -3.0, 5.0);
        assert_true(value >= -3.0 && value < 5.0);
    }
    assert_true(nsky_rng_range(&rng, 2.0, 2.0) == 2.0);
}

static void test_below_is_unbiased(void **state)
{
    (void)state;
    nsky_rng rng = nsky_rng_at(12, 0, 0);
    int seen[7] = {0};
    const int count = 70000;

    for (int i = 0; i < count; i++) {
        uint32_t value = nsky_rng_below(&rng, 7);
        assert_true(value < 7);
        seen[value]++;
    }
    for (int i = 0; i < 7; i++)
        assert_true(fabs(seen[i] - count / 7.0) < 5.0 * sqrt(count / 7.0 * 6.0 / 7.0));
    assert_int_equal(nsky_rng_below(&rng, 1), 0);
    /* 3 * 2^30: a plain modulus or product would favour a third of the range twofold. */
    int low = 0;
    for (int i = 0; i < count; i++)
        low += nsky_rng_below(&rng, 3u << 30) % 3 == 0;
    assert_true(fabs(low - count / 3.0) < 5.0 * sqrt(count / 3.0 * 2.0 / 3.0));
}

static void test_poisson(void **state)
{
    (void)state;
    const double means[] = {0.3, 4.0, 9.99, 10.0, 50.0, 1234.5, 1e6};
    const int count = 20000;
    nsky_rng rng = nsky_rng_at(19, 0, 0);

    for (size_t m = 0; m < sizeof means / sizeof *means; m++) {
        double sum = 0.0, squares = 0.0;
        for (int i = 0; i < count; i++) {
            double away = nsky_rng_poisson(&rng, means[m]) - means[m];
            sum += away;
            squares += away * away;
        }
        double mean = means[m], fourth = mean * (1.0 + 3.0 * mean);
        assert_true(fabs(sum / count) < 5.0 * sqrt(mean / count));
        assert_true(fabs(squares / count - mean) < 5.0 * sqrt((fourth - mean * mean) / count));
    }
    assert_int_equal(nsky_rng_poisson(&rng, 0.0), 0);
}

/* Chi-square of the PTRS branch against the exact probabilities. */
static void test_poisson_shape(void **state)
{
    (void)state;
    const double mean = 12.0;
    const int count = 1000000;
    int seen[41] = {0}, used = 0;
    nsky_rng rng = nsky_rng_at(20, 0, 0);
    double chi2 = 0.0, probability = exp(-mean);

    for (int i = 0; i < count; i++) {
        uint32_t k = nsky_rng_poisson(&rng, mean);
        seen[k < 40 ? k : 40]++;
    }
    for (int k = 0; k < 40; k++) {
        double expected = count * probability;
        if (expected > 10.0) {
            chi2 += (seen[k] - expected) * (seen[k] - expected) / expected;
            used++;
        }
        probability *= mean / (k + 1);
    }
    assert_true(used > 20 && chi2 < used + 5.0 * sqrt(2.0 * used));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_philox_vectors),    cmocka_unit_test(test_sequence_is_the_counter),
        cmocka_unit_test(test_counter_carries),   cmocka_unit_test(test_streams_differ),
        cmocka_unit_test(test_uniform_and_range), cmocka_unit_test(test_below_is_unbiased),
        cmocka_unit_test(test_poisson),           cmocka_unit_test(test_poisson_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
