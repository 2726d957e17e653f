/* test_table.c - columns of every kind, nulls, strings, and what is not a table. */
#include "support.h"

/* Three rows of one column of each kind. */
static corpus_file table(void)
{
    corpus_file file = {0};
    static const char *const forms[] = {"1L", "1B", "1I", "1J",  "1K", "1E",
                                        "1D", "5A", "2D", "1PD", "1I", "0A"};
    static const char *const names[] = {"flag", "byte", "short", "int",     "long",   "single",
                                        "real", "text", "pair",  "varying", "scaled", "nothing"};
    const uint8_t rows[3][62] = {
        {'T',  7, 0, 5,    0,    0, 0, 9, 0x10, 0, 0, 0,   0,   0,   0,   1,   0x3f,
         0x80, 0, 0, 0x3f, 0xf8, 0, 0, 0, 0,    0, 0, 'a', 'b', ' ', ' ', ' ', 0},
        {'F',  255,  0xff, 0xfe, 0xff, 0xff, 0xff, 0xfd, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xfc, 0x7f, 0xc0, 0,    0,    0x7f, 0xf8, 0,    0,
         0,    0,    0,    0,    'l',  'o',  'n',  'g',  'r',  0},
        {0, 0, 0x80, 0, 0, 0, 0, 77, 0, 0, 0, 0, 0,   0,   0,   0,   0,
         0, 0, 0,    0, 0, 0, 0, 0,  0, 0, 0, 0, 'x', 'y', 'z', 'w', 0},
    };

    corpus_primary(&file, 8, 0, NULL);
    corpus_end(&file);
    corpus_card(&file, "XTENSION= 'BINTABLE'");
    corpus_card(&file, "BITPIX  = 8");
    corpus_card(&file, "NAXIS   = 2");
    corpus_card(&file, "NAXIS1  = 59");
    corpus_card(&file, "NAXIS2  = 3");
    corpus_card(&file, "PCOUNT  = 0");
    corpus_card(&file, "GCOUNT  = 1");
    corpus_card(&file, "TFIELDS = 12");
    corpus_card(&file, "EXTNAME = 'CATALOGUE'");
    for (int i = 0; i < 12; i++) {
        char key[16];
        snprintf(key, sizeof key, "TTYPE%d", i + 1);
        corpus_card(&file, "%-8s= '%s'", key, names[i]);
        snprintf(key, sizeof key, "TFORM%d", i + 1);
        corpus_card(&file, "%-8s= '%s'", key, forms[i]);
    }
    corpus_card(&file, "TNULL2  = 255");
    corpus_card(&file, "TNULL3  = -32768");
    corpus_card(&file, "TNULL4  = 77");
    corpus_card(&file, "TSCAL11 = 0.5");
    corpus_card(&file, "TZERO11 = 100.0");
    corpus_end(&file);
    for (int i = 0; i < 3; i++)
        corpus_bytes(&file, rows[i], 59);
    corpus_pad(&file);
    return file;
}

static nsky_fits *open_table(corpus_file *file)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_fits *fits;
    nsky_fits_hdu hdu;

    *file = table();
    assert_ok(nsky_fits_open_memory(&fits, file->data, file->bytes, "table", &err), err);
    assert_ok(nsky_fits_select(fits, 1, &hdu, &err), err);
    assert_int_equal(hdu.kind, NSKY_FITS_TABLE);
    assert_int_equal(hdu.rows, 3);
    assert_string_equal(hdu.name, "CATALOGUE");
    return fits;
}

static bool same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double reals[3];
        int64_t wholes[3];
    } cases[] = {
        {"flag", {1, 0, NAN}, {1, 0, INT64_MIN}},
        {"BYTE", {7, NAN, 0}, {7, INT64_MIN, 0}},
        {"Short", {5, -2, NAN}, {5, -2, INT64_MIN}},
        {"int", {9, -3, NAN}, {9, -3, INT64_MIN}},
        {"long", {1152921504606846977.0, -4, 0}, {1152921504606846977, -4, 0}},
        {"single", {1, NAN, 0}, {1, INT64_MIN, 0}},
        {"real", {1.5, NAN, 0}, {1, INT64_MIN, 0}},
        {"scaled", {100, 100, 100}, {100, 100, 100}},
    };
    nsky_error err = NSKY_ERROR_INIT;
    corpus_file file;
    nsky_fits *fits = open_table(&file);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double reals[3];
        int64_t wholes[3];
        assert_true(nsky_fits_has_column(fits, cases[i].name));
        assert_ok(nsky_fits_read_doubles(fits, cases[i].name, 0, 3, reals, &err), err);
        assert_ok(nsky_fits_read_integers(fits, cases[i].name, 0, 3, wholes, &err), err);
        for (int k = 0; k < 3; k++) {
            if (!same(reals[k], cases[i].reals[k]) || wholes[k] != cases[i].wholes[k])
                fail_msg("%s row %d: %.17g, %lld", cases[i].name, k, reals[k],
                         (long long)wholes[k]);
        }
        assert_ok(nsky_fits_read_doubles(fits, cases[i].name, 1, 1, reals, &err), err);
        assert_true(same(reals[0], cases[i].reals[1]));
        assert_ok(nsky_fits_read_doubles(fits, cases[i].name, 3, 0, NULL, &err), err);
    }
    nsky_fits_close(fits);
    corpus_free(&file);
}

