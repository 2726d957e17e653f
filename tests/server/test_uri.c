/* test_uri.c - targets taken apart: what is decoded, what is refused. */
#include "tests/common/support.h"

#include "server/uri.h"

static void parses(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_uri uri;

    (void)state;
    assert_ok(nsky_uri_parse(&uri, "/a%20b/c+d?x=1%2B2&y=a+b&z&&dec=+2.5&e=", &err), err);
    assert_string_equal(uri.path, "/a b/c+d");
    assert_int_equal(uri.param_count, 5);
    assert_string_equal(nsky_uri_param_of(&uri, "x"), "1+2");
    assert_string_equal(nsky_uri_param_of(&uri, "y"), "a b");
    assert_string_equal(nsky_uri_param_of(&uri, "z"), "");
    assert_string_equal(nsky_uri_param_of(&uri, "e"), "");
    assert_null(nsky_uri_param_of(&uri, "X"));
    double dec = 0;
    assert_ok(nsky_uri_number(&uri, "dec", -90, 90, &dec, &err), err);
    assert_true(dec == 2.5);
    nsky_uri_clear(&uri);
    nsky_uri_clear(&uri);

    assert_ok(nsky_uri_parse(&uri, "http://host:80/p?q=r", &err), err);
    assert_string_equal(uri.path, "/p");
    assert_string_equal(nsky_uri_param_of(&uri, "q"), "r");
    nsky_uri_clear(&uri);
    assert_ok(nsky_uri_parse(&uri, "/%e2%98%85?", &err), err);
    assert_string_equal(uri.path, "/\xe2\x98\x85");
    assert_int_equal(uri.param_count, 0);
    nsky_uri_clear(&uri);
}

static void refuses(void **state)
{
    static const struct {
        const char *raw, *word;
    } wrong[] = {
        {"", "start with /"},
        {"a", "start with /"},
        {"*", "start with /"},
        {"http://host", "start"},
        {"/%", "path"},
        {"/%4", "path"},
        {"/%zz", "path"},
        {"/%00", "path"},
        {"/%0a", "path"},
        {"/%ff", "path"},
        {"/%c0%af", "path"},
        {"/?a=%", "parameter 1"},
        {"/?a=1&b=%00", "parameter 2"},
        {"/?a=1&a=2", "\"a\" is given twice"},
        {"/?a=1&%61=2", "twice"},
        {"/\x7f", "path"},
    };
    nsky_error err;
    nsky_uri uri;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_fails(nsky_uri_parse(&uri, wrong[i].raw, &err), NSKY_EINVAL, err, wrong[i].word);
        assert_null(uri.text);
    }
    char text[NSKY_URI_BYTES_MAX + 2];
    memset(text, '/', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_fails(nsky_uri_parse(&uri, text, &err), NSKY_ELIMIT, err, "longer than");
    strcpy(text, "/?");
    for (int i = 0; i <= NSKY_URI_PARAMS_MAX; i++)
        sprintf(text + strlen(text), "a%d=1&", i);
    assert_fails(nsky_uri_parse(&uri, text, &err), NSKY_ELIMIT, err, "parameters");
}

static void checks_names(void **state)
{
    static const char *const some[] = {"k", "exact", NULL}, *const any[] = {"*", NULL};
    nsky_error err = NSKY_ERROR_INIT;
    nsky_uri uri;

    (void)state;
    assert_ok(nsky_uri_parse(&uri, "/?k=1&exakt=1", &err), err);
    assert_fails(nsky_uri_check(&uri, some, &err), NSKY_EINVAL, err,
                 "\"exakt\"; this address takes: k, exact");
    assert_fails(nsky_uri_check(&uri, NULL, &err), NSKY_EINVAL, err, "\"k\"");
    assert_ok(nsky_uri_check(&uri, any, &err), err);
    nsky_uri_clear(&uri);
}

static void reads_numbers(void **state)
{
    static const char *const wrong[] = {"",     "x",     "1x", "nan", "inf",
                                        "0x10", "1e999", "-1", "11",  "1 "};
    nsky_error err = NSKY_ERROR_INIT;
    nsky_uri uri;
    double number = 7;
    uint32_t whole = 7;
    bool flag = false;

    (void)state;
    assert_ok(nsky_uri_parse(&uri, "/?a=1e1&b=10&c&d=false&e=1.5&f=maybe&g=-3", &err), err);
    assert_ok(nsky_uri_number(&uri, "absent", 0, 1, &number, &err), err);
    assert_true(number == 7);
    assert_ok(nsky_uri_number(&uri, "a", 0, 10, &number, &err), err);
    assert_true(number == 10);
    assert_ok(nsky_uri_integer(&uri, "b", 1, 10, &whole, &err), err);
    assert_int_equal(whole, 10);
    assert_fails(nsky_uri_integer(&uri, "b", 1, 9, &whole, &err), NSKY_EINVAL, err, "b must be");
    assert_fails(nsky_uri_integer(&uri, "e", 1, 9, &whole, &err), NSKY_EINVAL, err, "1.5");
    assert_fails(nsky_uri_integer(&uri, "g", 1, 9, &whole, &err), NSKY_EINVAL, err, "-3");
    assert_fails(nsky_uri_integer(&uri, "c", 1, 9, &whole, &err), NSKY_EINVAL, err, "c must");
    assert_ok(nsky_uri_flag(&uri, "c", &flag, &err), err);
    assert_true(flag);
    assert_ok(nsky_uri_flag(&uri, "d", &flag, &err), err);
    assert_false(flag);
    assert_fails(nsky_uri_flag(&uri, "f", &flag, &err), NSKY_EINVAL, err, "maybe");
    nsky_uri_clear(&uri);

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char raw[64];
        snprintf(raw, sizeof raw, "/?n=%s", wrong[i]);
        assert_ok(nsky_uri_parse(&uri, raw, &err), err);
        assert_fails(nsky_uri_number(&uri, "n", 0, 10, &number, &err), NSKY_EINVAL, err,
                     "n must be a number from 0 to 10");
        nsky_uri_clear(&uri);
    }
}

static nsky_status parse_and_clear(void *context, nsky_error *err)
{
    nsky_uri uri;
    nsky_status status = nsky_uri_parse(&uri, context, err);

    nsky_uri_clear(&uri);
    return status;
}

static void survives_no_memory(void **state)
{
    char raw[] = "/a?b=c";

    (void)state;
    assert_true(exhaust_memory(parse_and_clear, raw) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses),
        cmocka_unit_test(refuses),
        cmocka_unit_test(checks_names),
        cmocka_unit_test(reads_numbers),
        cmocka_unit_test(survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
