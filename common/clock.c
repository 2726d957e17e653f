/* clock.c - see clock.h. */
#include "common/clock.h"

#include <time.h>

static struct timespec read_clock(clockid_t clock)
{
    struct timespec time;

    clock_gettime(clock, &time); /* fails only for clocks that Linux does not have */
    return time;
}

static double seconds_of(struct timespec time)
{
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

uint64_t nsky_now_ns(void)
{
    const struct timespec now = read_clock(CLOCK_MONOTONIC);

    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

double nsky_now_s(void)
{
    return seconds_of(read_clock(CLOCK_MONOTONIC));
}

double nsky_thread_cpu_s(void)
{
    return seconds_of(read_clock(CLOCK_THREAD_CPUTIME_ID));
}

double nsky_process_cpu_s(void)
{
    return seconds_of(read_clock(CLOCK_PROCESS_CPUTIME_ID));
}
