/* test_scan.c - the exact scan against brute force in float64; kernels bit for bit. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/half.h"
#include "common/memory.h"
#include "common/rng.h"
#include "index/scan.h"

/* [rows, dim] unit vectors as float16. */
static uint16_t *random_vectors(uint64_t rows, uint32_t dim, uint32_t stream)
{
    nsky_error err = NSKY_ERROR_INIT;
    uint16_t *vectors = nsky_alloc(rows * dim, sizeof *vectors, &err);
    float *row = nsky_alloc(dim, sizeof *row, &err);
    assert_non_null(vectors);
    assert_non_null(row);
    for (uint64_t i = 0; i < rows; i++) {
        nsky_rng rng = nsky_rng_at(7, stream, (uint32_t)i);
        double square = 0;
        for (uint32_t d = 0; d < dim; d++) {
            row[d] = (float)nsky_rng_normal(&rng);
            square += (double)row[d] * row[d];
        }
        for (uint32_t d = 0; d < dim; d++)
            vectors[i * dim + d] = nsky_half_from_float((float)(row[d] / sqrt(square)));
    }
    nsky_free(row);
    return vectors;
}

static void load_query(float *query, const uint16_t *vectors, uint64_t row, uint32_t dim)
{
    memset(query, 0, nsky_scan_padded(dim) * sizeof *query);
    nsky_half_to_floats(query, vectors + row * dim, dim);
}

static void kernels_give_the_same_bits(void **state)
{
    (void)state;
    nsky_dot_kernel kernels[3];
    uint32_t count = nsky_dot_kernels(kernels);
    float a[512], b[512], four[4][512];
    nsky_rng rng = nsky_rng_at(1, 2, 3);
    assert_string_equal(kernels[count - 1].name, "c");
    for (uint32_t length = NSKY_SCAN_LANES; length <= 512; length += NSKY_SCAN_LANES) {
        for (uint32_t i = 0; i < length; i++) {
            a[i] = (float)(nsky_rng_normal(&rng) * pow(10, nsky_rng_range(&rng, -6, 3)));
            b[i] = (float)nsky_rng_normal(&rng);
        }
        float expected = kernels[count - 1].dot(a, b, length);
        for (uint32_t k = 0; k + 1 < count; k++) {
            float got = kernels[k].dot(a, b, length);
            assert_memory_equal(&got, &expected, sizeof got);
        }
        for (uint32_t i = 0; i < 4 * length; i++)
            four[i / length][i % length] = (float)nsky_rng_normal(&rng);
        const float *const rows[4] = {four[0], four[1], four[2], four[3]};
        for (uint32_t k = 0; k < count; k++) {
            float got[4];
            kernels[k].dot4(a, rows, length, got);
            for (uint32_t q = 0; q < 4; q++) {
                expected = kernels[count - 1].dot(a, four[q], length);
                assert_memory_equal(&got[q], &expected, sizeof expected);
            }
        }
    }
}

static void agrees_with_float64(void **state)
{
    (void)state;
    enum { ROWS = 2000, DIM = 77, K = 25 };
    uint16_t *vectors = random_vectors(ROWS, DIM, 1);
    float query[96];
    nsky_hit hits[K];
    nsky_error err = NSKY_ERROR_INIT;
    load_query(query, vectors, 123, DIM);
    nsky_scan scan = {.vectors = {vectors, ROWS, DIM, NSKY_VECTOR_FLOAT16}};
    nsky_topk topk = {hits, K, 0};
    assert_int_equal(nsky_scan_run(&scan, query, NULL, 1, &topk, &err), NSKY_OK);
    assert_int_equal(topk.count, K);
    assert_int_equal(hits[0].row, 123);

    double exact[ROWS];
    for (uint32_t row = 0; row < ROWS; row++) {
        double dot = 0, square = 0;
        for (uint32_t d = 0; d < DIM; d++) {
            double value = nsky_half_to_float(vectors[row * DIM + d]);
            dot += value * (double)query[d];
            square += value * value;
        }
        exact[row] = dot / sqrt(square);
    }
    for (uint32_t i = 0; i < K; i++) {
        /* 77 products of numbers below 1: float32 rounding stays under 1e-6. */
        assert_true(fabs(exact[hits[i].row] - hits[i].similarity) < 1e-6);
        uint32_t above = 0;
        for (uint32_t row = 0; row < ROWS; row++)
            above += exact[row] > exact[hits[i].row] + 1e-6;
        assert_true(above <= i);
    }
    nsky_free(vectors);
}

