/* query_uri.c - searches asked with query parameters, and the names of filters; see api.h. */
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "server/api.h"

/* The numbers of a filter; a minimum comes before its maximum, cones last. */
static const struct {
    const char *name;
    size_t offset;
} bounds[] = {
    {"mag_g_min", offsetof(nsky_filter, mag_min[0])},
    {"mag_g_max", offsetof(nsky_filter, mag_max[0])},
    {"mag_r_min", offsetof(nsky_filter, mag_min[1])},
    {"mag_r_max", offsetof(nsky_filter, mag_max[1])},
    {"mag_z_min", offsetof(nsky_filter, mag_min[2])},
    {"mag_z_max", offsetof(nsky_filter, mag_max[2])},
    {"g_r_min", offsetof(nsky_filter, g_r_min)},
    {"g_r_max", offsetof(nsky_filter, g_r_max)},
    {"r_z_min", offsetof(nsky_filter, r_z_min)},
    {"r_z_max", offsetof(nsky_filter, r_z_max)},
    {"z_phot_min", offsetof(nsky_filter, z_min)},
    {"z_phot_max", offsetof(nsky_filter, z_max)},
    {"z_spec_min", offsetof(nsky_filter, z_spec_min)},
    {"z_spec_max", offsetof(nsky_filter, z_spec_max)},
    {"ra", offsetof(nsky_filter, cone_ra_deg)},
    {"dec", offsetof(nsky_filter, cone_dec_deg)},
    {"radius", offsetof(nsky_filter, cone_radius_deg)},
};
#define BOUNDS (sizeof bounds / sizeof *bounds)
#define PAIRS 7

static double *bound_at(nsky_filter *filter, size_t i)
{
    return (double *)(void *)((char *)filter + bounds[i].offset);
}

double *nsky_filter_bound(nsky_filter *filter, const char *name)
{
    for (size_t i = 0; i < BOUNDS; i++)
        if (strcmp(name, bounds[i].name) == 0)
            return bound_at(filter, i);
    return NULL;
}

nsky_status nsky_filter_complete(nsky_filter *filter, nsky_error *err)
{
    int given = !isnan(filter->cone_ra_deg) + !isnan(filter->cone_dec_deg) +
                !isnan(filter->cone_radius_deg);
    nsky_sky centre = {filter->cone_ra_deg, filter->cone_dec_deg};

    for (size_t i = 0; i < PAIRS; i++)
        if (*bound_at(filter, 2 * i) > *bound_at(filter, 2 * i + 1))
            return nsky_fail(err, NSKY_EINVAL, "%s is greater than %s", bounds[2 * i].name,
                             bounds[2 * i + 1].name);
    if (given != 0 && given != 3)
        return nsky_fail(err, NSKY_EINVAL,
                         "a search within a cone takes ra, dec (degrees) and radius (arcsec)");
    if (given == 3 && (!nsky_sky_valid(centre) || !(filter->cone_radius_deg > 0) ||
                       filter->cone_radius_deg > 180 * 3600))
        return nsky_fail(err, NSKY_EINVAL,
                         "ra must be in [0, 360), dec in [-90, 90], radius above 0 and at most "
                         "648000 arcsec");
    filter->cone_radius_deg /= 3600;
    if (filter->nside && !filter->cell_count)
        return nsky_fail(err, NSKY_EINVAL, "healpix: no cells were given");
    return nsky_filter_check(filter, err);
}

nsky_status nsky_healpix_order(const char *name, bool *nested, nsky_error *err)
{
    *nested = strcmp(name, "nested") == 0;
    return *nested || strcmp(name, "ring") == 0
               ? NSKY_OK
               : nsky_fail(err, NSKY_EINVAL, "healpix order must be nested or ring");
}

/* "10,20,10,30,15,25": as many numbers as there are, at most max. */
static nsky_status read_numbers(const char *text, const char *name, double *out, uint32_t max,
                                uint32_t *count, nsky_error *err)
{
    *count = 0;
    for (const char *at = text;; at++) {
        char *end;
        double number = strtod(at, &end);
        if (end == at || (*end != ',' && *end != '\0') || !isfinite(number))
            return nsky_fail(err, NSKY_EINVAL, "%s must be numbers with commas between them", name);
        if (*count == max)
            return nsky_fail(err, NSKY_EINVAL, "%s has more than %u numbers", name, max);
        out[(*count)++] = number;
        if (*end == '\0')
            return NSKY_OK;
        at = end;
    }
}

