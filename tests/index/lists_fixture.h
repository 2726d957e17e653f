/* lists_fixture.h - lists of LISTS and BITS, which the test that includes this defines, over
 * vectors with structure; some of them are queries. */
#ifndef NSKY_TEST_LISTS_FIXTURE_H
#define NSKY_TEST_LISTS_FIXTURE_H

#ifndef LISTS /* alone, it compiles, too */
#define LISTS 48
#define BITS 8
#endif

#include "lists_support.h"

#include "index/lists_build.h"

enum { ROWS = 8192, DIM = 40, PADDED = 48, QUERIES = 40 };

static uint16_t vectors[ROWS * DIM];
static float queries[QUERIES][PADDED];
static nsky_lists lists;
static nsky_scan scan = {.vectors = {vectors, ROWS, DIM, NSKY_VECTOR_FLOAT16}};

static inline int set_up(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    if (make_test_directory(state) != 0)
        return -1;
    make_rows(vectors, ROWS, DIM, 60);
    nsky_lists_job job = {.folder = test_directory,
                          .vectors = {vectors, ROWS, DIM, NSKY_VECTOR_FLOAT16},
                          .coded = 32,
                          .bits = BITS,
                          .lists = LISTS,
                          .sample_rows = ROWS,
                          .vectors_name = "test",
                          .segment_rows = 8192,
                          .merge_bytes = 1 << 20,
                          .threads = 2};
    assert_ok(nsky_lists_build(&job, &err), err);
    assert_ok(nsky_lists_open(&lists, test_directory, ROWS, DIM, &err), err);
    for (int q = 0; q < QUERIES; q++) {
        double square = 0;
        nsky_half_to_floats(queries[q], vectors + (size_t)(100 + 150 * q) * DIM, DIM);
        for (int d = 0; d < DIM; d++)
            square += (double)queries[q][d] * (double)queries[q][d];
        for (int d = 0; d < DIM; d++)
            queries[q][d] = (float)((double)queries[q][d] / sqrt(square));
    }
    return 0;
}

static inline int tear_down(void **state)
{
    nsky_lists_close(&lists);
    return remove_test_directory(state);
}

static inline int by_key(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x > *y ? -1 : *x < *y;
}

#endif
