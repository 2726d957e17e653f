/* test_json.c - what the JSON reader takes, and how values are read. */
#include "support.h"

#include <math.h>

#include "common/file.h"
#include "common/json.h"

static nsky_json *parse(const char *text)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_json *root;

    assert_ok(nsky_json_parse(&root, text, strlen(text), "test", &err), err);
    return root;
}

static void test_values(void **state)
{
    (void)state;
    nsky_json *root = parse(" {\"s\":\"lens\\u00e9\\ud83d\\udd2d\\n\\/\",\"n\":-1.5e2,\"t\":true,"
                            "\"f\":false,\"z\":null,\"a\":[1,\"two\",[]],\"o\":{},\"\":0}\r\n\t");

    assert_int_equal(nsky_json_kind(root), NSKY_JSON_OBJECT);
    assert_string_equal(nsky_json_get_string(root, "s"), "lens\xC3\xA9\xF0\x9F\x94\xAD\n/");
    assert_true(nsky_json_get_number(root, "n", 0.0) == -150.0);
    assert_true(nsky_json_get_bool(root, "t", false));
    assert_false(nsky_json_get_bool(root, "f", true));
    assert_non_null(nsky_json_get(root, "z"));
    assert_int_equal(nsky_json_kind(nsky_json_get(root, "z")), NSKY_JSON_NULL);
    assert_int_equal(nsky_json_kind(nsky_json_get(root, "a")), NSKY_JSON_ARRAY);
    assert_int_equal(nsky_json_kind(nsky_json_get(root, "o")), NSKY_JSON_OBJECT);
    assert_int_equal(nsky_json_count(root), 8);
    assert_true(nsky_json_get_number(root, "", 5.0) == 0.0);
    nsky_json_free(root);
    nsky_json_free(NULL);
}

static void test_absent_and_other_types(void **state)
{
    (void)state;
    nsky_json *root = parse("{\"s\":\"x\",\"n\":1,\"b\":true,\"a\":[1]}");

    assert_null(nsky_json_get(root, "S")); /* exact case */
    assert_null(nsky_json_get(nsky_json_get(root, "a"), "s"));
    assert_null(nsky_json_get(NULL, "s"));
    assert_null(nsky_json_get_string(root, "n"));
    assert_true(nsky_json_get_number(root, "s", 7.0) == 7.0);
    assert_true(nsky_json_get_number(root, "b", 7.0) == 7.0);
    assert_true(nsky_json_get_bool(root, "n", true));
    assert_false(nsky_json_get_bool(root, "absent", false));
    assert_null(nsky_json_string(NULL));
    assert_true(nsky_json_number(NULL, 3.0) == 3.0);
    assert_true(nsky_json_bool(NULL, true));
    assert_int_equal(nsky_json_kind(NULL), NSKY_JSON_NULL);
    assert_int_equal(nsky_json_count(NULL), 0);
    assert_int_equal(nsky_json_count(nsky_json_get(root, "s")), 0);
    assert_null(nsky_json_first(NULL));
    assert_null(nsky_json_next(NULL));
    assert_null(nsky_json_key(NULL));
    assert_null(nsky_json_key(root));
    nsky_json_free(root);
}

static void test_iteration(void **state)
{
    (void)state;
    nsky_json *root = parse("{\"b\":1,\"a\":2,\"c\":[10,20,30]}");
    char keys[8] = "";
    double sum = 0.0;

    for (const nsky_json *v = nsky_json_first(root); v; v = nsky_json_next(v))
        strcat(keys, nsky_json_key(v));
    assert_string_equal(keys, "bac"); /* the order of the text */
    const nsky_json *array = nsky_json_get(root, "c");
    for (const nsky_json *v = nsky_json_first(array); v; v = nsky_json_next(v)) {
        assert_null(nsky_json_key(v));
        sum = 2.0 * sum + nsky_json_number(v, NAN);
    }
    assert_true(sum == 110.0);
    nsky_json_free(root);
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } known[] = {{"0", 0.0},
                 {"-0", 0.0},
                 {"9007199254740992", 0x1p53},
                 {"0.1", 0.1},
                 {"1E+2", 100.0},
                 {"1.7976931348623157e308", 1.7976931348623157e308},
                 {"4.9406564584124654e-324", 4.9406564584124654e-324},
                 {"1e-999", 0.0},
                 {"0.00000000000000000000000000000000000000000000000000000000001", 1e-59}};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        nsky_json *root = parse(known[i].text);
        assert_true(nsky_json_number(root, NAN) == known[i].value);
        nsky_json_free(root);
    }
}

static void test_read_file(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_json *root;

    assert_ok(nsky_file_write(in_directory("a.json"), "{\"k\":1}\n", 8, &err), err);
    assert_ok(nsky_json_read_file(&root, in_directory("a.json"), 8, &err), err);
    assert_true(nsky_json_get_number(root, "k", 0.0) == 1.0);
    nsky_json_free(root);
    assert_fails(nsky_json_read_file(&root, in_directory("a.json"), 7, &err), NSKY_ELIMIT, err,
                 "a.json");
    assert_fails(nsky_json_read_file(&root, in_directory("b.json"), 7, &err), NSKY_ENOTFOUND, err,
                 "b.json");
    assert_ok(nsky_file_write(in_directory("c.json"), "{", 1, &err), err);
    assert_fails(nsky_json_read_file(&root, in_directory("c.json"), 7, &err), NSKY_EDATA, err,
                 "c.json");
    assert_null(root);
}

static nsky_status parse_some(void *path, nsky_error *err)
{
    nsky_json *root;
    nsky_status status = nsky_json_read_file(&root, path, 1000, err);

    assert_true((status == NSKY_OK) == (root != NULL));
    nsky_json_free(root);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[1,2,{\"b\":\"c\",\"d\":null}],\"e\":\"f\"}";
    nsky_error err = NSKY_ERROR_INIT;
    char path[1024];

    snprintf(path, sizeof path, "%s", in_directory("oom.json"));
    assert_ok(nsky_file_write(path, text, sizeof text - 1, &err), err);
    assert_true(exhaust_memory(parse_some, path) > 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),    cmocka_unit_test(test_absent_and_other_types),
        cmocka_unit_test(test_iteration), cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_read_file), cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, make_test_directory, remove_test_directory);
}