static nsky_status read_polygon(const char *text, nsky_filter *filter, nsky_error *err)
{
    double numbers[2 * NSKY_POLYGON_MAX];
    uint32_t count;
    nsky_status status = read_numbers(text, "polygon", numbers, 2 * NSKY_POLYGON_MAX, &count, err);

    if (status == NSKY_OK && count % 2 != 0)
        status =
            nsky_fail(err, NSKY_EINVAL, "polygon must be ra,dec,ra,dec,...: %u numbers", count);
    for (uint32_t i = 0; i < count / 2 && status == NSKY_OK; i++)
        filter->polygon[i] = (nsky_vertex){numbers[(size_t)2 * i], numbers[(size_t)2 * i + 1]};
    filter->polygon_count = count / 2;
    return status;
}

static nsky_status read_cells(const nsky_uri *uri, nsky_job *job, nsky_error *err)
{
    const char *text = nsky_uri_param_of(uri, "healpix_cells");
    const char *order = nsky_uri_param_of(uri, "healpix_order");
    nsky_filter *filter = &job->filter;
    nsky_status status =
        nsky_uri_integer(uri, "healpix_nside", 1, NSKY_NSIDE_MAX, &filter->nside, err);

    if (status == NSKY_OK && order)
        status = nsky_healpix_order(order, &filter->nested, err);
    if (status != NSKY_OK || !text)
        return status;
    if (!filter->nside || !order)
        return nsky_fail(err, NSKY_EINVAL,
                         "healpix_cells takes healpix_nside and healpix_order (nested or ring) "
                         "beside it");
    job->cells = nsky_alloc(strlen(text) / 2 + 1, sizeof *job->cells, err);
    if (!job->cells)
        return err->status;
    for (const char *at = text;; at++) {
        size_t digits = strspn(at, "0123456789");
        if (digits == 0 || digits > 19 || (at[digits] != ',' && at[digits] != '\0'))
            return nsky_fail(err, NSKY_EINVAL,
                             "healpix_cells must be whole numbers with commas between them");
        job->cells[filter->cell_count++] = strtoull(at, NULL, 10);
        at += digits;
        if (*at == '\0')
            break;
    }
    filter->cells = job->cells;
    return NSKY_OK;
}

static nsky_status read_filter(const nsky_uri *uri, nsky_job *job, nsky_error *err)
{
    const char *types = nsky_uri_param_of(uri, "type");
    const char *polygon = nsky_uri_param_of(uri, "polygon");
    nsky_filter *filter = &job->filter;
    nsky_status status;

    if ((status = nsky_uri_flag(uri, "hide_known", &filter->hide_known, err)) != NSKY_OK ||
        (status = nsky_uri_flag(uri, "only_known", &filter->only_known, err)) != NSKY_OK ||
        (types && (status = nsky_types_parse(&filter->types, types, err)) != NSKY_OK) ||
        (polygon && (status = read_polygon(polygon, filter, err)) != NSKY_OK) ||
        (status = read_cells(uri, job, err)) != NSKY_OK)
        return status;
    for (size_t i = 0; i < BOUNDS && status == NSKY_OK; i++)
        status = nsky_uri_number(uri, bounds[i].name, -1e6, 1e6, bound_at(filter, i), err);
    return status == NSKY_OK ? nsky_filter_complete(filter, err) : status;
}

nsky_status nsky_job_set_effort(nsky_job *job, const char *effort, bool exact, nsky_error *err)
{
    if (effort && !nsky_effort_parse(&job->effort, effort))
        return nsky_fail(err, NSKY_EINVAL, "effort must be fast, balanced or exact");
    if (exact && effort && job->effort != NSKY_EFFORT_EXACT)
        return nsky_fail(err, NSKY_EINVAL, "exact and effort %s contradict each other", effort);
    if (exact)
        job->effort = NSKY_EFFORT_EXACT;
    return NSKY_OK;
}

bool nsky_job_from_uri(nsky_request *request, nsky_job *job)
{
    const nsky_uri *uri = &request->uri;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_status status;
    bool exact = false;

    if (!nsky_request_format(request, &job->format))
        return false;
    if ((status = nsky_uri_integer(uri, "k", 1, NSKY_SEARCH_K_MAX, &job->k, &err)) == NSKY_OK &&
        (status = nsky_uri_flag(uri, "exact", &exact, &err)) == NSKY_OK &&
        (status = nsky_job_set_effort(job, nsky_uri_param_of(uri, "effort"), exact, &err)) ==
            NSKY_OK &&
        (status = nsky_uri_number(uri, "group_arcsec", 0, NSKY_GROUP_ARCSEC_MAX, &job->group_arcsec,
                                  &err)) == NSKY_OK)
        status = read_filter(uri, job, &err);
    if (status != NSKY_OK)
        nsky_reply_error(&request->reply, &err);
    return status == NSKY_OK;
}
