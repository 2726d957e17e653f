/* rank_table.c - rank.h: a ranking as a table, the same for the command line and HTTP. */
#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/memory.h"
#include "probe/guard.h"
#include "probe/rank.h"
#include "table/objects.h"

enum { RANK, SCORE = 5, PROBABILITY, NOVELTY, ARTEFACT = 13 };

static const nsky_table_column base_columns[NSKY_RANK_COLUMNS] = {
    NSKY_COLUMN_RANK,
    NSKY_COLUMN_ID,
    NSKY_COLUMN_NAME,
    NSKY_COLUMN_RA,
    NSKY_COLUMN_DEC,
    {.name = "score",
     .type = NSKY_CELL_FLOAT,
     .decimals = 6,
     .ucd = "stat.fit.param",
     .description = "The probe's score: weights . vector + bias"},
    {.name = "probability",
     .type = NSKY_CELL_DOUBLE,
     .decimals = 6,
     .ucd = "stat.probability",
     .description = "Calibrated, at the prevalence that the provenance states"},
    {.name = "novelty",
     .type = NSKY_CELL_FLOAT,
     .decimals = 3,
     .description = "Above 1: further out than 99% of what the probe learned from"},
    NSKY_COLUMN_MAG_G,
    NSKY_COLUMN_MAG_R,
    NSKY_COLUMN_MAG_Z,
    NSKY_COLUMN_Z_PHOT,
    NSKY_COLUMN_KNOWN,
    NSKY_COLUMN_ARTEFACT,
};

static void take_vector(uint64_t i, const float *vector, void *payload)
{
    nsky_rank_table *t = payload;
    t->novelty[i] = nsky_probe_novelty(t->options->probes[0], vector);
    t->artefact[i] = nsky_guard_probability(t->options->guard, vector);
}

static nsky_status put_rows(void *payload, nsky_table_sink *sink, nsky_error *err)
{
    nsky_rank_table *t = payload;
    const nsky_rank_options *o = t->options;
    nsky_cell cells[NSKY_RANK_COLUMNS_MAX];
    nsky_object object;
    nsky_status status = NSKY_OK;

    for (uint64_t i = 0; i < t->count && status == NSKY_OK; i++) {
        if ((status = nsky_survey_by_row(t->survey, t->rows[i], &object, err)) != NSKY_OK)
            break;
        nsky_object_cells(cells, t->columns, NSKY_RANK_COLUMNS, &object);
        cells[RANK].integer = (int64_t)i + 1;
        cells[NOVELTY].number = t->novelty[i];
        cells[ARTEFACT].number = t->artefact[i];
        for (uint32_t p = 0; p < o->count; p++) {
            double score = (double)t->scores[p * t->count + i];
            uint32_t column = p == 0 ? SCORE : NSKY_RANK_COLUMNS + 2 * (p - 1);
            cells[column].number = score;
            cells[column + 1].number = nsky_probe_probability(o->probes[p], o->outputs[p], score);
        }
        status = nsky_table_put(sink, cells, err);
    }
    return status;
}

/* A probe's name as the beginning of a column's: letters, digits and '_'. */
static void column_name(char *out, size_t bytes, const nsky_probe *probe, uint32_t number,
                        const char *suffix)
{
    size_t used = 0;

    if (!isalpha((unsigned char)probe->name[0]))
        used = (size_t)snprintf(out, bytes, "probe%u_", number + 1);
    for (const char *at = probe->name; *at && used < 40; at++)
        out[used++] = isalnum((unsigned char)*at) ? *at : '_';
    snprintf(out + used, bytes - used, "_%s", suffix);
}

static void add_columns(nsky_rank_table *t)
{
    memcpy(t->columns, base_columns, sizeof base_columns);
    for (uint32_t p = 1; p < t->options->count; p++)
        for (int k = 0; k < 2; k++) {
            uint32_t i = 2 * (p - 1) + (uint32_t)k;
            column_name(t->names[i], sizeof t->names[i], t->options->probes[p], p,
                        k ? "probability" : "score");
            t->columns[NSKY_RANK_COLUMNS + i] = base_columns[k ? PROBABILITY : SCORE];
            t->columns[NSKY_RANK_COLUMNS + i].name = t->names[i];
        }
}

static void add_provenance(nsky_rank_table *t)
{
    const nsky_probe *probe = t->options->probes[0];
    nsky_provenance *p = &t->provenance;
    uint32_t count = 0;

    nsky_provenance_of_manifest(p, nsky_search_generation(t->search),
                                nsky_search_manifest(t->search));
    snprintf(t->query, sizeof t->query, "rank by probe %s", probe->name);
    p->query = t->query;
    p->method = "exact scan";
    p->scanned = nsky_search_rows(t->search);
    t->facts[count++] = (nsky_fact){.name = "probe",
                                    .keyword = "PROBE",
                                    .comment = "ranked by",
                                    .type = NSKY_FACT_TEXT,
                                    .text = probe->name};
    t->facts[count++] = (nsky_fact){.name = "probe_labels",
                                    .keyword = "PROBELAB",
                                    .comment = "labels it learned from",
                                    .type = NSKY_FACT_INTEGER,
                                    .integer = probe->label_count};
    if (probe->calibration) {
        t->facts[count++] =
            (nsky_fact){.name = "prevalence",
                        .keyword = "PREVAL",
                        .comment = "probabilities are at this",
                        .type = NSKY_FACT_NUMBER,
                        .number = probe->calibration[t->options->outputs[0]].prevalence};
        t->facts[count++] = (nsky_fact){.name = "prevalence_source",
                                        .keyword = "PREVSRC",
                                        .comment = "labels, stated, estimated",
                                        .type = NSKY_FACT_TEXT,
                                        .text = probe->prevalence_source};
    }
    p->extra = t->facts;
    p->extra_count = count;
}

nsky_status nsky_rank_table_init(nsky_rank_table *out, const nsky_search *search,
                                 nsky_survey *survey, const nsky_rank_options *options,
                                 const uint32_t *rows, const float *scores, uint64_t count,
                                 nsky_error *err)
{
    assert(out && search && survey && options && err);
    memset(out, 0, sizeof *out);
    out->search = search;
    out->survey = survey;
    out->options = options;
    out->rows = rows;
    out->scores = scores;
    out->count = count;
    out->novelty = nsky_alloc(count, sizeof *out->novelty, err);
    out->artefact = nsky_alloc(count, sizeof *out->artefact, err);
    nsky_status status = out->novelty && out->artefact ? NSKY_OK : err->status;
    if (status == NSKY_OK)
        status = nsky_search_vectors(search, rows, count, take_vector, out, err);
    if (status != NSKY_OK) {
        nsky_rank_table_clear(out);
        return status;
    }
    add_columns(out);
    add_provenance(out);
    out->table = (nsky_table){.name = "ranking",
                              .description = "Objects by the score of a probe",
                              .columns = out->columns,
                              .column_count = NSKY_RANK_COLUMNS + 2 * (options->count - 1),
                              .rows = put_rows,
                              .payload = out,
                              .provenance = &out->provenance};
    return NSKY_OK;
}

void nsky_rank_table_clear(nsky_rank_table *table)
{
    nsky_free(table->novelty);
    nsky_free(table->artefact);
    memset(table, 0, sizeof *table);
}
