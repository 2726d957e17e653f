/* .npy: the header byte by byte; NumPy itself reads such files in tests/cli/exports.py. */
#include <math.h>

#include "common/half.h"
#include "support.h"
#include "table/npy.h"

static void header(void **state)
{
    static const struct {
        nsky_npy_type type;
        uint64_t rows;
        const char *text;
    } known[] = {
        {NSKY_NPY_FLOAT16, 0, "{'descr': '<f2', 'fortran_order': False, 'shape': (0, 512), }"},
        {NSKY_NPY_FLOAT32, 76000000,
         "{'descr': '<f4', 'fortran_order': False, 'shape': (76000000, 512), }"},
        {NSKY_NPY_FLOAT16, UINT64_MAX,
         "{'descr': '<f2', 'fortran_order': False, 'shape': (18446744073709551615, 512), }"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        nsky_error err = NSKY_ERROR_INIT;
        unsigned char bytes[400];
        FILE *stream = fmemopen(bytes, sizeof bytes, "wb");
        assert_ok(nsky_npy_begin(stream, "x", known[i].type, known[i].rows, 512, &err), err);
        long length = ftell(stream);
        fclose(stream);
        assert_int_equal(length % 64, 0);
        assert_memory_equal(bytes, "\x93NUMPY\x01\x00", 8);
        assert_int_equal(bytes[8] | bytes[9] << 8, length - 10);
        assert_memory_equal(bytes + 10, known[i].text, strlen(known[i].text));
        for (long at = 10 + (long)strlen(known[i].text); at < length - 1; at++)
            assert_int_equal(bytes[at], ' ');
        assert_int_equal(bytes[length - 1], '\n');
    }
}

static void values(void **state)
{
    enum { COUNT = 10000 };
    nsky_error err = NSKY_ERROR_INIT;
    uint16_t *halves = nsky_alloc(COUNT, sizeof *halves, &err);
    const nsky_vectors vectors = {halves, COUNT / 10, 10, NSKY_VECTOR_FLOAT16};
    float *floats = nsky_alloc(COUNT, sizeof *floats, &err);

    (void)state;
    for (int i = 0; i < COUNT; i++)
        halves[i] = nsky_half_from_float((float)(i - 5000) / 4096);
    FILE *stream = tmpfile();
    assert_ok(nsky_npy_put(stream, "x", NSKY_NPY_FLOAT32, &vectors, 0, COUNT / 10, &err), err);
    assert_int_equal(ftell(stream), COUNT * 4);
    rewind(stream);
    assert_int_equal(fread(floats, 4, COUNT, stream), COUNT);
    for (int i = 0; i < COUNT; i++)
        assert_true(floats[i] == nsky_half_to_float(halves[i]));
    fclose(stream);
    stream = tmpfile();
    assert_ok(nsky_npy_put(stream, "x", NSKY_NPY_FLOAT16, &vectors, 0, COUNT / 10, &err), err);
    assert_ok(nsky_npy_put(stream, "x", NSKY_NPY_FLOAT16, &vectors, 7, 0, &err), err);
    assert_int_equal(ftell(stream), COUNT * 2);
    rewind(stream);
    assert_int_equal(fread(floats, 2, COUNT, stream), COUNT);
    assert_memory_equal(floats, halves, COUNT * 2);
    fclose(stream);
    nsky_free(halves);
    nsky_free(floats);
}

/* int8 has no form of its own in the file. */
static void short_numbers(void **state)
{
    static const int8_t numbers[2][2] = {{3, 4}, {-127, 0}};
    const nsky_vectors vectors = {numbers, 2, 2, NSKY_VECTOR_INT8};
    nsky_error err = NSKY_ERROR_INIT;
    float floats[2];
    uint16_t halves[2];
    FILE *stream = tmpfile();

    (void)state;
    assert_ok(nsky_npy_put(stream, "x", NSKY_NPY_FLOAT32, &vectors, 0, 1, &err), err);
    assert_ok(nsky_npy_put(stream, "x", NSKY_NPY_FLOAT16, &vectors, 1, 1, &err), err);
    rewind(stream);
    assert_int_equal(fread(floats, 4, 2, stream), 2);
    assert_true(fabsf(floats[0] - 0.6F) < 1e-6F && fabsf(floats[1] - 0.8F) < 1e-6F);
    assert_int_equal(fread(halves, 2, 2, stream), 2);
    assert_true(nsky_half_to_float(halves[0]) == -1 && nsky_half_to_float(halves[1]) == 0);
    fclose(stream);
}

static void full_disk(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    static const uint16_t halves[100000];
    const nsky_vectors vectors = {halves, 10000, 10, NSKY_VECTOR_FLOAT16};
    FILE *full = fopen("/dev/full", "wb");

    (void)state;
    assert_non_null(full);
    assert_int_equal(nsky_npy_put(full, "here", NSKY_NPY_FLOAT32, &vectors, 0, 10000, &err),
                     NSKY_EIO);
    assert_non_null(strstr(err.text, "here"));
    fclose(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header),
        cmocka_unit_test(values),
        cmocka_unit_test(short_numbers),
        cmocka_unit_test(full_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
