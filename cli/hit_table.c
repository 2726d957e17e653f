/* hit_table.c - hits: a table for the eye here, every other format by table/. */
#include "cli/hit_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "table/objects.h"

typedef struct hits {
    nsky_survey *survey;
    const nsky_answer *answer;
} hits;

bool nsky_hit_format_known(const char *format)
{
    nsky_table_format ignored;

    return strcmp(format, "table") == 0 || nsky_table_format_parse(format, &ignored);
}

static nsky_status hit_rows(void *payload, nsky_table_sink *sink, nsky_error *err)
{
    const hits *h = payload;
    nsky_cell cells[NSKY_HIT_COLUMNS];
    nsky_object object;
    nsky_status status = NSKY_OK;

    for (uint32_t i = 0; i < h->answer->count && status == NSKY_OK; i++) {
        const nsky_hit *hit = &h->answer->hits[i];
        if ((status = nsky_survey_by_row(h->survey, hit->row, &object, err)) != NSKY_OK)
            return status;
        nsky_hit_cells(cells, i + 1, hit->similarity, &object);
        status = nsky_table_put(sink, cells, err);
    }
    return status;
}

static nsky_status print_for_the_eye(const hits *h, nsky_error *err)
{
    nsky_object object;

    printf("%4s  %-20s  %-28s  %10s %10s  %-6s  %6s %6s %6s  %s\n", "rank", "id", "name", "ra",
           "dec", "simil.", "mag_g", "mag_r", "mag_z", "known");
    for (uint32_t i = 0; i < h->answer->count; i++) {
        const nsky_hit *hit = &h->answer->hits[i];
        nsky_status status = nsky_survey_by_row(h->survey, hit->row, &object, err);
        if (status != NSKY_OK)
            return status;
        printf("%4u  %-20" PRIu64 "  %-28.28s  %10.5f %+10.5f  %.4f  %6.2f %6.2f %6.2f  %s\n",
               i + 1, object.id, object.name, object.ra_deg, object.dec_deg,
               (double)hit->similarity, (double)object.mag_g, (double)object.mag_r,
               (double)object.mag_z, object.known);
    }
    return fflush(stdout) == 0 ? NSKY_OK : nsky_fail_errno(err, "cannot write to standard output");
}

static nsky_status write_table(const nsky_hit_request *request, const nsky_search *search, hits *h,
                               nsky_error *err)
{
    nsky_provenance provenance;
    nsky_table_format format = NSKY_TABLE_CSV;
    const nsky_table table = {.name = "hits",
                              .description = "Objects that look like the one asked for",
                              .columns = nsky_hit_columns,
                              .column_count = NSKY_HIT_COLUMNS,
                              .rows = hit_rows,
                              .payload = h,
                              .provenance = &provenance};

    nsky_table_format_parse(request->format, &format);
    nsky_provenance_of_manifest(&provenance, nsky_search_generation(search),
                                nsky_search_manifest(search));
    provenance.method = h->answer->method;
    provenance.scanned = h->answer->scanned;
    provenance.query = request->query;
    if (request->out)
        return nsky_table_write_file(&table, format, request->out, err);
    if (format == NSKY_TABLE_FITS && isatty(STDOUT_FILENO))
        return nsky_fail(err, NSKY_EINVAL,
                         "FITS is not for terminals: give --out FILE, or redirect the output");
    return nsky_table_write_stream(&table, format, stdout, "standard output", err);
}

nsky_status nsky_hit_table_print(const nsky_hit_request *request, const nsky_search *search,
                                 nsky_survey *survey, const nsky_answer *answer, nsky_error *err)
{
    const nsky_json *model = nsky_json_get(nsky_search_manifest(search), "model");
    hits h = {survey, answer};

    if (nsky_json_get_bool(model, "random_weights", false))
        fprintf(stderr, "note: these vectors come from random weights, never trained; likeness is "
                        "crude\n");
    if (strcmp(request->format, "table") == 0)
        return print_for_the_eye(&h, err);
    return write_table(request, search, &h, err);
}
