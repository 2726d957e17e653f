/* test_progress.c - on a pseudo-terminal of our own: what is drawn, how often, and what is left. */
#include "support.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>

#include "common/log.h"
#include "common/progress.h"

#define CLEAR "\r\033[K"

static int terminal = -1, saved = -1;
static char seen[65536];

/* stderr becomes a terminal `columns` wide. */
static void open_terminal(unsigned short columns)
{
    terminal = posix_openpt(O_RDWR | O_NOCTTY);
    if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0) {
        print_message("NEARSKY-SKIP: no pseudo-terminal here\n");
        skip();
    }
    int side = open(ptsname(terminal), O_RDWR | O_NOCTTY);
    assert_true(side >= 0);
    struct termios raw;
    tcgetattr(side, &raw);
    cfmakeraw(&raw);
    tcsetattr(side, TCSANOW, &raw);
    struct winsize size = {.ws_row = 25, .ws_col = columns};
    ioctl(side, TIOCSWINSZ, &size);
    saved = dup(STDERR_FILENO);
    dup2(side, STDERR_FILENO);
    close(side);
}

/* Everything drawn so far goes to seen; stderr is given back. */
static void close_terminal(void)
{
    size_t bytes = 0;

    fcntl(terminal, F_SETFL, O_NONBLOCK);
    for (ssize_t got; bytes < sizeof seen - 1; bytes += (size_t)got)
        if ((got = read(terminal, seen + bytes, sizeof seen - 1 - bytes)) <= 0)
            break;
    seen[bytes] = '\0';
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(terminal);
}

static int count_of(const char *text)
{
    int count = 0;

    for (const char *at = seen; (at = strstr(at, text)); at += strlen(text))
        count++;
    return count;
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){0, ms * 1000000}, NULL);
}

/* stderr goes to a file while a job runs of which two steps are told; what the file has is seen. */
static void run_into_log(const char *seconds)
{
    FILE *log = tmpfile();

    assert_non_null(log);
    setenv("NEARSKY_PROGRESS_S", seconds, 1);
    saved = dup(STDERR_FILENO);
    dup2(fileno(log), STDERR_FILENO);
    nsky_progress *progress = nsky_progress_start("ingest", "stamps", 10);
    nsky_progress_set_total(progress, 4000);
    nsky_progress_add(progress, 1203);
    pause_ms(60);
    nsky_progress_add(progress, 1);
    nsky_progress_add(progress, 1); /* too soon */
    nsky_progress_end(progress);
    dup2(saved, STDERR_FILENO);
    close(saved);
    unsetenv("NEARSKY_PROGRESS_S");
    rewind(log);
    seen[fread(seen, 1, sizeof seen - 1, log)] = '\0';
    fclose(log);
}

static void test_lines_in_a_log(void **state)
{
    (void)state;
    run_into_log("0.05");
    assert_int_equal(strncmp(seen, "ingest  1,204 of 4,000 stamps  ", 31), 0);
    assert_true(strcmp(seen + strlen(seen) - 6, " left\n") == 0);
    assert_int_equal(count_of("\n"), 1);
    assert_int_equal(count_of("\033"), 0);
}

/* Jobs of less than a minute, and people who want none. */
static void test_silent_logs(void **state)
{
    (void)state;
    static const char *const settings[] = {"0", "60", "-1", "nonsense", ""};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        run_into_log(settings[i]);
        assert_string_equal(seen, "");
    }
    nsky_progress_set_total(NULL, 5); /* NULL is a valid progress */
    nsky_progress_add(NULL, 1);
    nsky_progress_end(NULL);
}

static void test_line(void **state)
{
    (void)state;
    open_terminal(100);
    nsky_progress *progress = nsky_progress_start("ingest", "stamps", 0);
    nsky_progress_set_total(progress, 4000);
    nsky_progress_add(progress, 1203); /* too soon to draw */
    pause_ms(110);
    nsky_progress_add(progress, 1);
    nsky_progress_end(progress);
    close_terminal();
    assert_int_equal(strncmp(seen, CLEAR "ingest  1,204 of 4,000 stamps  ", 34), 0);
    assert_non_null(strstr(seen, "/s  0 s left" CLEAR)); /* cleared at the end */
    assert_int_equal(count_of("ingest"), 1);
}

static void test_unknown_total(void **state)
{
    (void)state;
    open_terminal(100);
    nsky_progress *progress = nsky_progress_start("scan", "files", 0);
    pause_ms(110);
    nsky_progress_add(progress, 1);
    nsky_progress_end(progress);
    close_terminal();
    assert_non_null(strstr(seen, "scan  1 files  "));
    assert_null(strstr(seen, " of "));
    assert_null(strstr(seen, "left"));
}

static void test_long_wait_and_narrow_terminal(void **state)
{
    (void)state;
    open_terminal(100);
    nsky_progress *progress = nsky_progress_start("embed", "stamps", 76000000);
    pause_ms(110);
    nsky_progress_add(progress, 100);
    nsky_progress_end(progress);
    close_terminal();
    assert_non_null(strstr(seen, "100 of 76,000,000 stamps"));
    assert_non_null(strstr(seen, " h "));

    open_terminal(20);
    progress = nsky_progress_start("embed", "stamps", 76000000);
    pause_ms(110);
    nsky_progress_add(progress, 100);
    nsky_progress_end(progress);
    close_terminal();
    assert_string_equal(seen, CLEAR "embed  100 of 76,00" CLEAR);
}

static void *add_many(void *progress)
{
    for (int i = 0; i < 50000; i++)
        nsky_progress_add(progress, 1);
    return NULL;
}

static void test_threads_and_rate(void **state)
{
    (void)state;
    pthread_t threads[3];
    struct timespec start, end;

    open_terminal(100);
    clock_gettime(CLOCK_MONOTONIC, &start);
    nsky_progress *progress = nsky_progress_start("embed", "stamps", 150001);
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, add_many, progress);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    pause_ms(110);
    nsky_progress_add(progress, 1); /* nothing got lost */
    clock_gettime(CLOCK_MONOTONIC, &end);
    nsky_progress_end(progress);
    close_terminal();
    double elapsed =
        (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
    assert_non_null(strstr(seen, "150,001 of 150,001 stamps"));
    assert_true(count_of("embed") <= (int)(elapsed * 10.0));
}

/* A message stands on its own line, not in the progress. */
static void test_log_steps_in_front(void **state)
{
    (void)state;
    open_terminal(100);
    nsky_progress *progress = nsky_progress_start("ingest", "stamps", 0);
    nsky_log_info("before");
    pause_ms(110);
    nsky_progress_add(progress, 1);
    nsky_log_warn("between");
    nsky_progress_end(progress);
    nsky_log_info("after");
    close_terminal();
    assert_int_equal(strncmp(seen, "before\n" CLEAR "ingest", 17), 0);
    assert_non_null(strstr(seen, CLEAR "warning: between\n" CLEAR "after\n"));
}

static void test_out_of_memory(void **state)
{
    (void)state;
    open_terminal(100);
    nsky_memory_fail_at(1);
    nsky_progress *progress = nsky_progress_start("a", "b", 0);
    nsky_memory_fail_at(0);
    close_terminal();
    assert_null(progress);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_in_a_log),
        cmocka_unit_test(test_silent_logs),
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_unknown_total),
        cmocka_unit_test(test_long_wait_and_narrow_terminal),
        cmocka_unit_test(test_threads_and_rate),
        cmocka_unit_test(test_log_steps_in_front),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
