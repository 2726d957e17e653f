/* test_json_build.c - what is built prints exactly, and memory that ran out anywhere is reported.
 */
#include "support.h"

#include <float.h>
#include <math.h>

#include "common/file.h"
#include "common/json.h"
#include "common/rng.h"

/* Prints, compares and frees. */
static void check_print(nsky_json *root, bool pretty, const char *expected)
{
    nsky_error err = NSKY_ERROR_INIT;
    char *text = nsky_json_print(root, pretty, &err);

    if (!text)
        fail_msg("%s", err.text);
    assert_string_equal(text, expected);
    nsky_free(text);
    nsky_json_free(root);
}

static void test_every_kind(void **state)
{
    (void)state;
    nsky_json *root = nsky_json_object(), *array = nsky_json_array();

    nsky_json_put_string(root, "s", "a\"\\/\b\f\n\r\t\x01\x7f\xC3\xA9");
    nsky_json_put_string(root, "null", NULL);
    nsky_json_put_number(root, "n", 0.1);
    nsky_json_put_fixed(root, "fixed", 3.14159, 3);
    nsky_json_put_integer(root, "i", -9007199254740992);
    nsky_json_put_bool(root, "t", true);
    nsky_json_put_bool(root, "f", false);
    nsky_json_put_id(root, "id", UINT64_MAX);
    nsky_json_put(root, "array", array); /* filled after it was given: still the same value */
    nsky_json_append(array, nsky_json_object());
    nsky_json_append(array, nsky_json_array());
    nsky_json_append_string(array, "x");
    nsky_json_append_string(array, NULL);
    nsky_json_append_number(array, 2.5);
    check_print(root, false,
                "{\"s\":\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\x7f\xC3\xA9\",\"null\":null,\"n\":0.1,"
                "\"fixed\":3.142,\"i\":-9007199254740992,\"t\":true,\"f\":false,"
                "\"id\":\"18446744073709551615\",\"array\":[{},[],\"x\",null,2.5]}");
}

static void test_pretty(void **state)
{
    (void)state;
    nsky_json *root = nsky_json_object(), *array = nsky_json_array();

    nsky_json_append_number(array, 1);
    nsky_json_append_number(array, 2);
    nsky_json_put(root, "a", array);
    nsky_json_put(root, "o", nsky_json_object());
    check_print(root, true, "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"o\": {}\n}");
}

static void test_put_replaces(void **state)
{
    (void)state;
    nsky_json *root = nsky_json_object();

    nsky_json_put_number(root, "a", 1);
    nsky_json_put_number(root, "b", 2);
    nsky_json_put_number(root, "c", 3);
    nsky_json_put_string(root, "a", "one");
    nsky_json_put(root, "b", nsky_json_array());
    nsky_json_put_fixed(root, "c", 3, 1);
    nsky_json_put_number(root, "C", 4); /* exact case: another key */
    assert_int_equal(nsky_json_count(root), 4);
    check_print(root, false, "{\"a\":\"one\",\"b\":[],\"c\":3.0,\"C\":4}");
    root = nsky_json_object(); /* a single member has the awkward links */
    nsky_json_put_number(root, "a", 1);
    nsky_json_put_number(root, "a", 2);
    nsky_json_put_number(root, "b", 3);
    check_print(root, false, "{\"a\":2,\"b\":3}");
}

static void check_number(double number, const char *expected)
{
    nsky_json *array = nsky_json_array();
    char text[64];

    nsky_json_append_number(array, number);
    snprintf(text, sizeof text, "[%s]", expected);
    check_print(array, false, text);
}

static void test_numbers(void **state)
{
    (void)state;
    check_number(0.0, "0");
    check_number(-1.0, "-1");
    check_number(2147483648.0, "2147483648");
    check_number(0x1p53 - 1, "9007199254740991");
    check_number(-0x1p53, "-9007199254740992");
    check_number(1e15, "1000000000000000");
    check_number(1e300, "1e+300");
    check_number(0.1, "0.1");
    check_number(0.1 + 0.2, "0.30000000000000004");
    check_number(1.0 / 3.0, "0.3333333333333333");
    check_number(5e-324, "5e-324");
    check_number(DBL_MAX, "1.7976931348623157e+308");
    check_number(NAN, "null");
    check_number(INFINITY, "null");
    check_number(-INFINITY, "null");
}

