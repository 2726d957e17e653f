/* test_arena.c - the bound of an arena is hard, its blocks are aligned and apart. */
#include "support.h"

#include "common/arena.h"

static void test_blocks_are_apart_and_aligned(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_arena *arena;

    assert_ok(nsky_arena_new(&arena, 4096, &err), err);
    char *previous_end = NULL;
    for (size_t bytes = 1; bytes < 40; bytes++) {
        char *block = nsky_arena_alloc(arena, bytes, 1, &err);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % 16, 0);
        assert_true(!previous_end || block >= previous_end);
        memset(block, 0xFF, bytes);
        previous_end = block + bytes;
    }
    nsky_arena_reset(arena);
    assert_int_equal(nsky_arena_used_bytes(arena), 0);
    nsky_arena_free(arena);
}

static void test_capacity_is_hard(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_arena *arena;

    assert_ok(nsky_arena_new(&arena, 64, &err), err);
    assert_non_null(nsky_arena_alloc(arena, 3, 16, &err));
    assert_null(nsky_arena_alloc(arena, 17, 1, &err));
    assert_int_equal(err.status, NSKY_ELIMIT);
    assert_non_null(strstr(err.text, "64"));
    assert_int_equal(nsky_arena_used_bytes(arena), 48); /* a refusal takes nothing */
    assert_non_null(nsky_arena_alloc(arena, 16, 1, &err));
    assert_null(nsky_arena_alloc(arena, 1, 1, &err));
    assert_non_null(nsky_arena_alloc(arena, 0, 1, &err));
    assert_null(nsky_arena_alloc(arena, SIZE_MAX, 2, &err));
    assert_null(nsky_arena_alloc(arena, SIZE_MAX, 1, &err));
    nsky_arena_reset(arena);
    assert_non_null(nsky_arena_alloc(arena, 64, 1, &err));
    nsky_arena_free(arena);
}

static void test_odd_capacity(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_arena *arena;

    assert_ok(nsky_arena_new(&arena, 5, &err), err);
    assert_non_null(nsky_arena_alloc(arena, 5, 1, &err));
    assert_null(nsky_arena_alloc(arena, 0, 1, &err)); /* its aligned start lies past the end */
    nsky_arena_free(arena);
    assert_ok(nsky_arena_new(&arena, 0, &err), err);
    assert_null(nsky_arena_alloc(arena, 1, 1, &err));
    nsky_arena_free(arena);
    nsky_arena_free(NULL);
}

static void test_format(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_arena *arena;

    assert_ok(nsky_arena_new(&arena, 32, &err), err);
    assert_string_equal(nsky_arena_format(arena, &err, "id %d", 12), "id 12");
    assert_null(nsky_arena_format(arena, &err, "%32s", "too long"));
    assert_int_equal(err.status, NSKY_ELIMIT);
    assert_string_equal(nsky_arena_format(arena, &err, "%15s", ""), "               ");
    nsky_arena_free(arena);
}

static nsky_status make(void *context, nsky_error *err)
{
    (void)context;
    nsky_arena *arena;
    nsky_status status = nsky_arena_new(&arena, 100, err);
    assert_true((status == NSKY_OK) == (arena != NULL));
    nsky_arena_free(arena);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    assert_int_equal(exhaust_memory(make, NULL), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_are_apart_and_aligned),
        cmocka_unit_test(test_capacity_is_hard),
        cmocka_unit_test(test_odd_capacity),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
