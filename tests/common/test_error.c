/* test_error.c - errors are described once, cut cleanly, and name their status. */
#include "support.h"

#include <errno.h>

static void test_fail_fills_and_returns(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;

    assert_int_equal(err.status, NSKY_OK);
    assert_string_equal(err.text, "");
    assert_int_equal(nsky_fail(&err, NSKY_EDATA, "%s: row %d", "a.fits", 7), NSKY_EDATA);
    assert_int_equal(err.status, NSKY_EDATA);
    assert_string_equal(err.text, "a.fits: row 7");
}

static void test_fail_wraps_its_own_text(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;

    nsky_fail(&err, NSKY_EIO, "inner");
    nsky_fail(&err, NSKY_EMISMATCH, "outer (%s)", err.text);
    assert_int_equal(err.status, NSKY_EMISMATCH);
    assert_string_equal(err.text, "outer (inner)");
}

static void test_long_text_is_cut(void **state)
{
    (void)state;
    char longer[3 * NSKY_ERROR_TEXT_BYTES];
    nsky_error err = NSKY_ERROR_INIT;

    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    nsky_fail(&err, NSKY_EDATA, "%s", longer);
    assert_int_equal(strlen(err.text), NSKY_ERROR_TEXT_BYTES - 1);
}

/* However the cut falls, no part of a character stays behind. */
static void test_cut_keeps_utf8_whole(void **state)
{
    (void)state;
    const char *const characters[] = {"\xC3\xA9", "\xE2\x88\x92", "\xF0\x9F\x94\xAD"};

    for (size_t c = 0; c < 3; c++) {
        for (size_t shift = 0; shift < 5; shift++) {
            char longer[2 * NSKY_ERROR_TEXT_BYTES] = "abcde";
            nsky_error err = NSKY_ERROR_INIT;
            size_t width = strlen(characters[c]), bytes = shift;
            for (; bytes + width < sizeof longer; bytes += width)
                memcpy(longer + bytes, characters[c], width);
            longer[bytes] = '\0';
            nsky_fail(&err, NSKY_EDATA, "%s", longer);
            size_t kept = strlen(err.text);
            assert_int_equal((kept - shift) % width, 0);
            assert_true(kept > NSKY_ERROR_TEXT_BYTES - 1 - width);
        }
    }
}

static void test_errno_text_survives_a_cut(void **state)
{
    (void)state;
    char longer[2 * NSKY_ERROR_TEXT_BYTES], reason[64];
    nsky_error err = NSKY_ERROR_INIT;

    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    snprintf(reason, sizeof reason, ": %s", strerror(ENOSPC));
    errno = ENOSPC;
    assert_int_equal(nsky_fail_errno(&err, "%s", longer), NSKY_EIO);
    assert_int_equal(errno, ENOSPC);
    assert_int_equal(strlen(err.text), NSKY_ERROR_TEXT_BYTES - 1);
    assert_string_equal(err.text + strlen(err.text) - strlen(reason), reason);
    errno = EACCES;
    nsky_fail_errno(&err, "%s: cannot open", "a");
    assert_string_equal(err.text, "a: cannot open: Permission denied");
}

static void test_status_names(void **state)
{
    (void)state;
    const char *names[NSKY_EEXIST + 1];

    assert_string_equal(nsky_status_name(NSKY_EINVAL), "invalid");
    assert_string_equal(nsky_status_name(NSKY_ENOTFOUND), "not found");
    for (int i = NSKY_OK; i <= NSKY_EEXIST; i++) {
        names[i] = nsky_status_name((nsky_status)i);
        assert_string_not_equal(names[i], "unknown");
        for (const char *at = names[i]; *at; at++)
            assert_false(*at >= 'A' && *at <= 'Z');
        for (int j = 0; j < i; j++)
            assert_string_not_equal(names[i], names[j]);
    }
    assert_string_equal(nsky_status_name((nsky_status)99), "unknown");
}

static void fail_without_error(void)
{
    nsky_fail(NULL, NSKY_EDATA, "lost");
}

static void fail_with_ok(void)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_fail(&err, NSKY_OK, "fine");
}

static void test_broken_calls_abort(void **state)
{
    (void)state;
    assert_true(aborts(fail_without_error));
    assert_true(aborts(fail_with_ok));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fail_fills_and_returns),
        cmocka_unit_test(test_fail_wraps_its_own_text),
        cmocka_unit_test(test_long_text_is_cut),
        cmocka_unit_test(test_cut_keeps_utf8_whole),
        cmocka_unit_test(test_errno_text_survives_a_cut),
        cmocka_unit_test(test_status_names),
        cmocka_unit_test(test_broken_calls_abort),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
