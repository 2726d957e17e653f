/* hit_table.c - hits: a table for the eye here, every other format by table/. */
#include "cli/hit_table.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/memory.h"
#include "probe/guard.h"
#include "table/objects.h"

typedef struct hits {
    nsky_survey *survey;
    const nsky_answer *answer;
    double *artefact; /* [answer->count], NaN: unknown */
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
        nsky_hit_cells(cells, i + 1, hit->similarity, h->artefact[i], &object);
        status = nsky_table_put(sink, cells, err);
    }
    return status;
}

static nsky_status ask_guard(hits *h, const char *store, const nsky_search *search, nsky_error *err)
{
    const uint32_t count = h->answer->count;
    nsky_probe *guard = NULL;
    uint64_t *rows = nsky_alloc(count, sizeof *rows, err);
    nsky_status status = NSKY_OK;

    h->artefact = nsky_alloc(count, sizeof *h->artefact, err);
    if (!rows || !h->artefact) {
        nsky_free(rows);
        return err->status;
    }
    for (uint32_t i = 0; i < count; i++)
        rows[i] = h->answer->hits[i].row;
    if ((status = nsky_guard_open(&guard, store, search, err)) == NSKY_OK)
        status = nsky_guard_rows(h->artefact, guard, search, rows, count, err);
    nsky_probe_free(guard);
    nsky_free(rows);
    return status;
}

static nsky_status print_for_the_eye(const hits *h, nsky_error *err)
{
    nsky_object object;

    printf("%4s  %-20s  %-28s  %10s %10s  %-6s  %6s %6s %6s  %8s  %s\n", "rank", "id", "name", "ra",
           "dec", "simil.", "mag_g", "mag_r", "mag_z", "artefact", "known");
    for (uint32_t i = 0; i < h->answer->count; i++) {
        const nsky_hit *hit = &h->answer->hits[i];
        nsky_status status = nsky_survey_by_row(h->survey, hit->row, &object, err);
        if (status != NSKY_OK)
            return status;
        char artefact[16] = "";
        if (isfinite(h->artefact[i]))
            snprintf(artefact, sizeof artefact, "%.4f", h->artefact[i]);
        printf("%4u  %-20" PRIu64 "  %-28.28s  %10.5f %+10.5f  %.4f  %6.2f %6.2f %6.2f  %8s  %s\n",
               i + 1, object.id, object.name, object.ra_deg, object.dec_deg,
               (double)hit->similarity, (double)object.mag_g, (double)object.mag_r,
               (double)object.mag_z, artefact, object.known);
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
    hits h = {survey, answer, NULL};

    if (nsky_json_get_bool(model, "random_weights", false))
        fprintf(stderr, "note: these vectors come from random weights, never trained; likeness is "
                        "crude\n");
    nsky_status status = ask_guard(&h, request->store, search, err);
    if (status == NSKY_OK)
        status = strcmp(request->format, "table") == 0 ? print_for_the_eye(&h, err)
                                                       : write_table(request, search, &h, err);
    nsky_free(h.artefact);
    return status;
}
