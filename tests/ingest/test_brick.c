/* test_brick.c - bricks with their catalogues: which entries, which pixels, which numbers. */
#include "support.h"

#include "fits/wcs.h"
#include "ingest/brick.h"

#define WIDTH 420
#define HEIGHT 400
#define ENTRIES 9

static char store[300], folder[300];
static const nsky_sky centre = {0.05, -0.25}; /* reaches over 0h */

static int fresh(void **state)
{
    static int serial;

    (void)state;
    snprintf(store, sizeof store, "%s/store%d", test_directory, serial);
    snprintf(folder, sizeof folder, "%s/in%d", test_directory, serial++);
    make_folder(folder);
    return 0;
}

/* Where the entries lie in pixels, and what becomes of them. */
static const struct {
    double x, y;
    int64_t primary;
    double flux_z;
    const char *type;
    bool kept;
} entries[ENTRIES] = {
    {200.3, 180.7, 1, 100, "SER", true},  /* well inside */
    {210.0, 200.0, 1, 100, "EXP", true},  /* on a pixel */
    {210.0, 200.0, 0, 100, "PSF", false}, /* not primary */
    {220.0, 150.0, 1, 1, "EXP", false},   /* mag 22.5 */
    {230.0, 150.0, 1, -1, "PSF", false},  /* no magnitude: faint before it is a star */
    {10.6, 390.2, 1, 100, "EXP", true},   /* over two edges */
    {240.0, 160.0, 1, 100, "PSF", false}, /* a star */
    {250.0, 170.0, 1, 100, "DUP", false}, /* one more */
    {-20.0, 100.0, 1, 100, "DEV", false}, /* not in this brick */
};

/* TAN around `centre`, as the writer lays it out: middle of the image, east left. */
static nsky_sky sky_at(double x, double y)
{
    nsky_error err = NSKY_ERROR_INIT;
    static nsky_wcs *wcs;
    static nsky_fits *fits;
    nsky_fits_hdu hdu;
    nsky_sky sky;

    if (!wcs) {
        make_image(in_directory("wcs.fits"),
                   &(image_spec){.width = WIDTH, .height = HEIGHT, .centre = &centre});
        assert_ok(nsky_fits_open(&fits, in_directory("wcs.fits"), &err), err);
        assert_ok(nsky_fits_select(fits, 0, &hdu, &err), err);
        assert_ok(nsky_wcs_open(&wcs, fits, &err), err);
    }
    assert_true(nsky_wcs_to_sky(wcs, x, y, &sky));
    if (x < 0) { /* the last use: see entries */
        nsky_wcs_close(wcs);
        nsky_fits_close(fits);
        wcs = NULL;
    }
    return sky;
}

static void write_tractor(const char *path, int64_t brickid, bool with_z)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_fits_writer *writer;
    double ra[ENTRIES], dec[ENTRIES];
    float g[ENTRIES], r[ENTRIES], z[ENTRIES], mw[ENTRIES], ebv[ENTRIES];
    int64_t release[ENTRIES], brick[ENTRIES], objid[ENTRIES], primary[ENTRIES];
    const char *type[ENTRIES];

    for (int i = 0; i < ENTRIES; i++) {
        nsky_sky sky = sky_at(entries[i].x, entries[i].y);
        ra[i] = sky.ra_deg;
        dec[i] = sky.dec_deg;
        g[i] = i == 1 ? 0 : 10;
        r[i] = 50;
        z[i] = (float)entries[i].flux_z;
        mw[i] = 0.5f;
        ebv[i] = 0.25f;
        release[i] = 9010;
        brick[i] = brickid;
        objid[i] = 10 + i;
        primary[i] = entries[i].primary;
        type[i] = entries[i].type;
    }
    const nsky_fits_column columns[] = {{.name = "release", .integers = release},
                                        {.name = "brickid", .integers = brick},
                                        {.name = "objid", .integers = objid},
                                        {.name = "brick_primary", .integers = primary},
                                        {.name = "type", .strings = type},
                                        {.name = "ra", .doubles = ra},
                                        {.name = "dec", .doubles = dec},
                                        {.name = "ebv", .floats = ebv},
                                        {.name = "flux_g", .floats = g},
                                        {.name = "flux_r", .floats = r},
                                        {.name = "mw_transmission_g", .floats = mw},
                                        {.name = "mw_transmission_r", .floats = mw},
                                        {.name = "mw_transmission_z", .floats = mw},
                                        {.name = "flux_z", .floats = z}};
    assert_ok(nsky_fits_create(&writer, path, &err), err);
    assert_ok(nsky_fits_append_table(writer, "TRACTOR", columns, with_z ? 14 : 13, ENTRIES, &err),
              err);
    assert_ok(nsky_fits_finish(writer, &err), err);
}

