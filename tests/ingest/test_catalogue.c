/* test_catalogue.c - whose row is whose, and which column is what. */
#include "support.h"

#include "ingest/catalogue.h"

static nsky_catalogue *open_text(const char *text)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_catalogue *catalogue;

    assert_ok(nsky_file_write(in_directory("c.csv"), text, strlen(text), &err), err);
    assert_ok(nsky_catalogue_open(&catalogue, in_directory("c.csv"), &err), err);
    return catalogue;
}

static nsky_object an_object(const char *name, double ra_deg, double dec_deg)
{
    nsky_object object;
    nsky_object_init(&object);
    object.id = 4611686018427387905u;
    object.ra_deg = ra_deg;
    object.dec_deg = dec_deg;
    snprintf(object.name, sizeof object.name, "%s", name);
    return object;
}

static void test_by_name(void **state)
{
    (void)state;
    nsky_catalogue *c = open_text("file,mag_g,mag_r,mag_Z,z_spec\n"
                                  "cubes/KV1.fits,21.5,20.5,19.5,0.31\n"
                                  "KV2.fits.gz,99,-99,nan,-99\n"
                                  "J0.1-2.5.jpg,1,2,3,\n");
    nsky_object o = an_object("KV1", NAN, NAN);

    assert_int_equal(nsky_catalogue_rows(c), 3);
    assert_true(nsky_catalogue_apply(c, &o));
    assert_float_equal(o.mag_g, 21.5, 0);
    assert_float_equal(o.mag_z, 19.5, 0);
    assert_float_equal(o.z_spec, 0.31, 1e-6);
    assert_true(isnan(o.ra_deg) && isnan(o.z_phot));
    o = an_object("KV2", NAN, NAN); /* codes for "not measured" */
    assert_true(nsky_catalogue_apply(c, &o));
    assert_true(isnan(o.mag_g) && isnan(o.mag_r) && isnan(o.mag_z) && isnan(o.z_spec));
    o = an_object("J0.1-2.5", NAN, NAN); /* only extensions of images are cut off */
    assert_true(nsky_catalogue_apply(c, &o));
    o = an_object("KV3", 10, 10);
    assert_false(nsky_catalogue_apply(c, &o));
    nsky_catalogue_close(c);
}

static void test_by_place(void **state)
{
    (void)state;
    nsky_catalogue *c = open_text("ra,dec,z_phot,name\n"
                                  "150.0,2.0,0.1,near\n"
                                  "150.0002,2.0,0.2,nearer\n"
                                  "0.0001,-10,0.3,wrap\n"
                                  "10:00:28.6,+02:12:21,0.4,hms\n"
                                  "77,89.99999,0.5,pole\n"
                                  "bad,2,0.6,bad\n");
    nsky_object o = an_object("x", 150.00018, 2.0);

    assert_true(nsky_catalogue_apply(c, &o));
    assert_float_equal(o.z_phot, 0.2, 1e-6);
    o = an_object("x", 150.001, 2.0); /* 3.6 arcsec */
    assert_false(nsky_catalogue_apply(c, &o));
    o = an_object("x", 359.9999, -10.0);
    assert_true(nsky_catalogue_apply(c, &o));
    assert_float_equal(o.z_phot, 0.3, 1e-6);
    o = an_object("x", 150.11917, 2.20583);
    assert_true(nsky_catalogue_apply(c, &o));
    assert_float_equal(o.z_phot, 0.4, 1e-6);
    o = an_object("x", 200, 89.99995);
    assert_true(nsky_catalogue_apply(c, &o));
    assert_float_equal(o.z_phot, 0.5, 1e-6);
    nsky_catalogue_close(c);
}

static void test_places_only(void **state)
{
    (void)state;
    nsky_catalogue *c = open_text("RA\tDEC\tz_phot_mean\n1\t2\t0.5\n");
    nsky_object o = an_object("x", 1, 2);

    assert_true(nsky_catalogue_apply(c, &o));
    assert_float_equal(o.z_phot, 0.5, 0);
    nsky_catalogue_close(c);
    c = open_text("ra,dec\n");
    assert_int_equal(nsky_catalogue_rows(c), 0);
    assert_false(nsky_catalogue_apply(c, &o));
    nsky_catalogue_close(c);
}

/* The same name elsewhere on the sky is another object; a name without a place gives the place. */
static void test_name_and_place(void **state)
{
    (void)state;
    nsky_catalogue *c = open_text("name,ra,dec,z_spec\na,10,10,1\nb,20,20,2\n");
    nsky_object o = an_object("a", 20, 20);

    assert_true(nsky_catalogue_apply(c, &o));
    assert_float_equal(o.z_spec, 2, 0);
    o = an_object("a", 30, 30);
    assert_false(nsky_catalogue_apply(c, &o));
    o = an_object("b", NAN, NAN);
    assert_true(nsky_catalogue_apply(c, &o));
    assert_float_equal(o.ra_deg, 20, 0);
    assert_float_equal(o.dec_deg, 20, 0);
    nsky_catalogue_close(c);
}