static void test_strings(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    corpus_file file;
    nsky_fits *fits = open_table(&file);
    char text[3][8];

    assert_ok(nsky_fits_read_strings(fits, "TEXT", 0, 3, text[0], sizeof text[0], &err), err);
    assert_string_equal(text[0], "ab");
    assert_string_equal(text[1], "longr");
    assert_string_equal(text[2], ""); /* a NUL ends the field */
    assert_ok(nsky_fits_read_strings(fits, "text", 1, 2, text[0], 4, &err), err);
    assert_string_equal(text[0], "lon");
    assert_ok(nsky_fits_read_strings(fits, "text", 1, 1, text[0], 1, &err), err);
    assert_string_equal(text[0], "");
    assert_ok(nsky_fits_read_strings(fits, "nothing", 0, 3, text[0], sizeof text[0], &err), err);
    assert_string_equal(text[2], "");
    nsky_fits_close(fits);
    corpus_free(&file);
}

static void test_what_cannot_be_read(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    corpus_file file;
    nsky_fits *fits = open_table(&file);
    double reals[4];
    int64_t wholes[4];
    char text[32];
    float pixel;
    nsky_fits_hdu hdu;

    assert_status(nsky_fits_read_doubles(fits, "absent", 0, 3, reals, &err), NSKY_ENOTFOUND, err);
    assert_non_null(strstr(err.text, "table: the table in HDU 1 has no column absent"));
    assert_status(nsky_fits_read_doubles(fits, "re*", 0, 3, reals, &err), NSKY_ENOTFOUND, err);
    assert_status(nsky_fits_read_doubles(fits, "text", 0, 3, reals, &err), NSKY_EINVAL, err);
    assert_status(nsky_fits_read_doubles(fits, "pair", 0, 3, reals, &err), NSKY_EINVAL, err);
    assert_status(nsky_fits_read_doubles(fits, "varying", 0, 3, reals, &err), NSKY_EINVAL, err);
    assert_status(nsky_fits_read_integers(fits, "text", 0, 3, wholes, &err), NSKY_EINVAL, err);
    assert_status(nsky_fits_read_strings(fits, "real", 0, 3, text, 8, &err), NSKY_EINVAL, err);
    assert_status(nsky_fits_read_strings(fits, "absent", 0, 3, text, 8, &err), NSKY_ENOTFOUND, err);
    assert_status(nsky_fits_read_doubles(fits, "real", 0, 4, reals, &err), NSKY_EINVAL, err);
    assert_status(nsky_fits_read_doubles(fits, "real", 4, 0, reals, &err), NSKY_EINVAL, err);
    assert_status(nsky_fits_read_doubles(fits, "real", UINT64_MAX, 1, reals, &err), NSKY_EINVAL,
                  err);
    assert_status(nsky_fits_read_box(fits, 0, 0, 0, 1, 1, &pixel, &err), NSKY_EINVAL, err);

    assert_ok(nsky_fits_select(fits, 0, &hdu, &err), err);
    assert_false(nsky_fits_has_column(fits, "real"));
    assert_status(nsky_fits_read_doubles(fits, "real", 0, 0, reals, &err), NSKY_EINVAL, err);
    nsky_fits_close(fits);
    corpus_free(&file);
}

typedef struct listing {
    char text[200];
    int left;
} listing;

static bool list_one(const char *name, void *payload)
{
    listing *l = payload;
    strcat(l->text, name);
    strcat(l->text, " ");
    return --l->left > 0;
}

static void test_each_column(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    corpus_file file;
    nsky_fits *fits = open_table(&file);
    nsky_fits_hdu hdu;
    listing all = {.left = 100}, some = {.left = 2}, none = {.left = 100};

    nsky_fits_each_column(fits, list_one, &all);
    assert_string_equal(all.text, "flag byte short int long single real text pair varying scaled "
                                  "nothing ");
    nsky_fits_each_column(fits, list_one, &some);
    assert_string_equal(some.text, "flag byte ");
    assert_ok(nsky_fits_select(fits, 0, &hdu, &err), err);
    nsky_fits_each_column(fits, list_one, &none);
    assert_string_equal(none.text, "");
    nsky_fits_close(fits);
    corpus_free(&file);
}

static nsky_status read_text(void *context, nsky_error *err)
{
    char text[3][8];
    return nsky_fits_read_strings(context, "text", 0, 3, text[0], sizeof text[0], err);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    corpus_file file;
    nsky_fits *fits = open_table(&file);

    assert_int_equal(exhaust_memory(read_text, fits), 2);
    nsky_fits_close(fits);
    corpus_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_what_cannot_be_read),
        cmocka_unit_test(test_each_column),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
