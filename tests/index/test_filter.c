/* test_filter.c - filters against a plain reading of their definition; bad ones refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/memory.h"
#include "index/choose.h"
#include "index/columns.h"

enum { ROWS = 9 };
static const float mag[ROWS] = {15, 16, 17, 18, 19, 20, 21, 22, NAN};
static const float z_phot[ROWS] = {0.1f, 0.2f, NAN, 0.4f, 0.5f, 0.6f, 0.7f, 0.8f, 0.9f};
static const double ra[ROWS] = {0.01, 359.99, 10, 20, 30, 40, 50, NAN, 0.02};
static const double dec[ROWS] = {0, 0, 0, 0, 0, 89.999, -89.999, NAN, 5};
static const uint8_t known[ROWS] = {0, 1, 0, 0, 1, 0, 0, 0, 0};
static const nsky_columns columns = {.rows = ROWS,
                                     .mag = {mag, mag, mag},
                                     .z_phot = z_phot,
                                     .ra_deg = ra,
                                     .dec_deg = dec,
                                     .known = known};

/* The rows that pass, as digits. */
static const char *passing(const nsky_filter *filter)
{
    static char out[ROWS + 1];
    nsky_error err = NSKY_ERROR_INIT;
    uint8_t *bits = NULL;
    size_t used = 0;
    assert_int_equal(nsky_filter_check(filter, &err), NSKY_OK);
    assert_int_equal(nsky_filter_bitmap(&columns, filter, &bits, &err), NSKY_OK);
    for (int row = 0; row < ROWS; row++)
        if (bits[row >> 3] >> (row & 7) & 1)
            out[used++] = (char)('0' + row);
    out[used] = '\0';
    nsky_free(bits);
    return out;
}

static void bounds(void **state)
{
    (void)state;
    nsky_filter filter;
    nsky_filter_init(&filter);
    assert_true(nsky_filter_is_empty(&filter));
    assert_string_equal(passing(&filter), "012345678");
    filter.mag_min[2] = 16;
    filter.mag_max[2] = 19;
    assert_false(nsky_filter_is_empty(&filter));
    assert_string_equal(passing(&filter), "1234");
    filter.z_max = 0.45;
    assert_string_equal(passing(&filter), "13");
    filter.hide_known = true;
    assert_string_equal(passing(&filter), "3");
}

static void unknown_values_fail_a_bound(void **state)
{
    (void)state;
    nsky_filter filter;
    nsky_filter_init(&filter);
    filter.mag_min[0] = 0;
    assert_string_equal(passing(&filter), "01234567");
    nsky_filter_init(&filter);
    filter.z_min = 0;
    assert_string_equal(passing(&filter), "01345678");
}

static void cones_wrap_and_reach_the_poles(void **state)
{
    (void)state;
    nsky_filter filter;
    nsky_filter_init(&filter);
    filter.cone_ra_deg = 0;
    filter.cone_dec_deg = 0;
    filter.cone_radius_deg = 0.1;
    assert_string_equal(passing(&filter), "01");
    filter.cone_ra_deg = 220; /* across the pole from row 5 */
    filter.cone_dec_deg = 90;
    assert_string_equal(passing(&filter), "5");
    filter.cone_radius_deg = 180;
    assert_string_equal(passing(&filter), "01234568"); /* row 7 has no position */
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    nsky_filter filter;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_filter_init(&filter);
    filter.mag_min[1] = 20;
    filter.mag_max[1] = 19;
    assert_int_equal(nsky_filter_check(&filter, &err), NSKY_EINVAL);
    assert_non_null(strstr(err.text, "mag_r"));
    nsky_filter_init(&filter);
    filter.z_min = 2;
    filter.z_max = 1;
    assert_int_equal(nsky_filter_check(&filter, &err), NSKY_EINVAL);
    nsky_filter_init(&filter);
    filter.cone_ra_deg = 10;
    filter.cone_dec_deg = 91;
    filter.cone_radius_deg = 1;
    assert_int_equal(nsky_filter_check(&filter, &err), NSKY_EINVAL);
    filter.cone_dec_deg = 0;
    filter.cone_radius_deg = 0;
    assert_int_equal(nsky_filter_check(&filter, &err), NSKY_EINVAL);
}

static void plans_fit_the_memory(void **state)
{
    (void)state;
    nsky_index_plan plan;
    nsky_error err = NSKY_ERROR_INIT;
    assert_int_equal(nsky_index_choose(&plan, 4000, 512, 0, 0, 1ull << 30, &err), NSKY_OK);
    assert_string_equal(plan.kind, "Flat");
    assert_int_equal(plan.lists, 0);
    assert_int_equal(nsky_index_choose(&plan, 1000000, 512, 0, 0, 4ull << 30, &err), NSKY_OK);
    assert_string_equal(plan.kind, "Lists4096,PCA256,4bit");
    assert_true(plan.train_rows <= 1000000 && plan.memory_bytes < 4ull << 30);
    assert_int_equal(nsky_index_choose(&plan, 76000000, 512, 0, 0, 1ull << 30, &err), NSKY_ELIMIT);
    assert_non_null(strstr(err.text, "--memory"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds),
        cmocka_unit_test(unknown_values_fail_a_bound),
        cmocka_unit_test(cones_wrap_and_reach_the_poles),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(plans_fit_the_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
