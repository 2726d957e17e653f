/* test_directory.c - making, listing and removing directories; links are never followed. */
#include "support.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "common/file.h"

static void touch(const char *name)
{
    nsky_error err = NSKY_ERROR_INIT;
    assert_ok(nsky_file_write(in_directory(name), "x", 1, &err), err);
}

static void test_make(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;

    assert_ok(nsky_make_directories(in_directory("a/b//c/"), &err), err);
    assert_true(nsky_directory_exists(in_directory("a/b/c")));
    assert_ok(nsky_make_directories(in_directory("a/b/c"), &err), err);
    assert_ok(nsky_make_directories("/", &err), err);
    assert_ok(nsky_make_directories(".", &err), err);
    touch("a/file");
    assert_fails(nsky_make_directories("", &err), NSKY_EINVAL, err, "empty");
    assert_fails(nsky_make_directories(in_directory("a/file"), &err), NSKY_EEXIST, err, "a/file");
    assert_fails(nsky_make_directories(in_directory("a/file/x"), &err), NSKY_EEXIST, err, "a/file");
    char name[300];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_fails(nsky_make_directories(in_directory(name), &err), NSKY_EIO, err, "too long");
}

static void test_sync(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;

    touch("plain");
    assert_ok(nsky_fsync_directory(test_directory, &err), err);
    assert_fails(nsky_fsync_directory(in_directory("gone"), &err), NSKY_ENOTFOUND, err, "gone");
    assert_fails(nsky_fsync_directory(in_directory("plain"), &err), NSKY_EIO, err, "plain");
}

static void test_list_is_sorted(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    const char *const sorted[] = {".hidden", "000", "B", "a", "a.b", "a0", "ab", "\xC3\xA9"};
    const int order[] = {5, 0, 7, 2, 3, 6, 1, 4};
    char path[64], **names;
    size_t count;

    assert_ok(nsky_make_directories(in_directory("list"), &err), err);
    assert_ok(nsky_directory_list(&names, &count, in_directory("list"), &err), err);
    assert_int_equal(count, 0);
    assert_non_null(names);
    assert_null(names[0]);
    nsky_free(names);
    for (int i = 0; i < 8; i++) {
        snprintf(path, sizeof path, "list/%s", sorted[order[i]]);
        touch(path);
    }
    assert_ok(nsky_directory_list(&names, &count, in_directory("list"), &err), err);
    assert_int_equal(count, 8);
    for (int i = 0; i < 8; i++)
        assert_string_equal(names[i], sorted[i]);
    nsky_free(names);
}

static void test_list_many(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    char path[64], **names;
    size_t count;

    assert_ok(nsky_make_directories(in_directory("many"), &err), err);
    for (int i = 0; i < 500; i++) { /* past the first buffer */
        snprintf(path, sizeof path, "many/a-rather-long-name-%03d", 499 - i);
        int fd = open(in_directory(path), O_CREAT | O_WRONLY, 0600);
        assert_true(fd >= 0);
        close(fd);
    }
    assert_ok(nsky_directory_list(&names, &count, in_directory("many"), &err), err);
    assert_int_equal(count, 500);
    for (int i = 0; i < 500; i++)
        assert_int_equal(atoi(names[i] + strlen(names[i]) - 3), i);
    nsky_free(names);
    assert_ok(nsky_remove_tree(in_directory("many"), &err), err);
    assert_false(nsky_directory_exists(in_directory("many")));
}

static void test_list_errors(void **state)
{
    (void)state;
    nsky_error err;
    char **names;
    size_t count;

    touch("plain");
    assert_fails(nsky_directory_list(&names, &count, in_directory("gone"), &err), NSKY_ENOTFOUND,
                 err, "gone");
    assert_null(names);
    assert_fails(nsky_directory_list(&names, &count, in_directory("plain"), &err), NSKY_EIO, err,
                 "plain");
}

