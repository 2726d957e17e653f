/* A survey's files: what truth, catalogue and pixels say about each other. */
#include "folder.h"

#include "fits/fits.h"
#include "fits/wcs.h"
#include "image/stamp.h"
#include "sim/field.h"

#define ROWS_MAX 2000
#define FIELDS 40

/* truth.csv, read by its header. */
typedef struct truth {
    char *text;
    char *cells[ROWS_MAX][FIELDS];
    char *names[FIELDS];
    int columns, rows;
} truth;

static int split(char *line, char **out)
{
    int count = 0;
    for (out[count++] = line; *line; line++)
        if (*line == ',') {
            *line = '\0';
            assert_true(count < FIELDS);
            out[count++] = line + 1;
        }
    return count;
}

static truth *read_truth(const char *survey)
{
    static truth t;
    nsky_error err = NSKY_ERROR_INIT;
    char path[256];
    void *data;
    size_t bytes;

    snprintf(path, sizeof path, "%s/truth.csv", survey);
    assert_ok(nsky_file_read(&data, &bytes, path, 1 << 26, &err), err);
    t.text = data;
    t.rows = 0;
    char *line = t.text, *end = strchr(line, '\n');
    *end = '\0';
    t.columns = split(line, t.names);
    for (line = end + 1; *line; line = end + 1) {
        end = strchr(line, '\n');
        assert_non_null(end);
        *end = '\0';
        assert_true(t.rows < ROWS_MAX);
        assert_int_equal(split(line, t.cells[t.rows++]), t.columns);
    }
    return &t;
}

static const char *cell(const truth *t, int row, const char *name)
{
    for (int i = 0; i < t->columns; i++)
        if (strcmp(t->names[i], name) == 0)
            return t->cells[row][i];
    fail_msg("truth.csv has no column %s", name);
    return "";
}

static double number(const truth *t, int row, const char *name)
{
    return strtod(cell(t, row, name), NULL);
}

static int64_t integer(nsky_fits *fits, const char *name, uint64_t row)
{
    nsky_error err = NSKY_ERROR_INIT;
    int64_t value;
    assert_ok(nsky_fits_read_integers(fits, name, row, 1, &value, &err), err);
    return value;
}

static double real(nsky_fits *fits, const char *name, uint64_t row)
{
    nsky_error err = NSKY_ERROR_INIT;
    double value;
    assert_ok(nsky_fits_read_doubles(fits, name, row, 1, &value, &err), err);
    return value;
}

static void check_row(nsky_fits *fits, const truth *t, int row, uint64_t at)
{
    static const char bands[] = "grz";
    char type[8], key[32];
    nsky_error err = NSKY_ERROR_INIT;
    uint64_t id = (uint64_t)integer(fits, "release", at) << 40 |
                  (uint64_t)integer(fits, "brickid", at) << 16 |
                  (uint64_t)integer(fits, "objid", at);

    assert_true(id == strtoull(cell(t, row, "id"), NULL, 10));
    assert_near(real(fits, "ra", at), number(t, row, "ra"), 1e-7);
    assert_near(real(fits, "dec", at), number(t, row, "dec"), 1e-7);
    assert_int_equal(integer(fits, "brick_primary", at), 1);
    assert_ok(nsky_fits_read_strings(fits, "type", at, 1, type, sizeof type, &err), err);
    assert_true((strcmp(type, "PSF") == 0) == (strcmp(cell(t, row, "class"), "star") == 0));
    for (int band = 0; band < 3; band++) {
        snprintf(key, sizeof key, "flux_%c", bands[band]);
        double flux = real(fits, key, at);
        snprintf(key, sizeof key, "flux_ivar_%c", bands[band]);
        double sigma = 1 / sqrt(real(fits, key, at));
        snprintf(key, sizeof key, "mw_transmission_%c", bands[band]);
        double transmission = real(fits, key, at);
        snprintf(key, sizeof key, "mag_%c", bands[band]);
        double expected = pow(10, 0.4 * (22.5 - number(t, row, key))) * transmission;
        assert_near(flux, expected, 6 * sigma + 1e-4 * expected);
        snprintf(key, sizeof key, "psfsize_%c", bands[band]);
        assert_true(real(fits, key, at) > 0.6);
    }
}

