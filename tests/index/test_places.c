/* test_places.c - HEALPix against astropy-healpix, polygons against a plain winding count, and the
 * fields that make both quick against looking at every row. */
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
#include "index/healpix.h"
#include "index/region.h"

#define DEG (M_PI / 180)

/* Written by astropy-healpix 0.6: lonlat_to_healpix, and healpix_to_lonlat of the RING number. */
static const struct {
    uint32_t nside;
    double ra, dec;
    uint64_t nested, ring;
    double centre_ra, centre_dec;
} cells[] = {
    {1, 0.10000, 89.90000, 0ull, 0ull, 45.0000000000, 41.8103148958},
    {2, 10.68458, 41.26875, 2ull, 4ull, 22.5000000000, 41.8103148958},
    {64, 83.63308, 22.01446, 24185ull, 15291ull, 83.6718750000, 22.0243128370},
    {1024, 201.36506, -43.01911, 11075289ull, 10583149ull, 201.3750000000, -43.0086339942},
    {65536, 187.70593, 12.39112, 29114704254ull, 20240143851ull, 187.7062225342, 12.3908448458},
    {1048576, 359.99000, 0.01000, 5222680275890ull, 6595922624395ull, 359.9900007248, 0.0099811832},
    {1, 45.20000, -89.70000, 8ull, 8ull, 45.0000000000, -41.8103148958},
    {2, 134.90000, 41.70000, 6ull, 6ull, 112.5000000000, 41.8103148958},
    {64, 225.30000, -41.90000, 42666ull, 40992ull, 225.7031250000, -41.8103148958},
    {1024, 90.30000, 0.20000, 5679806ull, 6265859ull, 90.3076171875, 0.2238122079},
    {65536, 290.85868, 37.58993, 15292609933ull, 10050157396ull, 290.8582305908, 37.5899148683},
    {1048576, 102.88850, 1.75646, 5962593912686ull, 6394861472401ull, 102.8884649277, 1.7564533409},
    {1, 138.01280, -63.14322, 9ull, 9ull, 135.0000000000, -41.8103148958},
    {2, 16.29907, -10.54767, 17ull, 20ull, 22.5000000000, 0.0000000000},
    {64, 359.70340, -64.48660, 46084ull, 46771ull, 358.7142857143, -64.1987459025},
    {1024, 84.42367, 17.74242, 6180038ull, 4373440ull, 84.4189453125, 17.7393641517},
    {65536, 350.70703, -7.47565, 19601189684ull, 29122487697ull, 350.7069396973, -7.4751649912},
    {1048576, 303.92317, 52.68882, 4166741668264ull, 1350057537684ull, 303.9231999474,
     52.6888125664},
    {1, 177.48829, -12.42671, 6ull, 6ull, 180.0000000000, 0.0000000000},
    {2, 21.88898, 20.69411, 2ull, 4ull, 22.5000000000, 41.8103148958},
    {64, 97.72258, 6.38405, 22254ull, 21957ull, 97.7343750000, 5.9791567963},
    {1024, 23.11720, 49.40273, 728385ull, 1512283ull, 23.1206896552, 49.4102723428},
    {65536, 313.23186, 20.99970, 13519811126ull, 16535091960ull, 313.2318878174, 20.9993738741},
    {1048576, 322.36137, -33.04947, 12937920497389ull, 10194869899014ull, 322.3613977432,
     -33.0494806753},
};

static void cells_are_those_of_astropy(void **state)
{
    (void)state;
    double ra, dec;
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        const uint32_t nside = cells[i].nside;
        assert_int_equal(nsky_healpix_cell(nside, true, cells[i].ra, cells[i].dec),
                         cells[i].nested);
        assert_int_equal(nsky_healpix_cell(nside, false, cells[i].ra, cells[i].dec), cells[i].ring);
        for (int nested = 0; nested < 2; nested++) {
            nsky_healpix_centre(nside, nested, nested ? cells[i].nested : cells[i].ring, &ra, &dec);
            assert_true(fabs(ra - cells[i].centre_ra) < 1e-9);
            assert_true(fabs(dec - cells[i].centre_dec) < 1e-9);
        }
    }
}

/* Every cell of both numberings: its centre is in it, and nothing of it is beyond the radius. */
static void centres_and_radii(void **state)
{
    (void)state;
    for (uint32_t nside = 1; nside <= 32; nside *= 2)
        for (int nested = 0; nested < 2; nested++)
            for (uint64_t cell = 0; cell < 12ull * nside * nside; cell++) {
                double ra, dec;
                nsky_healpix_centre(nside, nested, cell, &ra, &dec);
                assert_true(ra >= 0 && ra < 360);
                assert_int_equal(nsky_healpix_cell(nside, nested, ra, dec), cell);
            }
    nsky_rng rng = nsky_rng_at(7, 1, 0);
    for (int i = 0; i < 20000; i++) {
        uint32_t nside = 1u << nsky_rng_below(&rng, 12);
        nsky_sky here = {nsky_rng_range(&rng, 0, 360), asin(nsky_rng_range(&rng, -1, 1)) / DEG},
                 centre;
        uint64_t cell = nsky_healpix_cell(nside, i & 1, here.ra_deg, here.dec_deg);
        nsky_healpix_centre(nside, i & 1, cell, &centre.ra_deg, &centre.dec_deg);
        assert_true(nsky_sky_separation_deg(here, centre) <= nsky_healpix_radius_deg(nside));
    }
}

