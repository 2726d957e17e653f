/* support.h - what the tests of common/ share. Thread rule: one thread. */
#ifndef NSKY_TEST_SUPPORT_H
#define NSKY_TEST_SUPPORT_H

/* cmocka.h needs these four first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/error.h"
#include "common/memory.h"

#ifdef NDEBUG
#error "asserts must stay on in every build"
#endif

#define assert_ok(call, err)            \
    do {                                \
        if ((call) != NSKY_OK)          \
            fail_msg("%s", (err).text); \
    } while (0)

/* The status returned, the status in err, and a word the message must hold. */
#define assert_fails(call, expected, err, word)                         \
    do {                                                                \
        (err) = (nsky_error)NSKY_ERROR_INIT;                            \
        assert_int_equal((call), (expected));                           \
        assert_int_equal((err).status, (expected));                     \
        if (!strstr((err).text, (word)))                                \
            fail_msg("\"%s\" does not say \"%s\"", (err).text, (word)); \
    } while (0)

/*
 * Runs op with the first allocation failing, then the second, ... until it gets through. Each
 * failed run must say NSKY_ENOMEM; returns how many there were.
 */
static inline uint64_t exhaust_memory(nsky_status (*op)(void *context, nsky_error *err),
                                      void *context)
{
    for (uint64_t n = 1;; n++) {
        nsky_error err = NSKY_ERROR_INIT;
        nsky_memory_fail_at(n);
        nsky_status status = op(context, &err);
        bool failed = nsky_memory_count() >= n;
        nsky_memory_fail_at(0);
        if (!failed) {
            assert_ok(status, err);
            return n - 1;
        }
        assert_int_equal(status, NSKY_ENOMEM);
        assert_int_equal(err.status, NSKY_ENOMEM);
        assert_true(err.text[0] != '\0');
    }
}

/* True when op ends in an assertion. Its own process, silent. */
static inline bool aborts(void (*op)(void))
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        if (!freopen("/dev/null", "w", stderr))
            _exit(2);
        op();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

/* A directory of this test's own, removed by the command the tests trust least to go astray. */
static char test_directory[256];

static inline int make_test_directory(void **state)
{
    const char *base = getenv("TMPDIR");
    (void)state;
    snprintf(test_directory, sizeof test_directory, "%s/nsky-test-XXXXXX", base ? base : "/tmp");
    return mkdtemp(test_directory) ? 0 : -1;
}

static inline int remove_test_directory(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        execlp("rm", "rm", "-rf", "--", test_directory, (char *)NULL);
        _exit(127);
    }
    int status;
    return waitpid(child, &status, 0) == child && status == 0 ? 0 : -1;
}

/* "DIRECTORY/name"; good until the eighth call after. */
static inline const char *in_directory(const char *name)
{
    static char paths[8][1024];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", test_directory, name);
    return path;
}

#endif
