/* test_filter.c - filters against a plain reading of their definition; bad ones refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/memory.h"
#include "common/rng.h"
#include "common/sky.h"
#include "index/choose.h"
#include "index/columns.h"

enum { ROWS = 9 };
static const float mag[ROWS] = {15, 16, 17, 18, 19, 20, 21, 22, NAN};
static const float red[ROWS] = {14.9f, 15.5f, 16, 16.5f, 17, 19.9f, NAN, 21, 20};
static const float z_phot[ROWS] = {0.1f, 0.2f, NAN, 0.4f, 0.5f, 0.6f, 0.7f, 0.8f, 0.9f};
static const double ra_deg[ROWS] = {0.01, 359.99, 10, 20, 30, 40, 50, NAN, 0.02};
static const double dec_deg[ROWS] = {0, 0, 0, 0, 0, 89.999, -89.999, NAN, 5};
static const uint8_t known[ROWS] = {0, 1, 0, 0, 1, 0, 0, 0, 0};
static const nsky_type type[ROWS] = {NSKY_TYPE_PSF, NSKY_TYPE_REX,   NSKY_TYPE_EXP,
                                     NSKY_TYPE_DEV, NSKY_TYPE_SER,   NSKY_TYPE_SER,
                                     NSKY_TYPE_DUP, NSKY_TYPE_OTHER, NSKY_TYPE_UNKNOWN};
static const uint32_t spec_row[] = {2, 5, 8};
static const float spec_z[] = {0.05f, 1.5f, 3};
static uint32_t ra[ROWS], dec[ROWS];
static uint8_t flags[ROWS];
static const nsky_columns columns = {.rows = ROWS,
                                     .mag = {mag, red, mag},
                                     .z_phot = z_phot,
                                     .ra = ra,
                                     .dec = dec,
                                     .flags = flags,
                                     .spec_count = 3,
                                     .spec_row = spec_row,
                                     .spec_z = spec_z};

static void fill_columns(void)
{
    for (int row = 0; row < ROWS; row++) {
        bool nowhere = isnan(ra_deg[row]);
        ra[row] = nowhere ? 0 : nsky_columns_ra(ra_deg[row]);
        dec[row] = nowhere ? 0 : nsky_columns_dec(dec_deg[row]);
        flags[row] = (uint8_t)(type[row] | (known[row] ? NSKY_FLAG_KNOWN : 0) |
                               (nowhere ? NSKY_FLAG_NOWHERE : 0));
    }
}

/* The rows that pass, as digits. */
static const char *passing(const nsky_filter *filter)
{
    static char out[ROWS + 1];
    nsky_error err = NSKY_ERROR_INIT;
    uint8_t *bits = NULL;
    size_t used = 0;
    fill_columns();
    if (nsky_filter_check(filter, &err) != NSKY_OK)
        fail_msg("%s", err.text);
    assert_int_equal(nsky_filter_bitmap(&columns, ROWS, filter, NULL, &bits, &err), NSKY_OK);
    for (int row = 0; row < ROWS; row++)
        if (bits[row >> 3] >> (row & 7) & 1)
            out[used++] = (char)('0' + row);
    assert_int_equal(bits[1] >> 1, 0); /* nothing past the end */
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
    filter.hide_known = false;
    filter.only_known = true;
    assert_string_equal(passing(&filter), "1");
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
    filter.z_min = 0.1; /* 0.1f is above it, 0.9f below 0.9: bounds are float32 as well */
    filter.z_max = 0.9;
    assert_string_equal(passing(&filter), "01345678");
}

static void colours_types_and_spectra(void **state)
{
    (void)state;
    nsky_filter filter;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_filter_init(&filter);
    filter.g_r_min = 0.1; /* 15 - 14.9f is 0.1000004 */
    filter.g_r_max = 1;
    assert_string_equal(passing(&filter), "01257");
    nsky_filter_init(&filter);
    filter.r_z_max = -1.5;
    assert_string_equal(passing(&filter), "34");
    nsky_filter_init(&filter);
    assert_int_equal(nsky_types_parse(&filter.types, "ser,DEV,unknown", &err), NSKY_OK);
    assert_string_equal(passing(&filter), "3458");
    assert_int_equal(nsky_types_parse(&filter.types, "other", &err), NSKY_OK);
    assert_string_equal(passing(&filter), "7");
    assert_int_equal(nsky_types_parse(&filter.types, "SER,,PSF", &err), NSKY_EINVAL);
    assert_int_equal(nsky_types_parse(&filter.types, "SERSIC", &err), NSKY_EINVAL);
    assert_non_null(strstr(err.text, "SERSIC"));
    assert_int_equal(nsky_type_of("SER"), NSKY_TYPE_SER);
    assert_int_equal(nsky_type_of("exp "), NSKY_TYPE_EXP);
    assert_int_equal(nsky_type_of("   "), NSKY_TYPE_UNKNOWN);
    assert_int_equal(nsky_type_of("GGAL"), NSKY_TYPE_OTHER);
    nsky_filter_init(&filter);
    filter.z_spec_min = 1;
    assert_string_equal(passing(&filter), "58");
    filter.z_spec_max = 2;
    filter.hide_known = true;
    assert_string_equal(passing(&filter), "5");
}

