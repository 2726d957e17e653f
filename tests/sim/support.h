/* support.h - what the tests of sim/ share, on top of what those of common/ do.
 * Thread rule: one thread. */
#ifndef NSKY_TEST_SIM_SUPPORT_H
#define NSKY_TEST_SIM_SUPPORT_H

#include "tests/common/support.h"

#include <math.h>

#define assert_near(value, expected, tolerance)                                             \
    do {                                                                                    \
        double value_ = (value), expected_ = (expected), tolerance_ = (tolerance);          \
        if (!(fabs(value_ - expected_) <= tolerance_))                                      \
            fail_msg("%s = %.8g, not %.8g +- %.3g", #value, value_, expected_, tolerance_); \
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
