/* test_csv.c - tables as text, friendly and hostile. */
#include "support.h"

#include "ingest/csv.h"

static nsky_csv *open_text(const char *text)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_csv *csv;
    assert_ok(nsky_csv_open_memory(&csv, text, strlen(text), "t.csv", &err), err);
    return csv;
}

/* The rows of a table as "a|b;c|d". */
static void assert_rows(const char *text, const char *expected)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_csv *csv = open_text(text);
    char out[512] = "";
    bool more;

    for (;;) {
        assert_ok(nsky_csv_next(csv, &more, &err), err);
        if (!more)
            break;
        if (out[0])
            strcat(out, ";");
        for (uint32_t i = 0; i < nsky_csv_columns(csv); i++) {
            strcat(out, i ? "|" : "");
            strcat(out, nsky_csv_field(csv, i));
        }
    }
    assert_string_equal(out, expected);
    nsky_csv_close(csv);
}

static void test_rows(void **state)
{
    (void)state;
    assert_rows("a,b\n1,2\n3,4\n", "1|2;3|4");
    assert_rows("a,b\r\n1,2\r\n3,4", "1|2;3|4");
    assert_rows("\xEF\xBB\xBF"
                "a,b\n1,2\n",
                "1|2");
    assert_rows("# made by hand\n\na\tb\n1\t\n\t2\n", "1|;|2");
    assert_rows("a;b\n1;2\n", "1|2");
    assert_rows("a,b\n\"x, \"\"y\"\"\nz\",2\n", "x, \"y\"\nz|2");
    assert_rows("a , b\n  1 ,\" 2 \" \n", "1| 2 ");
    assert_rows("a,b,c\n1\n", "1||");
    assert_rows("a,b\n1,2\n\n   \n3,4\n", "1|2;3|4");
    assert_rows("a\n", "");
    assert_rows("a\n\"\"\n", "");
    assert_rows("a,b\n#1,2\n", "#1|2"); /* a name may begin so */
    assert_rows("a,b\n1\r2,3\n", "1\r2|3");
}

static void test_lines(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_csv *csv = open_text("a,b\n\"x\ny\",1\n2,3\n");
    bool more;

    assert_string_equal(nsky_csv_column(csv, 1), "b");
    assert_ok(nsky_csv_next(csv, &more, &err), err);
    assert_int_equal(nsky_csv_line(csv), 2);
    assert_ok(nsky_csv_next(csv, &more, &err), err);
    assert_int_equal(nsky_csv_line(csv), 4);
    nsky_csv_close(csv);
}

static nsky_status read_all(const char *text, size_t bytes, nsky_error *err)
{
    nsky_csv *csv;
    bool more = true;
    nsky_status status = nsky_csv_open_memory(&csv, text, bytes, "t.csv", err);

    while (status == NSKY_OK && more)
        status = nsky_csv_next(csv, &more, err);
    nsky_csv_close(csv);
    return status;
}

static void test_hostile(void **state)
{
    (void)state;
    nsky_error err;
    static const struct {
        const char *text, *word;
        size_t bytes;
    } cases[] = {{"", "no line", 0},
                 {"\n\n# x\n", "no line", 0},
                 {"a,A\n", "two columns", 0},
                 {"a,b\n1,2,3\n", "3 fields", 0},
                 {"a,b\n\"1,2\n", "opens a quote", 0},
                 {"a,b\n\"1\"x,2\n", "closing quote", 0},
                 {"a,b\n1,\0\n", "NUL", 8},
                 {"a,b\n\"1\0\",2\n", "NUL", 11},
                 {"\0\0\0\0", "NUL", 4}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_fails(
            read_all(cases[i].text, cases[i].bytes ? cases[i].bytes : strlen(cases[i].text), &err),
            NSKY_EDATA, err, cases[i].word);
}

static void test_limits(void **state)
{
    (void)state;
    nsky_error err;
    size_t bytes = NSKY_CSV_ROW_BYTES_MAX + 16;
    char *text = malloc(bytes);

    memset(text, 'x', bytes);
    assert_fails(read_all(text, bytes, &err), NSKY_ELIMIT, err, "bytes");
    memset(text, ',', NSKY_CSV_COLUMNS_MAX);
    assert_fails(read_all(text, NSKY_CSV_COLUMNS_MAX, &err), NSKY_ELIMIT, err, "fields");
    free(text);
}

/* Anything may come in; nothing may go wrong. */
static void test_noise(void **state)
{
    (void)state;
    static const char alphabet[] = "a,\"\n\r\t;# 1\0";
    nsky_error err = NSKY_ERROR_INIT;
    uint32_t seed = 1;
    char text[64];

    for (int run = 0; run < 20000; run++) {
        size_t bytes = (size_t)run % sizeof text;
        for (size_t i = 0; i < bytes; i++) {
            seed = seed * 1664525u + 1013904223u;
            text[i] = alphabet[(seed >> 24) % (sizeof alphabet - 1)];
        }
        char *exact = malloc(bytes + 1); /* so that a sanitizer sees one byte too far */
        memcpy(exact, text, bytes);
        (void)!read_all(exact, bytes, &err);
        free(exact);
    }
}

static nsky_status read_some(void *context, nsky_error *err)
{
    return read_all(context, strlen(context), err);
}

static void test_memory(void **state)
{
    (void)state;
    assert_true(exhaust_memory(read_some, "a,b\n1,2\n") >= 6);
}

static void test_files(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_csv *csv;

    assert_ok(nsky_file_write(in_directory("t.csv"), "a\n1\n", 4, &err), err);
    assert_ok(nsky_csv_open(&csv, in_directory("t.csv"), &err), err);
    nsky_csv_close(csv);
    assert_fails(nsky_csv_open(&csv, in_directory("gone.csv"), &err), NSKY_ENOTFOUND, err, "gone");
    assert_ok(nsky_file_write(in_directory("empty.csv"), "", 0, &err), err);
    assert_fails(nsky_csv_open(&csv, in_directory("empty.csv"), &err), NSKY_EDATA, err, "no line");
    nsky_csv_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),   cmocka_unit_test(test_lines), cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_limits), cmocka_unit_test(test_noise), cmocka_unit_test(test_memory),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, make_test_directory, remove_test_directory);
}
