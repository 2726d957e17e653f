/* filter.c - filter.h but for the rows: what may be asked. Pure functions: any thread. */
#include "index/filter.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/sky.h"
#include "index/polygon.h"

static const char *const type_words[NSKY_TYPES] = {"unknown", "PSF",  "REX", "EXP", "DEV",  "SER",
                                                   "COMP",    "SIMP", "SIM", "DUP", "other"};

nsky_type nsky_type_of(const char *word)
{
    size_t length = strlen(word);

    while (length > 0 && word[length - 1] == ' ')
        length--;
    if (length == 0)
        return NSKY_TYPE_UNKNOWN;
    for (int type = NSKY_TYPE_PSF; type < NSKY_TYPE_OTHER; type++)
        if (strlen(type_words[type]) == length && strncasecmp(word, type_words[type], length) == 0)
            return (nsky_type)type;
    return NSKY_TYPE_OTHER;
}

nsky_status nsky_types_parse(uint32_t *out, const char *words, nsky_error *err)
{
    *out = 0;
    for (const char *word = words;; word++) {
        size_t length = strcspn(word, ",");
        int type = 0;
        while (type < NSKY_TYPES && (strlen(type_words[type]) != length ||
                                     strncasecmp(word, type_words[type], length) != 0))
            type++;
        if (type == NSKY_TYPES)
            return nsky_fail(err, NSKY_EINVAL,
                             "type: \"%.*s\" is none of PSF, REX, EXP, DEV, SER, COMP, SIMP, SIM, "
                             "DUP, other and unknown",
                             length < 40 ? (int)length : 40, word);
        *out |= 1u << type;
        word += length;
        if (*word == '\0')
            return NSKY_OK;
    }
}

/* The pairs of bounds, each with its name. */
typedef struct bound {
    const char *name;
    double low, high;
} bound;
enum { BOUNDS = 7 };

static void list_bounds(const nsky_filter *filter, bound out[BOUNDS])
{
    out[0] = (bound){"mag_g", filter->mag_min[0], filter->mag_max[0]};
    out[1] = (bound){"mag_r", filter->mag_min[1], filter->mag_max[1]};
    out[2] = (bound){"mag_z", filter->mag_min[2], filter->mag_max[2]};
    out[3] = (bound){"g_r", filter->g_r_min, filter->g_r_max};
    out[4] = (bound){"r_z", filter->r_z_min, filter->r_z_max};
    out[5] = (bound){"z_phot", filter->z_min, filter->z_max};
    out[6] = (bound){"z_spec", filter->z_spec_min, filter->z_spec_max};
}

void nsky_filter_init(nsky_filter *filter)
{
    memset(filter, 0, sizeof *filter);
    for (int band = 0; band < 3; band++)
        filter->mag_min[band] = filter->mag_max[band] = NAN;
    filter->g_r_min = filter->g_r_max = filter->r_z_min = filter->r_z_max = NAN;
    filter->z_min = filter->z_max = filter->z_spec_min = filter->z_spec_max = NAN;
    filter->cone_ra_deg = filter->cone_dec_deg = filter->cone_radius_deg = NAN;
}

bool nsky_filter_needs_columns(const nsky_filter *filter)
{
    bound bounds[BOUNDS];

    list_bounds(filter, bounds);
    for (int i = 0; i < BOUNDS; i++)
        if (!isnan(bounds[i].low) || !isnan(bounds[i].high))
            return true;
    return filter->types || filter->hide_known || filter->only_known ||
           !isnan(filter->cone_radius_deg) || filter->polygon_count || filter->cell_count;
}

bool nsky_filter_is_empty(const nsky_filter *filter)
{
    return !nsky_filter_needs_columns(filter) && !filter->rows && !filter->bitmap;
}