/* As many queries as are taken at once and some more, each with rows of its own: as if alone. */
static void company_changes_nothing(void **state)
{
    (void)state;
    enum { ROWS = 700, DIM = 48, K = 20, QUERIES = 39 };
    uint16_t *vectors = random_vectors(ROWS, DIM, 6);
    float queries[QUERIES * DIM], bias[QUERIES];
    static uint8_t bits[QUERIES][ROWS / 8 + 1];
    static float scores[QUERIES][ROWS], alone_scores[ROWS];
    const uint8_t *allowed[QUERIES];
    static nsky_hit hits[QUERIES][K], alone[K];
    nsky_topk topks[QUERIES];
    nsky_error err = NSKY_ERROR_INIT;
    const nsky_scan scan = {.vectors = {vectors, ROWS, DIM, NSKY_VECTOR_FLOAT16}};
    nsky_rng rng = nsky_rng_at(8, 0, 0);
    for (uint32_t q = 0; q < QUERIES; q++) {
        load_query(queries + q * DIM, vectors, 11 * q, DIM);
        bias[q] = (float)q;
        allowed[q] = q % 3 == 0 ? NULL : bits[q];
        topks[q] = (nsky_topk){hits[q], K, 0};
        for (uint32_t i = 0; i < sizeof bits[q]; i++)
            bits[q][i] = (uint8_t)nsky_rng_below(&rng, 256);
    }
    memset(vectors + 55 * DIM, 0, DIM * sizeof *vectors);
    nsky_linear_scan linear = {.weights = queries,
                               .bias = bias,
                               .allowed = allowed,
                               .count = QUERIES,
                               .rows = ROWS,
                               .scores = scores[0]};
    assert_int_equal(nsky_scan_run(&scan, queries, allowed, QUERIES, topks, &err), NSKY_OK);
    assert_int_equal(nsky_scan_linear(&scan, &linear, &err), NSKY_OK);
    for (uint32_t q = 0; q < QUERIES; q++) {
        nsky_topk one = {alone, K, 0};
        assert_int_equal(nsky_scan_run(&scan, queries + q * DIM, &allowed[q], 1, &one, &err),
                         NSKY_OK);
        assert_int_equal(one.count, topks[q].count);
        for (uint32_t i = 0; i < one.count; i++)
            assert_true(alone[i].row == hits[q][i].row && alone[i].row != 55 &&
                        alone[i].similarity == hits[q][i].similarity);
        linear = (nsky_linear_scan){.weights = queries + q * DIM,
                                    .bias = &bias[q],
                                    .allowed = &allowed[q],
                                    .count = 1,
                                    .rows = ROWS,
                                    .scores = alone_scores};
        assert_int_equal(nsky_scan_linear(&scan, &linear, &err), NSKY_OK);
        for (uint32_t row = 0; row < ROWS; row++)
            assert_true(scores[q][row] == alone_scores[row] ||
                        (isnan(scores[q][row]) && isnan(alone_scores[row])));
        assert_true(isnan(scores[q][55]) && !isnan(scores[0][56]));
    }
    nsky_free(vectors);
}

