/* Binary tables written some rows at a time, read back by our own reader. */
#include "fits/writer.h"
#include "support.h"

enum { ROWS = 7, WIDTH = 5 };

static const nsky_fits_field fields[] = {
    {.name = "id", .comment = "which", .type = 'K', .repeat = 1, .nullable = true},
    {.name = "name", .ucd = "meta.id", .type = 'A', .repeat = WIDTH},
    {.name = "ra", .unit = "deg", .type = 'D', .repeat = 1},
    {.name = "flux", .type = 'E', .repeat = 1},
};
#define FIELDS 4

static void pack(char *to, int n)
{
    int64_t id = n == 3 ? INT64_MIN : INT64_MAX - n;
    double ra = 150.1 + n;
    float flux = (float)n / 3;

    memcpy(to, &id, 8);
    nsky_fits_pad_text(to + 8, WIDTH, n == 2 ? "longer than it" : n == 4 ? "\xc3\xa9\n" : "ab");
    memcpy(to + 8 + WIDTH, &ra, 8);
    memcpy(to + 16 + WIDTH, &flux, 4);
}

/* In pieces of `step` rows. */
static nsky_status write_table(void **data, size_t *bytes, int step, nsky_error *err)
{
    nsky_fits_writer *writer;
    size_t row_bytes = nsky_fits_row_bytes(fields, FIELDS);
    char packed[ROWS * 32];
    nsky_status status = nsky_fits_create_memory(&writer, err);

    assert_int_equal(row_bytes, 8 + WIDTH + 8 + 4);
    if (status != NSKY_OK)
        return status;
    status = nsky_fits_begin_rows(writer, "CAT", fields, FIELDS, ROWS, err);
    if (status == NSKY_OK)
        status = nsky_fits_put_flag(writer, "YES", true, "a flag", err);
    for (int first = 0; first < ROWS && status == NSKY_OK; first += step) {
        int count = first + step < ROWS ? step : ROWS - first;
        for (int i = 0; i < count; i++)
            pack(packed + (size_t)i * row_bytes, first + i);
        status = nsky_fits_put_rows(writer, fields, FIELDS, (uint64_t)first, packed,
                                    (uint64_t)count, err);
    }
    if (status == NSKY_OK)
        return nsky_fits_finish_memory(writer, data, bytes, err);
    nsky_fits_discard(writer);
    return status;
}

static void round_trip(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_fits *fits;
    nsky_fits_hdu hdu;
    int64_t ids[ROWS];
    double reals[ROWS];
    char names[ROWS][16], text[40];
    void *data, *again;
    size_t bytes, same;

    (void)state;
    assert_ok(write_table(&data, &bytes, 3, &err), err);
    assert_ok(nsky_fits_open_memory(&fits, data, bytes, "rows", &err), err);
    assert_ok(nsky_fits_select(fits, 1, &hdu, &err), err);
    assert_int_equal(hdu.rows, ROWS);
    assert_string_equal(hdu.name, "CAT");
    assert_ok(nsky_fits_read_integers(fits, "id", 0, ROWS, ids, &err), err);
    assert_ok(nsky_fits_read_strings(fits, "name", 0, ROWS, names[0], sizeof names[0], &err), err);
    assert_ok(nsky_fits_read_doubles(fits, "ra", 0, ROWS, reals, &err), err);
    for (int i = 0; i < ROWS; i++) {
        assert_true(ids[i] == (i == 3 ? INT64_MIN : INT64_MAX - i));
        assert_true(reals[i] == 150.1 + i);
        assert_string_equal(names[i], i == 2 ? "longe" : i == 4 ? "???" : "ab");
    }
    assert_ok(nsky_fits_read_doubles(fits, "flux", 0, ROWS, reals, &err), err);
    for (int i = 0; i < ROWS; i++)
        assert_true(reals[i] == (double)((float)i / 3));
    assert_true(nsky_fits_key_string(fits, "TUCD2", text, sizeof text));
    assert_string_equal(text, "meta.id");
    assert_true(nsky_fits_key_string(fits, "TUNIT3", text, sizeof text));
    assert_string_equal(text, "deg");
    assert_true(nsky_fits_key_string(fits, "TCOMM1", text, sizeof text));
    assert_string_equal(text, "which");
    assert_non_null(memmem(data, bytes, "YES     =                    T", 30));
    nsky_fits_close(fits);

    assert_ok(write_table(&again, &same, ROWS, &err), err); /* pieces leave no trace */
    assert_int_equal(same, bytes);
    assert_memory_equal(again, data, bytes);
    nsky_free(again);
    nsky_free(data);
}

static void too_many_rows(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_fits_writer *writer;
    void *data;
    size_t bytes;

    (void)state;
    assert_ok(nsky_fits_create_memory(&writer, &err), err);
    assert_int_equal(nsky_fits_begin_rows(writer, "CAT", fields, FIELDS, UINT64_MAX, &err),
                     NSKY_ELIMIT);
    assert_int_not_equal(nsky_fits_finish_memory(writer, &data, &bytes, &err), NSKY_OK);
    assert_null(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(too_many_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
