/* test_layouts.c - sets of bands, names that clash, catalogues: whole runs over small folders. */
#include "support.h"

static char store[300], folder[300];

static int fresh(void **state)
{
    static int serial;

    (void)state;
    snprintf(store, sizeof store, "%s/store%d", test_directory, serial);
    snprintf(folder, sizeof folder, "%s/in%d", test_directory, serial++);
    make_folder(folder);
    return 0;
}

/* "FOLDER/name", its folders made; good until the eighth call after. */
static const char *in_folder(const char *name)
{
    static char paths[8][600];
    static unsigned next;
    char *path = paths[next++ % 8], *slash;

    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    slash = strrchr(path, '/');
    *slash = '\0';
    make_folder(path);
    *slash = '/';
    return path;
}

static void make_band(const char *name, const char *filter, double seed, uint32_t side)
{
    make_image(in_folder(name),
               &(image_spec){.width = side, .height = side, .band_key = filter, .seed = seed});
}

static void test_one_file_a_band(void **state)
{
    (void)state;
    make_band("x_g.fits", NULL, 1000, 20);
    make_band("x_r.fits", NULL, 2000, 20);
    make_band("x_y.fits", NULL, 3000, 20);
    make_band("x_z.fits", NULL, 4000, 20);
    make_band("y.g.fits", "z", 1, 20); /* the header knows better than the name */
    make_band("y.i.fits", "g", 2, 20);
    make_band("y.r.fits", "r", 3, 20);
    make_band("w-g.fits", NULL, 0, 20);
    make_band("w-r.fits", NULL, 0, 24);
    make_band("w-z.fits", NULL, 0, 20);
    make_band("v-r.fits", NULL, 0, 20);
    nsky_ingest_report report = ingest(store, folder, NULL);

    assert_int_equal(report.files, 4);
    assert_int_equal(report.added, 2);
    assert_int_equal(report.refused, 2);
    assert_refused(store, in_folder("v-r.fits"), "one image only (band r)");
    assert_refused(store, in_folder("w-g.fits"), "band g is 20 x 20 pixels, band r 24 x 24");
    nsky_stamp *stamp = stamp_named(store, "x");
    assert_string_equal(stamp->bands, "grz");
    assert_float_equal(pixel(stamp, 0, 3, 2), pixel_of(1000, 0, 2, 3), 1);
    assert_float_equal(pixel(stamp, 2, 3, 2), pixel_of(4000, 0, 2, 3), 2);
    nsky_stamp_free(stamp);
    stamp = stamp_named(store, "y");
    assert_float_equal(pixel(stamp, 0, 3, 2), pixel_of(2, 0, 2, 3), 0.1);
    assert_float_equal(pixel(stamp, 2, 3, 2), pixel_of(1, 0, 2, 3), 0.1);
    nsky_stamp_free(stamp);
}

static void test_one_folder_a_band(void **state)
{
    (void)state;
    make_band("set/Band1/im_R-7.fits", NULL, 10, 20);
    make_band("set/Band2/im_I-7.fits", NULL, 20, 20);
    make_band("set/Band3/im_G-7.fits", NULL, 30, 20);
    make_band("set/Band1/im_R-8.fits", NULL, 10, 20);
    make_band("set/Band2/im_I-8.fits", NULL, 20, 20);
    make_band("other/g/a.fits", NULL, 10, 20);
    make_band("other/r/a.fits", NULL, 20, 20);
    make_band("other/z/a.fits", NULL, 30, 20);
    nsky_ingest_report report = ingest(store, folder, NULL);

    assert_int_equal(report.files, 3);
    assert_int_equal(report.added, 2);
    assert_refused(store, in_folder("set/Band1/im_R-8.fits"), "no band g");
    nsky_stamp *stamp = stamp_named(store, "im-7");
    assert_string_equal(stamp->bands, "gri");
    assert_true(stamp->flags & NSKY_STAMP_BAND_REPLACED);
    nsky_stamp_free(stamp);
    assert_int_equal(object_named(store, "a").row, 0);

    /* The missing band comes, sorted before the others: the old refusal goes. */
    make_band("set/Band0/im_G-8.fits", NULL, 30, 20);
    report = ingest(store, folder, NULL);
    assert_int_equal(report.added, 1);
    assert_int_equal(report.refused, 0);
    assert_false(source_of(store, in_folder("set/Band1/im_R-8.fits")).refused);
}

/* Cubes that are called as if they were bands. */
static void test_cubes_with_band_names(void **state)
{
    (void)state;
    make_image(in_folder("x_g.fits"), &(image_spec){.width = 20, .height = 20, .bands = "grz"});
    make_image(in_folder("x_r.fits"),
               &(image_spec){.width = 20, .height = 20, .bands = "grz", .seed = 5});
    nsky_ingest_report report = ingest(store, folder, NULL);

    assert_int_equal(report.added, 2);
    assert_int_equal(report.files, 2);
    assert_int_equal(object_named(store, "x_g").row, 0);
    assert_int_equal(object_named(store, "x_r").row, 1);
    report = ingest(store, folder, NULL);
    assert_int_equal(report.unchanged, 1); /* one group */
    assert_int_equal(report.files, 0);
}

