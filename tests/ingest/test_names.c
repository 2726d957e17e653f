/* test_names.c - bands in file names and headers, and what is put together by them. */
#include "support.h"

#include "ingest/band.h"
#include "ingest/names.h"
#include "ingest/plan.h"

static void test_filters(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        char band;
    } cases[] = {{"g", 'g'},     {"r.00000", 'r'},  {"z DECam SDSS c0004 9260.0 1520.0", 'z'},
                 {"HSC-G", 'g'}, {"SDSS_i", 'i'},   {"gp1", 'g'},
                 {"r2", 'r'},    {"Z", 'z'},        {"y", 'y'},
                 {"VIS", '\0'},  {"F814W", '\0'},   {"", '\0'},
                 {"---", '\0'},  {"i.MP9703", 'i'}, {"g10", '\0'}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(nsky_band_of_filter(cases[i].text), cases[i].band);
}

static void test_folders(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool yes;
        char band;
    } cases[] = {{"g", true, 'g'},        {"Band1", true, '\0'}, {"band_r", true, 'r'},
                 {"z-band", true, 'z'},   {"BAND-I", true, 'i'}, {"bands", false, '\0'},
                 {"band", false, '\0'},   {"a", false, '\0'},    {"", false, '\0'},
                 {"Band123", false, '\0'}};
    char band;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(nsky_band_is_folder(cases[i].name, strlen(cases[i].name), &band),
                         cases[i].yes);
        if (cases[i].yes)
            assert_int_equal(band, cases[i].band);
    }
}

static void assert_name(const char *path, nsky_name_kind kind, const char *name, char band)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_file_name read;

    assert_ok(nsky_file_name_read(&read, path, &err), err);
    assert_int_equal(read.kind, kind);
    if (name)
        assert_string_equal(read.name, name);
    assert_int_equal(read.band, band);
    nsky_file_name_clear(&read);
}

static void test_names(void **state)
{
    (void)state;
    assert_name("a/B1422_231_g.fits", NSKY_NAME_BAND, "B1422_231", 'g');
    assert_name("NGC1.z.fits.gz", NSKY_NAME_BAND, "NGC1", 'z');
    assert_name("x-r.fits.fz", NSKY_NAME_BAND, "x", 'r');
    assert_name("lens/Band1/imageSDSS_R-100002.fits", NSKY_NAME_BAND, "imageSDSS-100002", 'r');
    assert_name("obj7/g.fits", NSKY_NAME_BAND, "obj7", 'g');
    assert_name("set/r/obj7.fits", NSKY_NAME_BAND, "obj7", 'r');
    assert_name("g.fits", NSKY_NAME_BAND, "object", 'g');
    assert_name("a/zoo_example_a.fits", NSKY_NAME_SINGLE, "zoo_example_a", '\0');
    assert_name("J003937.09-032825.0.jpg", NSKY_NAME_SINGLE, "J003937.09-032825.0", '\0');
    assert_name("d/coadd/000/0001m002/legacysurvey-0001m002-image-g.fits.fz", NSKY_NAME_BRICK,
                "0001m002", 'g');
    assert_name("d/tractor/000/tractor-0001m002.fits", NSKY_NAME_TRACTOR, "0001m002", '\0');
    assert_name("d/legacysurvey-0001m002-invvar-g.fits.fz", NSKY_NAME_COMPANION, NULL, '\0');
    assert_name("d/legacysurvey-0001m002-image.jpg", NSKY_NAME_COMPANION, NULL, '\0');
    assert_name("legacysurvey-image-g.fits", NSKY_NAME_COMPANION, NULL, '\0');
}

static void assert_together(const char *a, const char *b, bool together)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_file_name x, y;

    assert_ok(nsky_file_name_read(&x, a, &err), err);
    assert_ok(nsky_file_name_read(&y, b, &err), err);
    assert_int_equal(x.key && y.key && strcmp(x.key, y.key) == 0, together);
    nsky_file_name_clear(&x);
    nsky_file_name_clear(&y);
}

static void test_keys(void **state)
{
    (void)state;
    assert_together("a/x_g.fits", "a/x_r.fits.gz", true);
    assert_together("a/x_g.fits", "b/x_r.fits", false);
    assert_together("a/x_g.fits", "a/y_r.fits", false);
    assert_together("m/Band1/i_R-1.fits", "m/Band3/i_G-1.fits", true);
    assert_together("m/Band1/i_R-1.fits", "m/Band3/i_G-2.fits", false);
    assert_together("d/coadd/000/B/legacysurvey-B-image-g.fits.fz", "d/tractor/000/tractor-B.fits",
                    true);
    assert_together("flat/legacysurvey-B-image-z.fits", "flat/tractor-B.fits", true);
    assert_together("n/coadd/000/B/legacysurvey-B-image-g.fits.fz", "s/tractor/000/tractor-B.fits",
                    false);
}

static nsky_status plan_all(void *context, nsky_error *err)
{
    nsky_walk *walk;
    nsky_plan *plan = NULL;
    const char *paths[] = {test_directory, test_directory};
    nsky_status status = nsky_walk_paths(&walk, NULL, paths, 2, err);

    if (status != NSKY_OK)
        return status;
    if ((status = nsky_plan_new(&plan, walk, err)) == NSKY_OK) {
        assert_int_equal(walk->count, 5); /* the second walk added nothing */
        assert_int_equal(walk->other, 4); /* a text and a link, met twice */
        assert_int_equal(plan->count, 3);
        assert_int_equal(plan->jobs[0].kind, NSKY_JOB_IMAGE);
        assert_string_equal(plan->jobs[0].name, "a");
        assert_int_equal(plan->jobs[1].kind, NSKY_JOB_SET);
        assert_int_equal(plan->jobs[1].count, 3);
        assert_string_equal(plan->jobs[1].name, "b");
        assert_string_equal(plan->jobs[2].name, "c");
    }
    nsky_plan_free(plan);
    nsky_walk_free(walk);
    (void)context;
    return status;
}

static void touch(const char *name)
{
    nsky_error err = NSKY_ERROR_INIT;
    assert_ok(nsky_file_write(in_directory(name), "x", 1, &err), err);
}

static void test_plan(void **state)
{
    (void)state;
    touch("a.fits");
    touch("b_g.fits");
    touch("b_r.fits");
    touch("b_z.fits");
    touch("c.png");
    touch("notes.txt");
    touch(".hidden.fits");
    assert_int_equal(symlink(in_directory("a.fits"), in_directory("link.fits")), 0);
    exhaust_memory(plan_all, NULL);
}

static void test_walk_errors(void **state)
{
    (void)state;
    nsky_error err;
    nsky_walk *walk;
    const char *gone = in_directory("gone");

    assert_fails(nsky_walk_paths(&walk, NULL, &gone, 1, &err), NSKY_ENOTFOUND, err, "gone");
    assert_null(walk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filters), cmocka_unit_test(test_folders),
        cmocka_unit_test(test_names),   cmocka_unit_test(test_keys),
        cmocka_unit_test(test_plan),    cmocka_unit_test(test_walk_errors),
    };
    return cmocka_run_group_tests(tests, make_test_directory, remove_test_directory);
}
