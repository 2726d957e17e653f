/* module_support.h - cases that each open the CUDA module in a process of their own: a process
 * opens it once. */
#ifndef NSKY_TEST_MODULE_SUPPORT_H
#define NSKY_TEST_MODULE_SUPPORT_H

#include "encoder/cuda_module.h"
#include "tests/common/support.h"

/* Runs the case with this module; what it says on stderr into `said`. */
static inline void in_process(void (*run)(void), const char *module, const char *no_card,
                              char *said, size_t bytes)
{
    int ends[2], status;
    size_t length = 0;
    ssize_t got;

    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        setenv(NSKY_CUDA_MODULE_ENV, module, 1);
        if (no_card)
            setenv("NEARSKY_TEST_NO_CARD", no_card, 1);
        run();
        _exit(0);
    }
    close(ends[1]);
    while (length + 1 < bytes && (got = read(ends[0], said + length, bytes - 1 - length)) > 0)
        length += (size_t)got;
    said[length] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("the case with %s failed: %s", module, said);
}

/* In the child: cmocka's assertions belong to the parent. */
#define REQUIRE(condition)                                                      \
    do {                                                                        \
        if (!(condition)) {                                                     \
            fprintf(stderr, "%s:%d: not %s\n", __FILE__, __LINE__, #condition); \
            _exit(1);                                                           \
        }                                                                       \
    } while (0)

/* How often. */
static inline uint32_t times_said(const char *said, const char *what)
{
    uint32_t count = 0;

    for (; (said = strstr(said, what)); said += strlen(what))
        count++;
    return count;
}

#endif