static void test_clashes(void **state)
{
    (void)state;
    image_spec spec = {.width = 20, .height = 20, .bands = "grz"};

    make_image(in_folder("a/same.fits"), &spec);
    make_image(in_folder("b/same.fits"), &spec);
    spec.seed = 1;
    make_image(in_folder("c/same.fits"), &spec);
    nsky_ingest_report report = ingest(store, folder, NULL);
    assert_int_equal(report.added, 1);
    assert_int_equal(report.already, 1); /* the very same pixels */
    assert_int_equal(report.refused, 1);
    assert_refused(store, in_folder("c/same.fits"), "a/same.fits");
    assert_refused(store, in_folder("c/same.fits"), "--survey");

    /* The remedy works, and adds that one only. */
    nsky_ingest_options options = {.survey_name = "C"};
    report = ingest(store, folder, &options);
    assert_int_equal(report.added, 1);
    assert_int_equal(report.refused, 0);
    assert_int_equal(report.unchanged, 2);

    /* A file that changed in place is told from another file of that name. */
    spec.seed = 2;
    spec.width = 24;
    make_image(in_folder("a/same.fits"), &spec);
    report = ingest(store, folder, NULL);
    assert_int_equal(report.refused, 1);
    assert_refused(store, in_folder("a/same.fits"), "has changed");
}

static void test_survey_keyword_keeps_apart(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;

    for (int i = 0; i < 2; i++) {
        nsky_fits_writer *writer;
        image_spec spec = {.width = 20, .height = 20, .bands = "grz", .seed = i};
        float *pixels = make_pixels(&spec, 3);
        assert_ok(nsky_fits_create(&writer, in_folder(i ? "b/x.fits" : "a/x.fits"), &err), err);
        put_image(writer, &spec, pixels);
        assert_ok(nsky_fits_put_string(writer, "SURVEY", i ? "KiDS" : "DES", NULL, &err), err);
        assert_ok(nsky_fits_finish(writer, &err), err);
        free(pixels);
    }
    assert_int_equal(ingest(store, folder, NULL).added, 2);
}

static void test_catalogue(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_sky centre = {150, 2};
    static const char text[] = "file,ra,dec,mag_r,z_spec\n"
                               "a.fits,,,20.5,0.5\n"
                               ",150.0001,2.0,21.5,0.25\n";
    char path[400];

    make_image(in_folder("a.fits"), &(image_spec){.width = 20, .height = 20, .bands = "grz"});
    make_image(in_folder("b.fits"),
               &(image_spec){.width = 20, .height = 20, .bands = "grz", .centre = &centre});
    make_image(in_folder("c.fits"),
               &(image_spec){.width = 20, .height = 20, .bands = "grz", .seed = 3});
    snprintf(path, sizeof path, "%s", in_folder("cat.csv"));
    assert_ok(nsky_file_write(path, text, sizeof text - 1, &err), err);
    nsky_ingest_options options = {.catalogue = path};
    nsky_ingest_report report = ingest(store, folder, &options);

    assert_int_equal(report.added, 3);
    assert_int_equal(report.matched, 2);
    assert_int_equal(report.other, 1);
    assert_float_equal(object_named(store, "a").mag_r, 20.5, 0);
    assert_float_equal(object_named(store, "b").z_spec, 0.25, 0);
    assert_true(isnan(object_named(store, "c").mag_r));
}

static void test_names_that_are_places(void **state)
{
    (void)state;
    image_spec spec = {.width = 20, .height = 20, .bands = "grz"};

    make_image(in_folder("J003937.09-032825.5.fits"), &spec);
    make_image(in_folder("J0039-0328.fits"), &spec);
    make_image(in_folder("J003937.09-032825.5b.fits"), &spec);
    assert_int_equal(ingest(store, folder, NULL).added, 3);
    nsky_object o = object_named(store, "J003937.09-032825.5");
    assert_float_equal(o.ra_deg, 9.9045417, 1e-6);
    assert_float_equal(o.dec_deg, -3.4737500, 1e-6);
    assert_true(isnan(object_named(store, "J0039-0328").ra_deg));
    assert_true(isnan(object_named(store, "J003937.09-032825.5b").ra_deg));
}

static void test_requests(void **state)
{
    (void)state;
    nsky_error err;
    nsky_ingest_report report;
    nsky_ingest_options options = {0};
    const char *gone = in_folder("gone");

    assert_fails(nsky_ingest_paths(store, &gone, 1, &options, &report, &err), NSKY_ENOTFOUND, err,
                 "gone");
    assert_false(nsky_directory_exists(store)); /* nothing was done */
    options.catalogue = in_folder("gone.csv");
    const char *there = folder;
    assert_fails(nsky_ingest_paths(store, &there, 1, &options, &report, &err), NSKY_ENOTFOUND, err,
                 "gone.csv");
    options = (nsky_ingest_options){.mag_z_max = NAN};
    assert_fails(nsky_ingest_paths(store, &there, 1, &options, &report, &err), NSKY_EINVAL, err,
                 "magnitude");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_one_file_a_band, fresh),
        cmocka_unit_test_setup(test_one_folder_a_band, fresh),
        cmocka_unit_test_setup(test_cubes_with_band_names, fresh),
        cmocka_unit_test_setup(test_clashes, fresh),
        cmocka_unit_test_setup(test_survey_keyword_keeps_apart, fresh),
        cmocka_unit_test_setup(test_catalogue, fresh),
        cmocka_unit_test_setup(test_names_that_are_places, fresh),
        cmocka_unit_test_setup(test_requests, fresh),
    };
    return cmocka_run_group_tests(tests, make_test_directory, remove_test_directory);
}