static void threads_and_kernels_change_nothing(void **state)
{
    (void)state;
    enum { ROWS = 3001, DIM = 64, K = 40, QUERIES = 3 };
    uint16_t *vectors = random_vectors(ROWS, DIM, 2);
    float queries[QUERIES * DIM];
    nsky_hit first[QUERIES][K], hits[QUERIES][K];
    nsky_dot_kernel kernels[3];
    nsky_error err = NSKY_ERROR_INIT;
    uint32_t kernel_count = nsky_dot_kernels(kernels);
    for (uint32_t q = 0; q < QUERIES; q++)
        load_query(queries + q * DIM, vectors, 100 * q, DIM);
    memcpy(vectors + 500 * DIM, vectors + 200 * DIM, DIM * sizeof *vectors); /* a tie */
    memset(first, 0, sizeof first);
    memset(hits, 0, sizeof hits);
    for (uint32_t threads = 1; threads <= 5; threads++)
        for (uint32_t k = 0; k < kernel_count; k++) {
            nsky_scan scan = {{vectors, ROWS, DIM, NSKY_VECTOR_FLOAT16}, threads, &kernels[k]};
            nsky_topk topks[QUERIES];
            for (uint32_t q = 0; q < QUERIES; q++)
                topks[q] = (nsky_topk){hits[q], K, 0};
            assert_int_equal(nsky_scan_run(&scan, queries, NULL, QUERIES, topks, &err), NSKY_OK);
            if (threads == 1 && k == 0)
                memcpy(first, hits, sizeof hits);
            for (uint32_t i = 0; i < QUERIES * K; i++) {
                assert_int_equal(first[i / K][i % K].row, hits[i / K][i % K].row);
                assert_true(first[i / K][i % K].similarity == hits[i / K][i % K].similarity);
            }
        }
    assert_int_equal(first[2][0].row, 200); /* equal similarity: the lower row first */
    assert_int_equal(first[2][1].row, 500);
    nsky_free(vectors);
}

static void bitmaps_are_obeyed(void **state)
{
    (void)state;
    enum { ROWS = 100, DIM = 16, K = 50 };
    uint16_t *vectors = random_vectors(ROWS, DIM, 3);
    uint8_t allowed[ROWS / 8 + 1] = {0};
    const uint8_t *bitmaps[1] = {allowed};
    float query[DIM];
    nsky_hit hits[K];
    nsky_error err = NSKY_ERROR_INIT;
    load_query(query, vectors, 7, DIM);
    memset(vectors + 50 * DIM, 0, DIM * sizeof *vectors); /* allowed, but without a vector */
    for (uint32_t row = 0; row < ROWS; row += 10)
        allowed[row >> 3] |= (uint8_t)(1u << (row & 7));
    nsky_scan scan = {.vectors = {vectors, ROWS, DIM, NSKY_VECTOR_FLOAT16}};
    nsky_topk topk = {hits, K, 0};
    assert_int_equal(nsky_scan_run(&scan, query, bitmaps, 1, &topk, &err), NSKY_OK);
    assert_int_equal(topk.count, 9);
    for (uint32_t i = 0; i < topk.count; i++)
        assert_true(hits[i].row % 10 == 0 && hits[i].row != 50);
    nsky_free(vectors);
}

/* Linear scores: all of them, and the best of them, against float64; every kernel and any number of
 * threads the same bits; rows of zeros never. */
