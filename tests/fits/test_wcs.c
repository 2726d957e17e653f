/* test_wcs.c - positions of real files against astropy 5.2, and headers of every style. */
#include "wcs_support.h"

#define ARCSEC_DEG (1.0 / 3600)

typedef struct sky_case {
    const char *file;
    uint32_t hdu;
    double x, y, ra_deg, dec_deg;
} sky_case;

/* WCS(header, naxis=2).all_pix2world(x, y, 0) */
static const sky_case skies[] = {
    {"legacysurvey/cubes/dr9_lens_J2351-5452.fits", 0, 0.0, 0.0, 357.924833919016,
     -54.890978097824},
    {"legacysurvey/cubes/dr9_lens_J2351-5452.fits", 0, 254.75, 85.33333333333333, 357.892600198003,
     -54.884767731964},
    {"legacysurvey/cubes/zoo_example.fits", 0, 0.0, 0.0, 146.637611093577, -0.994229853164},
    {"legacysurvey/cubes/zoo_example.fits", 0, 422.75, 141.33333333333334, 146.625866276851,
     -0.990303927291},
    {"legacysurvey/cubes/zoo_temp_small.fits", 0, 0.0, 0.0, 146.722361265424, -1.049432670015},
    {"legacysurvey/cubes/zoo_temp_small.fits", 0, 223.75, 75.0, 146.706074520158, -1.043974336837},
    {"legacysurvey/edge_cases/DR9_multiHDU_image_invvar.fits", 3, 0.0, 0.0, 59.117521535362,
     -30.494126462970},
    {"legacysurvey/edge_cases/DR9_multiHDU_image_invvar.fits", 3, 254.75, 85.33333333333333,
     59.096010694255, -30.487904063160},
    {"legacysurvey/edge_cases/DR9_multiHDU_image_invvar.fits", 6, 0.0, 0.0, 59.117521535362,
     -30.494126462970},
    {"legacysurvey/edge_cases/DR9_multiHDU_image_invvar.fits", 6, 254.75, 85.33333333333333,
     59.096010694255, -30.487904063160},
    {"legacysurvey/edge_cases/bad_pix.fits", 0, 0.0, 0.0, 147.464395562055, 1.084898777632},
    {"legacysurvey/edge_cases/bad_pix.fits", 0, 422.75, 141.33333333333334, 147.449097553649,
     1.090012270475},
    {"ps1_lenses/cubes/lensed_quasar__PSJ1800_0146.fits", 0, 0.0, 0.0, 270.035329182532,
     1.773403173977},
    {"ps1_lenses/cubes/lensed_quasar__PSJ1800_0146.fits", 0, 94.75, 32.0, 270.028751311271,
     1.775617058341},
    {"ps1_lenses/native_5band/B1422_231_g.fits", 0, 0.0, 0.0, 216.163203583752, 22.929290662970},
    {"ps1_lenses/native_5band/B1422_231_g.fits", 0, 118.75, 40.0, 216.154296426694,
     22.932171179107},
    {"ps1_lenses/native_5band/HAHJ0137-0827_z.fits", 0, 0.0, 0.0, 24.365043695401, -8.467437330611},
    {"ps1_lenses/native_5band/HAHJ0137-0827_z.fits", 0, 118.75, 40.0, 24.356708549860,
     -8.464663478918},
    {"challenge_mock/ground_based/lens/Band1/imageSDSS_R-100002.fits", 0, 0.0, 0.0, 0.002777777469,
     -0.002777777466},
    {"challenge_mock/ground_based/lens/Band1/imageSDSS_R-100002.fits", 0, 99.75, 33.666666666666664,
     359.997236111418, -0.000907407306},
};

