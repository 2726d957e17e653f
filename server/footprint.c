/* footprint.c - positions to objects, and positions where there are none; see api.h. */
#include <stdio.h>

#include "common/memory.h"
#include "server/api.h"

/* The nearest object within radius; *count 0 or 1. */
static nsky_status nearest(nsky_survey *survey, nsky_sky position, double radius_arcsec,
                           nsky_cone_hit *out, uint32_t *count, nsky_error *err)
{
    return nsky_survey_cone(survey, position, radius_arcsec, 1, out, count, err);
}

nsky_status nsky_outside_footprint(nsky_survey *survey, nsky_sky position, bool *outside,
                                   nsky_error *err)
{
    nsky_cone_hit hit;
    uint32_t count = 0;
    nsky_status status = nearest(survey, position, NSKY_FOOTPRINT_ARCSEC, &hit, &count, err);

    *outside = count == 0;
    return status;
}

nsky_status nsky_object_at(nsky_survey *survey, nsky_sky position, double match_arcsec,
                           nsky_object *out, nsky_error *err)
{
    nsky_cone_hit hit;
    uint32_t count = 0;
    nsky_status status = nearest(survey, position, match_arcsec, &hit, &count, err);

    if (status == NSKY_OK && count == 0)
        status = nearest(survey, position, NSKY_FOOTPRINT_ARCSEC, &hit, &count, err);
    if (status != NSKY_OK)
        return status;
    if (count == 0)
        return nsky_fail(err, NSKY_ENOTFOUND,
                         "ra %.5f dec %+.5f is outside this survey's footprint: it has no object "
                         "within %g arcmin",
                         position.ra_deg, position.dec_deg, NSKY_FOOTPRINT_ARCSEC / 60);
    if (hit.separation_arcsec > match_arcsec)
        return nsky_fail(err, NSKY_ENOTFOUND,
                         "no object within %g arcsec of ra %.5f dec %+.5f; the nearest, %s, is "
                         "%.1f arcsec away",
                         match_arcsec, position.ra_deg, position.dec_deg, hit.object.name,
                         hit.separation_arcsec);
    *out = hit.object;
    return NSKY_OK;
}
