/* Tables that cannot be written: no memory, full disks, rows that fail or change, too much. */
#include <pthread.h>
#include <unistd.h>

#include "common/file.h"
#include "support.h"

#define FORMATS (NSKY_TABLE_FITS + 1)

static void no_rows(void **state)
{
    (void)state;
    for (int format = 0; format < FORMATS; format++) {
        nsky_error err = NSKY_ERROR_INIT;
        give g = {.count = 0};
        nsky_table table = table_of(&g);
        void *data;
        size_t bytes;
        assert_ok(nsky_table_write_memory(&table, format, &data, &bytes, &err), err);
        assert_true(bytes > 0);
        nsky_free(data);
    }
}

static void out_of_memory(void **state)
{
    nsky_provenance provenance = full_provenance();

    (void)state;
    for (int format = 0; format < FORMATS; format++) {
        for (uint64_t n = 1;; n++) {
            nsky_error err = NSKY_ERROR_INIT;
            give g = {.count = ROWS};
            nsky_table table = table_of(&g);
            void *data;
            size_t bytes;
            table.provenance = &provenance;
            nsky_memory_fail_at(n);
            nsky_status status = nsky_table_write_memory(&table, format, &data, &bytes, &err);
            bool reached = nsky_memory_count() >= n;
            nsky_memory_fail_at(0);
            if (!reached) {
                assert_ok(status, err);
                nsky_free(data);
                assert_true(n > 1);
                break;
            }
            assert_int_equal(status, NSKY_ENOMEM);
            assert_int_equal(err.status, NSKY_ENOMEM);
            assert_null(data);
        }
    }
}

static void full_disk(void **state)
{
    (void)state;
    for (int format = 0; format < FORMATS; format++) {
        nsky_error err = NSKY_ERROR_INIT;
        give g = {.count = 5000};
        nsky_table table = table_of(&g);
        FILE *full = fopen("/dev/full", "wb");
        assert_non_null(full);
        assert_int_equal(nsky_table_write_stream(&table, format, full, "the pipe", &err), NSKY_EIO);
        assert_non_null(strstr(err.text, "the pipe"));
        fclose(full);
        /* So little that it fails only when it is flushed. */
        give few = {.count = 1};
        table.payload = &few;
        assert_non_null(full = fopen("/dev/full", "wb"));
        assert_int_equal(nsky_table_write_stream(&table, format, full, "the pipe", &err), NSKY_EIO);
        fclose(full);
    }
}

static void wrong_ids(void **state)
{
    (void)state;
    for (int format = 0; format < FORMATS; format++) {
        nsky_error err = NSKY_ERROR_INIT;
        give g = {.count = 1, .id_offset = 1}; /* 2^63 */
        nsky_table table = table_of(&g);
        void *data;
        size_t bytes;
        assert_int_equal(nsky_table_write_memory(&table, format, &data, &bytes, &err), NSKY_EDATA);
        assert_non_null(strstr(err.text, "9223372036854775808"));
        assert_null(data);
    }
}

/* What is there stays as it is, and nothing is left beside it. */
static void rows_that_fail(void **state)
{
    char folder[] = "/tmp/nsky-table-XXXXXX";
    nsky_error err = NSKY_ERROR_INIT;
    char **names;
    size_t count, bytes;
    void *kept;

    (void)state;
    assert_non_null(mkdtemp(folder));
    char *path = nsky_format(&err, "%s/table", folder);
    assert_ok(nsky_file_write(path, "old", 3, &err), err);
    for (int format = 0; format < FORMATS; format++) {
        give g = {.count = 3000, .fail_after = 2900};
        nsky_table table = table_of(&g);
        assert_int_equal(nsky_table_write_file(&table, format, path, &err), NSKY_EBUSY);
        assert_string_equal(err.text, "the rows failed");
        assert_ok(nsky_file_read(&kept, &bytes, path, 100, &err), err);
        assert_string_equal(kept, "old");
        nsky_free(kept);
        assert_ok(nsky_directory_list(&names, &count, folder, &err), err);
        assert_int_equal(count, 1);
        nsky_free(names);
    }
    give g = {.count = 1};
    nsky_table table = table_of(&g);
    char *nowhere = nsky_format(&err, "%s/none/table", folder);
    for (int format = 0; format < FORMATS; format++)
        assert_int_not_equal(nsky_table_write_file(&table, format, nowhere, &err), NSKY_OK);
    nsky_free(nowhere);
    unlink(path);
    rmdir(folder);
    nsky_free(path);
}

