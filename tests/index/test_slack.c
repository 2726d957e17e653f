/* test_slack.c - lengths in a byte: never below the truth, and hardly above it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "index/slack.h"

static void never_below_and_hardly_above(void **state)
{
    (void)state;
    for (float length = 0.00013f; length < 7.3f; length *= 1.0007f) {
        const float said = nsky_slack_length(nsky_slack_code(length));
        assert_true(said >= length);
        assert_true(said <= length * 1.0443f);
    }
}

static void each_byte_is_its_own_length(void **state)
{
    (void)state;
    for (int code = 0; code < 256; code++) {
        const float length = nsky_slack_length((uint8_t)code);
        assert_int_equal(nsky_slack_code(length), code);
        if (code < 255) {
            assert_true(nsky_slack_length((uint8_t)(code + 1)) > length);
            assert_int_equal(nsky_slack_code(nextafterf(length, 1e9f)), code + 1);
            assert_float_equal(length, exp2(code / 16.0 - 13), 1e-6 * length);
        }
    }
}

static void the_ends(void **state)
{
    (void)state;
    assert_int_equal(nsky_slack_code(0), 0);
    assert_int_equal(nsky_slack_code(1e-30f), 0);
    assert_int_equal(nsky_slack_code(7.4f), 255);
    assert_int_equal(nsky_slack_code(65504.0f * 256), 255);
    assert_int_equal(nsky_slack_code(INFINITY), 255);
    assert_int_equal(nsky_slack_code(NAN), 255);
    assert_true(nsky_slack_length(255) > 65504.0f * 256);
    assert_true(isfinite(nsky_slack_length(255)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_below_and_hardly_above),
        cmocka_unit_test(each_byte_is_its_own_length),
        cmocka_unit_test(the_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