static void test_fixed(void **state)
{
    (void)state;
    nsky_json *root = nsky_json_object();

    nsky_json_put_fixed(root, "a", 150.119166666, 6);
    nsky_json_put_fixed(root, "b", 2.0, 2);
    nsky_json_put_fixed(root, "c", 0.5, 0);
    nsky_json_put_fixed(root, "d", NAN, 2);
    nsky_json_put_fixed(root, "e", 1e300, 2);
    nsky_json_put_fixed(root, "f", -1.5, 1);
    assert_true(nsky_json_get_number(root, "b", 0.0) == 2.0); /* still a number to readers */
    check_print(root, false,
                "{\"a\":150.119167,\"b\":2.00,\"c\":0,\"d\":null,\"e\":1e+300,\"f\":-1.5}");
}

static void test_doubles_round_trip(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_rng rng = nsky_rng_at(4, 0, 0);
    static double numbers[5000];
    nsky_json *array = nsky_json_array(), *back;

    for (int i = 0; i < 5000; i++) {
        uint64_t bits = nsky_rng_u64(&rng);
        if (i % 10 == 0)
            bits &= 0x800FFFFFFFFFFFFF; /* subnormal */
        memcpy(&numbers[i], &bits, sizeof bits);
        if (!isfinite(numbers[i]))
            numbers[i] = (double)nsky_rng_u32(&rng) / 1000.0;
        nsky_json_append_number(array, numbers[i]);
    }
    char *text = nsky_json_print(array, false, &err);
    assert_ok(nsky_json_parse(&back, text, strlen(text), "doubles", &err), err);
    const nsky_json *value = nsky_json_first(back);
    for (int i = 0; i < 5000; i++, value = nsky_json_next(value))
        assert_true(nsky_json_number(value, NAN) == numbers[i]);
    nsky_free(text);
    nsky_json_free(array);
    nsky_json_free(back);
}

static void test_invalid_utf8_is_replaced(void **state)
{
    (void)state;
    nsky_json *root = nsky_json_object();

    nsky_json_put_string(root, "k\xFF", "\xC3(\xE2\x82 ok \xF0\x9F\x94\xAD\xED\xA0\x80");
    check_print(root, false,
                "{\"k\xEF\xBF\xBD\":\"\xEF\xBF\xBD(\xEF\xBF\xBD\xEF\xBF\xBD ok \xF0\x9F\x94\xAD"
                "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"}");
}

static void test_too_deep_to_read_back(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_json *root = nsky_json_array();

    for (int i = 1; i <= NSKY_JSON_DEPTH_MAX; i++) {
        nsky_json *outer = nsky_json_array();
        if (i == NSKY_JSON_DEPTH_MAX) {
            char *text = nsky_json_print(root, false, &err);
            assert_non_null(text);
            nsky_free(text);
        }
        nsky_json_append(outer, root);
        root = outer;
    }
    assert_null(nsky_json_print(root, true, &err));
    assert_int_equal(err.status, NSKY_ELIMIT);
    nsky_json_free(root);
}

static void test_write_file(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_json *root = nsky_json_object(), *back;
    void *text;
    size_t bytes;

    nsky_json_put_integer(root, "rows", 76000000);
    assert_ok(nsky_json_write_file(root, in_directory("m.json"), &err), err);
    assert_fails(nsky_json_write_file(root, in_directory("no/m.json"), &err), NSKY_ENOTFOUND, err,
                 "no/m.json");
    nsky_json_free(root);
    assert_ok(nsky_file_read(&text, &bytes, in_directory("m.json"), 100, &err), err);
    assert_string_equal(text, "{\n  \"rows\": 76000000\n}\n");
    assert_int_equal(bytes, strlen(text));
    nsky_free(text);
    assert_ok(nsky_json_read_file(&back, in_directory("m.json"), 100, &err), err);
    assert_true(nsky_json_get_number(back, "rows", 0.0) == 76e6);
    nsky_json_free(back);
}

