/* filter.c - which rows may be hits. Pure functions: any thread. */
#include <assert.h>
#include <math.h>

#include "common/memory.h"
#include "common/sky.h"
#include "index/columns.h"

void nsky_filter_init(nsky_filter *filter)
{
    for (int band = 0; band < 3; band++)
        filter->mag_min[band] = filter->mag_max[band] = NAN;
    filter->z_min = filter->z_max = NAN;
    filter->cone_ra_deg = filter->cone_dec_deg = filter->cone_radius_deg = NAN;
    filter->hide_known = false;
}

bool nsky_filter_is_empty(const nsky_filter *filter)
{
    for (int band = 0; band < 3; band++)
        if (!isnan(filter->mag_min[band]) || !isnan(filter->mag_max[band]))
            return false;
    return isnan(filter->z_min) && isnan(filter->z_max) && isnan(filter->cone_radius_deg) &&
           !filter->hide_known;
}

nsky_status nsky_filter_check(const nsky_filter *filter, nsky_error *err)
{
    static const char *const names[] = {"mag_g", "mag_r", "mag_z"};
    for (int band = 0; band < 3; band++)
        if (filter->mag_min[band] > filter->mag_max[band])
            return nsky_fail(err, NSKY_EINVAL, "%s: the minimum %g is above the maximum %g",
                             names[band], filter->mag_min[band], filter->mag_max[band]);
    if (filter->z_min > filter->z_max)
        return nsky_fail(err, NSKY_EINVAL, "z_phot: the minimum %g is above the maximum %g",
                         filter->z_min, filter->z_max);
    if (isnan(filter->cone_radius_deg))
        return NSKY_OK;
    nsky_sky centre = {filter->cone_ra_deg, filter->cone_dec_deg};
    if (!nsky_sky_valid(centre) || !(filter->cone_radius_deg > 0 && filter->cone_radius_deg <= 180))
        return nsky_fail(err, NSKY_EINVAL, "cone: %g %+g degrees, radius %g is not on the sky",
                         centre.ra_deg, centre.dec_deg, filter->cone_radius_deg);
    return NSKY_OK;
}

/* A row with an unknown value is outside every bound: NaN fails both comparisons. */
static bool within(double value, double low, double high)
{
    return (isnan(low) || value >= low) && (isnan(high) || value <= high);
}

static bool passes(const nsky_columns *columns, const nsky_filter *filter, uint64_t row)
{
    for (int band = 0; band < 3; band++)
        if (!within(columns->mag[band][row], filter->mag_min[band], filter->mag_max[band]))
            return false;
    if (!within(columns->z_phot[row], filter->z_min, filter->z_max))
        return false;
    if (filter->hide_known && columns->known[row])
        return false;
    if (isnan(filter->cone_radius_deg))
        return true;
    nsky_sky centre = {filter->cone_ra_deg, filter->cone_dec_deg};
    nsky_sky here = {columns->ra_deg[row], columns->dec_deg[row]};
    return nsky_sky_valid(here) && nsky_sky_separation_deg(centre, here) <= filter->cone_radius_deg;
}

nsky_status nsky_filter_bitmap(const nsky_columns *columns, const nsky_filter *filter,
                               uint8_t **out, nsky_error *err)
{
    assert(columns && filter && out && err);
    uint8_t *bits = nsky_alloc_zero(columns->rows / 8 + 1, 1, err);
    if (!bits)
        return err->status;
    for (uint64_t row = 0; row < columns->rows; row++)
        if (passes(columns, filter, row))
            bits[row >> 3] |= (uint8_t)(1u << (row & 7));
    *out = bits;
    return NSKY_OK;
}