/* Each entry of the catalogue is a row of the truth, in order, and the sky says the same. */
static void test_truth_and_catalogue_agree(void **state)
{
    (void)state;
    folder f = make_folder();
    nsky_sim_options options = small_bricks(&f, 2);
    nsky_error err = NSKY_ERROR_INIT;
    nsky_sim_report report = run(&options);
    truth *t = read_truth(f.path);
    int row = 0, lenses = 0;

    assert_int_equal(report.made, 2);
    assert_int_equal(t->rows, report.primaries + report.field_galaxies + report.stars);
    while (row < t->rows) {
        const char *brick = cell(t, row, "brick");
        nsky_fits_hdu hdu;
        nsky_fits *fits;
        char path[256];
        snprintf(path, sizeof path, "%s/tractor/%.3s/tractor-%s.fits", f.path, brick, brick);
        assert_ok(nsky_fits_open(&fits, path, &err), err);
        assert_ok(nsky_fits_select(fits, 1, &hdu, &err), err);
        for (uint64_t at = 0; at < hdu.rows; at++, row++) {
            check_row(fits, t, row, at);
            assert_string_equal(cell(t, row, "brick"), brick);
            bool lens = strcmp(cell(t, row, "class"), "lens") == 0;
            assert_true(lens == (number(t, row, "is_lens") == 1));
            assert_true(lens == (*cell(t, row, "theta_e") != '\0'));
            assert_string_equal(cell(t, row, "label"), lens ? "lens" : "other");
            lenses += lens;
        }
        nsky_fits_close(fits);
    }
    assert_int_equal(lenses, report.lenses);
    assert_int_equal(report.lookalikes, 2 * report.lenses);
    nsky_free(t->text);
    drop_folder(&f);
}

/* Bright stars of the truth stand where the image's own coordinates put them. */
static void test_stars_stand_where_the_wcs_says(void **state)
{
    (void)state;
    folder f = make_folder();
    nsky_sim_options options = small_bricks(&f, 1);
    nsky_error err = NSKY_ERROR_INIT;
    static float pixels[400 * 400];
    int checked = 0;

    options.density = 0.5;
    options.seed = 4;
    run(&options);
    truth *t = read_truth(f.path);
    const char *brick = cell(t, 0, "brick");
    nsky_fits_hdu hdu;
    nsky_fits *fits;
    nsky_wcs *wcs;
    char path[256];
    snprintf(path, sizeof path, "%s/coadd/%.3s/%s/legacysurvey-%s-image-r.fits.fz", f.path, brick,
             brick, brick);
    assert_ok(nsky_fits_open(&fits, path, &err), err);
    assert_ok(nsky_fits_select(fits, 1, &hdu, &err), err);
    assert_int_equal(hdu.size[0], 400);
    assert_ok(nsky_wcs_open(&wcs, fits, &err), err);
    assert_near(nsky_wcs_scale_arcsec_px(wcs), NSKY_SCALE_ARCSEC_PX, 1e-6);
    assert_ok(nsky_fits_read_box(fits, 0, 0, 0, 400, 400, pixels, &err), err);
    for (int row = 0; row < t->rows; row++) {
        double x, y, best = -1;
        nsky_sky sky = {number(t, row, "ra"), number(t, row, "dec")};
        if (strcmp(cell(t, row, "class"), "star") != 0 || number(t, row, "mag_r") > 20)
            continue;
        assert_true(nsky_wcs_to_pixel(wcs, sky, &x, &y));
        if (x < 8 || y < 8 || x > 391 || y > 391)
            continue;
        int at_x = 0, at_y = 0;
        for (int j = (int)y - 5; j <= (int)y + 6; j++)
            for (int i = (int)x - 5; i <= (int)x + 6; i++)
                if (pixels[j * 400 + i] > best) {
                    best = pixels[j * 400 + i];
                    at_x = i;
                    at_y = j;
                }
        assert_near(hypot(at_x - x, at_y - y), 0, 1.3);
        checked++;
    }
    assert_true(checked >= 1);
    nsky_wcs_close(wcs);
    nsky_fits_close(fits);
    nsky_free(t->text);
    drop_folder(&f);
}

