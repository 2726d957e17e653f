/* routes_vo.c - IVOA Simple Cone Search 1.03, for TOPCAT, Aladin and pyvo; see api.h.
 *
 * The standard is older than UCD1+: the three columns that it asks for have the names of its time.
 * Errors are answers, too: a VOTable with an INFO named "Error", and HTTP's status 200.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/memory.h"
#include "server/api.h"

#define RADIUS_DEG_MAX 3.0
#define RECORDS_MAX 5000
#define COLUMNS_LEAST 4 /* VERB=1 */
#define COLUMNS (sizeof columns / sizeof *columns)

static const nsky_table_column columns[] = {
    {.name = "id",
     .type = NSKY_CELL_TEXT,
     .ascii = true,
     .ucd = "ID_MAIN",
     .description = "Object id, a decimal number of up to 63 bits"},
    NSKY_OBJECT_NUMBER("ra", NSKY_CELL_DOUBLE, 7, "deg", "POS_EQ_RA_MAIN", NSKY_FIELD_RA,
                       "Right ascension, ICRS"),
    NSKY_OBJECT_NUMBER("dec", NSKY_CELL_DOUBLE, 7, "deg", "POS_EQ_DEC_MAIN", NSKY_FIELD_DEC,
                       "Declination, ICRS"),
    NSKY_COLUMN_NAME,
    NSKY_COLUMN_SEPARATION,
    NSKY_COLUMN_MAG_G,
    NSKY_COLUMN_MAG_R,
    NSKY_COLUMN_MAG_Z,
    NSKY_COLUMN_Z_PHOT,
    NSKY_COLUMN_Z_SPEC,
    NSKY_COLUMN_TYPE,
    NSKY_COLUMN_KNOWN,
};
enum { SEPARATION = 4 };

typedef struct cone {
    nsky_sky centre;
    double radius_deg;
    uint32_t verbosity, records_max;
    nsky_cone_hit *hits; /* [records_max + 1], owned */
    uint32_t count;
} cone;

static nsky_status table_rows(void *payload, nsky_table_sink *sink, nsky_error *err)
{
    const cone *c = payload;
    nsky_cell cells[COLUMNS];
    char id[24];
    nsky_status status = NSKY_OK;

    for (uint32_t i = 0; i < c->count && status == NSKY_OK; i++) {
        nsky_object_cells(cells, columns, COLUMNS, &c->hits[i].object);
        snprintf(id, sizeof id, "%" PRIu64, c->hits[i].object.id);
        cells[0].text = id;
        cells[SEPARATION].number = c->hits[i].separation_arcsec;
        status = nsky_table_put(sink, cells, err);
    }
    return status;
}

/* The parameter as the client spelt it, for names mean the same in any case; or key itself. */
static const char *spelling(const nsky_uri *uri, const char *key)
{
    for (uint32_t i = 0; i < uri->param_count; i++)
        if (strcasecmp(uri->params[i].key, key) == 0)
            return uri->params[i].key;
    return key;
}

static nsky_status read_query(const nsky_uri *uri, cone *c, nsky_error *err)
{
    const char *format = nsky_uri_param_of(uri, spelling(uri, "RESPONSEFORMAT"));
    nsky_status status;

    if ((status = nsky_uri_number(uri, spelling(uri, "RA"), 0, 360, &c->centre.ra_deg, err)) !=
            NSKY_OK ||
        (status = nsky_uri_number(uri, spelling(uri, "DEC"), -90, 90, &c->centre.dec_deg, err)) !=
            NSKY_OK ||
        (status = nsky_uri_number(uri, spelling(uri, "SR"), 0, RADIUS_DEG_MAX, &c->radius_deg,
                                  err)) != NSKY_OK ||
        (status = nsky_uri_integer(uri, spelling(uri, "VERB"), 1, 3, &c->verbosity, err)) !=
            NSKY_OK ||
        (status = nsky_uri_integer(uri, spelling(uri, "MAXREC"), 0, UINT32_MAX, &c->records_max,
                                   err)) != NSKY_OK)
        return status;
    if (isnan(c->centre.ra_deg) || isnan(c->centre.dec_deg) || isnan(c->radius_deg))
        return nsky_fail(err, NSKY_EINVAL,
                         "a cone search takes RA, DEC and SR, all in decimal degrees");
    if (format && strcasecmp(format, "votable") != 0 && strcasecmp(format, "text/xml") != 0 &&
        strncasecmp(format, "application/x-votable+xml", 25) != 0)
        return nsky_fail(err, NSKY_EINVAL, "RESPONSEFORMAT is votable here, not \"%.64s\"", format);
    c->centre.ra_deg = c->centre.ra_deg == 360 ? 0 : c->centre.ra_deg;
    c->records_max = c->records_max < RECORDS_MAX ? c->records_max : RECORDS_MAX;
    return NSKY_OK;
}

/* Nothing is looked for where only the columns are asked for: SR=0, MAXREC=0. */
static nsky_status find(nsky_survey *survey, cone *c, bool *truncated, nsky_error *err)
{
    *truncated = false;
    if (c->radius_deg == 0 || c->records_max == 0)
        return NSKY_OK;
    if (!(c->hits = nsky_alloc(c->records_max + 1, sizeof *c->hits, err)))
        return err->status;
    nsky_status status = nsky_survey_cone(survey, c->centre, c->radius_deg * 3600,
                                          c->records_max + 1, c->hits, &c->count, err);
    *truncated = c->count > c->records_max;
    c->count -= *truncated;
    return status;
}

static void reply_error(nsky_request *request, const nsky_error *why)
{
    nsky_error err = NSKY_ERROR_INIT;
    void *data = NULL;
    size_t bytes = 0;

    if (nsky_votable_error(why->text, &data, &bytes, &err) != NSKY_OK)
        nsky_reply_error(&request->reply, &err);
    else
        nsky_reply_bytes(&request->reply, nsky_table_content_type(NSKY_TABLE_VOTABLE), data, bytes);
}

void nsky_route_cone_search(nsky_request *request)
{
    nsky_survey *survey = nsky_request_survey(request);
    nsky_error err = NSKY_ERROR_INIT;
    char query[NSKY_QUERY_TEXT_BYTES];
    bool truncated = false;
    cone c = {.centre = {NAN, NAN}, .radius_deg = NAN, .verbosity = 2, .records_max = RECORDS_MAX};

    if (!survey)
        return;
    nsky_status status = read_query(&request->uri, &c, &err);
    if (status != NSKY_OK) {
        reply_error(request, &err);
    } else if (find(survey, &c, &truncated, &err) != NSKY_OK) {
        nsky_reply_error(&request->reply, &err);
    } else {
        const nsky_provenance provenance = {.query = query};
        const nsky_table table = {.name = "objects",
                                  .description = "Objects of a nearsky store within a cone",
                                  .columns = columns,
                                  .column_count = c.verbosity == 1 ? COLUMNS_LEAST : COLUMNS,
                                  .rows = table_rows,
                                  .payload = &c,
                                  .provenance = &provenance,
                                  .truncated = truncated};
        nsky_request_describe(request, query, sizeof query);
        nsky_reply_table(&request->reply, &table, NSKY_TABLE_VOTABLE);
    }
    nsky_free(c.hits);
}