static void named_rows_and_bitmaps(void **state)
{
    (void)state;
    nsky_filter filter;
    const uint64_t rows[] = {8, 3, 3, 0, 9, UINT64_MAX};
    const uint8_t bitmap[2] = {0x0b, 0xff};
    nsky_filter_init(&filter);
    filter.rows = rows;
    filter.row_count = 6;
    assert_false(nsky_filter_is_empty(&filter));
    assert_false(nsky_filter_needs_columns(&filter));
    assert_string_equal(passing(&filter), "038");
    filter.bitmap = bitmap;
    assert_string_equal(passing(&filter), "038");
    filter.mag_max[0] = 17;
    assert_string_equal(passing(&filter), "0");
    filter.rows = NULL;
    assert_string_equal(passing(&filter), "01");
    filter.rows = rows; /* an empty list lets nothing through */
    filter.row_count = 0;
    assert_string_equal(passing(&filter), "");
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

static void refused(const nsky_filter *filter, const char *word)
{
    nsky_error err = NSKY_ERROR_INIT;
    assert_int_equal(nsky_filter_check(filter, &err), NSKY_EINVAL);
    if (!strstr(err.text, word))
        fail_msg("\"%s\" does not name %s", err.text, word);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    nsky_filter filter;
    nsky_filter_init(&filter);
    filter.mag_min[1] = 20;
    filter.mag_max[1] = 19;
    refused(&filter, "mag_r");
    nsky_filter_init(&filter);
    filter.z_min = 2;
    filter.z_max = 1;
    refused(&filter, "z_phot");
    nsky_filter_init(&filter);
    filter.g_r_min = 2;
    filter.g_r_max = 1;
    refused(&filter, "g_r");
    nsky_filter_init(&filter);
    filter.only_known = filter.hide_known = true;
    refused(&filter, "only_known");
    nsky_filter_init(&filter);
    filter.cone_ra_deg = 10;
    filter.cone_dec_deg = 91;
    filter.cone_radius_deg = 1;
    refused(&filter, "cone");
    filter.cone_dec_deg = 0;
    filter.cone_radius_deg = 0;
    refused(&filter, "cone");
    nsky_filter_init(&filter);
    const uint64_t cells[] = {0, 12 * 16};
    filter.cells = cells;
    filter.cell_count = 2;
    filter.nside = 4;
    refused(&filter, "cells[1]");
    filter.nside = 5;
    refused(&filter, "nside");
    filter.nside = 2 * NSKY_NSIDE_MAX;
    refused(&filter, "nside");
}

/* --- kernels: all give the bits of plain C --- */

enum { MANY = 4096 + 40 };

static void kernels_agree(void **state)
{
    (void)state;
    static float a[MANY], b[MANY];
    static uint32_t places[MANY];
    static uint8_t marks[MANY], expected[MANY / 8], found[MANY / 8];
    nsky_filter_kernel kernels[2];
    const uint32_t count = nsky_filter_kernels(kernels);
    nsky_rng rng = nsky_rng_at(3, 1, 0);
    for (int i = 0; i < MANY; i++) {
        a[i] = i % 17 == 0 ? NAN : (float)nsky_rng_range(&rng, 10, 30);
        b[i] = i % 23 == 0 ? INFINITY : (float)nsky_rng_range(&rng, 10, 30);
        places[i] = (uint32_t)nsky_rng_u64(&rng);
        marks[i] = (uint8_t)nsky_rng_u64(&rng);
    }
    const nsky_filter_kernel plain = kernels[count - 1];
    assert_string_equal(plain.name, "c");
    for (uint32_t k = 0; k < count; k++)
        for (uint64_t n = 0; n <= MANY; n += n < 80 ? 8 : 1352) {
            memset(expected, 0xf7, sizeof expected);
            memset(found, 0xf7, sizeof found);
            plain.range(expected, a, n, 15, 22);
            kernels[k].range(found, a, n, 15, 22);
            plain.difference(expected, a, b, n, -9, 12);
            kernels[k].difference(found, a, b, n, -9, 12);
            plain.flags(expected, marks, n, 0x7ef, NSKY_FLAG_KNOWN | NSKY_FLAG_NOWHERE, 0);
            kernels[k].flags(found, marks, n, 0x7ef, NSKY_FLAG_KNOWN | NSKY_FLAG_NOWHERE, 0);
            plain.band(expected, places, n, 4000000000u, 3000000000u);
            kernels[k].band(found, places, n, 4000000000u, 3000000000u);
            assert_memory_equal(expected, found, sizeof found);
        }
    /* And plain C has the definition's. */
    memset(expected, 0xff, sizeof expected);
    plain.flags(expected, marks, MANY, 1u << NSKY_TYPE_SER, NSKY_FLAG_KNOWN, NSKY_FLAG_KNOWN);
    plain.band(expected, places, MANY, 4000000000u, 3000000000u);
    for (int i = 0; i < MANY; i++) {
        bool in = (marks[i] & 15) == NSKY_TYPE_SER && (marks[i] & NSKY_FLAG_KNOWN) &&
                  (places[i] >= 4000000000u || places[i] <= 2705032704u);
        assert_int_equal(expected[i / 8] >> (i % 8) & 1, in);
    }
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
    assert_string_equal(plan.kind, "Lists8192,PCA128,8bit");
    assert_true(plan.train_rows <= 1000000 && plan.memory_bytes < 4ull << 30);
    assert_int_equal(nsky_index_choose(&plan, 76000000, 512, 0, 0, 1ull << 30, &err), NSKY_ELIMIT);
    assert_non_null(strstr(err.text, "--memory"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds),
        cmocka_unit_test(unknown_values_fail_a_bound),
        cmocka_unit_test(colours_types_and_spectra),
        cmocka_unit_test(named_rows_and_bitmaps),
        cmocka_unit_test(cones_wrap_and_reach_the_poles),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(kernels_agree),
        cmocka_unit_test(plans_fit_the_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