/* coadd/000/NAME/..., tractor/000/..., or everything in one folder. */
static const char *brick_path(const char *name, const char *kind, char band, bool flat)
{
    static char paths[4][700];
    static unsigned next;
    char *path = paths[next++ % 4], *slash;

    if (band && flat)
        snprintf(path, sizeof paths[0], "%s/legacysurvey-%s-%s-%c.fits", folder, name, kind, band);
    else if (band)
        snprintf(path, sizeof paths[0], "%s/coadd/000/%s/legacysurvey-%s-%s-%c.fits.fz", folder,
                 name, name, kind, band);
    else
        snprintf(path, sizeof paths[0], "%s/%stractor-%s.fits", folder, flat ? "" : "tractor/000/",
                 name);
    slash = strrchr(path, '/');
    *slash = '\0';
    make_folder(path);
    *slash = '/';
    return path;
}

/* The fluxes of a brick: no two stamps are alike. */
static void write_brick(const char *name, int64_t brickid, double seed, bool flat)
{
    const char bands[] = "grz";

    for (uint32_t b = 0; b < 3; b++)
        make_image(
            brick_path(name, "image", bands[b], flat),
            &(image_spec){
                .width = WIDTH, .height = HEIGHT, .centre = &centre, .seed = seed + 1000 * b});
    make_image(brick_path(name, "invvar", 'g', flat),
               &(image_spec){.width = WIDTH, .height = HEIGHT, .centre = &centre});
    write_tractor(brick_path(name, "", '\0', flat), brickid, true);
}

static void assert_entry(nsky_survey *survey, uint64_t row, int i, int64_t brickid, double seed)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_object o;
    nsky_stamp *stamp;
    uint64_t id;
    int x0 = (int)ceil(entries[i].x - 76), y0 = (int)ceil(entries[i].y - 76);

    assert_ok(nsky_survey_by_row(survey, row, &o, &err), err);
    assert_ok(nsky_object_id_legacy(&id, 9010, brickid, 10 + i, &err), err);
    assert_true(o.id == id);
    assert_string_equal(o.type, entries[i].type);
    assert_float_equal(o.mag_z, 22.5 - 2.5 * log10(200), 1e-5);
    assert_float_equal(o.mag_r, 22.5 - 2.5 * log10(100), 1e-5);
    assert_true(i == 1 ? isnan(o.mag_g) : fabs(o.mag_g - (22.5 - 2.5 * log10(20))) < 1e-5);
    assert_float_equal(o.ebv, 0.25, 0);
    assert_int_equal(o.name[0], 'J');
    assert_ok(nsky_survey_stamp(survey, row, &stamp, &err), err);
    assert_int_equal(stamp->width, NSKY_STAMP_SIDE);
    assert_int_equal(stamp->height, NSKY_STAMP_SIDE);
    assert_float_equal(stamp->scale_arcsec_px, 0.262, 1e-6);
    bool edge = x0 < 0 || y0 + NSKY_STAMP_SIDE > HEIGHT;
    assert_int_equal(stamp->flags, edge ? NSKY_STAMP_EDGE | NSKY_STAMP_HAS_NAN : 0);
    for (uint32_t b = 0; b < 3; b++)
        for (int y = 0; y < NSKY_STAMP_SIDE; y++)
            for (int x = 0; x < NSKY_STAMP_SIDE; x++) {
                int u = x0 + x, v = y0 + y;
                float got = pixel(stamp, b, (uint32_t)y, (uint32_t)x);
                if (u < 0 || v < 0 || u >= WIDTH || v >= HEIGHT)
                    assert_true(isnan(got));
                else
                    assert_true(got == pixel_of(seed + 1000 * b, 0, (uint32_t)u, (uint32_t)v));
            }
    nsky_stamp_free(stamp);
}

static void assert_brick(const char *path, uint64_t first, int64_t brickid, double seed)
{
    nsky_survey *survey = open_store(path);
    uint64_t row = first;

    for (int i = 0; i < ENTRIES; i++)
        if (entries[i].kept)
            assert_entry(survey, row++, i, brickid, seed);
    nsky_survey_close(survey);
}

