/* test_sky.c - people's ways of writing a position, and what must be refused; distances; names. */
#include "support.h"

#include <math.h>

#include "common/sky.h"

static void check(const char *text, double ra_deg, double dec_deg)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_sky sky;

    if (nsky_sky_parse(&sky, text, &err) != NSKY_OK)
        fail_msg("%s", err.text);
    if (fabs(sky.ra_deg - ra_deg) > 1e-11 || fabs(sky.dec_deg - dec_deg) > 1e-12)
        fail_msg("%s: %.15g %.15g", text, sky.ra_deg, sky.dec_deg);
    assert_true(nsky_sky_valid(sky));
}

static void test_degrees(void **state)
{
    (void)state;
    check("150.1,+2.2", 150.1, 2.2);
    check("150.1 2.2", 150.1, 2.2);
    check("  150.1 ,\t-2.2  ", 150.1, -2.2);
    check("150.1\t-2.2\n", 150.1, -2.2);
    check("+150.1, -2.2", 150.1, -2.2);
    check("150,2", 150.0, 2.0);
    check("150.,.5", 150.0, 0.5);
    check("1.5e2,-2.5E-1", 150.0, -0.25);
    check("150.1d +2.2d", 150.1, 2.2);
    check("0,-0.0", 0.0, 0.0);
    check("0,90", 0.0, 90.0);
    check("0,-90", 0.0, -90.0);
}

static void test_right_ascension_wraps(void **state)
{
    (void)state;
    check("360,0", 0.0, 0.0);
    check("370.5,0", 10.5, 0.0);
    check("-10,0", 350.0, 0.0);
    check("-360,0", 0.0, 0.0);
    check("-1e-30,0", 0.0, 0.0); /* 360 - 1e-30 rounds to 360 */
    check("24:00:00 0", 0.0, 0.0);
    check("-1:00:00 0", 345.0, 0.0);
}

static void test_sexagesimal(void **state)
{
    (void)state;
    const double ra = 15.0 * (10.0 + 28.6 / 3600.0), dec = 2.0 + 12.0 / 60.0 + 21.0 / 3600.0;

    check("10:00:28.6 +02:12:21", ra, dec);
    check("10:00:28.6,+02:12:21", ra, dec);
    check("10:00:28.6 , -2:12:21", ra, -dec);
    check("10h00m28.6s 2d12m21s", ra, dec);
    check("10h00m28.6s,-2d12m21s", ra, -dec);
    check("10H00M28.6S +02D12M21S", ra, dec);
    check("10h00m28.6 2d12'21\"", ra, dec);
    check("10h 00m 28.6s +2d 12m 21s", ra, dec);
    check("10 00 28.6 +02 12 21", ra, dec);
    check("10 00 28.6, +02 12 21", ra, dec);
    check("150d07m09s 2d12m21s", 150.0 + 7.0 / 60.0 + 9.0 / 3600.0, dec);
    check("10:30 +02:30", 157.5, 2.5);
    check("10h30m 2.5", 157.5, 2.5);
    check("10.5h 2.5", 157.5, 2.5);
    check("10:30.5 2.5", 157.625, 2.5);
    check("150.1 +02:30:00", 150.1, 2.5); /* each half in its own notation */
    check("10:30:00 2.5", 157.5, 2.5);
}

static void test_sign_of_zero_degrees(void **state)
{
    (void)state;
    check("0,-00:30:00", 0.0, -0.5);
    check("0 -0d30m", 0.0, -0.5);
    check("00:00:00 -00:00:36", 0.0, -0.01);
    check("00 00 00 -00 30 00", 0.0, -0.5);
    check("0,+00:30:00", 0.0, 0.5);
}

static void refuse(const char *text, const char *word)
{
    nsky_sky sky = {7.0, 8.0};
    nsky_error err;

    assert_fails(nsky_sky_parse(&sky, text, &err), NSKY_EINVAL, err, word);
    assert_non_null(strstr(err.text, "10:00:28.6 +02:12:21")); /* an example */
    assert_true(sky.ra_deg == 7.0 && sky.dec_deg == 8.0);      /* untouched */
}

static void test_refused(void **state)
{
    (void)state;
    refuse("", "two coordinates");
    refuse("150.1", "two coordinates");
    refuse("1 2 3", "two coordinates");
    refuse("1 2 3 4 5 6 7 8", "two coordinates");
    refuse(",2.2", "missing");
    refuse("150.1,", "missing");
    refuse("1,2,3", "unexpected");
    refuse("nan,0", "not a number");
    refuse("inf 0", "not a number");
    refuse("0,-inf", "not a number");
    refuse("1e999,0", "not a number");
    refuse("0x10,0", "unexpected");
    refuse("ten,0", "not a number");
    refuse("--1,0", "not a number");
    refuse("1e,0", "not a number");
    refuse(".,0", "not a number");
    refuse("0,90.0001", "declination");
    refuse("0,-91", "declination");
    refuse("0,90:00:00.1", "declination");
    refuse("0,1e300", "declination");
    refuse("10:60:00 0", "below 60");
    refuse("10:00:60 0", "below 60");
    refuse("0,10:00:60.0", "below 60");
    refuse("10:-5:00 0", "not a number");
    refuse("10.5:00:00 0", "fraction");
    refuse("10:00.5:00 0", "fraction");
    refuse("10:00:00:00 0", "unexpected");
    refuse("10: 0", "missing");
    refuse("10::30 0", "not a number");
    refuse("150:06:00 +02:12:00", "hours");
    refuse("25h 0", "hours");
    refuse("10,2h30m", "hours");
    refuse("1h2m3s4 0", "more than three");
    refuse("10m 0", "unexpected");
    refuse("10h00s 0", "unexpected");
    refuse("10h:00 0", "not a number");
    refuse("150.1;2.2", "two coordinates");
    refuse("1 2;3", "unexpected");
}

