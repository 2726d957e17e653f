/* test_sky_rows.c - the make-believe catalogue: each row alone, ids of their own, a sky with gaps,
 * shreds beside their galaxies, things missing as often as said. */
#include "tests/common/support.h"

#include <math.h>
#include <stdlib.h>

#include "common/sky.h"
#include "sim/sky_rows.h"

#define ROWS 40000u

static nsky_object rows[ROWS];

static nsky_sim_sky *make_sky(uint64_t count, uint64_t seed)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_sim_sky *sky;

    assert_ok(nsky_sim_sky_new(&sky, count, seed, &err), err);
    return sky;
}

static int set_up(void **state)
{
    nsky_sim_sky *sky = make_sky(ROWS, 5);

    for (uint32_t row = 0; row < ROWS; row++)
        nsky_sim_sky_object(sky, row, &rows[row]);
    *state = sky;
    return 0;
}

static int tear_down(void **state)
{
    nsky_sim_sky_free(*state);
    return 0;
}

static void test_rows_do_not_depend_on_company(void **state)
{
    nsky_sim_sky *again = make_sky(ROWS, 5), *other = make_sky(ROWS, 6);
    nsky_object object;
    (void)state;
    for (uint32_t row = ROWS - 1; row > 13; row -= 13) {
        nsky_sim_sky_object(again, row, &object);
        assert_memory_equal(&object, &rows[row], sizeof object);
        nsky_sim_sky_object(other, row, &object);
        assert_true(object.ra_deg != rows[row].ra_deg);
    }
    nsky_sim_sky_free(again);
    nsky_sim_sky_free(other);
}

static int compare(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static void test_ids_differ(void **state)
{
    static uint64_t ids[ROWS];
    uint32_t descents = 0;
    (void)state;
    for (uint32_t row = 0; row < ROWS; row++) {
        ids[row] = rows[row].id;
        assert_true(ids[row] > 0 && ids[row] < (1ull << 55));
        descents += row > 0 && ids[row] < ids[row - 1];
    }
    assert_int_equal(descents, 0); /* of both releases the ids ascend, as the rows do */
    qsort(ids, ROWS, sizeof *ids, compare);
    for (uint32_t row = 1; row < ROWS; row++)
        assert_true(ids[row] != ids[row - 1]);
}

/* No Milky Way, no far south; a brick is small. */
static void test_the_sky(void **state)
{
    uint32_t south = 0;
    (void)state;
    for (uint32_t row = 0; row < ROWS; row++) {
        const nsky_object *o = &rows[row];
        assert_true(nsky_sky_valid((nsky_sky){o->ra_deg, o->dec_deg}));
        assert_true(o->dec_deg > -67.3 && o->dec_deg < 84.3);
        /* the centre of the galaxy, and a place in the plane */
        assert_true(nsky_sky_separation_deg((nsky_sky){o->ra_deg, o->dec_deg},
                                            (nsky_sky){266.4, -28.9}) > 15);
        south += o->dec_deg < 0;
    }
    assert_true(south > ROWS / 4 && south < ROWS * 2 / 3);
    for (uint32_t row = 1; row < 245; row++)
        assert_true(fabs(rows[row].dec_deg - rows[0].dec_deg) < 0.26);
}

static void test_shreds(void **state)
{
    const nsky_sim_sky *sky = *state;
    uint32_t shreds = 0, close = 0;

    for (uint32_t row = 1; row < ROWS; row++) {
        const nsky_object *o = &rows[row], *before = o - 1;
        double arcsec = 3600 * nsky_sky_separation_deg((nsky_sky){o->ra_deg, o->dec_deg},
                                                       (nsky_sky){before->ra_deg, before->dec_deg});
        close += arcsec < 3.01;
        if (!nsky_sim_sky_is_shred(sky, row))
            continue;
        shreds++;
        assert_true(arcsec > 0.29 && arcsec < 3.01);
        assert_false(nsky_sim_sky_is_shred(sky, row - 1));
        assert_true(o->mag_r > before->mag_r);
    }
    assert_in_range(shreds, ROWS * 12 / 1000, ROWS * 18 / 1000);
    assert_in_range(close, shreds, shreds + ROWS / 1000);
}

static void test_what_is_missing(void **state)
{
    const nsky_sim_sky *sky = *state;
    uint32_t blank = 0, no_z = 0, z_spec = 0, no_g = 0, known = 0, typed = 0;

    for (uint32_t row = 0; row < ROWS; row++) {
        const nsky_object *o = &rows[row];
        blank += nsky_sim_sky_is_blank(sky, row);
        no_z += isnan(o->z_phot);
        z_spec += !isnan(o->z_spec);
        no_g += isnan(o->mag_g);
        known += o->known[0] != '\0';
        typed += o->type[0] != '\0';
        assert_true(o->mag_z > 15 && o->mag_z < 23);
        assert_true(isnan(o->z_phot) || (o->z_phot > 0 && o->z_phot < 1.5f));
    }
    assert_in_range(blank, ROWS / 1000, ROWS * 3 / 1000);
    assert_in_range(no_z, ROWS * 2 / 100, ROWS * 5 / 100);
    assert_in_range(z_spec, ROWS * 2 / 100, ROWS * 15 / 100);
    assert_in_range(no_g, ROWS * 3 / 1000, ROWS * 8 / 1000);
    assert_in_range(known, 0, 10);
    assert_int_equal(typed, ROWS);
}

static void test_impossible_sizes_are_refused(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_sim_sky *sky = *state;
    assert_int_equal(nsky_sim_sky_new(&sky, 0, 1, &err), NSKY_EINVAL);
    assert_null(sky);
    assert_int_equal(nsky_sim_sky_new(&sky, NSKY_SIM_SKY_ROWS_MAX + 1ull, 1, &err), NSKY_EINVAL);
    nsky_sim_sky_free(NULL);
}

/* The whole survey: every brick is used, none twice. */
static void test_all_of_it(void **state)
{
    const uint64_t all = 76000000;
    nsky_sim_sky *sky = make_sky(all, 1);
    nsky_object object;
    uint64_t last = 0;
    (void)state;
    for (uint64_t row = 0; row < all; row += 40000) {
        nsky_sim_sky_object(sky, row, &object);
        assert_true((object.id >> 16 & 0xffffff) > last);
        last = object.id >> 16 & 0xffffff;
    }
    assert_in_range(last, 600000, 700000); /* of the 662,174 bricks of the sky */
    nsky_sim_sky_free(sky);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_do_not_depend_on_company),
        cmocka_unit_test(test_ids_differ),
        cmocka_unit_test(test_the_sky),
        cmocka_unit_test(test_shreds),
        cmocka_unit_test(test_what_is_missing),
        cmocka_unit_test(test_impossible_sizes_are_refused),
        cmocka_unit_test(test_all_of_it),
    };
    return cmocka_run_group_tests_name("sim.sky_rows", tests, set_up, tear_down);
}
