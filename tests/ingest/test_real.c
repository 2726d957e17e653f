/* test_real.c - every file of the real test images: read, or refused with its reason. Numbers
 * beside them are astropy's (fits.open, WCS.wcs_pix2world at the middle of the image). */
#include "support.h"

static char data[512], store[300];

/* "DATA/name"; good until the fourth call after. */
static const char *in_data(const char *name)
{
    static char paths[4][800];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", data, name);
    return path;
}

static bool has_data(void)
{
    const char *given = getenv("NEARSKY_TEST_DATA");
    snprintf(data, sizeof data, "%s", given && *given ? given : "../shared/data");
    return nsky_directory_exists(in_data("legacysurvey/cubes"));
}

static int fresh(void **state)
{
    static int serial;

    (void)state;
    snprintf(store, sizeof store, "%s/store%d", test_directory, serial++);
    return 0;
}

typedef struct probe {
    uint32_t band, y, x;
    double value;
} probe;

static void assert_pixels(const nsky_stamp *stamp, const probe *probes, int count)
{
    for (int i = 0; i < count; i++) {
        float got = pixel(stamp, probes[i].band, probes[i].y, probes[i].x);
        if (!(fabs(got - probes[i].value) <= 2e-7 * fabs(probes[i].value)))
            fail_msg("band %u (%u, %u): %.9g, not %.9g", probes[i].band, probes[i].x, probes[i].y,
                     got, probes[i].value);
    }
}

/* ra NaN: no position. */
static const struct {
    const char *path;
    uint32_t side;
    double ra_deg, dec_deg, scale;
    probe probes[3];
} cubes[] = {
    {"legacysurvey/cubes/dr9_lens_J2351-5452.fits",
     256,
     357.9087,
     -54.8817,
     0.262,
     {{0, 0, 0, 0.00139407185}, {1, 128, 128, 0.515244424}, {2, 255, 3, 0.0176913999}}},
    {"legacysurvey/cubes/zoo_example_c_4989d6a.fits",
     424,
     0.094015083,
     -0.988490755,
     0.1819473,
     {{0, 0, 0, -0.000808186654}, {1, 212, 212, 0.189983875}, {2, 423, 3, -0.00675921189}}},
    {"legacysurvey/cubes/zoo_temp_small.fits",
     225,
     146.714208787,
     -1.041281570,
     0.262,
     {{0, 0, 0, 0.00157649792}, {1, 112, 112, 6.22241259}, {2, 224, 3, 0.00499230111}}},
    {"legacysurvey/edge_cases/DR9_multiHDU_image_invvar.fits",
     256,
     59.106759864,
     -30.484841722,
     0.262,
     {{0, 128, 130, 0.0579445697}, {1, 128, 130, 0.0956694931}, {2, 128, 130, 0.137218729}}},
    {"ps1_lenses/cubes/lensed_quasar__B1422_231.fits",
     96,
     216.158777093,
     22.933471956,
     0.25,
     {{0, 0, 0, 0.00865428802}, {1, 48, 48, 10.5359316}, {2, 95, 3, -0.0565056466}}},
    {"kids_galaxies/cubes/KV00015.fits",
     72,
     NAN,
     NAN,
     0.339,
     {{0, 0, 0, 0.00122588221}, {1, 36, 36, 0.365324169}, {2, 71, 3, 0.00810003467}}},
    {"des_red_galaxies/grz_nmgy_cubes/des_lrg_00.fits",
     91,
     NAN,
     NAN,
     0.263,
     {{0, 0, 0, -0.00330975885}, {1, 45, 45, 0.189662471}, {2, 90, 3, -0.00577261625}}},
};