static void test_ids_and_known(void **state)
{
    (void)state;
    nsky_catalogue *c = open_text("id,name,known,label\n"
                                  "4611686018427387905,,SDSSJ1,\n"
                                  ",yes,1,\n"
                                  ",no,0,lens\n"
                                  ",plain,,nonlens\n");
    nsky_object o = an_object("x", NAN, NAN);

    assert_true(nsky_catalogue_apply(c, &o));
    assert_string_equal(o.known, "SDSSJ1");
    o = an_object("yes", NAN, NAN);
    assert_true(nsky_catalogue_apply(c, &o));
    assert_string_equal(o.known, "yes");
    o = an_object("no", NAN, NAN);
    assert_true(nsky_catalogue_apply(c, &o));
    assert_string_equal(o.known, "lens");
    o = an_object("plain", NAN, NAN);
    assert_true(nsky_catalogue_apply(c, &o));
    assert_string_equal(o.known, "");
    nsky_catalogue_close(c);
}

/* What an object knows already stays. */
static void test_fills_only(void **state)
{
    (void)state;
    nsky_catalogue *c = open_text("name,mag_g,mag_r,type,known\na,1,2,EXP,other\n");
    nsky_object o = an_object("a", 1, 1);

    o.mag_g = 20;
    snprintf(o.type, sizeof o.type, "SER");
    snprintf(o.known, sizeof o.known, "mine");
    assert_true(nsky_catalogue_apply(c, &o));
    assert_float_equal(o.mag_g, 20, 0);
    assert_float_equal(o.mag_r, 2, 0);
    assert_string_equal(o.type, "SER");
    assert_string_equal(o.known, "mine");
    nsky_catalogue_close(c);
}

static void test_fits_table(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_fits_writer *writer;
    const char *const names[] = {"a", "b", "c"};
    const int64_t ids[] = {1, 4611686018427387905, 3};
    const double ra[] = {10, NAN, 30}, dec[] = {1, NAN, 3};
    const float redshift[] = {0.5f, 0.25f, NAN};
    const nsky_fits_column columns[] = {{.name = "NAME", .strings = names},
                                        {.name = "ID", .integers = ids},
                                        {.name = "RA", .doubles = ra},
                                        {.name = "DEC", .doubles = dec},
                                        {.name = "Z_PHOT_MEAN", .floats = redshift}};
    nsky_catalogue *c;

    assert_ok(nsky_fits_create(&writer, in_directory("c.fits"), &err), err);
    assert_ok(nsky_fits_append_table(writer, "CAT", columns, 5, 3, &err), err);
    assert_ok(nsky_fits_finish(writer, &err), err);
    assert_ok(nsky_catalogue_open(&c, in_directory("c.fits"), &err), err);
    assert_int_equal(nsky_catalogue_rows(c), 3);
    nsky_object o = an_object("x", 10, 1);
    o.id = 7;
    assert_true(nsky_catalogue_apply(c, &o));
    assert_float_equal(o.z_phot, 0.5, 0);
    o = an_object("x", NAN, NAN);
    assert_true(nsky_catalogue_apply(c, &o)); /* by an id beyond 2^53 */
    assert_float_equal(o.z_phot, 0.25, 0);
    o = an_object("c", NAN, NAN);
    assert_true(nsky_catalogue_apply(c, &o));
    assert_true(isnan(o.z_phot));
    nsky_catalogue_close(c);
}

static void test_refusals(void **state)
{
    (void)state;
    nsky_error err;
    nsky_catalogue *c;

    err = (nsky_error)NSKY_ERROR_INIT;
    assert_ok(nsky_file_write(in_directory("n.csv"), "mag_g\n1\n", 8, &err), err);
    assert_fails(nsky_catalogue_open(&c, in_directory("n.csv"), &err), NSKY_EDATA, err,
                 "no column tells");
    assert_fails(nsky_catalogue_open(&c, in_directory("gone.csv"), &err), NSKY_ENOTFOUND, err,
                 "gone");
    assert_ok(nsky_file_write(in_directory("bad.fits"), "SIMPLE  = ", 10, &err), err);
    assert_fails(nsky_catalogue_open(&c, in_directory("bad.fits"), &err), NSKY_EDATA, err, "bad");
}

static nsky_status open_again(void *context, nsky_error *err)
{
    nsky_catalogue *c;
    nsky_status status = nsky_catalogue_open(&c, context, err);

    nsky_catalogue_close(c);
    return status;
}

static void test_memory(void **state)
{
    (void)state;
    char path[300];

    nsky_catalogue_close(open_text("name,ra,dec,known\na,1,2,k\n"));
    snprintf(path, sizeof path, "%s", in_directory("c.csv"));
    assert_true(exhaust_memory(open_again, path) >= 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_name),       cmocka_unit_test(test_by_place),
        cmocka_unit_test(test_places_only),   cmocka_unit_test(test_name_and_place),
        cmocka_unit_test(test_ids_and_known), cmocka_unit_test(test_fills_only),
        cmocka_unit_test(test_fits_table),    cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, make_test_directory, remove_test_directory);
}
