/* support.h - what the tests of sim/ share. Thread rule: one thread. */
#ifndef NSKY_TEST_SIM_SUPPORT_H
#define NSKY_TEST_SIM_SUPPORT_H

/* cmocka.h needs these four first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

#define assert_near(value, expected, tolerance)                                             \
    do {                                                                                    \
        double value_ = (value), expected_ = (expected), tolerance_ = (tolerance);          \
        if (!(fabs(value_ - expected_) <= tolerance_))                                      \
            fail_msg("%s = %.8g, not %.8g +- %.3g", #value, value_, expected_, tolerance_); \
    } while (0)

/* The status returned, and a word the message must hold. */
#define assert_fails(call, expected, err, word)                         \
    do {                                                                \
        (err) = (nsky_error)NSKY_ERROR_INIT;                            \
        assert_int_equal((call), (expected));                           \
        if (!strstr((err).text, (word)))                                \
            fail_msg("\"%s\" does not say \"%s\"", (err).text, (word)); \
    } while (0)

static inline int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline double median_of(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare_doubles);
    return values[count / 2];
}

#endif