/* A stamp is a cube of three bands with the object in its middle. */
static void test_stamps_are_cutouts(void **state)
{
    (void)state;
    folder f = make_folder();
    nsky_sim_options options = few_stamps(&f, 6);
    nsky_error err = NSKY_ERROR_INIT;
    nsky_sim_report report = run(&options);
    truth *t = read_truth(f.path);

    assert_int_equal(report.primaries, 6);
    assert_int_equal(t->rows, 6);
    assert_string_equal(t->names[0], "name");
    for (int row = 0; row < t->rows; row++) {
        char path[256], bands[16];
        nsky_fits_hdu hdu;
        nsky_fits *fits;
        nsky_wcs *wcs;
        double x, y;
        snprintf(path, sizeof path, "%s/stamps/000/%s.fits", f.path, cell(t, row, "name"));
        assert_ok(nsky_fits_open(&fits, path, &err), err);
        assert_ok(nsky_fits_select(fits, 0, &hdu, &err), err);
        assert_int_equal(hdu.axes, 3);
        assert_int_equal(hdu.size[0], NSKY_STAMP_SIDE);
        assert_int_equal(hdu.size[2], 3);
        assert_true(nsky_fits_key_string(fits, "BANDS", bands, sizeof bands));
        assert_string_equal(bands, "grz");
        assert_ok(nsky_wcs_open(&wcs, fits, &err), err);
        nsky_sky sky = {number(t, row, "ra"), number(t, row, "dec")};
        assert_true(nsky_wcs_to_pixel(wcs, sky, &x, &y));
        assert_near(x, 75.5, 0.01);
        assert_near(y, 75.5, 0.01);
        nsky_wcs_close(wcs);
        nsky_fits_close(fits);
    }
    nsky_free(t->text);
    drop_folder(&f);
}

/* A sky of the neighbourhood is another sky: its galaxies are bright, and resuming does not mix. */
static void test_nearby_galaxies_are_bright(void **state)
{
    (void)state;
    folder f = make_folder();
    nsky_sim_options options = few_stamps(&f, 6);
    nsky_sim_report report;
    nsky_error err = NSKY_ERROR_INIT;

    options.nearby = true;
    options.lens_fraction = 0;
    run(&options);
    truth *t = read_truth(f.path);
    assert_int_equal(t->rows, 6);
    for (int row = 0; row < t->rows; row++) {
        assert_true(number(t, row, "mag_z") > 12); /* a merger's tail adds its light */
        assert_true(number(t, row, "mag_z") < 16.6);
    }
    nsky_free(t->text);
    options.nearby = false;
    assert_int_equal(nsky_sim_run(&options, &report, &err), NSKY_EMISMATCH);
    drop_folder(&f);
}

/* The faintest wings of nothing: pixels of an empty corner have the noise of the conditions. */
static void test_noise_of_a_field(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_sim_options options;
    sim_painter *painter;
    sim_field field;
    static float pixels[3 * 400 * 400], scratch[400];
    sim_canvas canvas = {pixels, 400, 400};
    static double values[400 * 400];

    nsky_sim_options_init(&options);
    options.bricks = 1;
    options.size = 400;
    sim_plan plan = sim_plan_of(&options);
    assert_ok(sim_painter_new(&painter, &err), err);
    assert_ok(sim_field_plan(&field, &plan, 0, painter, &err), err);
    field.artefact_count = 0;
    sim_field_draw(&field, painter, &canvas, scratch);
    for (int band = 0; band < 3; band++) {
        for (int i = 0; i < 400 * 400; i++)
            values[i] = pixels[band * 400 * 400 + i];
        double middle = median_of(values, 400 * 400); /* values are sorted now */
        double sigma = middle - values[(int)(0.1587 * 400 * 400)];
        assert_near(sigma, field.conditions.sigma[band], 0.2 * field.conditions.sigma[band]);
    }
    sim_field_clear(&field);
    sim_painter_free(painter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_truth_and_catalogue_agree),
        cmocka_unit_test(test_stars_stand_where_the_wcs_says),
        cmocka_unit_test(test_stamps_are_cutouts),
        cmocka_unit_test(test_nearby_galaxies_are_bright),
        cmocka_unit_test(test_noise_of_a_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