static void test_tree(void **state)
{
    (void)state;
    nsky_ingest_options options = {.lossless = true, .workers = 2};

    write_brick("0001m002", 77, 0, false);
    write_brick("0002m002", 78, 5, false);
    nsky_ingest_report report = ingest(store, folder, &options);
    assert_int_equal(report.files, 2);
    assert_int_equal(report.added, 6);
    assert_int_equal(report.other, 2); /* the inverse variances */
    assert_brick(store, 0, 77, 0);
    assert_brick(store, 3, 78, 5);
    nsky_source source = source_of(store, brick_path("0001m002", "image", 'g', false));
    assert_int_equal(source.objects, 3);
    assert_non_null(strstr(source.reason, "brighter than z = 20.5"));
    assert_non_null(strstr(source.reason, "1 without pixels"));
    report = ingest(store, folder, &options);
    assert_int_equal(report.unchanged, 2);
    assert_int_equal(report.files, 0);
}

static void test_flat(void **state)
{
    (void)state;
    nsky_ingest_options options = {.lossless = true};

    write_brick("any-name", 79, 3, true);
    assert_int_equal(ingest(store, folder, &options).added, 3);
    assert_brick(store, 0, 79, 3);
}

/* A deeper limit reads the brick again and adds what it now keeps. */
static void test_limits(void **state)
{
    (void)state;
    nsky_ingest_options options = {.mag_z_max = 23};

    write_brick("0001m002", 77, 0, false);
    assert_int_equal(ingest(store, folder, NULL).added, 3);
    nsky_ingest_report report = ingest(store, folder, &options);
    assert_int_equal(report.unchanged, 0);
    assert_int_equal(report.added, 1);
    assert_int_equal(report.already, 3);
    options.mag_z_max = 10;
    report = ingest(store, folder, &options);
    assert_int_equal(report.added + report.already, 0);
}

static void test_refusals(void **state)
{
    (void)state;
    write_brick("0001m002", 77, 0, false);
    assert_int_equal(unlink(brick_path("0001m002", "image", 'z', false)), 0);
    write_brick("0002m002", 78, 0, false);
    assert_int_equal(unlink(brick_path("0002m002", "", '\0', false)), 0);
    write_tractor(brick_path("0003m002", "", '\0', false), 79, true);
    write_brick("0004m002", 80, 0, false);
    write_tractor(brick_path("0004m002", "", '\0', false), 80, false);
    write_brick("0005m002", 81, 0, false);
    make_image(brick_path("0005m002", "image", 'r', false),
               &(image_spec){.width = WIDTH, .height = HEIGHT - 1, .centre = &centre});
    write_brick("0006m002", 82, 0, false);
    nsky_ingest_report report = ingest(store, folder, NULL);

    assert_int_equal(report.refused, 5);
    assert_int_equal(report.added, 3);
    assert_refused(store, brick_path("0001m002", "image", 'g', false), "no image of band z");
    assert_refused(store, brick_path("0002m002", "image", 'g', false), "without its catalogue");
    assert_refused(store, brick_path("0003m002", "", '\0', false), "without its images");
    assert_refused(store, brick_path("0004m002", "image", 'g', false), "flux_z");
    assert_refused(store, brick_path("0005m002", "image", 'g', false), "420 x 399");
}

/* The same brick with other pixels: rows stay, the source is refused. */
static void test_changed(void **state)
{
    (void)state;
    write_brick("0001m002", 77, 0, false);
    assert_int_equal(ingest(store, folder, NULL).added, 3);
    for (uint32_t b = 0; b < 3; b++)
        make_image(brick_path("0001m002", "image", "grz"[b], false),
                   &(image_spec){.width = WIDTH, .height = HEIGHT, .centre = &centre, .seed = 9});
    nsky_ingest_report report = ingest(store, folder, NULL);
    assert_int_equal(report.refused, 1);
    assert_int_equal(report.added, 0);
    assert_refused(store, brick_path("0001m002", "image", 'g', false), "3 of 4 entries");
}

/* Stars are left out and counted; asked for, the brick is read again and they are added; not asked
 * for any more, they stay. */