static void linear_scores_are_exact(void **state)
{
    (void)state;
    enum { ROWS = 1500, DIM = 50, PADDED = 64, K = 30, PROBES = 2, FROM = 100 };
    uint16_t *vectors = random_vectors(ROWS, DIM, 5);
    float weights[PROBES * PADDED] = {0};
    const float bias[PROBES] = {-3.5f, 100.0f};
    static float first[PROBES * ROWS], scores[PROBES * ROWS];
    nsky_hit hits[PROBES][K] = {{{0}}};
    nsky_dot_kernel kernels[3];
    nsky_error err = NSKY_ERROR_INIT;
    nsky_rng rng = nsky_rng_at(3, 1, 4);
    uint32_t kernel_count = nsky_dot_kernels(kernels);
    memset(vectors + 700 * DIM, 0, DIM * sizeof *vectors);
    for (uint32_t q = 0; q < PROBES; q++)
        for (uint32_t d = 0; d < DIM; d++)
            weights[q * PADDED + d] = (float)(5 * nsky_rng_normal(&rng));
    for (uint32_t threads = 1; threads <= 3; threads++)
        for (uint32_t k = 0; k < kernel_count; k++) {
            nsky_scan scan = {{vectors, ROWS, DIM, NSKY_VECTOR_FLOAT16}, threads, &kernels[k]};
            nsky_topk topks[PROBES] = {{hits[0], K, 0}, {hits[1], K, 0}};
            nsky_linear_scan linear = {weights, bias, NULL, PROBES, 0, ROWS, scores, NULL};
            assert_int_equal(nsky_scan_linear(&scan, &linear, &err), NSKY_OK);
            if (threads == 1 && k == 0)
                memcpy(first, scores, sizeof first);
            assert_memory_equal(first, scores, sizeof first);
            linear.scores = NULL;
            linear.topks = topks;
            assert_int_equal(nsky_scan_linear(&scan, &linear, &err), NSKY_OK);
            for (uint32_t q = 0; q < PROBES; q++)
                for (uint32_t i = 0; i < K; i++) {
                    assert_true(hits[q][i].similarity == first[q * ROWS + hits[q][i].row]);
                    assert_true(i == 0 || hits[q][i - 1].similarity >= hits[q][i].similarity);
                }
            linear.topks = NULL;
            linear.scores = scores; /* a part of the rows */
            linear.first = FROM;
            linear.rows = ROWS - FROM;
            assert_int_equal(nsky_scan_linear(&scan, &linear, &err), NSKY_OK);
            assert_memory_equal(scores + linear.rows, first + ROWS + FROM,
                                linear.rows * sizeof *scores);
        }
    for (uint32_t q = 0; q < PROBES; q++) {
        uint32_t above = 0;
        assert_true(isnan(first[q * ROWS + 700]));
        for (uint32_t row = 0; row < ROWS; row++) {
            double exact = bias[q];
            for (uint32_t d = 0; d < DIM; d++)
                exact += (double)nsky_half_to_float(vectors[row * DIM + d]) *
                         (double)weights[q * PADDED + d];
            /* 50 products of up to 10, and a bias of 100, in float32: 2e-5 */
            assert_true(row == 700 || fabs(exact - first[q * ROWS + row]) < 2e-5);
            above += first[q * ROWS + row] > hits[q][K - 1].similarity;
        }
        assert_int_equal(above, K - 1);
    }
    nsky_free(vectors);
}

static void out_of_memory_is_reported(void **state)
{
    (void)state;
    uint16_t *vectors = random_vectors(10, 16, 4);
    float query[16];
    nsky_hit hits[3] = {{0}};
    load_query(query, vectors, 0, 16);
    nsky_scan scan = {.vectors = {vectors, 10, 16, NSKY_VECTOR_FLOAT16}};
    for (uint64_t n = 1; n <= 3; n++) {
        nsky_error err = NSKY_ERROR_INIT;
        nsky_topk topk = {hits, 3, 0};
        nsky_memory_fail_at(n);
        assert_int_equal(nsky_scan_run(&scan, query, NULL, 1, &topk, &err), NSKY_ENOMEM);
        nsky_memory_fail_at(0);
    }
    nsky_free(vectors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_give_the_same_bits),
        cmocka_unit_test(agrees_with_float64),
        cmocka_unit_test(company_changes_nothing),
        cmocka_unit_test(threads_and_kernels_change_nothing),
        cmocka_unit_test(bitmaps_are_obeyed),
        cmocka_unit_test(linear_scores_are_exact),
        cmocka_unit_test(out_of_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
