/* test_clock.c - clocks go forward, and each counts what it says. */
#include "support.h"

#include <time.h>

#include "common/clock.h"

static void test_never_back(void **state)
{
    (void)state;
    uint64_t before = nsky_now_ns();

    for (int i = 0; i < 100000; i++) {
        uint64_t now = nsky_now_ns();
        assert_true(now >= before);
        before = now;
    }
}

static void test_one_clock_in_two_units(void **state)
{
    (void)state;
    const uint64_t before = nsky_now_ns();
    const double between = nsky_now_s();
    const uint64_t after = nsky_now_ns();

    /* A double of seconds since the machine started has a few hundred nanoseconds. */
    assert_true(between >= 1e-9 * (double)before - 1e-6);
    assert_true(between <= 1e-9 * (double)after + 1e-6);
}

static void test_sleep_is_not_work(void **state)
{
    (void)state;
    const struct timespec pause = {0, 100000000};
    const double thread = nsky_thread_cpu_s(), process = nsky_process_cpu_s(), wall = nsky_now_s();

    nanosleep(&pause, NULL);
    assert_true(nsky_now_s() - wall > 0.099);
    assert_true(nsky_thread_cpu_s() - thread < 0.05);
    assert_true(nsky_process_cpu_s() >= process);
    while (nsky_thread_cpu_s() - thread < 0.05)
        ;
    assert_true(nsky_process_cpu_s() - process >= 0.049); /* the thread's is part of it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_never_back),
        cmocka_unit_test(test_one_clock_in_two_units),
        cmocka_unit_test(test_sleep_is_not_work),
    };
    return cmocka_run_group_tests_name("common.clock", tests, NULL, NULL);
}