/* --- polygons --- */

/* The sum of the angles under which the sides are seen, in whole turns: nothing in common with the
 * projection. For polygons within a hemisphere; points more than 90 degrees away are outside. */
static bool wound_around(const nsky_vertex *v, uint32_t count, const double centre[3], double ra,
                         double dec)
{
    double here[3], total = 0, last = 0;
    nsky_unit_vector(ra, dec, here);
    if (here[0] * centre[0] + here[1] * centre[1] + here[2] * centre[2] <= 0)
        return false;
    for (uint32_t i = 0; i <= count; i++) {
        double dra = (v[i % count].ra_deg - ra) * DEG, d = v[i % count].dec_deg * DEG;
        double azimuth =
            atan2(sin(dra) * cos(d), cos(dec * DEG) * sin(d) - sin(dec * DEG) * cos(d) * cos(dra));
        if (i > 0)
            total += remainder(azimuth - last, 2 * M_PI);
        last = azimuth;
    }
    return fabs(total) > M_PI;
}

static void check_polygon(const nsky_vertex *vertices, uint32_t count, double min_share,
                          double max_share)
{
    nsky_polygon polygon;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_rng rng = nsky_rng_at(11, count, 0);
    uint32_t inside = 0;
    if (nsky_polygon_make(&polygon, vertices, count, &err) != NSKY_OK)
        fail_msg("%s", err.text);
    for (int i = 0; i < 20000; i++) {
        double ra = nsky_rng_range(&rng, 0, 360), dec = asin(nsky_rng_range(&rng, -1, 1)) / DEG;
        double here[3];
        nsky_unit_vector(ra, dec, here);
        bool held = nsky_polygon_holds(&polygon, here);
        inside += held;
        if (nsky_polygon_edge_deg(&polygon, here) > 1e-6)
            assert_int_equal(held, wound_around(vertices, count, polygon.centre, ra, dec));
    }
    if (!(inside > min_share * 20000 && inside < max_share * 20000))
        fail_msg("%u vertices hold %u of 20000", count, inside);
}

static void polygons_of_every_kind(void **state)
{
    (void)state;
    const nsky_vertex square[] = {{10, -10}, {30, -10}, {30, 10}, {10, 10}};
    const nsky_vertex across_zero[] = {{350, -10}, {350, 10}, {10, 10}, {10, -10}};
    const nsky_vertex around_pole[] = {{0, 60}, {90, 60}, {180, 60}, {270, 60}};
    const nsky_vertex south[] = {{0, -50}, {200, -70}, {100, -60}};
    const nsky_vertex arrow[] = {{100, 0}, {140, 30}, {100, 10}, {60, 30}}; /* not convex */
    const nsky_vertex wide[] = {{0, 0}, {100, 0}, {50, 80}};
    check_polygon(square, 4, 0.008, 0.012); /* 400 sq deg of 41253 */
    check_polygon(across_zero, 4, 0.008, 0.012);
    check_polygon(around_pole, 4, 0.03, 0.067);
    check_polygon(south, 3, 0.002, 0.05);
    check_polygon(arrow, 4, 0.005, 0.05);
    check_polygon(wide, 3, 0.1, 0.17);
}