static void test_positions_of_surveys(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;

    for (size_t i = 0; i < sizeof skies / sizeof *skies; i++) {
        const sky_case *c = &skies[i];
        const char *path = data_file(c->file);
        nsky_sky there = {c->ra_deg, c->dec_deg}, here;
        nsky_fits *fits;
        nsky_fits_hdu hdu;
        nsky_wcs *wcs;
        double x, y;
        if (!path)
            skip();
        assert_ok(nsky_fits_open(&fits, path, &err), err);
        assert_ok(nsky_fits_select(fits, c->hdu, &hdu, &err), err);
        assert_ok(nsky_wcs_open(&wcs, fits, &err), err);
        assert_true(nsky_wcs_to_sky(wcs, c->x, c->y, &here));
        if (!(nsky_sky_separation_deg(here, there) < 1e-5 * ARCSEC_DEG))
            fail_msg("%s: %.10f %+.10f", c->file, here.ra_deg, here.dec_deg);
        assert_true(nsky_wcs_to_pixel(wcs, there, &x, &y));
        assert_true(fabs(x - c->x) < 1e-4 && fabs(y - c->y) < 1e-4);
        assert_false(nsky_wcs_is_mirrored(wcs));
        nsky_wcs_close(wcs);
        nsky_fits_close(fits);
    }
}

/* Every survey file we have either says where it is or says that it does not. */
static void test_every_real_file(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        double scale;
    } cases[] = {
        {"legacysurvey/cubes/zoo_example.fits", 0.1},
        {"legacysurvey/cubes/zoo_temp_small.fits", 0.262},
        {"ps1_lenses/native_5band/B1422_231_g.fits", 0.25}, /* CDELT + PC001001 */
        {"kids_galaxies/cubes/KV00015.fits", 0.339},        /* PIXSCALE only */
        {"des_red_galaxies/grz_nmgy_cubes/des_lrg_00.fits", 0.263},
        {"challenge_mock/ground_based/lens/Band1/imageSDSS_R-100002.fits", 0.2},
        {"challenge_mock/space_based/lens/imageEUC_VIS-100002.fits", 0.1},
    };
    nsky_error err = NSKY_ERROR_INIT;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = data_file(cases[i].file);
        nsky_fits *fits;
        nsky_fits_hdu hdu;
        double scale = 0;
        if (!path)
            skip();
        assert_ok(nsky_fits_open(&fits, path, &err), err);
        assert_ok(nsky_fits_select(fits, 0, &hdu, &err), err);
        assert_true(nsky_wcs_header_scale(fits, &scale));
        if (!(fabs(scale / cases[i].scale - 1) < 1e-5))
            fail_msg("%s: %g arcsec", cases[i].file, scale);
        nsky_fits_close(fits);
    }
}

typedef struct style {
    const char *name;
    const char *cards[8];
    size_t count;
    double scale;
    bool mirrored;
} style;

/* One sky, told in every way; pixel (60, 60) lies east and north of the centre's (49.5, 39.5)
 * unless mirrored. */
static const style styles[] = {
    {"CD", {"CD1_1   = -1E-4", "CD1_2   = 0.0", "CD2_1   = 0.0", "CD2_2   = 1E-4"}, 4, 0.36, false},
    {"CD absent terms", {"CD1_1   = -1E-4", "CD2_2   = 1E-4"}, 2, 0.36, false},
    {"CDELT", {"CDELT1  = -1E-4", "CDELT2  = 1E-4"}, 2, 0.36, false},
    {"CDELT + CROTA", {"CDELT1  = -1E-4", "CDELT2  = 1E-4", "CROTA2  = 0.0"}, 3, 0.36, false},
    {"CDELT + PC", {"CDELT1  = 1E-4", "CDELT2  = 1E-4", "PC1_1   = -1.0"}, 3, 0.36, false},
    {"CDELT + old PC",
     {"CDELT1  = 1E-4", "CDELT2  = 1E-4", "PC001001= -1.0", "PC002002= 1.0"},
     4,
     0.36,
     false},
    {"arcsec",
     {"CUNIT1  = 'arcsec'", "CUNIT2  = 'arcsec'", "CDELT1  = -0.36", "CDELT2  = 0.36",
      "CRVAL1  = 540000.0", "CRVAL2  = 7200.0"},
     6,
     0.36,
     false},
    {"mirrored", {"CD1_1   = 1E-4", "CD2_2   = 1E-4"}, 2, 0.36, true},
    {"FK5",
     {"CD1_1   = -1E-4", "CD2_2   = 1E-4", "RADESYS = 'FK5'", "EQUINOX = 2000.0"},
     4,
     0.36,
     false},
    {"ICRS", {"CD1_1   = -1E-4", "CD2_2   = 1E-4", "RADESYS = 'ICRS'"}, 3, 0.36, false},
    {"oblong", {"CD1_1   = -4E-4", "CD2_2   = 1E-4"}, 2, 0.72, false},
    {"third axis",
     {"CD1_1   = -1E-4", "CD2_2   = 1E-4", "CTYPE3  = 'FREQ'", "CD3_3   = 1.0", "WCSAXES = 3",
      "CRVAL3  = 1E9"},
     6,
     0.36,
     false},
    {"alternate",
     {"CD1_1   = -1E-4", "CD2_2   = 1E-4", "CTYPE1A = 'GLON-TAN'", "CTYPE2A = 'GLAT-TAN'"},
     4,
     0.36,
     false},
};

