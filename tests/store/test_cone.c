/* test_cone.c - cones against brute force, poles and RA 0 included. */
#include "support.h"

#define OBJECTS 3000

static nsky_sky sky[OBJECTS];

/* A third all over the sky, a third crowded at the poles, a third along RA 0. */
static nsky_sky position_of(uint32_t n)
{
    nsky_rng rng = nsky_rng_at(21, 0, n);
    double u = nsky_rng_uniform(&rng), v = nsky_rng_uniform(&rng);
    nsky_sky position = {360 * u, asin(2 * v - 1) * 57.29577951308232};

    if (n % 3 == 1)
        position.dec_deg = (n % 2 ? 1 : -1) * (90 - 0.5 * v * v);
    if (n % 3 == 2)
        position.ra_deg = fmod(360 + (u - 0.5) * 0.4, 360);
    if (n < 4) /* the very ends */
        position = (nsky_sky){n % 2 ? 0 : 180, n < 2 ? 90 : -90};
    if (n == 4)
        position = (nsky_sky){359.9999999999, 10};
    if (n == 5)
        position = (nsky_sky){0, 10};
    return position;
}

static int make_sky(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_add_result result;

    if (make_test_directory(state) != 0)
        return -1;
    fresh_store(state);
    nsky_survey *survey = open_survey(NSKY_SURVEY_WRITE);
    nsky_stamp *stamp = make_stamp(1, 2);
    for (uint32_t n = 0; n < OBJECTS; n++) {
        nsky_object object = make_object(n);
        sky[n] = position_of(n);
        object.ra_deg = sky[n].ra_deg;
        object.dec_deg = sky[n].dec_deg;
        assert_ok(nsky_survey_add(survey, &object, stamp, false, &result, &err), err);
    }
    nsky_object nowhere = make_object(OBJECTS); /* never found */
    nowhere.ra_deg = nowhere.dec_deg = NAN;
    assert_ok(nsky_survey_add(survey, &nowhere, stamp, false, &result, &err), err);
    assert_ok(nsky_survey_commit(survey, &err), err);
    nsky_survey_close(survey);
    nsky_stamp_free(stamp);
    *state = open_survey(NSKY_SURVEY_READ);
    return 0;
}

static int close_sky(void **state)
{
    nsky_survey_close(*state);
    return remove_test_directory(state);
}

static nsky_cone_hit hits[10000];

/* The count, the order and each row must be what a look at all objects gives. */
static void assert_cone(nsky_survey *survey, nsky_sky centre, double radius_deg)
{
    nsky_error err = NSKY_ERROR_INIT;
    uint32_t count, expected = 0;
    double before = -1;

    assert_ok(nsky_survey_cone(survey, centre, radius_deg * 3600, 10000, hits, &count, &err), err);
    for (uint32_t n = 0; n < OBJECTS; n++)
        expected += nsky_sky_separation_deg(centre, sky[n]) <= radius_deg * 3600 / 3600;
    if (count != expected)
        fail_msg("%.6f %+.6f, %g deg: %u of %u", centre.ra_deg, centre.dec_deg, radius_deg, count,
                 expected);
    for (uint32_t i = 0; i < count; i++) {
        double separation = nsky_sky_separation_deg(centre, sky[hits[i].object.row]) * 3600;
        assert_true(hits[i].separation_arcsec == separation);
        assert_true(separation >= before);
        before = separation;
    }
}

static void test_against_brute_force(void **state)
{
    static const double radii[] = {1.0 / 3600, 30.0 / 3600, 0.1, 1, 20, 89.9, 90.1, 179};
    nsky_rng rng = nsky_rng_at(22, 0, 0);

    for (int i = 0; i < 400; i++) {
        nsky_sky centre = position_of(nsky_rng_u32(&rng) | 8);
        double radius = radii[i % 8] * nsky_rng_range(&rng, 0.3, 1);
        if (radius > 2 && i % 100 > 7) /* 21600 zones: a few will do */
            continue;
        assert_cone(*state, centre, radius);
    }
}

static void test_ends(void **state)
{
    static const double decs[] = {-90, -89.9999, -30, 0, 29.99166666666667, 89.9999, 90};
    static const double ras[] = {0, 1e-10, 0.1, 180, 359.9, 359.99999999};

    for (int d = 0; d < 7; d++)
        for (int r = 0; r < 6; r++)
            for (int s = 0; s < 3; s++)
                assert_cone(*state, (nsky_sky){ras[r], decs[d]}, s == 0 ? 0 : s == 1 ? 1e-4 : 0.3);
    assert_cone(*state, (nsky_sky){10, 20}, 180);
    for (uint32_t n = 0; n < 100; n++) /* each at its own place, at no distance */
        assert_cone(*state, sky[n], 0);
}

/* max keeps the nearest. */
static void test_max(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_sky centre = {0, 89.9};
    uint32_t all, count;

    assert_ok(nsky_survey_cone(*state, centre, 1800, 10000, hits, &all, &err), err);
    assert_true(all > 200);
    for (uint32_t max = 0; max < 130; max = max * 2 + 1) {
        static nsky_cone_hit few[130];
        assert_ok(nsky_survey_cone(*state, centre, 1800, max, few, &count, &err), err);
        assert_int_equal(count, max);
        for (uint32_t i = 0; i < max; i++)
            assert_int_equal(few[i].object.row, hits[i].object.row);
    }
}

static void test_refused(void **state)
{
    nsky_error err;
    uint32_t count;

    assert_fails(nsky_survey_cone(*state, (nsky_sky){0, 91}, 1, 1, hits, &count, &err), NSKY_EINVAL,
                 err, "Dec 91");
    assert_fails(nsky_survey_cone(*state, (nsky_sky){NAN, 0}, 1, 1, hits, &count, &err),
                 NSKY_EINVAL, err, "RA");
    assert_fails(nsky_survey_cone(*state, (nsky_sky){0, 0}, -1, 1, hits, &count, &err), NSKY_EINVAL,
                 err, "radius");
    assert_fails(nsky_survey_cone(*state, (nsky_sky){0, 0}, NAN, 1, hits, &count, &err),
                 NSKY_EINVAL, err, "radius");
    assert_fails(nsky_survey_cone(*state, (nsky_sky){0, 0}, 1, 10001, hits, &count, &err),
                 NSKY_ELIMIT, err, "10001");
}

/* Last: it writes. */
static void test_mark_known(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_object object;
    uint32_t marked;

    nsky_survey *writer = open_survey(NSKY_SURVEY_WRITE);
    assert_ok(nsky_survey_mark_known(writer, sky[100], 1, "SLACS J0029-0055", &marked, &err), err);
    assert_int_equal(marked, 1);
    assert_ok(nsky_survey_mark_known(writer, (nsky_sky){200, 10.123}, 0, "X", &marked, &err), err);
    assert_int_equal(marked, 0);
    assert_fails(nsky_survey_mark_known(writer, (nsky_sky){200, 100}, 0, "X", &marked, &err),
                 NSKY_EINVAL, err, "Dec 100");
    assert_ok(nsky_survey_by_row(*state, 100, &object, &err), err);
    assert_string_equal(object.known, "");
    assert_ok(nsky_survey_commit(writer, &err), err);
    nsky_survey_close(writer);
    assert_ok(nsky_survey_by_row(*state, 100, &object, &err), err);
    assert_string_equal(object.known, "SLACS J0029-0055");
    assert_sound();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_brute_force),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_max),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_mark_known),
    };
    return cmocka_run_group_tests_name("store.cone", tests, make_sky, close_sky);
}
