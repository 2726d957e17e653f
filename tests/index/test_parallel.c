/* test_parallel.c - tasks on several threads: each once, and of those that fail the first by its
 * number is told, whichever comes first by time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "index/parallel.h"

#define TASKS 64
#define THREADS 4

static atomic_uint times[TASKS];

static void count_task(uint64_t task, uint32_t thread, void *payload)
{
    (void)payload;
    assert_true(thread < THREADS);
    atomic_fetch_add(&times[task], 1);
}

static void each_task_runs_once(void **state)
{
    (void)state;
    for (int i = 0; i < TASKS; i++)
        atomic_store(&times[i], 0);
    nsky_parallel(TASKS, THREADS, count_task, NULL);
    for (int i = 0; i < TASKS; i++)
        assert_int_equal(atomic_load(&times[i]), 1);
}

/* From payload on every task fails, the earlier ones only after a while. */
static nsky_status failing_task(uint64_t task, uint32_t thread, void *payload, nsky_error *err)
{
    const uint64_t *from = payload;
    const struct timespec moment = {0, 200000 * (long)(TASKS - task)};
    count_task(task, thread, NULL);
    if (task < *from)
        return NSKY_OK;
    nanosleep(&moment, NULL);
    return nsky_fail(err, task % 2 ? NSKY_EDATA : NSKY_EIO, "task %d", (int)task);
}

static void the_first_failure_is_told(void **state)
{
    (void)state;
    for (uint64_t from = 0; from < TASKS; from += 7) {
        char text[32];
        nsky_error err = NSKY_ERROR_INIT;
        for (int i = 0; i < TASKS; i++)
            atomic_store(&times[i], 0);
        nsky_status status = nsky_parallel_try(TASKS, THREADS, failing_task, &from, &err);
        snprintf(text, sizeof text, "task %d", (int)from);
        assert_int_equal(status, from % 2 ? NSKY_EDATA : NSKY_EIO);
        assert_string_equal(err.text, text);
        for (uint64_t i = 0; i < TASKS; i++) /* nothing before it is left out, most behind it are */
            assert_true(atomic_load(&times[i]) == 1 || (i > from && atomic_load(&times[i]) == 0));
    }
}

static void nothing_fails(void **state)
{
    (void)state;
    uint64_t from = TASKS;
    nsky_error err = NSKY_ERROR_INIT;
    assert_int_equal(nsky_parallel_try(TASKS, THREADS, failing_task, &from, &err), NSKY_OK);
    assert_int_equal(nsky_parallel_try(0, 1, failing_task, &from, &err), NSKY_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_task_runs_once),
        cmocka_unit_test(the_first_failure_is_told),
        cmocka_unit_test(nothing_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
