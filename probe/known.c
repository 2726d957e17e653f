/* known.c - see known.h. Thread rule: one thread. */
#include "probe/known.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "probe/label_table.h"

#define FOOTPRINT_ARCSEC 1800.0
#define SAME_PLACE_ARCSEC 0.001
#define CLOSE_MAX 16
#define WRONG_NAMED 3

enum { RA, DEC, NAME, ID, COLUMNS };

typedef struct reading {
    const char *path;
    nsky_label_table *table;
    nsky_survey *survey;
    double radius_arcsec;
    nsky_known *known;
    uint32_t capacity;
    char wrong[200];
    uint32_t wrong_count;
} reading;

static void note_wrong(reading *r)
{
    size_t used = strlen(r->wrong);

    if (r->wrong_count++ < WRONG_NAMED)
        snprintf(r->wrong + used, sizeof r->wrong - used, "%s%llu", used ? ", " : "",
                 (unsigned long long)nsky_label_table_line(r->table));
}

/* false: no position. */
static bool read_entry(reading *r, nsky_known_match *out)
{
    char both[200], made_up[NSKY_SKY_NAME_BYTES];
    nsky_error none = NSKY_ERROR_INIT;
    const char *name = nsky_label_table_field(r->table, NAME);

    snprintf(both, sizeof both, "%.90s %.90s", nsky_label_table_field(r->table, RA),
             nsky_label_table_field(r->table, DEC));
    if (nsky_sky_parse(&out->position, both, &none) != NSKY_OK)
        return false;
    if (*name == '\0')
        name = nsky_label_table_field(r->table, ID);
    if (*name == '\0') {
        nsky_sky_name(out->position, made_up);
        name = made_up;
    }
    snprintf(out->name, sizeof out->name, "%.95s", name);
    out->line = nsky_label_table_line(r->table);
    return true;
}

static nsky_status find_object(reading *r, nsky_known_match *m, nsky_error *err)
{
    nsky_cone_hit *hits = nsky_alloc(CLOSE_MAX, sizeof *hits, err);
    uint32_t count = 0;

    if (!hits)
        return err->status;
    nsky_status status =
        nsky_survey_cone(r->survey, m->position, r->radius_arcsec, CLOSE_MAX, hits, &count, err);
    if (status == NSKY_OK && count > 0) {
        m->matched = true;
        m->row = hits[0].object.row;
        m->id = hits[0].object.id;
        m->separation_arcsec = hits[0].separation_arcsec;
        m->objects = count;
        r->known->matched++;
        r->known->several_objects += count > 1;
    } else if (status == NSKY_OK) {
        status = nsky_survey_cone(r->survey, m->position, FOOTPRINT_ARCSEC, 1, hits, &count, err);
        r->known->outside += status == NSKY_OK && count == 0;
    }
    nsky_free(hits);
    return status;
}

static nsky_status append(reading *r, const nsky_known_match *match, nsky_error *err)
{
    nsky_known *known = r->known;

    if (known->count == NSKY_KNOWN_ENTRIES_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "%s: more than %u entries", r->path,
                         NSKY_KNOWN_ENTRIES_MAX);
    if (known->count == r->capacity) {
        uint32_t more = r->capacity ? 2 * r->capacity : 256;
        nsky_known_match *grown = nsky_realloc(known->matches, more, sizeof *grown, err);
        if (!grown)
            return err->status;
        known->matches = grown;
        r->capacity = more;
    }
    known->matches[known->count++] = *match;
    return NSKY_OK;
}

static nsky_status read_entries(reading *r, nsky_error *err)
{
    bool more = true;
    nsky_status status;

    while ((status = nsky_label_table_next(r->table, &more, err)) == NSKY_OK && more) {
        nsky_known_match match = {.separation_arcsec = NAN};
        if (!read_entry(r, &match)) {
            note_wrong(r);
            continue;
        }
        if ((status = find_object(r, &match, err)) != NSKY_OK ||
            (status = append(r, &match, err)) != NSKY_OK)
            break;
    }
    if (status == NSKY_OK && r->wrong_count > 0)
        status =
            nsky_fail(err, NSKY_EDATA, "%s: %u rows have no position that can be read: %s %s%s",
                      r->path, r->wrong_count, nsky_label_table_unit(r->table), r->wrong,
                      r->wrong_count > WRONG_NAMED ? ", ..." : "");
    if (status == NSKY_OK && r->known->count == 0)
        status = nsky_fail(err, NSKY_EDATA, "%s: an empty list", r->path);
    return status;
}