static void test_cubes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cubes / sizeof *cubes; i++) {
        nsky_error err = NSKY_ERROR_INIT;
        nsky_decoded d;
        assert_ok(nsky_decode_file(&d, in_data(cubes[i].path), &err), err);
        assert_int_equal(d.stamp->width, cubes[i].side);
        assert_int_equal(d.stamp->height, cubes[i].side);
        assert_int_equal(d.stamp->flags, 0);
        assert_string_equal(d.notes, "");
        assert_float_equal(d.stamp->scale_arcsec_px, cubes[i].scale, 1e-6);
        if (isnan(cubes[i].ra_deg)) {
            assert_true(isnan(d.position.ra_deg) && isnan(d.position.dec_deg));
        } else {
            assert_float_equal(d.position.ra_deg, cubes[i].ra_deg, 2e-9);
            assert_float_equal(d.position.dec_deg, cubes[i].dec_deg, 2e-9);
        }
        assert_pixels(d.stamp, cubes[i].probes, 3);
        nsky_decoded_clear(&d);
    }
}

/* Two thirds of two bands are zeros, the middle among them: read, and said. */
static void test_bad_band(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_decoded d;

    assert_ok(nsky_decode_file(&d, in_data("legacysurvey/edge_cases/bad_pix.fits"), &err), err);
    assert_int_equal(d.stamp->flags, NSKY_STAMP_HAS_NAN);
    assert_string_equal(d.notes, "76% of band g is missing; 73% of band r is missing");
    assert_true(isnan(pixel(d.stamp, 0, 0, 0)) && isnan(pixel(d.stamp, 1, 212, 212)));
    assert_pixels(d.stamp, &(probe){2, 423, 3, -0.0230952352}, 1);
    nsky_decoded_clear(&d);
    assert_fails(nsky_decode_file(&d, in_data("legacysurvey/edge_cases/incomplete.fits"), &err),
                 NSKY_EDATA, err, "truncated");
}

/* Counts of the archive against the cube made of them by others: B1422+231 is in both. */
static void test_band_files(void **state)
{
    (void)state;
    nsky_ingest_options options = {.lossless = true};
    nsky_ingest_report report = ingest(store, in_data("ps1_lenses/native_5band"), &options);

    assert_int_equal(report.files, 12);
    assert_int_equal(report.added, 12);
    nsky_stamp *stamp = stamp_named(store, "B1422_231");
    static const probe probes[] = {{0, 0, 0, -0.00359691072}, {0, 60, 59, 4.18060208},
                                   {1, 0, 0, -0.00310211684}, {1, 60, 59, 9.62208882},
                                   {2, 0, 0, -0.0044667455},  {2, 60, 59, 18.6720646}};
    assert_pixels(stamp, probes, 6);
    assert_int_equal(stamp->flags, 0);
    assert_float_equal(stamp->scale_arcsec_px, 0.25, 1e-6);
    nsky_object o = object_named(store, "B1422_231");
    assert_float_equal(o.ra_deg, 216.158777093, 2e-9);
    assert_float_equal(o.dec_deg, 22.933471956, 2e-9);

    nsky_error err = NSKY_ERROR_INIT;
    nsky_decoded cube;
    assert_ok(
        nsky_decode_file(&cube, in_data("ps1_lenses/cubes/lensed_quasar__B1422_231.fits"), &err),
        err);
    for (uint32_t b = 0; b < 3; b++)
        for (uint32_t y = 0; y < 96; y++)
            for (uint32_t x = 0; x < 96; x++) {
                float ours = pixel(stamp, b, y + 12, x + 12), theirs = pixel(cube.stamp, b, y, x);
                assert_true(fabs(ours - theirs) <= 1e-6 * fabs(theirs));
            }
    nsky_decoded_clear(&cube);
    nsky_stamp_free(stamp);
}

/* One folder a band, as the lens-finding challenge lays them out, in maggies without a word. */
static void test_band_folders(void **state)
{
    (void)state;
    nsky_ingest_options options = {.lossless = true};
    nsky_ingest_report report = ingest(store, in_data("challenge_mock"), &options);

    assert_int_equal(report.added, 10);
    assert_int_equal(report.refused, 18);
    /* Masked pixels of 100 among fluxes of 1e-11. */
    assert_refused(store, in_data("challenge_mock/ground_based/lens/Band1/imageSDSS_R-100023.fits"),
                   "set pixels that are no fluxes");
    assert_refused(store,
                   in_data("challenge_mock/ground_based/nolens/Band1/imageSDSS_R-100013.fits"),
                   "no band g");
    assert_refused(store, in_data("challenge_mock/space_based/lens/imageEUC_VIS-100002.fits"),
                   "one image only");
    nsky_stamp *stamp = stamp_named(store, "imageSDSS-100002");
    static const probe probes[] = {
        {0, 50, 51, 5.03501104e-3}, {1, 50, 51, 1.46678208e-2}, {2, 50, 51, 2.05270193e-2}};
    assert_pixels(stamp, probes, 3);
    assert_string_equal(stamp->bands, "gri");
    assert_int_equal(stamp->flags, NSKY_STAMP_BAND_REPLACED | NSKY_STAMP_UNITS_ASSUMED);
    nsky_stamp_free(stamp);
    assert_true(isnan(object_named(store, "imageSDSS-100002").ra_deg));
}