static void test_styles(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;

    for (size_t i = 0; i < sizeof styles / sizeof *styles; i++) {
        const style *s = &styles[i];
        corpus_file file = {0};
        bool own_centre = strcmp(s->name, "arcsec") == 0;
        nsky_fits *fits;
        nsky_wcs *wcs;
        nsky_sky sky;
        if (own_centre) { /* CRVAL is in the list: leave the shared ones out */
            const char *const cards[] = {"CRPIX1  = 50.5",
                                         "CRPIX2  = 40.5",
                                         "CTYPE1  = 'RA---TAN'",
                                         "CTYPE2  = 'DEC--TAN'",
                                         s->cards[0],
                                         s->cards[1],
                                         s->cards[2],
                                         s->cards[3],
                                         s->cards[4],
                                         s->cards[5]};
            fits = with_cards(cards, 10, 0, &file);
        } else {
            fits = with_cards(s->cards, s->count, 6, &file);
        }
        if (nsky_wcs_open(&wcs, fits, &err) != NSKY_OK)
            fail_msg("%s: %s", s->name, err.text);
        if (!(fabs(nsky_wcs_scale_arcsec_px(wcs) - s->scale) < 1e-9))
            fail_msg("%s: %.12g arcsec", s->name, nsky_wcs_scale_arcsec_px(wcs));
        assert_int_equal(nsky_wcs_is_mirrored(wcs), s->mirrored);
        assert_true(nsky_wcs_to_sky(wcs, 49.5, 39.5, &sky));
        assert_true(fabs(sky.ra_deg - 150) < 1e-9 && fabs(sky.dec_deg - 2) < 1e-9);
        assert_true(nsky_wcs_to_sky(wcs, 60, 60, &sky));
        if (!(sky.dec_deg > 2.0019) || (sky.ra_deg > 150) != s->mirrored)
            fail_msg("%s: %.6f %.6f", s->name, sky.ra_deg, sky.dec_deg);
        nsky_wcs_close(wcs);
        nsky_fits_close(fits);
        corpus_free(&file);
    }
}

