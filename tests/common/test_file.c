/* test_file.c - maps, whole reads, and writes that are whole or did not happen. */
#include "support.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "common/file.h"

static size_t entries(void)
{
    nsky_error err = NSKY_ERROR_INIT;
    char **names;
    size_t count;

    assert_ok(nsky_directory_list(&names, &count, test_directory, &err), err);
    nsky_free(names);
    return count;
}

static void assert_holds(const char *path, const char *text)
{
    nsky_error err = NSKY_ERROR_INIT;
    void *data;
    size_t bytes;

    assert_ok(nsky_file_read(&data, &bytes, path, 1 << 20, &err), err);
    assert_int_equal(bytes, strlen(text));
    assert_string_equal(data, text); /* the NUL follows */
    nsky_free(data);
}

static void test_map(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_map map;

    assert_ok(nsky_file_write(in_directory("map"), "hello", 5, &err), err);
    assert_ok(nsky_map_open(&map, in_directory("map"), &err), err);
    assert_int_equal(map.bytes, 5);
    assert_memory_equal(map.data, "hello", 5);
    nsky_map_close(&map);
    assert_true(!map.data && map.bytes == 0);
    nsky_map_close(&map); /* a zeroed map is a no-op */
    assert_ok(nsky_file_write(in_directory("empty"), NULL, 0, &err), err);
    assert_ok(nsky_map_open(&map, in_directory("empty"), &err), err);
    assert_true(!map.data && map.bytes == 0);
    nsky_map_close(&map);
}

/* A map outlives the replacement of its file: readers keep their generation. */
static void test_map_survives_replacement(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_map map;

    assert_ok(nsky_file_write(in_directory("live"), "old", 3, &err), err);
    assert_ok(nsky_map_open(&map, in_directory("live"), &err), err);
    assert_ok(nsky_file_write(in_directory("live"), "newer", 5, &err), err);
    assert_memory_equal(map.data, "old", 3);
    nsky_map_close(&map);
    assert_holds(in_directory("live"), "newer");
}

static void test_map_errors(void **state)
{
    (void)state;
    nsky_error err;
    nsky_map map;

    assert_fails(nsky_map_open(&map, in_directory("absent"), &err), NSKY_ENOTFOUND, err, "absent");
    assert_null(map.data);
    assert_fails(nsky_map_open(&map, test_directory, &err), NSKY_EINVAL, err, "regular");
    assert_int_equal(mkfifo(in_directory("fifo"), 0600), 0);
    assert_fails(nsky_map_open(&map, in_directory("fifo"), &err), NSKY_EINVAL, err, "regular");
    if (geteuid() != 0) { /* root may read anything */
        assert_ok(nsky_file_write(in_directory("secret"), "x", 1, &err), err);
        assert_int_equal(chmod(in_directory("secret"), 0), 0);
        assert_fails(nsky_map_open(&map, in_directory("secret"), &err), NSKY_EIO, err, "denied");
    }
}

static void test_read_limits(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    void *data;
    size_t bytes;

    assert_ok(nsky_file_write(in_directory("ten"), "0123456789", 10, &err), err);
    assert_ok(nsky_file_read(&data, &bytes, in_directory("ten"), 10, &err), err);
    assert_int_equal(bytes, 10);
    nsky_free(data);
    assert_fails(nsky_file_read(&data, &bytes, in_directory("ten"), 9, &err), NSKY_ELIMIT, err,
                 "9");
    assert_null(data);
    assert_fails(nsky_file_read(&data, &bytes, in_directory("none"), 9, &err), NSKY_ENOTFOUND, err,
                 "none");
    assert_fails(nsky_file_read(&data, &bytes, test_directory, 9, &err), NSKY_EIO, err,
                 "directory");
}

/* No size is known beforehand; the reader must grow, and stop at the limit. */
static void test_read_pipe(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    static char sent[30000];
    char path[32];
    void *data;
    size_t bytes;
    int ends[2];

    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (char)('a' + i % 26);
    for (int limited = 0; limited < 2; limited++) {
        assert_int_equal(pipe(ends), 0);
        snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
        assert_int_equal(write(ends[1], sent, sizeof sent), sizeof sent);
        close(ends[1]);
        if (limited) {
            assert_fails(nsky_file_read(&data, &bytes, path, sizeof sent - 1, &err), NSKY_ELIMIT,
                         err, path);
        } else {
            assert_ok(nsky_file_read(&data, &bytes, path, SIZE_MAX, &err), err);
            assert_int_equal(bytes, sizeof sent);
            assert_memory_equal(data, sent, sizeof sent);
            nsky_free(data);
        }
        close(ends[0]);
    }
}