static void test_refused_long(void **state)
{
    (void)state;
    char text[5000];

    memset(text, '1', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    refuse(text, "too long");
    memcpy(text, "0,", 2);
    text[190] = '\0';
    refuse(text, "declination"); /* short enough, and a number */
}

static void test_valid(void **state)
{
    (void)state;
    assert_true(nsky_sky_valid((nsky_sky){0.0, -90.0}));
    assert_true(nsky_sky_valid((nsky_sky){359.9, 90.0}));
    assert_false(nsky_sky_valid((nsky_sky){360.0, 0.0}));
    assert_false(nsky_sky_valid((nsky_sky){-0.1, 0.0}));
    assert_false(nsky_sky_valid((nsky_sky){0.0, 90.1}));
    assert_false(nsky_sky_valid((nsky_sky){NAN, 0.0}));
    assert_false(nsky_sky_valid((nsky_sky){0.0, NAN}));
    assert_false(nsky_sky_valid((nsky_sky){INFINITY, 0.0}));
}

static void check_separation(nsky_sky a, nsky_sky b, double expected_deg, double relative)
{
    double forth = nsky_sky_separation_deg(a, b), back = nsky_sky_separation_deg(b, a);

    if (fabs(forth - expected_deg) > relative * expected_deg)
        fail_msg("%.17g instead of %.17g", forth, expected_deg);
    assert_true(fabs(forth - back) <= relative * expected_deg);
}

static void test_separation(void **state)
{
    (void)state;
    const double mas = 1.0 / 3.6e6;

    assert_true(nsky_sky_separation_deg((nsky_sky){12.3, 45.6}, (nsky_sky){12.3, 45.6}) == 0.0);
    check_separation((nsky_sky){10.0, 0.0}, (nsky_sky){10.0, mas}, mas, 1e-9);
    check_separation((nsky_sky){0.0, 0.0}, (nsky_sky){mas, 0.0}, mas, 1e-12);
    /* Along a parallel far from the equator, where a cancelling formula fails first. */
    check_separation((nsky_sky){0.0, 60.0}, (nsky_sky){mas, 60.0}, mas * 0.5, 1e-9);
    check_separation((nsky_sky){359.5, 0.0}, (nsky_sky){0.5, 0.0}, 1.0, 1e-13);
    check_separation((nsky_sky){0.0, 90.0}, (nsky_sky){123.0, -90.0}, 180.0, 1e-15);
    check_separation((nsky_sky){10.0, 30.0}, (nsky_sky){190.0, -30.0}, 180.0, 1e-15);
    check_separation((nsky_sky){0.0, 0.0}, (nsky_sky){180.0 - mas, 0.0}, 180.0 - mas, 1e-15);
    check_separation((nsky_sky){77.0, 90.0}, (nsky_sky){200.0, 0.0}, 90.0, 1e-15);
    check_separation((nsky_sky){0.0, 45.0}, (nsky_sky){90.0, 45.0}, 60.0, 1e-14);
}

static void check_name(double ra_deg, double dec_deg, const char *expected)
{
    char name[NSKY_SKY_NAME_BYTES];

    nsky_sky_name((nsky_sky){ra_deg, dec_deg}, name);
    assert_string_equal(name, expected);
}

static void test_name(void **state)
{
    (void)state;
    check_name(15.0 * (10.0 + 28.6 / 3600.0), 2.0 + 12.0 / 60.0 + 21.0 / 3600.0,
               "J100028.60+021221.0");
    check_name(0.0, 0.0, "J000000.00+000000.0");
    check_name(0.0, -0.5, "J000000.00-003000.0");
    check_name(359.9999999, 89.99999999, "J235959.99+895959.9"); /* truncated, not rounded up */
    check_name(0.0, -90.0, "J000000.00-900000.0");
    check_name(150.119166, -0.00001, "J100028.59-000000.0");
}

/* A position that was written to the name's own precision must come back as that name. */
static void test_name_of_parsed_position(void **state)
{
    (void)state;
    for (int i = 0; i < 2000; i++) {
        char text[64], name[NSKY_SKY_NAME_BYTES], expected[64];
        int h = i % 24, m = i * 7 % 60, s = i * 13 % 60, c = i * 37 % 100;
        int d = i * 11 % 90, dm = i * 17 % 60, ds = i * 29 % 60, t = i % 10;
        char sign = i % 3 ? '+' : '-';
        nsky_error err = NSKY_ERROR_INIT;
        nsky_sky sky;
        snprintf(text, sizeof text, "%02d:%02d:%02d.%02d %c%02d:%02d:%02d.%d", h, m, s, c, sign, d,
                 dm, ds, t);
        snprintf(expected, sizeof expected, "J%02d%02d%02d.%02d%c%02d%02d%02d.%d", h, m, s, c, sign,
                 d, dm, ds, t);
        assert_ok(nsky_sky_parse(&sky, text, &err), err);
        nsky_sky_name(sky, name);
        if (d + dm + ds + t > 0)
            assert_string_equal(name, expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_degrees),     cmocka_unit_test(test_right_ascension_wraps),
        cmocka_unit_test(test_sexagesimal), cmocka_unit_test(test_sign_of_zero_degrees),
        cmocka_unit_test(test_refused),     cmocka_unit_test(test_refused_long),
        cmocka_unit_test(test_valid),       cmocka_unit_test(test_separation),
        cmocka_unit_test(test_name),        cmocka_unit_test(test_name_of_parsed_position),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