static bool same_number(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static bool same_place(const nsky_filter *a, const nsky_filter *b)
{
    bool same = same_number(a->cone_ra_deg, b->cone_ra_deg) &&
                same_number(a->cone_dec_deg, b->cone_dec_deg) &&
                same_number(a->cone_radius_deg, b->cone_radius_deg) &&
                a->polygon_count == b->polygon_count && a->cell_count == b->cell_count;

    for (uint32_t i = 0; same && i < a->polygon_count; i++)
        same = same_number(a->polygon[i].ra_deg, b->polygon[i].ra_deg) &&
               same_number(a->polygon[i].dec_deg, b->polygon[i].dec_deg);
    return same && (a->cell_count == 0 ||
                    (a->nside == b->nside && a->nested == b->nested &&
                     memcmp(a->cells, b->cells, a->cell_count * sizeof *a->cells) == 0));
}

bool nsky_filter_same(const nsky_filter *a, const nsky_filter *b)
{
    bound one[BOUNDS], other[BOUNDS];
    bool same = a->types == b->types && a->hide_known == b->hide_known &&
                a->only_known == b->only_known && !a->rows && !b->rows && !a->bitmap && !b->bitmap;

    list_bounds(a, one);
    list_bounds(b, other);
    for (int i = 0; same && i < BOUNDS; i++)
        same = same_number(one[i].low, other[i].low) && same_number(one[i].high, other[i].high);
    return same && same_place(a, b);
}

static nsky_status check_sky(const nsky_filter *filter, nsky_error *err)
{
    nsky_sky centre = {filter->cone_ra_deg, filter->cone_dec_deg};
    nsky_polygon polygon;

    if (!isnan(filter->cone_radius_deg) &&
        (!nsky_sky_valid(centre) ||
         !(filter->cone_radius_deg > 0 && filter->cone_radius_deg <= 180)))
        return nsky_fail(err, NSKY_EINVAL, "cone: %g %+g degrees, radius %g is not on the sky",
                         centre.ra_deg, centre.dec_deg, filter->cone_radius_deg);
    if (filter->cell_count > 0) {
        const uint32_t nside = filter->nside;
        if (nside < 1 || nside > NSKY_NSIDE_MAX || (nside & (nside - 1)) != 0)
            return nsky_fail(err, NSKY_EINVAL, "healpix: nside is %u; a power of two up to %u",
                             nside, NSKY_NSIDE_MAX);
        if (filter->cell_count > NSKY_CELLS_MAX)
            return nsky_fail(err, NSKY_EINVAL, "healpix: %u cells; %d are the most",
                             filter->cell_count, NSKY_CELLS_MAX);
        for (uint32_t i = 0; i < filter->cell_count; i++)
            if (filter->cells[i] >= 12 * (uint64_t)nside * nside)
                return nsky_fail(err, NSKY_EINVAL,
                                 "healpix: cells[%u] is %llu; nside %u has cells 0 to %llu", i,
                                 (unsigned long long)filter->cells[i], nside,
                                 12 * (unsigned long long)nside * nside - 1);
    }
    return filter->polygon_count > 0
               ? nsky_polygon_make(&polygon, filter->polygon, filter->polygon_count, err)
               : NSKY_OK;
}

nsky_status nsky_filter_check(const nsky_filter *filter, nsky_error *err)
{
    bound bounds[BOUNDS];

    list_bounds(filter, bounds);
    for (int i = 0; i < BOUNDS; i++)
        if (bounds[i].low > bounds[i].high)
            return nsky_fail(err, NSKY_EINVAL, "%s: the minimum %g is above the maximum %g",
                             bounds[i].name, bounds[i].low, bounds[i].high);
    if (filter->types >> NSKY_TYPES)
        return nsky_fail(err, NSKY_EINVAL, "type: bits %#x name no type", filter->types);
    if (filter->hide_known && filter->only_known)
        return nsky_fail(err, NSKY_EINVAL,
                         "hide_known and only_known together leave nothing; give one");
    if (filter->rows && filter->row_count > NSKY_ONLY_ROWS_MAX)
        return nsky_fail(err, NSKY_EINVAL, "%llu objects named one by one; %d are the most",
                         (unsigned long long)filter->row_count, NSKY_ONLY_ROWS_MAX);
    return check_sky(filter, err);
}