/* Every writer, nested; one allocation after another fails, and print must never be fooled. */
static nsky_status build(void *path, nsky_error *err)
{
    nsky_json *root = nsky_json_object(), *array = nsky_json_array(), *hit = nsky_json_object();

    nsky_json_put_id(hit, "id", 12345);
    nsky_json_put_fixed(hit, "ra", 150.1, 5);
    nsky_json_put_number(hit, "similarity", 0.5);
    nsky_json_append(array, hit);
    nsky_json_append_string(array, "s");
    nsky_json_append_number(array, 2);
    nsky_json_put(root, "hits", array);
    nsky_json_put_string(root, "note", "a");
    nsky_json_put_string(root, "note", "b");
    nsky_json_put_string(root, "none", NULL);
    nsky_json_put_integer(root, "k", 50);
    nsky_json_put_bool(root, "exact", true);
    char *text = nsky_json_print(root, false, err);
    nsky_status status = text ? nsky_json_write_file(root, path, err) : err->status;
    if (text)
        assert_string_equal(text,
                            "{\"hits\":[{\"id\":\"12345\",\"ra\":150.10000,\"similarity\":0.5},"
                            "\"s\",2],\"note\":\"b\",\"none\":null,\"k\":50,\"exact\":true}");
    nsky_free(text);
    nsky_json_free(root);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    char path[1024];

    snprintf(path, sizeof path, "%s", in_directory("oom.json"));
    assert_true(exhaust_memory(build, path) > 25);
}

static void test_no_root_is_no_document(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;

    nsky_json_put(NULL, "a", nsky_json_object()); /* the child is freed all the same */
    nsky_json_append(NULL, nsky_json_array());
    nsky_json_put_number(NULL, "a", 1);
    assert_null(nsky_json_print(NULL, false, &err));
    assert_int_equal(err.status, NSKY_ENOMEM);
    assert_fails(nsky_json_write_file(NULL, in_directory("null.json"), &err), NSKY_ENOMEM, err,
                 "memory");
    assert_false(nsky_file_exists(in_directory("null.json")));
}

static void put_into_array(void)
{
    nsky_json_put_number(nsky_json_array(), "a", 1);
}

static void append_to_object(void)
{
    nsky_json_append_number(nsky_json_object(), 1);
}

static void put_unsafe_integer(void)
{
    nsky_json_put_integer(nsky_json_object(), "a", ((int64_t)1 << 53) + 1);
}

static void put_twice(void)
{
    nsky_json *child = nsky_json_array(), *root = nsky_json_object();
    nsky_json_put(root, "a", child);
    nsky_json_put(root, "b", child);
}

static void free_child(void)
{
    nsky_json *child = nsky_json_array(), *root = nsky_json_object();
    nsky_json_put(root, "a", child);
    nsky_json_free(child);
}

static void test_broken_calls_abort(void **state)
{
    (void)state;
    assert_true(aborts(put_into_array));
    assert_true(aborts(append_to_object));
    assert_true(aborts(put_unsafe_integer));
    assert_true(aborts(put_twice));
    assert_true(aborts(free_child));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind),
        cmocka_unit_test(test_pretty),
        cmocka_unit_test(test_put_replaces),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_fixed),
        cmocka_unit_test(test_doubles_round_trip),
        cmocka_unit_test(test_invalid_utf8_is_replaced),
        cmocka_unit_test(test_too_deep_to_read_back),
        cmocka_unit_test(test_write_file),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_no_root_is_no_document),
        cmocka_unit_test(test_broken_calls_abort),
    };
    return cmocka_run_group_tests(tests, make_test_directory, remove_test_directory);
}
