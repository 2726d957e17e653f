/* test_writer_files.c - files are whole or absent, whatever goes wrong. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "writer_support.h"

static void count_files(const char *folder, size_t expected)
{
    nsky_error err = NSKY_ERROR_INIT;
    char **names;
    size_t count;

    assert_ok(nsky_directory_list(&names, &count, folder, &err), err);
    assert_int_equal(count, expected);
    nsky_free(names);
}

static void test_files_are_whole_or_absent(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    float *pixels = make_pixels(false);
    nsky_fits_image image = image_of(pixels, NSKY_FITS_RICE);
    char folder[64], path[128];
    nsky_fits_writer *writer;
    nsky_fits *fits;
    void *data, *on_disk;
    size_t bytes, disk_bytes;

    temporary_begin(folder);
    snprintf(path, sizeof path, "%s/a[1:2].fits.fz", folder); /* a name like any other */
    assert_ok(nsky_fits_create(&writer, path, &err), err);
    assert_ok(write_all(writer, &image, &err), err);
    assert_false(nsky_file_exists(path));
    nsky_fits_discard(writer);
    nsky_fits_discard(NULL);
    count_files(folder, 0);

    assert_ok(nsky_fits_create(&writer, path, &err), err);
    assert_ok(write_all(writer, &image, &err), err);
    assert_ok(nsky_fits_finish(writer, &err), err);
    count_files(folder, 1);
    assert_ok(nsky_fits_open(&fits, path, &err), err);
    check_image(fits, 1, pixels, PLANES, true);
    nsky_fits_close(fits);

    assert_ok(in_memory(&data, &bytes, &image, &err), err); /* the same bytes in memory */
    assert_ok(nsky_file_read(&on_disk, &disk_bytes, path, 1u << 24, &err), err);
    assert_int_equal(bytes, disk_bytes);
    assert_memory_equal(data, on_disk, bytes);
    nsky_free(on_disk);
    nsky_free(data);

    assert_ok(nsky_fits_create(&writer, path, &err), err); /* replacing */
    image.compression = NSKY_FITS_PLAIN;
    assert_ok(nsky_fits_append_image(writer, &image, &err), err);
    assert_ok(nsky_fits_finish(writer, &err), err);
    count_files(folder, 1);
    assert_ok(nsky_fits_open(&fits, path, &err), err);
    check_image(fits, 0, pixels, PLANES, false);
    nsky_fits_close(fits);
    temporary_end(folder);
    free(pixels);
}

static void test_failures(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_fits_writer *writer;
    float *pixels = make_pixels(false);
    nsky_fits_image image = image_of(pixels, NSKY_FITS_PLAIN);
    double real = 1;
    nsky_fits_column column = {.name = "X", .doubles = &real};
    char folder[64], path[2000];
    void *data;
    size_t bytes;

    assert_status(nsky_fits_create(&writer, "/nonexistent/x.fits", &err), NSKY_EIO, err);
    assert_null(writer);
    memset(path, 'x', sizeof path);
    path[sizeof path - 1] = '\0';
    assert_status(nsky_fits_create(&writer, path, &err), NSKY_EIO, err);

    assert_ok(nsky_fits_create_memory(&writer, &err), err); /* a broken writer publishes nothing */
    assert_ok(nsky_fits_append_image(writer, &image, &err), err);
    assert_status(nsky_fits_append_table(writer, NULL, &column, 0, 1, &err), NSKY_ELIMIT, err);
    assert_status(nsky_fits_finish_memory(writer, &data, &bytes, &err), NSKY_EINVAL, err);
    assert_null(data);

    temporary_begin(folder); /* a directory is in the way of the rename */
    snprintf(path, sizeof path, "%s/taken", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_ok(nsky_fits_create(&writer, path, &err), err);
    assert_ok(nsky_fits_append_image(writer, &image, &err), err);
    assert_status(nsky_fits_finish(writer, &err), NSKY_EIO, err);
    count_files(folder, 1);
    temporary_end(folder);
    free(pixels);
}

/* No room on disk, played by a limit on file sizes. CFITSIO forgets some failed writes; we do not.
 */
static void test_disk_full(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    struct rlimit old, small;
    char folder[64], path[128];
    nsky_fits_writer *writer;
    nsky_fits_image image = {.width = 1000, .height = 1000, .planes = 1};
    float *pixels = calloc(1000 * 1000, sizeof *pixels);

    assert_non_null(pixels);
    image.pixels = pixels;
    signal(SIGXFSZ, SIG_IGN);
    temporary_begin(folder);
    snprintf(path, sizeof path, "%s/full.fits", folder);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 3u << 20;
    assert_ok(nsky_fits_create(&writer, path, &err), err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    nsky_status status = nsky_fits_append_image(writer, &image, &err);
    if (status == NSKY_OK)
        status = nsky_fits_finish(writer, &err);
    else
        nsky_fits_discard(writer);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(status, NSKY_EIO);
    assert_non_null(strstr(err.text, path));
    count_files(folder, 0);
    temporary_end(folder);
    free(pixels);
}

static nsky_status write_and_free(void *context, nsky_error *err)
{
    void *data;
    size_t bytes;
    nsky_status status = in_memory(&data, &bytes, context, err);

    nsky_free(data);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    float *pixels = make_pixels(true);
    nsky_fits_image image = image_of(pixels, NSKY_FITS_RICE);

    assert_true(exhaust_memory(write_and_free, &image) >= 10);
    free(pixels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_are_whole_or_absent),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_disk_full),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
