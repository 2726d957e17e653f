/* filter_json.c - the filter of POST /search; see api.h. Every unknown key is refused by name: a
 * misspelt filter must not be a filter that is silently off. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "server/api.h"

static nsky_status bad(nsky_error *err, const char *where, const char *what)
{
    return nsky_fail(err, NSKY_EINVAL, "filter.%s %s", where, what);
}

static nsky_status read_flag(const nsky_json *value, const char *name, bool *out, nsky_error *err)
{
    *out = nsky_json_bool(value, false);
    return nsky_json_kind(value) == NSKY_JSON_BOOL ? NSKY_OK
                                                   : bad(err, name, "must be true or false");
}

/* "SER,DEV" or ["SER", "DEV"]. */
static nsky_status read_types(const nsky_json *value, uint32_t *out, nsky_error *err)
{
    uint32_t one;

    if (nsky_json_kind(value) == NSKY_JSON_STRING)
        return nsky_types_parse(out, nsky_json_string(value), err);
    if (nsky_json_kind(value) != NSKY_JSON_ARRAY || nsky_json_count(value) == 0)
        return bad(err, "type", "must be a type like \"SER\", or a list of them");
    for (const nsky_json *v = nsky_json_first(value); v; v = nsky_json_next(v)) {
        if (nsky_json_kind(v) != NSKY_JSON_STRING)
            return bad(err, "type", "must be a list of types like \"SER\"");
        nsky_status status = nsky_types_parse(&one, nsky_json_string(v), err);
        if (status != NSKY_OK)
            return status;
        *out |= one;
    }
    return NSKY_OK;
}

/* [[ra, dec], ...] */
static nsky_status read_polygon(const nsky_json *value, nsky_filter *filter, nsky_error *err)
{
    if (nsky_json_kind(value) != NSKY_JSON_ARRAY || nsky_json_count(value) < 3 ||
        nsky_json_count(value) > NSKY_POLYGON_MAX)
        return nsky_fail(err, NSKY_EINVAL,
                         "filter.polygon must be a list of 3 to %d vertices [ra, dec]",
                         NSKY_POLYGON_MAX);
    for (const nsky_json *v = nsky_json_first(value); v; v = nsky_json_next(v)) {
        const nsky_json *ra = nsky_json_kind(v) == NSKY_JSON_ARRAY ? nsky_json_first(v) : NULL;
        nsky_vertex *vertex = &filter->polygon[filter->polygon_count];
        if (!ra || nsky_json_count(v) != 2)
            return nsky_fail(err, NSKY_EINVAL, "filter.polygon[%u] must be [ra, dec]",
                             filter->polygon_count);
        *vertex =
            (nsky_vertex){nsky_json_number(ra, NAN), nsky_json_number(nsky_json_next(ra), NAN)};
        filter->polygon_count++;
    }
    return NSKY_OK;
}

static nsky_status read_cells(const nsky_json *value, nsky_job *job, nsky_error *err)
{
    const nsky_json *list = nsky_json_get(value, "cells");
    nsky_filter *filter = &job->filter;

    if (nsky_json_kind(list) != NSKY_JSON_ARRAY || nsky_json_count(list) == 0 ||
        nsky_json_count(list) > NSKY_CELLS_MAX)
        return nsky_fail(err, NSKY_EINVAL, "filter.healpix.cells must be a list of 1 to %d cells",
                         NSKY_CELLS_MAX);
    if (!(job->cells = nsky_alloc(nsky_json_count(list), sizeof *job->cells, err)))
        return err->status;
    for (const nsky_json *v = nsky_json_first(list); v; v = nsky_json_next(v)) {
        double cell = nsky_json_number(v, -1);
        if (!(cell >= 0 && cell < 9e15) || cell != floor(cell))
            return nsky_fail(err, NSKY_EINVAL, "filter.healpix.cells[%u] is no cell",
                             filter->cell_count);
        job->cells[filter->cell_count++] = (uint64_t)cell;
    }
    filter->cells = job->cells;
    return NSKY_OK;
}