static void test_remove_tree(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;

    assert_ok(nsky_make_directories(in_directory("keep"), &err), err);
    touch("keep/precious");
    assert_ok(nsky_make_directories(in_directory("tree/x/y/z"), &err), err);
    touch("tree/one");
    touch("tree/x/y/two");
    assert_int_equal(mkfifo(in_directory("tree/fifo"), 0600), 0);
    assert_int_equal(symlink(in_directory("keep"), in_directory("tree/x/link")), 0);
    assert_int_equal(symlink("nowhere", in_directory("tree/dangling")), 0);
    assert_ok(nsky_remove_tree(in_directory("tree"), &err), err);
    assert_false(nsky_directory_exists(in_directory("tree")));
    assert_true(nsky_file_exists(in_directory("keep/precious")));
    assert_ok(nsky_remove_tree(in_directory("tree"), &err), err); /* absent is fine */
    assert_ok(nsky_remove_tree(in_directory("keep/precious"), &err), err);
    assert_false(nsky_file_exists(in_directory("keep/precious")));
}

static void test_remove_link_itself(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    struct stat info;

    for (int slash = 0; slash < 2; slash++) {
        assert_ok(nsky_make_directories(in_directory("real"), &err), err);
        touch("real/inside");
        assert_int_equal(symlink("real", in_directory("alias")), 0);
        assert_ok(nsky_remove_tree(in_directory(slash ? "alias/" : "alias"), &err), err);
        assert_int_equal(lstat(in_directory("alias"), &info), -1);
        assert_true(nsky_file_exists(in_directory("real/inside")));
    }
}

static void test_remove_refuses(void **state)
{
    (void)state;
    nsky_error err;

    assert_fails(nsky_remove_tree("", &err), NSKY_EINVAL, err, "refusing");
    assert_fails(nsky_remove_tree("//", &err), NSKY_EINVAL, err, "refusing");
    assert_fails(nsky_remove_tree(in_directory("."), &err), NSKY_EINVAL, err, "refusing");
    assert_fails(nsky_remove_tree(in_directory("x/../"), &err), NSKY_EINVAL, err, "refusing");
    assert_true(nsky_directory_exists(test_directory));
    touch("plain");
    assert_fails(nsky_remove_tree(in_directory("plain/below"), &err), NSKY_EIO, err, "plain");
}

/* Deeper than descriptors should be spent on: refused, and no stack or descriptor runs out. */
static void test_remove_deep(void **state)
{
    (void)state;
    nsky_error err;
    int fd = open(test_directory, O_RDONLY | O_DIRECTORY);

    for (int i = 0; i < 300; i++) {
        assert_int_equal(mkdirat(fd, "d", 0700), 0);
        int below = openat(fd, "d", O_RDONLY | O_DIRECTORY);
        close(fd);
        fd = below;
    }
    close(fd);
    assert_fails(nsky_remove_tree(in_directory("d"), &err), NSKY_ELIMIT, err, "deeper");
    int before = open("/dev/null", O_RDONLY);
    assert_fails(nsky_remove_tree(in_directory("d"), &err), NSKY_ELIMIT, err, "deeper");
    int after = open("/dev/null", O_RDONLY);
    close(before);
    close(after);
    assert_int_equal(after, before + 1); /* none leaked */
}

static nsky_status use_directories(void *context, nsky_error *err)
{
    char *const *paths = context; /* parent, child */
    char **names = NULL;
    size_t count;
    nsky_status status = nsky_make_directories(paths[1], err);

    if (status == NSKY_OK)
        status = nsky_directory_list(&names, &count, paths[0], err);
    if (status == NSKY_OK)
        status = nsky_remove_tree(paths[0], err);
    nsky_free(names);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    char parent[1024], child[1024];
    char *paths[] = {parent, child};

    snprintf(parent, sizeof parent, "%s", in_directory("oom"));
    snprintf(child, sizeof child, "%s", in_directory("oom/child"));
    assert_int_equal(exhaust_memory(use_directories, paths), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_make),
        cmocka_unit_test(test_sync),
        cmocka_unit_test(test_list_is_sorted),
        cmocka_unit_test(test_list_many),
        cmocka_unit_test(test_list_errors),
        cmocka_unit_test(test_remove_tree),
        cmocka_unit_test(test_remove_link_itself),
        cmocka_unit_test(test_remove_refuses),
        cmocka_unit_test(test_remove_deep),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, make_test_directory, remove_test_directory);
}