static void bad_polygons_are_named(void **state)
{
    (void)state;
    nsky_polygon polygon;
    nsky_error err = NSKY_ERROR_INIT;
    const nsky_vertex twice[] = {{10, 10}, {10, 10}, {20, 20}};
    const nsky_vertex off[] = {{10, 10}, {20, 10}, {20, 91}};
    const nsky_vertex nan[] = {{10, 10}, {NAN, 10}, {20, 20}};
    const nsky_vertex round[] = {{0, 0}, {120, 0}, {240, 0}};
    const nsky_vertex half[] = {{0, -0.5}, {90, -0.5}, {180, -0.5}, {270, -0.5}};
    const struct {
        const nsky_vertex *vertices;
        uint32_t count;
        const char *word;
    } bad[] = {{twice, 3, "polygon[1]"},
               {off, 3, "polygon[2]"},
               {nan, 3, "polygon[1]"},
               {round, 3, "hemisphere"},
               {half, 4, "hemisphere"},
               {twice, 2, "3 to"},
               {twice, NSKY_POLYGON_MAX + 1, "3 to"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(nsky_polygon_make(&polygon, bad[i].vertices, bad[i].count, &err),
                         NSKY_EINVAL);
        if (!strstr(err.text, bad[i].word))
            fail_msg("\"%s\" does not say %s", err.text, bad[i].word);
    }
}

/* --- fields: a filter over many rows gives what looking at each row gives --- */

enum { MANY = 120003 };
static uint32_t ra[MANY], dec[MANY];
static uint8_t flags[MANY];
static float nothing[MANY];

static int make_sky(void **state)
{
    (void)state;
    nsky_rng rng = nsky_rng_at(13, 1, 0);
    for (int i = 0; i < MANY; i++) {
        ra[i] = nsky_columns_ra(nsky_rng_range(&rng, 0, 360));
        dec[i] = nsky_columns_dec(asin(nsky_rng_range(&rng, -1, 1)) / DEG);
        flags[i] = i % 1000 == 0 ? NSKY_FLAG_NOWHERE : 0;
    }
    return 0;
}

static uint64_t check_region(const nsky_filter *filter)
{
    const nsky_columns columns = {.rows = MANY,
                                  .mag = {nothing, nothing, nothing},
                                  .z_phot = nothing,
                                  .ra = ra,
                                  .dec = dec,
                                  .flags = flags};
    nsky_region plain;
    nsky_error err = NSKY_ERROR_INIT;
    uint8_t *bits = NULL;
    uint64_t inside = 0;
    assert_int_equal(nsky_filter_check(filter, &err), NSKY_OK);
    assert_int_equal(nsky_region_make(&plain, filter, 1, &err), NSKY_OK);
    assert_null(plain.fields);
    assert_int_equal(nsky_filter_bitmap(&columns, MANY, filter, NULL, &bits, &err), NSKY_OK);
    for (uint64_t i = 0; i < MANY; i++) {
        bool held = !(flags[i] & NSKY_FLAG_NOWHERE) && nsky_region_holds(&plain, ra[i], dec[i]);
        if (held != (bits[i >> 3] >> (i & 7) & 1))
            fail_msg("row %d at %.6f %+.6f: %d without fields", (int)i, nsky_columns_ra_deg(ra[i]),
                     nsky_columns_dec_deg(dec[i]), held);
        inside += held;
    }
    nsky_free(bits);
    nsky_region_clear(&plain);
    return inside;
}

static void fields_change_nothing(void **state)
{
    (void)state;
    nsky_filter filter;
    const struct {
        double ra, dec, radius;
    } cones[] = {{0, 0, 10},   {359.9, 89.5, 5}, {200, -90, 20}, {100, 30, 0.3},
                 {10, 10, 90}, {180, 45, 179},   {50, 0, 180},   {359.8, -60, 2}};
    for (size_t i = 0; i < sizeof cones / sizeof *cones; i++) {
        nsky_filter_init(&filter);
        filter.cone_ra_deg = cones[i].ra;
        filter.cone_dec_deg = cones[i].dec;
        filter.cone_radius_deg = cones[i].radius;
        double share = (1 - cos(cones[i].radius * DEG)) / 2, expected = share * MANY * 0.999;
        assert_true(fabs((double)check_region(&filter) - expected) < 5 * sqrt(expected) + 5);
    }
    const nsky_vertex around_pole[] = {{0, 60}, {90, 70}, {180, 60}, {270, 50}};
    const nsky_vertex across_zero[] = {{350, -10}, {355, 10}, {0, 2}, {10, 10}, {10, -10}};
    nsky_filter_init(&filter);
    filter.polygon_count = 4;
    memcpy(filter.polygon, around_pole, sizeof around_pole);
    assert_true(check_region(&filter) > 1000);
    filter.polygon_count = 5;
    memcpy(filter.polygon, across_zero, sizeof across_zero);
    assert_true(check_region(&filter) > 500);
    filter.cone_ra_deg = 2;
    filter.cone_dec_deg = -5;
    filter.cone_radius_deg = 6;
    assert_true(check_region(&filter) > 100);
}

static void cells_change_nothing(void **state)
{
    (void)state;
    nsky_rng rng = nsky_rng_at(17, 1, 0);
    static uint64_t wanted[300];
    for (uint32_t nside = 1; nside <= 1024; nside *= 4)
        for (int nested = 0; nested < 2; nested++) {
            nsky_filter filter;
            nsky_filter_init(&filter);
            filter.nside = nside;
            filter.nested = nested;
            filter.cells = wanted;
            filter.cell_count = nside == 1 ? 3 : 300;
            for (uint32_t i = 0; i < filter.cell_count; i++) /* with the poles among them */
                wanted[i] = i == 0   ? 0
                            : i == 1 ? 12ull * nside * nside - 1
                                     : nsky_rng_u64(&rng) % (12ull * nside * nside);
            uint64_t inside = check_region(&filter);
            assert_true(nside > 64 || inside > 0);
            if (nside == 4) { /* 192 cells, 300 draws: most of the sky */
                filter.cone_ra_deg = 0;
                filter.cone_dec_deg = 0;
                filter.cone_radius_deg = 30;
                assert_true(check_region(&filter) < inside);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_are_those_of_astropy), cmocka_unit_test(centres_and_radii),
        cmocka_unit_test(polygons_of_every_kind),     cmocka_unit_test(bad_polygons_are_named),
        cmocka_unit_test(fields_change_nothing),      cmocka_unit_test(cells_change_nothing),
    };
    return cmocka_run_group_tests(tests, make_sky, NULL);
}
