/* hit_table.c - hits: a table for the eye here, every other format by table/. */
#include "cli/hit_table.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/memory.h"
#include "index/group.h"
#include "probe/guard.h"
#include "table/objects.h"

/* The hits that are shown, in order. */
typedef struct hits {
    nsky_survey *survey;
    uint32_t count;
    uint64_t rows[NSKY_SEARCH_K_MAX];
    float similarity[NSKY_SEARCH_K_MAX];
    uint32_t leader[NSKY_SEARCH_K_MAX]; /* place of the best of its group */
    double artefact[NSKY_SEARCH_K_MAX]; /* NaN: unknown */
    bool grouped;
} hits;

bool nsky_hit_format_known(const char *format)
{
    nsky_table_format ignored;

    return strcmp(format, "table") == 0 || nsky_table_format_parse(format, &ignored);
}

/* Rank of hit i, counting groups; rank of the one before is handed on. */
static uint32_t next_rank(const hits *h, uint32_t i, uint32_t rank)
{
    return rank + (h->leader[i] == i);
}

/* "" for a leader. */
static nsky_status group_of(const hits *h, uint32_t i, char out[24], nsky_error *err)
{
    nsky_object object;

    out[0] = '\0';
    if (h->leader[i] == i)
        return NSKY_OK;
    nsky_status status = nsky_survey_by_row(h->survey, h->rows[h->leader[i]], &object, err);
    snprintf(out, 24, "%" PRIu64, object.id);
    return status;
}

static nsky_status hit_rows(void *payload, nsky_table_sink *sink, nsky_error *err)
{
    const hits *h = payload;
    nsky_cell cells[NSKY_GROUPED_COLUMNS];
    nsky_object object;
    nsky_status status = NSKY_OK;
    char leader[24];

    for (uint32_t i = 0, rank = 0; i < h->count && status == NSKY_OK; i++) {
        rank = next_rank(h, i, rank);
        if ((status = nsky_survey_by_row(h->survey, h->rows[i], &object, err)) != NSKY_OK ||
            (status = group_of(h, i, leader, err)) != NSKY_OK)
            return status;
        nsky_hit_cells(cells, rank, h->similarity[i], h->artefact[i], &object);
        cells[NSKY_HIT_COLUMNS].text = leader;
        status = nsky_table_put(sink, cells, err);
    }
    return status;
}

static nsky_status choose_hits(hits *h, const nsky_hit_request *request, const nsky_answer *answer,
                               nsky_error *err)
{
    nsky_sky positions[NSKY_SEARCH_K_MAX];
    uint32_t place[NSKY_SEARCH_K_MAX], leader[NSKY_SEARCH_K_MAX], first = 0;
    nsky_object object;

    h->grouped = request->group_arcsec > 0;
    for (uint32_t i = 0; i < answer->count; i++) {
        nsky_status status = nsky_survey_by_row(h->survey, answer->hits[i].row, &object, err);
        if (status != NSKY_OK)
            return status;
        positions[i] = (nsky_sky){object.ra_deg, object.dec_deg};
    }
    nsky_group_hits(positions, answer->count, request->group_arcsec, leader);
    h->count = nsky_group_order(leader, answer->count, request->k, place);
    for (uint32_t i = 0; i < h->count; i++) {
        first = leader[place[i]] == place[i] ? i : first;
        h->leader[i] = first;
        h->rows[i] = answer->hits[place[i]].row;
        h->similarity[i] = answer->hits[place[i]].similarity;
    }
    return NSKY_OK;
}

static nsky_status ask_guard(hits *h, const char *store, const nsky_search *search, nsky_error *err)
{
    nsky_probe *guard = NULL;
    nsky_status status = nsky_guard_open(&guard, store, search, err);

    if (status == NSKY_OK)
        status = nsky_guard_rows(h->artefact, guard, search, h->rows, h->count, err);
    nsky_probe_free(guard);
    return status;
}

static nsky_status print_for_the_eye(const hits *h, nsky_error *err)
{
    nsky_object object;

    printf("%4s  %-20s  %-28s  %10s %10s  %-6s  %6s %6s %6s  %8s  %s\n", "rank", "id", "name", "ra",
           "dec", "simil.", "mag_g", "mag_r", "mag_z", "artefact", "known");
    for (uint32_t i = 0, rank = 0; i < h->count; i++) {
        nsky_status status = nsky_survey_by_row(h->survey, h->rows[i], &object, err);
        if (status != NSKY_OK)
            return status;
        char artefact[16] = "", place[16] = "  \"";
        rank = next_rank(h, i, rank);
        if (isfinite(h->artefact[i]))
            snprintf(artefact, sizeof artefact, "%.4f", h->artefact[i]);
        if (h->leader[i] == i)
            snprintf(place, sizeof place, "%u", rank);
        printf("%4s  %-20" PRIu64 "  %-28.28s  %10.5f %+10.5f  %.4f  %6.2f %6.2f %6.2f  %8s  %s\n",
               place, object.id, object.name, object.ra_deg, object.dec_deg,
               (double)h->similarity[i], (double)object.mag_g, (double)object.mag_r,
               (double)object.mag_z, artefact, object.known);
    }
    return fflush(stdout) == 0 ? NSKY_OK : nsky_fail_errno(err, "cannot write to standard output");
}

static nsky_status write_table(const nsky_hit_request *request, const nsky_search *search,
                               const nsky_answer *answer, hits *h, nsky_error *err)
{
    nsky_provenance provenance;
    nsky_table_format format = NSKY_TABLE_CSV;
    const nsky_table table = {.name = "hits",
                              .description = "Objects that look like the one asked for",
                              .columns = nsky_hit_columns,
                              .column_count = h->grouped ? NSKY_GROUPED_COLUMNS : NSKY_HIT_COLUMNS,
                              .rows = hit_rows,
                              .payload = h,
                              .provenance = &provenance};

    nsky_table_format_parse(request->format, &format);
    nsky_provenance_of_manifest(&provenance, nsky_search_generation(search),
                                nsky_search_manifest(search));
    provenance.method = answer->method;
    provenance.scanned = answer->scanned;
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
    const bool eye = strcmp(request->format, "table") == 0;
    hits *h = nsky_alloc_zero(1, sizeof *h, err);

    if (!h)
        return err->status;
    h->survey = survey;
    if (nsky_json_get_bool(model, "random_weights", false))
        fprintf(stderr, "note: these vectors come from random weights, never trained; likeness is "
                        "crude\n");
    if (eye)
        fprintf(stderr, "%s: %s\n", answer->method, answer->why);
    nsky_status status = choose_hits(h, request, answer, err);
    if (status == NSKY_OK)
        status = ask_guard(h, request->store, search, err);
    if (status == NSKY_OK)
        status = eye ? print_for_the_eye(h, err) : write_table(request, search, answer, h, err);
    nsky_free(h);
    return status;
}
