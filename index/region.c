/* region.c - see region.h. */
#include "index/region.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/sky.h"
#include "index/healpix.h"

#define DEG (M_PI / 180)
#define FIELDS_FROM_ROWS 100000
#define ACROSS 512
#define DOWN 256
#define FIELD_DEG (360.0 / ACROSS)
#define FIELD_RADIUS_DEG                                                    \
    (FIELD_DEG * 0.7072) /* corners, at the equator where they are farthest \
                          */
#define SPARE_DEG 1e-6   /* positions and sines are rounded */

enum { OUTSIDE, EDGE, INSIDE };

static int ascending(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static double separation_deg(const double a[3], const double b[3])
{
    double x = a[0] - b[0], y = a[1] - b[1], z = a[2] - b[2];
    double half = sqrt(x * x + y * y + z * z) / 2;

    return 2 * asin(fmin(1, half)) / DEG;
}

static uint8_t judge(double distance, double radius)
{
    if (distance > radius + FIELD_RADIUS_DEG + SPARE_DEG)
        return OUTSIDE;
    return distance < radius - FIELD_RADIUS_DEG - SPARE_DEG ? INSIDE : EDGE;
}

static uint8_t judge_polygon(const nsky_polygon *polygon, const double centre[3])
{
    if (separation_deg(polygon->centre, centre) > polygon->cap_deg + FIELD_RADIUS_DEG + SPARE_DEG)
        return OUTSIDE;
    if (nsky_polygon_edge_deg(polygon, centre) <= FIELD_RADIUS_DEG + SPARE_DEG)
        return EDGE;
    return nsky_polygon_holds(polygon, centre) ? INSIDE : OUTSIDE;
}

/* Everything that may have a point of the cell in it is its edge; cells lie close together, so
 * nothing is gained by knowing what is wholly inside one. */
static void mark_cell(const nsky_region *region, uint64_t cell, uint8_t *near)
{
    const double radius = nsky_healpix_radius_deg(region->nside) + FIELD_RADIUS_DEG + SPARE_DEG;
    double ra, dec, centre[3], here[3];

    nsky_healpix_centre(region->nside, region->nested, cell, &ra, &dec);
    nsky_unit_vector(ra, dec, centre);
    int top = (int)floor((dec + radius + 90) / FIELD_DEG);
    int bottom = (int)floor((dec - radius + 90) / FIELD_DEG);
    for (int j = bottom < 0 ? 0 : bottom; j <= top && j < DOWN; j++) {
        double cosine = cos(fmin(fabs(dec) + 2 * radius, 90) * DEG);
        int reach = ACROSS / 2;
        if (cosine > 0.01 && radius / cosine / FIELD_DEG + 2 < reach)
            reach = (int)(radius / cosine / FIELD_DEG * 1.6) + 2;
        if (reach > ACROSS / 2)
            reach = ACROSS / 2;
        int middle = (int)floor(ra / FIELD_DEG);
        for (int i = middle - reach; i <= middle + reach; i++) {
            int column = (i + 2 * ACROSS) % ACROSS;
            uint8_t *field = &near[j * ACROSS + column];
            if (*field == EDGE)
                continue;
            nsky_unit_vector((column + 0.5) * FIELD_DEG, (j + 0.5) * FIELD_DEG - 90, here);
            if (separation_deg(centre, here) <= radius)
                *field = EDGE;
        }
    }
}

static uint8_t judge_field(const nsky_region *region, const double centre[3])
{
    uint8_t cone = INSIDE, polygon = INSIDE;

    if (region->has_cone)
        cone = judge(separation_deg(region->cone_centre, centre), region->cone_radius_deg);
    if (region->has_polygon && cone != OUTSIDE)
        polygon = judge_polygon(&region->polygon, centre);
    return cone < polygon ? cone : polygon;
}

static nsky_status make_fields(nsky_region *region, nsky_error *err)
{
    double centre[3];

    region->fields = nsky_alloc_zero(NSKY_FIELDS, 1, err);
    if (!region->fields)
        return err->status;
    for (uint32_t i = 0; region->has_cells && i < region->cell_count; i++)
        mark_cell(region, region->cells[i], region->fields);
    for (int j = 0; j < DOWN; j++) {
        const double low = region->dec_low / 4294967296.0 * DOWN - 2;
        const double high = low + region->dec_span / 4294967296.0 * DOWN + 4;
        for (int i = 0; i < ACROSS && j >= low && j <= high; i++) {
            uint8_t *field = &region->fields[j * ACROSS + i];
            if (region->has_cells && *field == OUTSIDE)
                continue;
            nsky_unit_vector((i + 0.5) * FIELD_DEG, (j + 0.5) * FIELD_DEG - 90, centre);
            uint8_t rest = judge_field(region, centre);
            *field = region->has_cells && rest == INSIDE ? EDGE : rest;
        }
    }
    return NSKY_OK;
}

/* The band of declination that a cap reaches; it only ever narrows. */
static void narrow(nsky_region *region, double dec_deg, double radius_deg)
{
    const double high = region->dec_low + (double)region->dec_span;
    const double scale = 4294967296.0 / 180;
    double from = fmax((dec_deg - radius_deg - SPARE_DEG + 90) * scale, region->dec_low);
    double to = fmin((dec_deg + radius_deg + SPARE_DEG + 90) * scale, high);

    region->dec_low = (uint32_t)fmin(from, UINT32_MAX);
    region->dec_span = to > region->dec_low ? (uint32_t)(to - region->dec_low) : 0;
}

static nsky_status take_places(nsky_region *region, const nsky_filter *filter, nsky_error *err)
{
    nsky_status status = NSKY_OK;

    region->dec_span = UINT32_MAX;
    if ((region->has_cone = !isnan(filter->cone_radius_deg))) {
        nsky_unit_vector(filter->cone_ra_deg, filter->cone_dec_deg, region->cone_centre);
        region->cone_radius_deg = filter->cone_radius_deg;
        double half = sin(filter->cone_radius_deg * DEG / 2);
        region->cone_chord = 4 * half * half;
        narrow(region, filter->cone_dec_deg, filter->cone_radius_deg);
    }
    if ((region->has_polygon = filter->polygon_count > 0)) {
        status = nsky_polygon_make(&region->polygon, filter->polygon, filter->polygon_count, err);
        if (status == NSKY_OK)
            narrow(region, asin(region->polygon.centre[2]) / DEG, region->polygon.cap_deg);
    }
    if (status == NSKY_OK && (region->has_cells = filter->cell_count > 0)) {
        region->nside = filter->nside;
        region->nested = filter->nested;
        region->cell_count = filter->cell_count;
        if (!(region->cells = nsky_alloc(filter->cell_count, sizeof *region->cells, err)))
            return err->status;
        memcpy(region->cells, filter->cells, filter->cell_count * sizeof *region->cells);
        qsort(region->cells, region->cell_count, sizeof *region->cells, ascending);
    }
    region->everywhere = !region->has_cone && !region->has_polygon && !region->has_cells;
    return status;
}

nsky_status nsky_region_make(nsky_region *out, const nsky_filter *filter, uint64_t rows,
                             nsky_error *err)
{
    memset(out, 0, sizeof *out);
    nsky_status status = take_places(out, filter, err);
    if (status == NSKY_OK && !out->everywhere && rows >= FIELDS_FROM_ROWS)
        status = make_fields(out, err);
    if (status != NSKY_OK)
        nsky_region_clear(out);
    return status;
}

void nsky_region_clear(nsky_region *region)
{
    nsky_free(region->cells);
    nsky_free(region->fields);
    memset(region, 0, sizeof *region);
}

static bool in_a_cell(const nsky_region *region, double ra_deg, double dec_deg)
{
    uint64_t cell = nsky_healpix_cell(region->nside, region->nested, ra_deg, dec_deg);

    return bsearch(&cell, region->cells, region->cell_count, sizeof cell, ascending) != NULL;
}

bool nsky_region_holds(const nsky_region *region, uint32_t ra, uint32_t dec)
{
    double here[3];

    if (region->everywhere)
        return true;
    if (dec - region->dec_low > region->dec_span)
        return false;
    if (region->fields) {
        uint8_t field = region->fields[(dec >> 24) * ACROSS + (ra >> 23)];
        if (field != EDGE)
            return field == INSIDE;
    }
    const double ra_deg = nsky_columns_ra_deg(ra), dec_deg = nsky_columns_dec_deg(dec);
    nsky_unit_vector(ra_deg, dec_deg, here);
    if (region->has_cone) {
        double x = here[0] - region->cone_centre[0], y = here[1] - region->cone_centre[1];
        double z = here[2] - region->cone_centre[2];
        if (x * x + y * y + z * z > region->cone_chord)
            return false;
    }
    return (!region->has_polygon || nsky_polygon_holds(&region->polygon, here)) &&
           (!region->has_cells || in_a_cell(region, ra_deg, dec_deg));
}

void nsky_region_test(const nsky_region *region, const uint32_t *ra, const uint32_t *dec,
                      uint64_t count, uint8_t *bits)
{
    for (uint64_t byte = 0; byte < count / 8; byte++) {
        unsigned look = bits[byte], in = look;
        if (look != 0 && region->fields) {
            /* All eight without a branch: which way it goes cannot be foreseen. */
            unsigned inside = 0, edge = 0;
            for (unsigned b = 0; b < 8; b++) {
                const uint64_t row = 8 * byte + b;
                uint8_t field = region->fields[(dec[row] >> 24) * ACROSS + (ra[row] >> 23)];
                inside |= (unsigned)(field == INSIDE) << b;
                edge |= (unsigned)(field == EDGE) << b;
            }
            in &= inside | edge;
            look &= edge;
        }
        for (unsigned left = look; left; left &= left - 1) {
            const unsigned bit = (unsigned)__builtin_ctz(left);
            if (!nsky_region_holds(region, ra[8 * byte + bit], dec[8 * byte + bit]))
                in &= ~(1u << bit);
        }
        bits[byte] = (uint8_t)in;
    }
}
