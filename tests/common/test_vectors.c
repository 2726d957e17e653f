/* test_vectors.c - stored rows: what is written is what is read, up to a stated rounding; int8 in
 * the same bits as plain C; zeros stay zeros; names. */
#include "support.h"

#include <math.h>

#include "common/half.h"
#include "common/rng.h"
#include "common/vectors.h"

#define DIM_MAX 2048

static void unit_vector(float *x, uint32_t dim, uint64_t number)
{
    nsky_rng rng = nsky_rng_at(7, 1, number);
    double square = 0;
    for (uint32_t i = 0; i < dim; i++) {
        x[i] = (float)nsky_rng_normal(&rng);
        square += (double)x[i] * (double)x[i];
    }
    for (uint32_t i = 0; i < dim; i++)
        x[i] = (float)((double)x[i] / sqrt(square));
}

/* The bound of vectors.h, and the length that is promised. */
static void int8_comes_back(void **state)
{
    (void)state;
    static const uint32_t dims[] = {1, 3, 16, 50, 64, 511, 512, 2048};
    float x[DIM_MAX], y[DIM_MAX];
    int8_t row[DIM_MAX];
    for (size_t d = 0; d < sizeof dims / sizeof *dims; d++)
        for (uint64_t n = 0; n < 50; n++) {
            const uint32_t dim = dims[d];
            double error = 0, length = 0, largest = 0;
            unit_vector(x, dim, n);
            nsky_vector_encode(NSKY_VECTOR_INT8, x, dim, row);
            nsky_vector_decode(NSKY_VECTOR_INT8, row, dim, y);
            for (uint32_t i = 0; i < dim; i++) {
                error += pow((double)x[i] - (double)y[i], 2);
                length += (double)y[i] * (double)y[i];
                largest = fmax(largest, fabs((double)x[i]));
            }
            assert_true(fabs(sqrt(length) - 1) < 1e-6);
            assert_true(sqrt(error) <= sqrt(dim) / 254 * largest * 1.01 + 1e-6);
            nsky_vector_round(NSKY_VECTOR_INT8, x, dim);
            assert_memory_equal(x, y, dim * sizeof *x);
        }
}

/* Plain arithmetic, one number after the other. */
static void int8_bits_are_those_of_plain_c(void **state)
{
    (void)state;
    enum { DIM = 333 };
    int8_t row[DIM];
    float y[DIM];
    nsky_rng rng = nsky_rng_at(7, 2, 0);
    for (uint32_t n = 0; n < 200; n++) {
        volatile int32_t square = 0; /* volatile: nothing may be put together */
        for (uint32_t i = 0; i < DIM; i++) {
            row[i] = (int8_t)((int)nsky_rng_below(&rng, 256) - 128);
            square += row[i] * row[i];
        }
        nsky_vector_decode(NSKY_VECTOR_INT8, row, DIM, y);
        volatile float factor = 1 / sqrtf((float)square);
        for (uint32_t i = 0; i < DIM; i++) {
            volatile float expected = (float)row[i] * factor;
            assert_true(y[i] == expected);
        }
    }
}

/* The largest dimension that a store may have, of the largest numbers: nothing overflows. */
static void int8_holds_the_longest_row(void **state)
{
    (void)state;
    enum { DIM = 65536 };
    nsky_error err = NSKY_ERROR_INIT;
    int8_t *row = nsky_alloc(DIM, 1, &err);
    float *y = nsky_alloc(DIM, sizeof *y, &err);
    memset(row, -128, DIM);
    nsky_vector_decode(NSKY_VECTOR_INT8, row, DIM, y);
    assert_true(y[0] == -1.0F / 256 && y[DIM - 1] == y[0]);
    nsky_free(y);
    nsky_free(row);
}

