/* test_rng_normals.c - normals one at a time and in bulk: moments, distribution, exact bits. Seeds
 * are fixed and bounds five standard errors, so a pass is no luck and a failure no accident. */
#include "support.h"

#include <math.h>

#include "common/rng.h"

/* Mean, variance, skewness, kurtosis and the share beyond 2 sigma. */
static void check_normal(double (*draw)(void *), void *context, int count)
{
    double m1 = 0.0, m2 = 0.0, m3 = 0.0, m4 = 0.0;
    int outside = 0;

    for (int i = 0; i < count; i++) {
        double z = draw(context);
        assert_true(isfinite(z));
        m1 += z;
        m2 += z * z;
        m3 += z * z * z;
        m4 += z * z * z * z;
        outside += fabs(z) > 2.0;
    }
    const double tail = 0.04550026389635842;
    assert_true(fabs(m1 / count) < 5.0 / sqrt(count));
    assert_true(fabs(m2 / count - 1.0) < 5.0 * sqrt(2.0 / count));
    assert_true(fabs(m3 / count) < 5.0 * sqrt(15.0 / count));
    assert_true(fabs(m4 / count - 3.0) < 5.0 * sqrt(96.0 / count));
    assert_true(fabs(outside - tail * count) < 5.0 * sqrt(count * tail * (1.0 - tail)));
}

static double draw_normal(void *rng)
{
    return nsky_rng_normal(rng);
}

static void test_normal(void **state)
{
    (void)state;
    nsky_rng rng = nsky_rng_at(13, 0, 0);
    double below = 0.0;
    const int count = 20000;

    check_normal(draw_normal, &rng, 200000);
    for (int i = 0; i < count; i++)
        below += nsky_rng_lognormal(&rng, 3.0, 0.5) < 3.0;
    assert_true(fabs(below - 0.5 * count) < 5.0 * sqrt(0.25 * count));
    assert_true(nsky_rng_lognormal(&rng, 3.0, 0.0) == 3.0);
}

#define FILL 300001

typedef struct filled {
    float values[FILL];
    int next;
} filled;

static double draw_filled(void *context)
{
    filled *from = context;
    return (double)from->values[from->next++];
}

static void test_fill_normal(void **state)
{
    (void)state;
    static filled from;
    nsky_rng rng = nsky_rng_at(14, 1, 2);

    nsky_rng_fill_normal(&rng, from.values, FILL);
    check_normal(draw_filled, &from, FILL);
    double lagged[3] = {0.0}; /* neighbours, and the two halves of a Box-Muller pair */
    const int lags[3] = {1, 64, 128};
    for (int l = 0; l < 3; l++) {
        for (int i = 0; i + 128 < FILL; i++)
            lagged[l] += (double)from.values[i] * (double)from.values[i + lags[l]];
        assert_true(fabs(lagged[l]) < 5.0 * sqrt(FILL));
    }
}

/* Kolmogorov-Smirnov against the exact distribution, at the 1e-6 level. */
static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void test_fill_normal_distribution(void **state)
{
    (void)state;
    static float values[100000];
    const int count = 100000;
    nsky_rng rng = nsky_rng_at(15, 0, 0);
    double most = 0.0;

    nsky_rng_fill_normal(&rng, values, (uint64_t)count);
    qsort(values, (size_t)count, sizeof *values, compare_floats);
    for (int i = 0; i < count; i++)
        most = fmax(most, fabs(0.5 * erfc(-(double)values[i] / sqrt(2.0)) - (i + 0.5) / count));
    assert_true(most < 2.7 / sqrt(count));
}

/* The words of a block against Box-Muller in double precision. */
static void test_fill_normal_is_accurate(void **state)
{
    (void)state;
    float values[256];
    nsky_rng rng = nsky_rng_at(16, 3, 4);

    nsky_rng_fill_normal(&rng, values, 256);
    for (uint32_t i = 0; i < 64; i++) {
        uint32_t words[4], key[2] = {16, 0}, counter[4] = {i, 0, 4, 3};
        nsky_philox(key, counter, words);
        for (int pair = 0; pair < 2; pair++) {
            double u = ((words[2 * pair] >> 1) + 0.5) * 0x1p-31;
            double radius = sqrt(-2.0 * log(u)),
                   turn = words[2 * pair + 1] * (2.0 * M_PI * 0x1p-32);
            double z0 = (double)values[128 * pair + i], z1 = (double)values[128 * pair + 64 + i];
            assert_true(fabs(z0 - radius * cos(turn)) < 2e-6);
            assert_true(fabs(z1 - radius * sin(turn)) < 2e-6);
        }
    }
}

static void test_fill_normal_is_stable(void **state)
{
    (void)state;
    float all[1000], some[1000];
    const uint64_t counts[] = {0, 1, 63, 64, 255, 256, 257, 999};

    for (size_t i = 0; i < sizeof counts / sizeof *counts;
         i++) { /* a prefix does not depend on count */
        nsky_rng a = nsky_rng_at(17, 0, 0), b = a;
        nsky_rng_fill_normal(&a, all, 1000);
        some[counts[i]] = 42.0f;
        nsky_rng_fill_normal(&b, some, counts[i]);
        assert_memory_equal(all, some, counts[i] * sizeof *some);
        assert_true(some[counts[i]] == 42.0f);
    }
    nsky_rng rng = nsky_rng_at(18, 0, 0); /* what follows a fill shares no block with it */
    nsky_rng_u32(&rng);
    nsky_rng_fill_normal(&rng, some, 1);
    assert_true(rng.counter[0] == 65 && rng.used == 4);
    rng.counter[0] = UINT32_MAX - 3; /* lanes on both sides of a carry */
    nsky_rng_fill_normal(&rng, some, 256);
    assert_true(rng.counter[0] == 60 && rng.counter[1] == 1);
    nsky_rng after = nsky_rng_at(18, 0, 0);
    after.counter[1] = 1;
    nsky_rng_fill_normal(&after, all, 256);
    assert_memory_equal(all, some + 4, 60 * sizeof *all);
}

static void test_fill_normal_golden(void **state)
{
    (void)state;
    float values[300];
    uint32_t folded = 0;
    nsky_rng rng = nsky_rng_at(2022, 1, 1);

    nsky_rng_fill_normal(&rng, values, 300);
    for (int i = 0; i < 300; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        folded = folded * 31 + bits;
    }
    assert_int_equal(folded, 0x3ab7d06e); /* the same on every machine and compiler */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normal),
        cmocka_unit_test(test_fill_normal),
        cmocka_unit_test(test_fill_normal_distribution),
        cmocka_unit_test(test_fill_normal_is_accurate),
        cmocka_unit_test(test_fill_normal_is_stable),
        cmocka_unit_test(test_fill_normal_golden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