static void rows_that_change(void **state)
{
    give changes[] = {
        {.count = 5, .later = 1}, {.count = 5, .later = -1}, {.count = 5, .longer_later = true}};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        nsky_error err = NSKY_ERROR_INIT;
        nsky_table table = table_of(&changes[i]);
        void *data;
        size_t bytes;
        assert_int_equal(nsky_table_write_memory(&table, NSKY_TABLE_FITS, &data, &bytes, &err),
                         NSKY_EDATA);
        assert_non_null(strstr(err.text, "changed while"));
    }
}

static void too_much_for_memory(void **state)
{
    const size_t length = 60000, cut = NSKY_TABLE_TEXT_BYTES_MAX;
    nsky_error err = NSKY_ERROR_INIT;
    char *label = nsky_alloc(length + 1, 1, &err);

    (void)state;
    memset(label, 'x', length);
    label[length] = '\0';
    for (int format = 0; format < FORMATS; format++) {
        size_t kept = format == NSKY_TABLE_FITS ? cut : length;
        give g = {.count = 2, .label = label};
        nsky_table table = table_of(&g);
        void *data;
        size_t bytes;
        assert_ok(nsky_table_write_memory(&table, format, &data, &bytes, &err), err);
        assert_true(bytes > 2 * kept && bytes < 2 * kept + 12000);
        nsky_free(data);
        if (format != NSKY_TABLE_CSV && format != NSKY_TABLE_FITS)
            continue; /* the text formats share what sets the bound */
        g = (give){.count = (uint32_t)(NSKY_TABLE_BYTES_MAX / kept) + 1, .label = label};
        assert_int_equal(nsky_table_write_memory(&table, format, &data, &bytes, &err), NSKY_ELIMIT);
        assert_null(data);
    }
    nsky_free(label);
}

static nsky_status give_vector(void *payload, nsky_table_sink *sink, nsky_error *err)
{
    return nsky_table_put(sink, &(nsky_cell){.floats = payload}, err);
}

static void vectors(void **state)
{
    static const nsky_table_column column = {
        .name = "vector", .type = NSKY_CELL_FLOATS, .length = 3};
    static const char *const parts[] = {"[0.100000001,null,-2]", NULL,
                                        "<TD>0.100000001 NaN -2</TD>", NULL};
    float values[3] = {0.1f, NAN, -2};
    const nsky_table table = {
        .name = "v", .columns = &column, .column_count = 1, .rows = give_vector, .payload = values};

    (void)state;
    for (int format = 0; format < FORMATS; format++) {
        nsky_error err = NSKY_ERROR_INIT;
        void *data;
        size_t bytes;
        nsky_status status = nsky_table_write_memory(&table, format, &data, &bytes, &err);
        if (format == NSKY_TABLE_CSV) {
            assert_int_equal(status, NSKY_EINVAL);
            assert_non_null(strstr(err.text, "vector"));
            continue;
        }
        assert_ok(status, err);
        if (parts[format])
            assert_non_null(memmem(data, bytes, parts[format], strlen(parts[format])));
        nsky_free(data);
    }
}

static void *write_some(void *outcome)
{
    nsky_error err = NSKY_ERROR_INIT;

    for (int i = 0; i < 40; i++) {
        give g = {.count = 20};
        nsky_table table = table_of(&g);
        void *data;
        size_t bytes;
        if (nsky_table_write_memory(&table, i % FORMATS, &data, &bytes, &err) != NSKY_OK)
            *(bool *)outcome = false;
        nsky_free(data);
    }
    return NULL;
}

static void threads(void **state)
{
    pthread_t thread[4];
    bool fine[4] = {true, true, true, true};

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, write_some, &fine[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(thread[i], NULL);
        assert_true(fine[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads), /* first: libxml2 has not been set up yet */
        cmocka_unit_test(no_rows),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(full_disk),
        cmocka_unit_test(wrong_ids),
        cmocka_unit_test(rows_that_fail),
        cmocka_unit_test(rows_that_change),
        cmocka_unit_test(too_much_for_memory),
        cmocka_unit_test(vectors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