/* {"nside", "order", "cells"} */
static nsky_status read_healpix(const nsky_json *value, nsky_job *job, nsky_error *err)
{
    const char *order = nsky_json_get_string(value, "order");
    double nside = nsky_json_get_number(value, "nside", 0);
    nsky_status status;

    if (nsky_json_kind(value) != NSKY_JSON_OBJECT || nsky_json_count(value) != 3 || !order)
        return bad(err, "healpix", "must be {\"nside\", \"order\", \"cells\"}");
    if (!(nside >= 1 && nside <= NSKY_NSIDE_MAX) || nside != floor(nside))
        return nsky_fail(err, NSKY_EINVAL, "filter.healpix.nside must be a power of two up to %u",
                         NSKY_NSIDE_MAX);
    job->filter.nside = (uint32_t)nside;
    if ((status = nsky_healpix_order(order, &job->filter.nested, err)) != NSKY_OK)
        return status;
    return read_cells(value, job, err);
}

/* Ids of objects, as strings; those that the survey does not have are refused. */
static nsky_status read_ids(const nsky_json *list, nsky_survey *survey, nsky_job *job,
                            nsky_error *err)
{
    nsky_filter *filter = &job->filter;

    if (nsky_json_kind(list) != NSKY_JSON_ARRAY || nsky_json_count(list) > NSKY_FILTER_IDS_MAX)
        return nsky_fail(err, NSKY_EINVAL, "filter.ids must be a list of at most %d ids",
                         NSKY_FILTER_IDS_MAX);
    if (!(job->rows = nsky_alloc(nsky_json_count(list), sizeof *job->rows, err)))
        return err->status;
    for (const nsky_json *v = nsky_json_first(list); v; v = nsky_json_next(v)) {
        const char *text = nsky_json_string(v);
        errno = 0;
        uint64_t id = text ? strtoull(text, NULL, 10) : 0;
        if (!text || !*text || text[strspn(text, "0123456789")] || errno)
            return nsky_fail(err, NSKY_EINVAL,
                             "filter.ids[%" PRIu64 "] is not an id as a string of digits",
                             filter->row_count);
        nsky_status status = nsky_survey_row_of_id(survey, id, &job->rows[filter->row_count], err);
        if (status == NSKY_ENOTFOUND)
            return nsky_fail(err, NSKY_ENOTFOUND,
                             "filter.ids[%" PRIu64 "]: this survey has no object with the id %s",
                             filter->row_count, text);
        if (status != NSKY_OK)
            return status;
        filter->row_count++;
    }
    filter->rows = job->rows;
    return NSKY_OK;
}

static nsky_status read_member(const nsky_json *v, nsky_survey *survey, nsky_job *job,
                               nsky_error *err)
{
    const char *key = nsky_json_key(v);
    nsky_filter *filter = &job->filter;
    double *bound = nsky_filter_bound(filter, key);

    if (nsky_json_kind(v) == NSKY_JSON_NULL)
        return NSKY_OK; /* no bound */
    if (strcmp(key, "hide_known") == 0)
        return read_flag(v, key, &filter->hide_known, err);
    if (strcmp(key, "only_known") == 0)
        return read_flag(v, key, &filter->only_known, err);
    if (strcmp(key, "type") == 0)
        return read_types(v, &filter->types, err);
    if (strcmp(key, "polygon") == 0)
        return read_polygon(v, filter, err);
    if (strcmp(key, "healpix") == 0)
        return read_healpix(v, job, err);
    if (strcmp(key, "ids") == 0)
        return read_ids(v, survey, job, err);
    if (!bound)
        return nsky_fail(err, NSKY_EINVAL, "filter has the unknown key \"%.64s\"", key);
    if (nsky_json_kind(v) != NSKY_JSON_NUMBER)
        return bad(err, key, "must be a number");
    *bound = nsky_json_number(v, NAN);
    return NSKY_OK;
}

nsky_status nsky_filter_from_json(nsky_job *job, const nsky_json *object, nsky_survey *survey,
                                  nsky_error *err)
{
    nsky_status status = NSKY_OK;

    if (nsky_json_kind(object) != NSKY_JSON_OBJECT)
        return nsky_fail(err, NSKY_EINVAL, "filter must be an object like {\"mag_z_max\": 20}");
    for (const nsky_json *v = nsky_json_first(object); v && status == NSKY_OK;
         v = nsky_json_next(v))
        status = read_member(v, survey, job, err);
    return status == NSKY_OK ? nsky_filter_complete(&job->filter, err) : status;
}