static void test_catalogues(void **state)
{
    (void)state;
    char path[800];
    nsky_ingest_options options = {.catalogue = path};

    snprintf(path, sizeof path, "%s/ps1_lenses/labels.csv", data);
    nsky_ingest_report report = ingest(store, in_data("ps1_lenses/cubes"), &options);
    assert_int_equal(report.added, 306);
    assert_int_equal(report.matched, 306);
    nsky_object o = object_named(store, "lensed_galaxy__ACSJ103751_40-124327_5");
    assert_float_equal(o.mag_g, 22.54, 1e-5);
    assert_float_equal(o.mag_z, 19.13, 1e-5);
    assert_float_equal(o.z_spec, 0.58, 1e-6);
    assert_string_equal(o.known, "ACSJ103751.40-124327.5");

    snprintf(path, sizeof path, "%s/kids_galaxies/catalog.csv", data);
    report = ingest(store, in_data("kids_galaxies"), &options);
    assert_int_equal(report.added, 131);
    assert_int_equal(report.matched, 131);
    assert_int_equal(report.other, 1);
    o = object_named(store, "KV00015");
    assert_float_equal(o.mag_g, 21.315, 1e-5);
    assert_float_equal(o.mag_z, 19.586, 1e-5);
    assert_true(isnan(o.ra_deg) && isnan(o.dec_deg));

    snprintf(path, sizeof path, "%s/lens_catalogues/stein2021_training_lenses.tsv", data);
    report = ingest(store, in_data("des_red_galaxies"), &options);
    assert_int_equal(report.added, 46);
    assert_int_equal(report.matched, 0);
}

static void test_pictures(void **state)
{
    (void)state;
    nsky_ingest_report report = ingest(store, in_data("decals_rings"), NULL);

    assert_int_equal(report.added, 245);
    assert_int_equal(report.other, 1);
    nsky_object o = object_named(store, "J003937.09-032825.0");
    assert_float_equal(o.ra_deg, 9.9045417, 1e-6);
    nsky_stamp *stamp = stamp_named(store, "J003937.09-032825.0");
    assert_int_equal(stamp->width, 256);
    assert_true(stamp->flags & NSKY_STAMP_FROM_PICTURE);
    nsky_stamp_free(stamp);
}

/* The whole folder in one run, then again. */
static void test_everything(void **state)
{
    (void)state;
    nsky_ingest_report report = ingest(store, data, NULL);

    assert_int_equal(report.added, 760);
    assert_int_equal(report.refused, 19);
    assert_int_equal(report.files, 779);
    assert_refused(store, in_data("legacysurvey/edge_cases/incomplete.fits"), "truncated");
    report = ingest(store, data, NULL);
    assert_int_equal(report.added + report.already, 0);
    assert_int_equal(report.unchanged, 760);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_cubes, fresh),
        cmocka_unit_test_setup(test_bad_band, fresh),
        cmocka_unit_test_setup(test_band_files, fresh),
        cmocka_unit_test_setup(test_band_folders, fresh),
        cmocka_unit_test_setup(test_catalogues, fresh),
        cmocka_unit_test_setup(test_pictures, fresh),
        cmocka_unit_test_setup(test_everything, fresh),
    };

    if (!has_data()) {
        printf("NEARSKY-SKIP: no real images at %s; set NEARSKY_TEST_DATA\n", data);
        return 0;
    }
    return cmocka_run_group_tests(tests, make_test_directory, remove_test_directory);
}
