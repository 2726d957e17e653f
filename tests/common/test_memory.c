/* test_memory.c - sizes that overflow, blocks of zero items, and the fault switch itself. */
#include "support.h"

/* Under a sanitizer, too, a request that is too large must return NULL rather than end the test. */
const char *__asan_default_options(void);
const char *__tsan_default_options(void);

const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void test_overflow_is_out_of_memory(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    void *(*const all[])(size_t, size_t, nsky_error *) = {nsky_alloc, nsky_alloc_zero,
                                                          nsky_alloc_aligned};

    for (int i = 0; i < 3; i++) {
        err = (nsky_error)NSKY_ERROR_INIT;
        assert_null(all[i](SIZE_MAX / 2, 3, &err));
        assert_int_equal(err.status, NSKY_ENOMEM);
        assert_null(all[i](SIZE_MAX, 1, &err));
        assert_null(all[i](PTRDIFF_MAX, 1, &err)); /* fits a size, not the machine */
    }
    void *block = nsky_alloc(4, 1, &err);
    assert_non_null(block);
    memcpy(block, "abc", 4);
    err = (nsky_error)NSKY_ERROR_INIT;
    assert_null(nsky_realloc(block, SIZE_MAX, 16, &err));
    assert_int_equal(err.status, NSKY_ENOMEM);
    assert_string_equal(block, "abc"); /* untouched */
    nsky_free(block);
}

static void test_zero_items_are_freeable(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    void *blocks[] = {nsky_alloc(0, 8, &err), nsky_alloc_zero(8, 0, &err),
                      nsky_alloc_aligned(0, 0, &err), nsky_realloc(NULL, 0, 4, &err)};

    for (int i = 0; i < 4; i++) {
        assert_non_null(blocks[i]);
        nsky_free(blocks[i]);
    }
    void *shrunk = nsky_realloc(nsky_alloc(10, 10, &err), 0, 10, &err);
    assert_non_null(shrunk);
    nsky_free(shrunk);
    nsky_free(NULL);
}

static void test_contents_and_alignment(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;

    unsigned char *zeroed = nsky_alloc_zero(1000, 3, &err);
    for (int i = 0; i < 3000; i++)
        assert_int_equal(zeroed[i], 0);
    for (size_t bytes = 1; bytes < 300; bytes += 13) {
        unsigned char *aligned = nsky_alloc_aligned(bytes, 1, &err);
        assert_int_equal((uintptr_t)aligned % 64, 0);
        memset(aligned, 0xA5, bytes);
        nsky_free(aligned);
    }
    zeroed[0] = 42;
    zeroed = nsky_realloc(zeroed, 100000, 1, &err);
    assert_int_equal(zeroed[0], 42);
    nsky_free(zeroed);
}

static void test_text(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    char *copy = nsky_strdup("lens", &err), *empty = nsky_strdup("", &err);
    char *text = nsky_format(&err, "%s-%04d", copy, 12), *none = nsky_format(&err, "%s", "");

    assert_string_equal(copy, "lens");
    assert_string_equal(empty, "");
    assert_string_equal(text, "lens-0012");
    assert_string_equal(none, "");
    nsky_free(copy);
    nsky_free(empty);
    nsky_free(text);
    nsky_free(none);
}

static void test_checked_arithmetic(void **state)
{
    (void)state;
    size_t out;

    assert_true(nsky_mul_size(SIZE_MAX, 1, &out) && out == SIZE_MAX);
    assert_true(nsky_mul_size(SIZE_MAX, 0, &out) && out == 0);
    assert_false(nsky_mul_size(SIZE_MAX / 2 + 1, 2, &out));
    assert_true(nsky_add_size(SIZE_MAX - 1, 1, &out) && out == SIZE_MAX);
    assert_false(nsky_add_size(SIZE_MAX, 1, &out));
}

static nsky_status use_every_call(void *context, nsky_error *err)
{
    (void)context;
    char *plain = nsky_alloc(1, 1, err), *zeroed = NULL, *aligned = NULL, *copy = NULL;
    char *text = NULL, *moved = NULL;

    if (plain && (zeroed = nsky_alloc_zero(1, 1, err)) &&
        (aligned = nsky_alloc_aligned(1, 1, err)) && (copy = nsky_strdup("a", err)) &&
        (text = nsky_format(err, "b")) && (moved = nsky_realloc(plain, 2, 1, err)))
        plain = moved;
    nsky_free(plain);
    nsky_free(zeroed);
    nsky_free(aligned);
    nsky_free(copy);
    nsky_free(text);
    return moved ? NSKY_OK : err->status;
}

static void test_fault_switch(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;

    assert_int_equal(exhaust_memory(use_every_call, NULL), 6);
    nsky_memory_fail_at(2);
    void *first = nsky_alloc(1, 1, &err), *second = nsky_alloc(1, 1, &err);
    void *third = nsky_alloc(1, 1, &err);
    assert_non_null(first);
    assert_null(second);
    assert_non_null(third); /* one failure only */
    assert_int_equal(nsky_memory_count(), 3);
    nsky_memory_fail_at(0);
    assert_int_equal(nsky_memory_count(), 0);
    nsky_free(first);
    nsky_free(third);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overflow_is_out_of_memory),
        cmocka_unit_test(test_zero_items_are_freeable),
        cmocka_unit_test(test_contents_and_alignment),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_checked_arithmetic),
        cmocka_unit_test(test_fault_switch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
