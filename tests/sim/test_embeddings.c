/* test_embeddings.c - make-believe embeddings: one row at a time or many, the same; unit length;
 * few dimensions inside many. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/embeddings.h"

enum { ROWS = 3000, DIM = 96 };

static float vectors[ROWS][DIM];

static int set_up(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_sim_embeddings *made = NULL;
    if (nsky_sim_embeddings_new(&made, DIM, 7, &err) != NSKY_OK)
        return -1;
    nsky_sim_embeddings_fill(made, 0, ROWS, vectors[0]);
    *state = made;
    return 0;
}

static int tear_down(void **state)
{
    nsky_sim_embeddings_free(*state);
    return 0;
}

static double dot(const float *a, const float *b)
{
    double sum = 0;
    for (int d = 0; d < DIM; d++)
        sum += (double)a[d] * b[d];
    return sum;
}

static void test_rows_do_not_depend_on_company(void **state)
{
    float one[DIM];
    for (uint32_t row = 0; row < ROWS; row += 371) {
        nsky_sim_embeddings_fill(*state, row, 1, one);
        assert_memory_equal(one, vectors[row], sizeof one);
    }
    nsky_sim_embeddings_fill(*state, NSKY_SIM_EMBEDDING_QUERIES, 1, one);
    for (uint32_t row = 0; row < ROWS; row++) /* a query is no row */
        assert_true(dot(one, vectors[row]) < 0.99999);
}

static void test_lengths_are_one(void **state)
{
    (void)state;
    for (uint32_t row = 0; row < ROWS; row++)
        assert_float_equal(dot(vectors[row], vectors[row]), 1, 1e-5);
}

/* Facco et al. 2017: the ratio of the distances to the second and the first neighbour, maximum
 * likelihood. 96 independent dimensions of a sphere would give far more than 30; measured 12. */
static void test_few_dimensions_inside_many(void **state)
{
    (void)state;
    double logs = 0;
    uint32_t count = 0;
    for (uint32_t row = 0; row < ROWS; row += 10, count++) {
        double first = 9, second = 9;
        for (uint32_t other = 0; other < ROWS; other++) {
            double square = 2 - 2 * dot(vectors[row], vectors[other]);
            if (other == row || square >= second)
                continue;
            second = square < first ? first : square;
            first = square < first ? square : first;
        }
        logs += 0.5 * log(second / first);
    }
    assert_true(count / logs > 6 && count / logs < 20);
}

/* Kinds have their shares, and rows of one are nearer to each other than to the rest. */
static void test_kinds_lie_together(void **state)
{
    double sums[2] = {0}, most = 0;
    uint32_t counts[2] = {0}, of_first = 0;
    for (uint32_t k = 0; k < NSKY_SIM_KINDS; k++)
        most += pow(k + 1, -0.59);
    for (uint32_t row = 0; row < ROWS; row++) {
        const uint32_t kind = nsky_sim_embeddings_kind(*state, row);
        assert_true(kind < NSKY_SIM_KINDS);
        of_first += kind == 0;
        for (uint32_t other = row % 7; other < row; other += 97) {
            const bool same = kind == nsky_sim_embeddings_kind(*state, other);
            sums[same] += dot(vectors[row], vectors[other]);
            counts[same]++;
        }
    }
    const double expected = ROWS / most;
    assert_true(fabs(of_first - expected) < 5 * sqrt(expected));
    assert_true(sums[1] / counts[1] > sums[0] / counts[0] + 0.1);
}

static void test_impossible_sizes_are_refused(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_sim_embeddings *made = *state;
    assert_int_equal(nsky_sim_embeddings_new(&made, 63, 1, &err), NSKY_EINVAL);
    assert_null(made);
    assert_int_equal(nsky_sim_embeddings_new(&made, 8193, 1, &err), NSKY_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_do_not_depend_on_company),
        cmocka_unit_test(test_lengths_are_one),
        cmocka_unit_test(test_few_dimensions_inside_many),
        cmocka_unit_test(test_kinds_lie_together),
        cmocka_unit_test(test_impossible_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