static void test_stars(void **state)
{
    (void)state;
    nsky_ingest_options options = {.keep_stars = true};
    char whole[320];

    write_brick("0001m002", 77, 0, false);
    nsky_ingest_report report = ingest(store, folder, NULL);
    assert_int_equal(report.added, 3);
    assert_int_equal(report.stars, 2);
    assert_int_equal(report.faint, 2);
    assert_int_equal(report.secondary, 1);
    assert_int_equal(report.bare, 1);
    const char *path = brick_path("0001m002", "image", 'g', false);
    assert_non_null(strstr(source_of(store, path).reason,
                           "galaxies brighter than z = 20.5; left out 2 stars, 2 fainter"));
    report = ingest(store, folder, &options);
    assert_int_equal(report.added, 2);
    assert_int_equal(report.already, 3);
    assert_int_equal(report.stars, 0);
    nsky_source with_stars = source_of(store, path);
    assert_int_equal(with_stars.objects, 5);
    assert_non_null(strstr(with_stars.reason, "entries brighter than z = 20.5; left out 0 stars"));
    report = ingest(store, folder, NULL);
    assert_int_equal(report.unchanged, 1);
    assert_int_equal(report.added + report.already, 0);
    assert_string_equal(source_of(store, path).reason, with_stars.reason);

    snprintf(whole, sizeof whole, "%s-whole", store);
    assert_int_equal(ingest(whole, folder, &options).added, 5);
    options.mag_z_max = 23;
    assert_int_equal(ingest(whole, folder, &options).added, 1);
}

/* A limit is kept in words; "z = 2" begins like "z = 20.5". */
static void test_selection(void **state)
{
    (void)state;
    static const struct {
        nsky_selection wide, narrow;
        bool covers;
    } cases[] = {
        {{20.5, false}, {20.5, false}, true}, {{20.5, true}, {20.5, false}, true},
        {{20.5, false}, {20.5, true}, false}, {{20.5, false}, {2, false}, true},
        {{2, false}, {20.5, false}, false},   {{21, false}, {20.5, true}, false},
        {{20.1, true}, {20.1, true}, true},   {{20.123456, true}, {20.123457, true}, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[NSKY_SELECTION_TEXT_MAX];
        nsky_selection read;
        nsky_selection_describe(&cases[i].wide, text);
        assert_true(nsky_selection_parse(&read, text));
        assert_true(read.mag_z_max == cases[i].wide.mag_z_max);
        assert_int_equal(read.keep_stars, cases[i].wide.keep_stars);
        assert_int_equal(nsky_selection_covers(&read, &cases[i].narrow), cases[i].covers);
    }
    nsky_selection none;
    assert_false(nsky_selection_parse(&none, "counts, converted with MAGZERO = 25"));
    assert_false(nsky_selection_parse(&none, "galaxies brighter than z = "));
    assert_false(nsky_selection_parse(&none, ""));
    assert_true(nsky_is_star_type("PSF") && nsky_is_star_type("psf ") && nsky_is_star_type("DUP"));
    assert_false(nsky_is_star_type("") || nsky_is_star_type("PSFX") || nsky_is_star_type("SER"));
}

static nsky_status read_again(void *context, nsky_error *err)
{
    const nsky_selection selection = {.mag_z_max = 20.5};
    nsky_brick *brick;
    nsky_status status = nsky_brick_read(&brick, context, &selection, err);
    nsky_stamp *stamp = NULL;

    if (status == NSKY_OK)
        status = nsky_brick_stamp(brick, 0, &stamp, err);
    nsky_stamp_free(stamp);
    nsky_brick_free(brick);
    return status;
}

static void test_memory(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_walk *walk;
    nsky_plan *plan;
    const char *path = folder;

    write_brick("0001m002", 77, 0, true);
    assert_ok(nsky_walk_paths(&walk, NULL, &path, 1, &err), err);
    assert_ok(nsky_plan_new(&plan, walk, &err), err);
    assert_int_equal(plan->count, 1);
    assert_true(exhaust_memory(read_again, plan->jobs) >= 20);
    nsky_plan_free(plan);
    nsky_walk_free(walk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_tree, fresh),    cmocka_unit_test_setup(test_flat, fresh),
        cmocka_unit_test_setup(test_limits, fresh),  cmocka_unit_test_setup(test_refusals, fresh),
        cmocka_unit_test_setup(test_changed, fresh), cmocka_unit_test_setup(test_memory, fresh),
        cmocka_unit_test_setup(test_stars, fresh),   cmocka_unit_test(test_selection),
    };
    return cmocka_run_group_tests(tests, make_test_directory, remove_test_directory);
}