static void test_write_is_atomic(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_file_writer writer;

    assert_ok(nsky_file_write(in_directory("atom"), "old", 3, &err), err);
    size_t before = entries();
    assert_ok(nsky_file_begin(&writer, in_directory("atom"), &err), err);
    fputs("half of the n", writer.stream);
    fflush(writer.stream);
    assert_holds(in_directory("atom"), "old");
    assert_int_equal(entries(), before + 1);
    nsky_file_abort(&writer);
    assert_holds(in_directory("atom"), "old");
    assert_int_equal(entries(), before);
    nsky_file_abort(&writer); /* zeroed by now */

    assert_ok(nsky_file_begin(&writer, in_directory("atom"), &err), err);
    fputs("new", writer.stream);
    assert_ok(nsky_file_commit(&writer, &err), err);
    assert_true(!writer.stream && !writer.path && !writer.temporary);
    nsky_file_abort(&writer);
    assert_holds(in_directory("atom"), "new");
    assert_int_equal(entries(), before);
}

static void test_write_without_directory_part(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    char *here = getcwd(NULL, 0);

    assert_int_equal(chdir(test_directory), 0);
    nsky_status status = nsky_file_write("plain", "p", 1, &err);
    assert_int_equal(chdir(here), 0);
    free(here);
    assert_ok(status, err);
    assert_holds(in_directory("plain"), "p");
}

/* Two writers of one path do not share a temporary; the last to commit wins, whole. */
static void test_two_writers(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_file_writer a, b;

    assert_ok(nsky_file_begin(&a, in_directory("race"), &err), err);
    assert_ok(nsky_file_begin(&b, in_directory("race"), &err), err);
    assert_string_not_equal(a.temporary, b.temporary);
    fputs("aaaa", a.stream);
    fputs("b", b.stream);
    assert_ok(nsky_file_commit(&b, &err), err);
    assert_ok(nsky_file_commit(&a, &err), err);
    assert_holds(in_directory("race"), "aaaa");
}

/* A killed process with our pid left its temporary, or someone planted a link under that name. */
static void test_stale_temporary(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_file_writer writer;
    unsigned long serial;
    char planted[1024];

    assert_ok(nsky_file_write(in_directory("victim"), "safe", 4, &err), err);
    assert_ok(nsky_file_begin(&writer, in_directory("stale"), &err), err);
    const char *dot = strrchr(writer.temporary, '.');
    assert_int_equal(sscanf(dot, ".%lu", &serial), 1);
    snprintf(planted, sizeof planted, "%.*s.%lu", (int)(dot - writer.temporary), writer.temporary,
             serial + 1);
    nsky_file_abort(&writer);
    assert_int_equal(symlink(in_directory("victim"), planted), 0);
    assert_ok(nsky_file_write(in_directory("stale"), "fresh", 5, &err), err);
    assert_holds(in_directory("victim"), "safe");
    assert_holds(in_directory("stale"), "fresh");
}

static void test_write_errors(void **state)
{
    (void)state;
    nsky_error err;
    nsky_file_writer writer;

    assert_fails(nsky_file_write(in_directory("no/such"), "x", 1, &err), NSKY_ENOTFOUND, err,
                 "no such directory");
    assert_int_equal(mkdir(in_directory("occupied"), 0700), 0);
    size_t before = entries();
    assert_ok(nsky_file_begin(&writer, in_directory("occupied"), &err), err);
    assert_fails(nsky_file_commit(&writer, &err), NSKY_EIO, err, "occupied"); /* rename refuses */
    assert_null(writer.path);
    assert_int_equal(entries(), before);
    char name[400];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_fails(nsky_file_write(in_directory(name), "x", 1, &err), NSKY_EIO, err, "too long");
}

