/* test_open.c - opening: names that are more than names, gzip, memory that runs out. */
#include <fcntl.h>
#include <sys/stat.h>

#include "support.h"

/* CFITSIO's extended names would open URLs, pipes and shared memory, filter and compute. Here they
 * are names of files that do not exist. */
static void test_extended_names_are_just_names(void **state)
{
    (void)state;
    static const char *const names[] = {
        "%s/x.fits[1:2,*]",
        "%s/x.fits[0]",
        "%s/x.fits+1",
        "!%s/x.fits",
        "file://%s/x.fits",
        "%s/x.fits(new)",
        "mem://%s/x.fits",
        "%s/x.fits[col a=1]",
        "~%s/x.fits",
        " %s/x.fits",
        "shmem://h0",
        "http://localhost/x.fits",
        "ftp://h/x.fits",
        "root://h/x",
        "-",
        "stdin://",
        "%s/x",
        "stream://",
        "%s/x.fits[pix a]",
    };
    char folder[64], path[128];
    nsky_error err = NSKY_ERROR_INIT;
    corpus_file file = {0};
    nsky_fits *fits;

    temporary_begin(folder);
    corpus_items[0].build(&file);
    snprintf(path, sizeof path, "%s/x.fits", folder);
    assert_ok(nsky_file_write(path, file.data, file.bytes, &err), err);
    snprintf(path, sizeof path, "%s/x.gz", folder); /* CFITSIO would take it for "x" */
    assert_ok(nsky_file_write(path, file.data, file.bytes, &err), err);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(path, sizeof path, names[i], folder);
#pragma GCC diagnostic pop
        assert_status(nsky_fits_open(&fits, path, &err), NSKY_ENOTFOUND, err);
        assert_null(fits);
    }
    temporary_end(folder);
    corpus_free(&file);
}

/* A file may be called anything. */
static void test_odd_names_open(void **state)
{
    (void)state;
    static const char *const names[] = {"x[1:2,*].fits", "-",   "a b", "!x",
                                        "x.fits+1",      "(y)", "z.gz"};
    char folder[64], path[128];
    nsky_error err = NSKY_ERROR_INIT;
    corpus_file file = {0};

    temporary_begin(folder);
    corpus_items[0].build(&file);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        nsky_fits *fits;
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        assert_ok(nsky_file_write(path, file.data, file.bytes, &err), err);
        assert_ok(nsky_fits_open(&fits, path, &err), err);
        assert_string_equal(nsky_fits_name(fits), path);
        nsky_fits_close(fits);
    }
    temporary_end(folder);
    corpus_free(&file);
}

static void test_not_a_file(void **state)
{
    (void)state;
    char folder[64], path[128];
    nsky_error err = NSKY_ERROR_INIT;
    nsky_fits *fits;

    temporary_begin(folder);
    assert_status(nsky_fits_open(&fits, folder, &err), NSKY_EINVAL, err);
    assert_status(nsky_fits_open(&fits, "/dev/zero", &err), NSKY_EINVAL, err);
    snprintf(path, sizeof path, "%s/fifo", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_status(nsky_fits_open(&fits, path, &err), NSKY_EINVAL, err);
    snprintf(path, sizeof path, "%s/sparse", folder); /* larger than allowed, on no disk at all */
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    if (ftruncate(fd, (off_t)NSKY_FITS_BYTES_MAX + 1) == 0)
        assert_status(nsky_fits_open(&fits, path, &err), NSKY_ELIMIT, err);
    close(fd);
    nsky_fits_close(NULL);
    temporary_end(folder);
}

/* gzip: of one member and of two, from memory and from disk. */
static void test_gzip(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    corpus_file first = {0}, second = {0};
    nsky_fits *fits;
    nsky_fits_hdu hdu;
    float got[12];

    corpus_items[0].build(&second);
    corpus_bytes(&first, second.data, 2880);
    memmove(second.data, second.data + 2880, second.bytes - 2880);
    second.bytes -= 2880;
    corpus_gzip(&first);
    corpus_gzip(&second);
    corpus_bytes(&first, second.data, second.bytes); /* as `cat a.gz b.gz` makes them */
    corpus_bytes(&first, "no gzip", 7);
    assert_ok(nsky_fits_open_memory(&fits, first.data, first.bytes, "two.gz", &err), err);
    memset(first.data, 0, first.bytes); /* not needed any more */
    assert_ok(nsky_fits_select(fits, 0, &hdu, &err), err);
    assert_ok(nsky_fits_read_box(fits, 0, 0, 0, 4, 3, got, &err), err);
    assert_true(got[0] == 1 && got[11] == 12);
    nsky_fits_close(fits);
    corpus_free(&first);
    corpus_free(&second);
}

static nsky_status open_and_read(void *context, nsky_error *err)
{
    const corpus_file *file = context;
    nsky_fits *fits;
    nsky_fits_hdu hdu;
    float got[12];
    nsky_status status = nsky_fits_open_memory(&fits, file->data, file->bytes, "memory", err);

    if (status == NSKY_OK && (status = nsky_fits_select(fits, 0, &hdu, err)) == NSKY_OK)
        status = nsky_fits_read_box(fits, 0, 0, 0, 4, 3, got, err);
    nsky_fits_close(fits);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    static const char *const names[] = {"sound", "data_unpadded", "gzip_sound"};
    uint64_t least[] = {3, 4, 4};

    for (size_t i = 0; i < corpus_item_count; i++) {
        for (size_t k = 0; k < 3; k++) {
            corpus_file file = {0};
            if (strcmp(corpus_items[i].name, names[k]) != 0)
                continue;
            corpus_items[i].build(&file);
            assert_true(exhaust_memory(open_and_read, &file) >= least[k]);
            corpus_free(&file);
        }
    }
}

/* Many handles at once, closed in another order. */
static void test_many_handles(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    nsky_error err = NSKY_ERROR_INIT;
    corpus_file file = {0};
    nsky_fits *fits[COUNT];
    nsky_fits_hdu hdu;
    float got;

    corpus_items[0].build(&file);
    for (int i = 0; i < COUNT; i++)
        assert_ok(nsky_fits_open_memory(&fits[i], file.data, file.bytes, "one of many", &err), err);
    for (int i = 0; i < COUNT; i++) {
        assert_ok(nsky_fits_select(fits[i], 0, &hdu, &err), err);
        assert_ok(nsky_fits_read_box(fits[i], 0, (uint64_t)i % 4, 1, 1, 1, &got, &err), err);
        assert_true(got == (float)(5 + i % 4));
    }
    for (int i = 0; i < COUNT; i++)
        nsky_fits_close(fits[(i * 7) % COUNT]);
    corpus_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_extended_names_are_just_names),
        cmocka_unit_test(test_odd_names_open),
        cmocka_unit_test(test_not_a_file),
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_many_handles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
