/* test_log.c - what reaches stderr: whole lines, no control characters, valid JSON. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>

#include "common/json.h"
#include "common/log.h"

static char caught[1 << 20];
static int saved = -1;

static void catch_stderr(void)
{
    int fd = open(in_directory("stderr"), O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);

    assert_true(fd >= 0);
    saved = dup(STDERR_FILENO);
    assert_true(dup2(fd, STDERR_FILENO) >= 0);
    close(fd);
}

/* Gives stderr back; what came is in caught. */
static void release_stderr(void)
{
    ssize_t bytes = pread(STDERR_FILENO, caught, sizeof caught - 1, 0);

    dup2(saved, STDERR_FILENO);
    close(saved);
    assert_true(bytes >= 0);
    caught[bytes] = '\0';
}

static int plain_at_info(void **state)
{
    (void)state;
    nsky_log_set_json(false);
    nsky_log_set_level(NSKY_LOG_INFO);
    return 0;
}

static void test_levels(void **state)
{
    (void)state;
    catch_stderr();
    nsky_log_error("e%d", 1);
    nsky_log_warn("w");
    nsky_log_info("i");
    nsky_log_debug("d");
    nsky_log_set_level(NSKY_LOG_ERROR);
    nsky_log_warn("hidden");
    nsky_log_set_level(NSKY_LOG_DEBUG);
    nsky_log_debug("shown");
    release_stderr();
    assert_string_equal(caught, "error: e1\nwarning: w\ni\ndebug: shown\n");
}

static void test_text_cannot_break_the_line(void **state)
{
    (void)state;
    catch_stderr();
    nsky_log_info("file \"a\nerror: b\x1b[31m\x7f\" gone\n");
    release_stderr();
    assert_string_equal(caught, "file \"a error: b [31m \" gone\n");
}

static void test_long_text_is_cut(void **state)
{
    (void)state;
    static char longer[10000];

    memset(longer, '\x01', sizeof longer - 1); /* six bytes each in JSON */
    nsky_log_set_json(true);
    catch_stderr();
    nsky_log_info("%s", longer);
    release_stderr();
    size_t bytes = strlen(caught);
    assert_true(bytes > 2000 && bytes < 13000);
    assert_string_equal(caught + bytes - 6, "...\"}\n");
}

static void test_json_lines(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_json *line;

    nsky_log_set_json(true);
    catch_stderr();
    nsky_log_warn("a \"b\\\" \n\t\x7f \xC3\xA9 \xFF end");
    release_stderr();
    size_t bytes = strlen(caught);
    assert_int_equal(caught[bytes - 1], '\n');
    assert_ok(nsky_json_parse(&line, caught, bytes, "line", &err), err);
    assert_string_equal(nsky_json_get_string(line, "level"), "warning");
    assert_string_equal(nsky_json_get_string(line, "text"),
                        "a \"b\\\" \n\t\x7f \xC3\xA9 \xEF\xBF\xBD end");
    int y, mo, d, h, mi, s, ms, end = 0;
    const char *time = nsky_json_get_string(line, "time");
    assert_int_equal(
        sscanf(time, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &y, &mo, &d, &h, &mi, &s, &ms, &end), 7);
    assert_int_equal(time[end], '\0');
    nsky_json_free(line);
}

static void *log_many(void *name)
{
    for (int i = 0; i < 500; i++)
        nsky_log_info("%s%s%s%s", (char *)name, (char *)name, (char *)name, (char *)name);
    return NULL;
}

static void test_lines_stay_whole(void **state)
{
    (void)state;
    pthread_t threads[2];

    catch_stderr();
    pthread_create(&threads[0], NULL, log_many, "aaaaaaaa");
    pthread_create(&threads[1], NULL, log_many, "bbbbbbbb");
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    release_stderr();
    assert_int_equal(strlen(caught), 1000 * 33);
    for (int i = 0; i < 1000; i++) {
        const char *line = caught + 33 * i;
        assert_int_equal(strspn(line, line[0] == 'a' ? "a" : "b"), 32);
        assert_int_equal(line[32], '\n');
    }
}

static void test_errno_is_kept(void **state)
{
    (void)state;
    saved = dup(STDERR_FILENO);
    close(STDERR_FILENO); /* every write fails */
    errno = EACCES;
    nsky_log_error("lost");
    int code = errno;
    dup2(saved, STDERR_FILENO);
    close(saved);
    assert_int_equal(code, EACCES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_levels, plain_at_info),
        cmocka_unit_test_setup(test_text_cannot_break_the_line, plain_at_info),
        cmocka_unit_test_setup(test_long_text_is_cut, plain_at_info),
        cmocka_unit_test_setup(test_json_lines, plain_at_info),
        cmocka_unit_test_setup(test_lines_stay_whole, plain_at_info),
        cmocka_unit_test_setup(test_errno_is_kept, plain_at_info),
    };
    return cmocka_run_group_tests(tests, make_test_directory, remove_test_directory);
}