/* Nobody's /dev/null becomes a file. */
static void test_special_files_stay(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    struct stat about;

    assert_int_equal(mkfifo(in_directory("pipe-kept"), 0600), 0);
    assert_int_equal(symlink("pipe-kept", in_directory("to-pipe")), 0);
    assert_fails(nsky_file_write(in_directory("pipe-kept"), "x", 1, &err), NSKY_EINVAL, err,
                 "a pipe");
    err = (nsky_error)NSKY_ERROR_INIT;
    assert_fails(nsky_file_write(in_directory("to-pipe"), "x", 1, &err), NSKY_EINVAL, err,
                 "would be replaced");
    assert_int_equal(lstat(in_directory("pipe-kept"), &about), 0);
    assert_true(S_ISFIFO(about.st_mode));
    assert_int_equal(lstat(in_directory("to-pipe"), &about), 0);
    assert_true(S_ISLNK(about.st_mode));
    assert_int_equal(unlink(in_directory("to-pipe")), 0);
    assert_int_equal(unlink(in_directory("pipe-kept")), 0);
}

/* A disk that fills up, by way of the file size limit. */
static void test_full_disk(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    struct rlimit old, small;
    nsky_file_writer writer;
    static char big[200000];

    assert_ok(nsky_file_write(in_directory("disk"), "before", 6, &err), err);
    size_t at_start = entries();
    getrlimit(RLIMIT_FSIZE, &old);
    small = (struct rlimit){1000, old.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    nsky_status at_once = nsky_file_write(in_directory("disk"), big, sizeof big, &err);
    nsky_error at_commit_err = NSKY_ERROR_INIT, earlier_err = NSKY_ERROR_INIT;
    assert_ok(nsky_file_begin(&writer, in_directory("disk"), &err), err);
    fwrite(big, 1, 2000, writer.stream); /* stays in the buffer until commit */
    nsky_status at_commit = nsky_file_commit(&writer, &at_commit_err);
    assert_ok(nsky_file_begin(&writer, in_directory("disk"), &err), err);
    fwrite(big, 1, sizeof big, writer.stream); /* nobody looks */
    nsky_status earlier = nsky_file_commit(&writer, &earlier_err);
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(at_once, NSKY_EIO);
    assert_int_equal(at_commit, NSKY_EIO);
    assert_int_equal(at_commit_err.status, NSKY_EIO);
    assert_int_equal(earlier, NSKY_EIO);
    assert_non_null(strstr(earlier_err.text, "disk"));
    assert_holds(in_directory("disk"), "before");
    assert_int_equal(entries(), at_start);
}

static nsky_status write_and_read(void *path, nsky_error *err)
{
    void *data = NULL;
    size_t bytes;
    nsky_status status = nsky_file_write(path, "text", 4, err);

    if (status == NSKY_OK)
        status = nsky_file_read(&data, &bytes, path, 100, err);
    nsky_free(data);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    char path[1024];
    size_t before = entries();

    snprintf(path, sizeof path, "%s", in_directory("memory"));
    assert_true(exhaust_memory(write_and_read, path) >= 4);
    assert_int_equal(entries(), before + 1); /* no temporary stays behind */
}

static void test_exists(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;

    assert_ok(nsky_file_write(in_directory("here"), "", 0, &err), err);
    assert_true(nsky_file_exists(in_directory("here")));
    assert_false(nsky_directory_exists(in_directory("here")));
    assert_false(nsky_file_exists(test_directory));
    assert_true(nsky_directory_exists(test_directory));
    assert_false(nsky_file_exists(in_directory("nowhere")));
    assert_false(nsky_directory_exists(in_directory("nowhere")));
    assert_string_equal(nsky_path_base("a/b.fits.fz"), "b.fits.fz");
    assert_string_equal(nsky_path_base("b"), "b");
    assert_string_equal(nsky_path_base("a/"), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_map_survives_replacement),
        cmocka_unit_test(test_map_errors),
        cmocka_unit_test(test_read_limits),
        cmocka_unit_test(test_read_pipe),
        cmocka_unit_test(test_write_is_atomic),
        cmocka_unit_test(test_write_without_directory_part),
        cmocka_unit_test(test_two_writers),
        cmocka_unit_test(test_stale_temporary),
        cmocka_unit_test(test_write_errors),
        cmocka_unit_test(test_special_files_stay),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_exists),
    };
    return cmocka_run_group_tests(tests, make_test_directory, remove_test_directory);
}