/* Other projections and orders; where astropy 5.2 puts pixel (60, 70). */
static const struct {
    const char *name;
    const char *cards[14];
    size_t count;
    double ra_deg, dec_deg;
} projections[] = {
    {"rotated",
     {"CRPIX1  = 50.5", "CRPIX2  = 40.5", "CRVAL1  = 150.0", "CRVAL2  = 2.0",
      "CTYPE1  = 'RA---TAN'", "CTYPE2  = 'DEC--TAN'", "CDELT1  = -0.0001", "CDELT2  = 0.0001",
      "CROTA2  = 30.0"},
     9,
     149.997564186356,
     2.002116375673},
    {"skewed CD",
     {"CRPIX1  = 50.5", "CRPIX2  = 40.5", "CRVAL1  = 150.0", "CRVAL2  = 2.0",
      "CTYPE1  = 'RA---TAN'", "CTYPE2  = 'DEC--TAN'", "CD1_1   = -0.0001", "CD1_2   = 3E-05",
      "CD2_1   = 2E-05", "CD2_2   = 0.00011"},
     10,
     149.999864917418,
     2.003564999990},
    {"declination first",
     {"CRPIX1  = 50.5", "CRPIX2  = 40.5", "CRVAL1  = 2.0", "CRVAL2  = 150.0",
      "CTYPE1  = 'DEC--TAN'", "CTYPE2  = 'RA---TAN'", "CD1_1   = 0.0001", "CD2_2   = -0.0001"},
     8,
     149.996948138940,
     2.001049997164},
    {"SIN",
     {"CRPIX1  = 50.5", "CRPIX2  = 40.5", "CRVAL1  = 150.0", "CRVAL2  = 2.0",
      "CTYPE1  = 'RA---SIN'", "CTYPE2  = 'DEC--SIN'", "CD1_1   = -0.01", "CD2_2   = 0.01"},
     8,
     149.894914915792,
     2.304998079990},
    {"ZEA",
     {"CRPIX1  = 50.5", "CRPIX2  = 40.5", "CRVAL1  = 150.0", "CRVAL2  = 2.0",
      "CTYPE1  = 'RA---ZEA'", "CTYPE2  = 'DEC--ZEA'", "CD1_1   = -0.01", "CD2_2   = 0.01",
      "LONPOLE = 170.0"},
     9,
     149.843508798372,
     2.282125875797},
    {"CAR",
     {"CRPIX1  = 50.5", "CRPIX2  = 40.5", "CRVAL1  = 150.0", "CRVAL2  = 0.0",
      "CTYPE1  = 'RA---CAR'", "CTYPE2  = 'DEC--CAR'", "CDELT1  = -0.01", "CDELT2  = 0.01"},
     8,
     149.895000000000,
     0.305000000000},
    {"TPV",
     {"CRPIX1  = 50.5", "CRPIX2  = 40.5", "CRVAL1  = 150.0", "CRVAL2  = 2.0",
      "CTYPE1  = 'RA---TPV'", "CTYPE2  = 'DEC--TPV'", "CD1_1   = -0.01", "CD2_2   = 0.01",
      "PV1_0   = 0.001", "PV1_1   = 1.01", "PV1_4   = 0.001", "PV2_0   = -0.002", "PV2_1   = 0.99",
      "PV2_10  = 0.001"},
     14,
     149.894877899281,
     2.299942235359},
};

static void test_projections(void **state)
{
    (void)state;
    nsky_error err = NSKY_ERROR_INIT;

    for (size_t i = 0; i < sizeof projections / sizeof *projections; i++) {
        corpus_file file = {0};
        nsky_fits *fits = with_cards(projections[i].cards, projections[i].count, 0, &file);
        nsky_sky want = {projections[i].ra_deg, projections[i].dec_deg}, got;
        nsky_wcs *wcs;
        double x, y;
        if (nsky_wcs_open(&wcs, fits, &err) != NSKY_OK)
            fail_msg("%s: %s", projections[i].name, err.text);
        assert_true(nsky_wcs_to_sky(wcs, 60, 70, &got));
        if (!(nsky_sky_separation_deg(got, want) < 1e-6 * ARCSEC_DEG))
            fail_msg("%s: %.12f %+.12f", projections[i].name, got.ra_deg, got.dec_deg);
        assert_true(nsky_wcs_to_pixel(wcs, got, &x, &y));
        assert_true(fabs(x - 60) < 1e-6 && fabs(y - 70) < 1e-6);
        assert_false(nsky_wcs_is_mirrored(wcs) != (i == 2)); /* declination first is a mirror */
        nsky_wcs_close(wcs);
        nsky_fits_close(fits);
        corpus_free(&file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_positions_of_surveys),
        cmocka_unit_test(test_every_real_file),
        cmocka_unit_test(test_styles),
        cmocka_unit_test(test_projections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
