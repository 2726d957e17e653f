/* test_json_strict.c - what the JSON reader refuses and why, and that it survives anything. */
#include "support.h"

#include <math.h>

#include "common/json.h"
#include "common/rng.h"

static nsky_json *parse(const char *text)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_json *root;

    assert_ok(nsky_json_parse(&root, text, strlen(text), "test", &err), err);
    return root;
}

static void refuse(const char *text, size_t bytes, nsky_status status, const char *word)
{
    nsky_json *root = (nsky_json *)&root;
    nsky_error err;

    /* A block of the exact size, so that a sanitizer sees a read past the end. */
    char *copy = malloc(bytes + !bytes);
    memcpy(copy, text, bytes);
    assert_fails(nsky_json_parse(&root, copy, bytes, "request body", &err), status, err, word);
    free(copy);
    assert_null(root);
    assert_int_equal(strncmp(err.text, "request body: ", 14), 0);
}

static void test_not_json(void **state)
{
    (void)state;
    static const struct {
        const char *text, *word;
    } bad[] = {
        {"", "too early"},
        {"  ", "too early"},
        {"[", "too early"},
        {"[1", "too early"},
        {"[1,", "too early"},
        {"{", "key"},
        {"{\"a\"", "':'"},
        {"{\"a\":", "too early"},
        {"{\"a\":1", "too early"},
        {"{\"a\":1,", "key"},
        {"[1,]", "value"},
        {"{\"a\":1,}", "key"},
        {"{a:1}", "key"},
        {"{1:1}", "key"},
        {"{'a':1}", "key"},
        {"[1 2]", "expected"},
        {"[1}", "expected"},
        {"{\"a\":1]", "expected"},
        {"{\"a\" 1}", "':'"},
        {"[1]]", "follows"},
        {"1 2", "follows"},
        {"{}x", "follows"},
        {"]", "value"},
        {"tru", "word"},
        {"nul", "word"},
        {"True", "value"},
        {"NaN", "value"},
        {"Infinity", "value"},
        {"-Infinity", "number"},
        {"// c\n1", "value"},
        {"[1,/*c*/2]", "value"},
        {"01", "zero"},
        {"-01", "zero"},
        {"1.", "number"},
        {".5", "value"},
        {"+1", "value"},
        {"-", "number"},
        {"1e", "number"},
        {"1e+", "number"},
        {"0x10", "follows"},
        {"1e999", "too large"},
        {"-1e999", "too large"},
        {"\"a", "unfinished"},
        {"\"a\\", "escape"},
        {"\"\\x\"", "escape"},
        {"\"\\u12\"", "\\u"},
        {"\"\\u12g4\"", "\\u"},
        {"\"\t\"", "control"},
        {"\"\n\"", "control"},
        {"\"\\u0000\"", "NUL"},
        {"\"\\ud800\"", "surrogate"},
        {"\"\\udc00\"", "surrogate"},
        {"\"\\ud800\\u0041\"", "surrogate"},
        {"\"\\ud800\\ud800\"", "surrogate"},
        {"\"\\ud800\\n12345\"", "surrogate"},
        {"\"\x80\"", "UTF-8"},
        {"\"\xC0\xAF\"", "UTF-8"},
        {"\"\xC1\x81\"", "UTF-8"},
        {"\"\xE0\x80\x80\"", "UTF-8"},
        {"\"\xED\xA0\x80\"", "UTF-8"},
        {"\"\xF0\x80\x80\x80\"", "UTF-8"},
        {"\"\xF4\x90\x80\x80\"", "UTF-8"},
        {"\"\xF5\x80\x80\x80\"", "UTF-8"},
        {"\"\xE2\x82\"", "UTF-8"},
        {"\"\xE2\x82", "UTF-8"},
        {"\xEF\xBB\xBF{}", "value"},
        {"\xFF", "value"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuse(bad[i].text, strlen(bad[i].text), NSKY_EDATA, bad[i].word);
    refuse("\"a\0b\"", 5, NSKY_EDATA, "NUL");
    refuse("1\0", 2, NSKY_EDATA, "follows");
    refuse("[\0]", 3, NSKY_EDATA, "value");
}

static void test_duplicate_keys(void **state)
{
    (void)state;
    static const char *const bad[] = {"{\"a\":1,\"a\":2}", "{\"a\":1,\"b\":2,\"\\u0061\":3}",
                                      "[{},{\"x\":{\"k\":[],\"k\":[]}}]", "{\"\":1,\"\":1}"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuse(bad[i], strlen(bad[i]), NSKY_EDATA, "duplicate key");
    nsky_json_free(parse("{\"a\":1,\"A\":2}"));
    nsky_json_free(parse("{\"a\":{\"a\":{\"a\":1}},\"b\":{\"a\":1}}"));
}

/* A quadratic search would take minutes here. */
static void test_many_keys(void **state)
{
    (void)state;
    enum { KEYS = 100000 };
    nsky_error err = NSKY_ERROR_INIT;
    char *text = malloc(KEYS * 16 + 64), *at = text;
    nsky_json *root;

    at += sprintf(at, "{");
    for (int i = 0; i < KEYS; i++)
        at += sprintf(at, "\"k%d\":0,", i);
    sprintf(at, "\"last\":0}");
    assert_ok(nsky_json_parse(&root, text, strlen(text), "many", &err), err);
    assert_int_equal(nsky_json_count(root), KEYS + 1);
    nsky_json_free(root);
    sprintf(at, "\"k0\":0}");
    assert_fails(nsky_json_parse(&root, text, strlen(text), "many", &err), NSKY_EDATA, err,
                 "\"k0\"");
    free(text);
}

static void test_depth(void **state)
{
    (void)state;
    char text[2 * NSKY_JSON_DEPTH_MAX + 3];
    const int most = NSKY_JSON_DEPTH_MAX;

    memset(text, '[', (size_t)most);
    memset(text + most, ']', (size_t)most);
    text[2 * most] = '\0';
    nsky_json_free(parse(text));
    memset(text, '[', (size_t)most + 1);
    memset(text + most + 1, ']', (size_t)most + 1);
    refuse(text, (size_t)(2 * most + 2), NSKY_ELIMIT, "nested");
    size_t deep = 1000000; /* no recursion may see this */
    char *brackets = malloc(deep);
    memset(brackets, '[', deep);
    refuse(brackets, deep, NSKY_ELIMIT, "nested");
    free(brackets);
}

static void test_long_numbers(void **state)
{
    (void)state;
    char text[65];

    memset(text, '1', 64);
    text[64] = '\0';
    refuse(text, 64, NSKY_ELIMIT, "63");
    nsky_json *root;
    nsky_error err = NSKY_ERROR_INIT;
    assert_ok(nsky_json_parse(&root, text, 63, "test", &err), err);
    assert_true(fabs(nsky_json_number(root, 0.0) / 1.1111111111111111e62 - 1.0) < 1e-14);
    nsky_json_free(root);
}

/* Every prefix and many mutations of a document: a status, never a crash; what is taken must print
 * and read back. */
static void test_mutations(void **state)
{
    (void)state;
    static const char seed[] =
        "{\"a\":[1,-2.5e3,true,false,null],\"b\":{\"c\":\"x\\u00e9\\n\xC3\xA9\"},"
        "\"d\":\"\\ud83d\\udd2d\",\"e\":[[],{},\"\"]}";
    static const char bytes[] = "{}[]\",:0123456789.eE+-\\untrfalse \x00\x01\x80\xC3\xFF";
    nsky_rng rng = nsky_rng_at(3, 0, 0);
    int taken = 0;

    for (int round = 0; round < 20000; round++) {
        nsky_error err = NSKY_ERROR_INIT;
        size_t length = round < (int)sizeof seed ? (size_t)round : sizeof seed - 1;
        char *text = malloc(length + 1);
        nsky_json *root;
        memcpy(text, seed, length);
        if (round >= (int)sizeof seed)
            for (uint32_t i = nsky_rng_below(&rng, 3) + 1; i > 0; i--)
                text[nsky_rng_below(&rng, (uint32_t)length)] =
                    bytes[nsky_rng_below(&rng, sizeof bytes - 1)];
        if (nsky_json_parse(&root, text, length, "mutant", &err) == NSKY_OK) {
            char *printed = nsky_json_print(root, round % 2, &err);
            nsky_json_free(root);
            assert_non_null(printed);
            nsky_json_free(parse(printed));
            nsky_free(printed);
            taken++;
        }
        free(text);
    }
    assert_true(taken > 100 && taken < 19000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_not_json),     cmocka_unit_test(test_duplicate_keys),
        cmocka_unit_test(test_many_keys),    cmocka_unit_test(test_depth),
        cmocka_unit_test(test_long_numbers), cmocka_unit_test(test_mutations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
