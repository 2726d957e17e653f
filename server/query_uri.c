/* query_uri.c - searches asked with query parameters, and the names of filters; see api.h. */
#include <math.h>
#include <string.h>

#include "server/api.h"

#define FILTER_NAMES 11

static const char *const filter_names[FILTER_NAMES] = {
    "mag_g_min",  "mag_r_min",  "mag_z_min", "mag_g_max", "mag_r_max", "mag_z_max",
    "z_phot_min", "z_phot_max", "ra",        "dec",       "radius"};

static double *bound_at(nsky_filter *filter, size_t i)
{
    double *const others[] = {&filter->z_min, &filter->z_max, &filter->cone_ra_deg,
                              &filter->cone_dec_deg, &filter->cone_radius_deg};

    if (i < 3)
        return &filter->mag_min[i];
    return i < 6 ? &filter->mag_max[i - 3] : others[i - 6];
}

double *nsky_filter_bound(nsky_filter *filter, const char *name)
{
    for (size_t i = 0; i < FILTER_NAMES; i++)
        if (strcmp(name, filter_names[i]) == 0)
            return bound_at(filter, i);
    return NULL;
}

nsky_status nsky_filter_complete(nsky_filter *filter, nsky_error *err)
{
    int given = !isnan(filter->cone_ra_deg) + !isnan(filter->cone_dec_deg) +
                !isnan(filter->cone_radius_deg);
    nsky_sky centre = {filter->cone_ra_deg, filter->cone_dec_deg};

    for (size_t i = 0; i < 3; i++)
        if (filter->mag_min[i] > filter->mag_max[i])
            return nsky_fail(err, NSKY_EINVAL, "%s is greater than %s", filter_names[i],
                             filter_names[i + 3]);
    if (filter->z_min > filter->z_max)
        return nsky_fail(err, NSKY_EINVAL, "z_phot_min is greater than z_phot_max");
    if (given == 0)
        return NSKY_OK;
    if (given != 3)
        return nsky_fail(err, NSKY_EINVAL,
                         "a search within a cone takes ra, dec (degrees) and radius (arcsec)");
    if (!nsky_sky_valid(centre) || !(filter->cone_radius_deg > 0) ||
        filter->cone_radius_deg > 180 * 3600)
        return nsky_fail(err, NSKY_EINVAL,
                         "ra must be in [0, 360), dec in [-90, 90], radius above 0 and at most "
                         "648000 arcsec");
    filter->cone_radius_deg /= 3600;
    return NSKY_OK;
}

bool nsky_job_from_uri(nsky_request *request, nsky_job *job)
{
    const nsky_uri *uri = &request->uri;
    nsky_error err = NSKY_ERROR_INIT;
    nsky_status status;

    if (!nsky_request_format(request, &job->format))
        return false;
    if ((status = nsky_uri_integer(uri, "k", 1, NSKY_SEARCH_K_MAX, &job->k, &err)) != NSKY_OK ||
        (status = nsky_uri_flag(uri, "exact", &job->exact, &err)) != NSKY_OK ||
        (status = nsky_uri_number(uri, "group_arcsec", 0, NSKY_GROUP_ARCSEC_MAX, &job->group_arcsec,
                                  &err)) != NSKY_OK ||
        (status = nsky_uri_flag(uri, "hide_known", &job->filter.hide_known, &err)) != NSKY_OK)
        goto done;
    for (size_t i = 0; i < FILTER_NAMES && status == NSKY_OK; i++)
        status = nsky_uri_number(uri, filter_names[i], -1e6, 1e6, bound_at(&job->filter, i), &err);
    if (status == NSKY_OK)
        status = nsky_filter_complete(&job->filter, &err);
done:
    if (status != NSKY_OK)
        nsky_reply_error(&request->reply, &err);
    return status == NSKY_OK;
}