static void zeros_are_no_vector(void **state)
{
    (void)state;
    const float x[16] = {0};
    float y[16];
    uint16_t halves[16];
    int8_t row[16];
    memset(row, 1, sizeof row);
    nsky_vector_encode(NSKY_VECTOR_INT8, x, 16, row);
    assert_true(nsky_vector_is_blank(NSKY_VECTOR_INT8, row, 16));
    nsky_vector_decode(NSKY_VECTOR_INT8, row, 16, y);
    for (int i = 0; i < 16; i++)
        assert_true(y[i] == 0);
    row[15] = 1;
    assert_false(nsky_vector_is_blank(NSKY_VECTOR_INT8, row, 16));
    nsky_vector_encode(NSKY_VECTOR_FLOAT16, x, 16, halves);
    halves[3] = 0x8000; /* minus nothing */
    assert_true(nsky_vector_is_blank(NSKY_VECTOR_FLOAT16, halves, 16));
    halves[15] = 1;
    assert_false(nsky_vector_is_blank(NSKY_VECTOR_FLOAT16, halves, 16));
}

static void rows_lie_one_after_the_other(void **state)
{
    (void)state;
    enum { ROWS = 5, DIM = 24 };
    float x[DIM], y[DIM];
    uint16_t halves[ROWS * DIM];
    int8_t numbers[ROWS * DIM];
    nsky_vectors all[] = {{halves, ROWS, DIM, NSKY_VECTOR_FLOAT16},
                          {numbers, ROWS, DIM, NSKY_VECTOR_INT8}};
    for (int t = 0; t < 2; t++) {
        const size_t bytes = nsky_vector_bytes(all[t].type, DIM);
        for (uint64_t row = 0; row < ROWS; row++) {
            unit_vector(x, DIM, row);
            nsky_vector_encode(all[t].type, x, DIM,
                               (char *)(t ? (void *)numbers : halves) + row * bytes);
        }
        const nsky_vectors run = nsky_vectors_run(&all[t], 2, 3);
        assert_int_equal(run.rows, 3);
        for (uint64_t row = 0; row < run.rows; row++) {
            unit_vector(x, DIM, row + 2);
            nsky_vectors_read(&run, row, y);
            for (uint32_t i = 0; i < DIM; i++)
                assert_true(fabsf(x[i] - y[i]) < (t ? 0.005F : 0.0005F));
            assert_false(nsky_vectors_is_blank(&run, row));
        }
    }
}

static void halves_round_as_they_are_stored(void **state)
{
    (void)state;
    float x[64], y[64];
    uint16_t halves[64];
    unit_vector(x, 64, 5);
    nsky_vector_encode(NSKY_VECTOR_FLOAT16, x, 64, halves);
    nsky_vector_decode(NSKY_VECTOR_FLOAT16, halves, 64, y);
    nsky_vector_round(NSKY_VECTOR_FLOAT16, x, 64);
    assert_memory_equal(x, y, sizeof x);
}

static void types_have_names(void **state)
{
    (void)state;
    nsky_vector_type type = NSKY_VECTOR_FLOAT16;
    assert_true(nsky_vector_type_parse(&type, "int8") && type == NSKY_VECTOR_INT8);
    assert_true(nsky_vector_type_parse(&type, "float16") && type == NSKY_VECTOR_FLOAT16);
    assert_false(nsky_vector_type_parse(&type, "int4"));
    assert_string_equal(nsky_vector_type_name(NSKY_VECTOR_INT8), "int8");
    assert_string_equal(nsky_vector_file_name(NSKY_VECTOR_INT8), "vectors.i8");
    assert_string_equal(nsky_vector_file_name(NSKY_VECTOR_FLOAT16), "vectors.f16");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(int8_comes_back),
        cmocka_unit_test(int8_bits_are_those_of_plain_c),
        cmocka_unit_test(int8_holds_the_longest_row),
        cmocka_unit_test(zeros_are_no_vector),
        cmocka_unit_test(rows_lie_one_after_the_other),
        cmocka_unit_test(halves_round_as_they_are_stored),
        cmocka_unit_test(types_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