static int by_object(const void *a, const void *b)
{
    const nsky_known_match *x = *(nsky_known_match *const *)a, *y = *(nsky_known_match *const *)b;

    if (x->row != y->row)
        return x->row < y->row ? -1 : 1;
    if (x->separation_arcsec != y->separation_arcsec)
        return x->separation_arcsec < y->separation_arcsec ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

/* Matched entries by object, the nearest of each first; the caller frees. */
static nsky_status sort_by_object(const nsky_known *known, nsky_known_match ***out, nsky_error *err)
{
    nsky_known_match **sorted = nsky_alloc(known->count, sizeof *sorted, err);
    uint32_t count = 0;

    *out = sorted;
    if (!sorted)
        return err->status;
    for (uint32_t i = 0; i < known->count; i++)
        if (known->matches[i].matched)
            sorted[count++] = &known->matches[i];
    qsort(sorted, count, sizeof *sorted, by_object);
    return NSKY_OK;
}

static nsky_status count_entries(nsky_known *known, nsky_error *err)
{
    nsky_known_match **sorted;
    nsky_status status = sort_by_object(known, &sorted, err);

    for (uint32_t i = 0, end; status == NSKY_OK && i < known->matched; i = end) {
        for (end = i; end < known->matched && sorted[end]->row == sorted[i]->row; end++) {
        }
        for (uint32_t k = i; k < end; k++)
            sorted[k]->entries = end - i;
        known->objects++;
        known->several_entries += end - i > 1;
    }
    nsky_free(sorted);
    return status;
}

nsky_status nsky_known_match_list(nsky_known **out, const char *path, nsky_survey *survey,
                                  double radius_arcsec, nsky_error *err)
{
    assert(out && path && survey && radius_arcsec > 0 && err);
    static const char *const columns[COLUMNS] = {"ra", "dec", "name", "id"};
    reading r = {.path = path, .survey = survey, .radius_arcsec = radius_arcsec};

    *out = NULL;
    if (!(r.known = nsky_alloc_zero(1, sizeof *r.known, err)))
        return err->status;
    nsky_status status = nsky_label_table_open(&r.table, path, columns, COLUMNS, err);
    if (status == NSKY_OK &&
        !(nsky_label_table_has(r.table, RA) && nsky_label_table_has(r.table, DEC))) {
        char names[400];
        nsky_label_table_names(r.table, names, sizeof names);
        status = nsky_fail(err, NSKY_EDATA, "%s: no columns ra and dec among %s", path, names);
    }
    if (status == NSKY_OK && (status = read_entries(&r, err)) == NSKY_OK)
        status = count_entries(r.known, err);
    nsky_label_table_close(r.table);
    if (status == NSKY_OK)
        *out = r.known;
    else
        nsky_known_free(r.known);
    return status;
}

void nsky_known_free(nsky_known *known)
{
    if (!known)
        return;
    nsky_free(known->matches);
    nsky_free(known);
}

nsky_status nsky_known_mark(const nsky_known *known, nsky_survey *survey, uint32_t *changed,
                            nsky_error *err)
{
    assert(known && survey && changed && err);
    nsky_known_match **sorted;
    nsky_object object;
    uint32_t marked;
    nsky_status status = sort_by_object(known, &sorted, err);

    *changed = 0;
    for (uint32_t i = 0; status == NSKY_OK && i < known->matched; i++) {
        if (i > 0 && sorted[i]->row == sorted[i - 1]->row)
            continue;
        status = nsky_survey_by_row(survey, sorted[i]->row, &object, err);
        if (status != NSKY_OK || strcmp(object.known, sorted[i]->name) == 0)
            continue;
        ++*changed;
        status = nsky_survey_mark_known(survey, (nsky_sky){object.ra_deg, object.dec_deg},
                                        SAME_PLACE_ARCSEC, sorted[i]->name, &marked, err);
    }
    nsky_free(sorted);
    return status == NSKY_OK ? nsky_survey_commit(survey, err) : status;
}
