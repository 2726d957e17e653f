/* label_table.c - see label_table.h. Thread rule: one thread. */
#include "probe/label_table.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/file.h"
#include "common/memory.h"
#include "fits/fits.h"
#include "ingest/csv.h"
#include "table/votable_read.h"

#define BLOCK_ROWS 1024
#define CELL_BYTES 128
#define NAME_BYTES 72
#define NAMES_BYTES 400

enum { TEXT, INTEGER, NUMBER };

struct nsky_label_table {
    char *path;
    uint32_t count;
    /* one of these */
    nsky_csv *csv;
    nsky_votable_reader *votable;
    nsky_fits *fits;
    uint32_t places[NSKY_LABEL_TABLE_COLUMNS];        /* of the columns, in CSV and VOTable */
    char names[NSKY_LABEL_TABLE_COLUMNS][NAME_BYTES]; /* asked for */
    bool has[NSKY_LABEL_TABLE_COLUMNS];
    int types[NSKY_LABEL_TABLE_COLUMNS];
    uint64_t rows, next; /* of FITS */
    char *cells;         /* [columns, BLOCK_ROWS, CELL_BYTES] */
    double *numbers;     /* [BLOCK_ROWS] */
    int64_t *integers;   /* [BLOCK_ROWS] */
    char all_names[NAMES_BYTES];
};

static void note_name(nsky_label_table *t, const char *name)
{
    size_t used = strlen(t->all_names);

    if (used + strlen(name) + 3 < NAMES_BYTES)
        snprintf(t->all_names + used, NAMES_BYTES - used, "%s%.60s", used ? ", " : "", name);
}

static void offer(nsky_label_table *t, const char *name, uint32_t column)
{
    note_name(t, name);
    for (uint32_t c = 0; c < t->count; c++)
        if (!t->has[c] && strcasecmp(name, t->names[c]) == 0) {
            t->has[c] = true;
            t->places[c] = column;
        }
}

static bool offer_fits(const char *name, void *payload)
{
    offer(payload, name, 0);
    return true;
}

static nsky_status open_csv(nsky_label_table *t, nsky_error *err)
{
    nsky_status status = nsky_csv_open(&t->csv, t->path, err);

    for (uint32_t i = 0; status == NSKY_OK && i < nsky_csv_columns(t->csv); i++)
        offer(t, nsky_csv_column(t->csv, i), i);
    return status;
}

static nsky_status open_votable(nsky_label_table *t, nsky_error *err)
{
    nsky_status status = nsky_votable_reader_open(&t->votable, t->path, err);

    for (uint32_t i = 0; status == NSKY_OK && i < nsky_votable_reader_columns(t->votable); i++)
        offer(t, nsky_votable_reader_column(t->votable, i), i);
    return status;
}

static char *cell(const nsky_label_table *t, uint32_t column, uint64_t row)
{
    return t->cells + ((size_t)column * BLOCK_ROWS + row % BLOCK_ROWS) * CELL_BYTES;
}

static nsky_status read_column(nsky_label_table *t, uint32_t c, uint64_t first, uint64_t count,
                               nsky_error *err)
{
    nsky_status status;

    if (t->types[c] == TEXT)
        return nsky_fits_read_strings(t->fits, t->names[c], first, count, cell(t, c, 0), CELL_BYTES,
                                      err);
    if (t->types[c] == INTEGER) {
        status = nsky_fits_read_integers(t->fits, t->names[c], first, count, t->integers, err);
        for (uint64_t i = 0; status == NSKY_OK && i < count; i++)
            if (t->integers[i] == INT64_MIN)
                *cell(t, c, i) = '\0';
            else
                snprintf(cell(t, c, i), CELL_BYTES, "%" PRId64, t->integers[i]);
        return status;
    }
    status = nsky_fits_read_doubles(t->fits, t->names[c], first, count, t->numbers, err);
    for (uint64_t i = 0; status == NSKY_OK && i < count; i++)
        snprintf(cell(t, c, i), CELL_BYTES, "%.17g", t->numbers[i]);
    return status;
}

/* FITS columns have types, but what we need is whether text, and whether doubles would lose bits.
 */
static void find_type(nsky_label_table *t, uint32_t c)
{
    nsky_error ignored = NSKY_ERROR_INIT;

    if (nsky_fits_read_strings(t->fits, t->names[c], 0, 1, cell(t, c, 0), CELL_BYTES, &ignored) ==
        NSKY_OK)
        t->types[c] = TEXT;
    else if (strcasecmp(t->names[c], "id") == 0)
        t->types[c] = INTEGER;
    else
        t->types[c] = NUMBER;
}

static nsky_status open_fits(nsky_label_table *t, nsky_error *err)
{
    nsky_fits_hdu hdu = {.kind = NSKY_FITS_EMPTY};
    nsky_status status = nsky_fits_open(&t->fits, t->path, err);

    for (uint32_t i = 0; status == NSKY_OK && i < nsky_fits_hdu_count(t->fits); i++) {
        status = nsky_fits_select(t->fits, i, &hdu, err);
        if (status == NSKY_OK && hdu.kind == NSKY_FITS_TABLE)
            break;
    }
    if (status != NSKY_OK)
        return status;
    if (hdu.kind != NSKY_FITS_TABLE)
        return nsky_fail(err, NSKY_EDATA, "%s: no table in it", t->path);
    t->rows = hdu.rows;
    t->cells = nsky_alloc_zero((size_t)t->count * BLOCK_ROWS, CELL_BYTES, err);
    t->numbers = nsky_alloc(BLOCK_ROWS, sizeof *t->numbers, err);
    t->integers = nsky_alloc(BLOCK_ROWS, sizeof *t->integers, err);
    if (!t->cells || !t->numbers || !t->integers)
        return err->status;
    nsky_fits_each_column(t->fits, offer_fits, t);
    for (uint32_t c = 0; c < t->count && t->rows > 0; c++)
        if (t->has[c])
            find_type(t, c);
    return NSKY_OK;
}

typedef enum kind { CSV, FITS, VOTABLE } kind;

/* By the first bytes: FITS, also inside gzip; XML; anything else is text. */
static nsky_status find_format(const char *path, kind *out, nsky_error *err)
{
    nsky_map map;
    nsky_status status = nsky_map_open(&map, path, err);

    if (status != NSKY_OK)
        return status;
    if ((map.bytes >= 6 && memcmp(map.data, "SIMPLE", 6) == 0) ||
        (map.bytes >= 2 && memcmp(map.data, "\x1f\x8b", 2) == 0))
        *out = FITS;
    else
        *out = nsky_votable_looks(map.data, map.bytes) ? VOTABLE : CSV;
    nsky_map_close(&map);
    return NSKY_OK;
}

nsky_status nsky_label_table_open(nsky_label_table **out, const char *path,
                                  const char *const *columns, uint32_t count, nsky_error *err)
{
    assert(out && path && columns && count <= NSKY_LABEL_TABLE_COLUMNS && err);
    kind format = CSV;
    nsky_status status = find_format(path, &format, err);

    *out = NULL;
    if (status != NSKY_OK)
        return status;
    nsky_label_table *t = nsky_alloc_zero(1, sizeof *t, err);
    if (!t)
        return err->status;
    t->count = count;
    for (uint32_t c = 0; c < count; c++)
        snprintf(t->names[c], NAME_BYTES, "%s", columns[c]);
    t->path = nsky_strdup(path, err);
    status = !t->path            ? err->status
             : format == FITS    ? open_fits(t, err)
             : format == VOTABLE ? open_votable(t, err)
                                 : open_csv(t, err);
    if (status == NSKY_OK)
        *out = t;
    else
        nsky_label_table_close(t);
    return status;
}

void nsky_label_table_close(nsky_label_table *t)
{
    if (!t)
        return;
    nsky_csv_close(t->csv);
    nsky_votable_reader_close(t->votable);
    nsky_fits_close(t->fits);
    nsky_free(t->cells);
    nsky_free(t->numbers);
    nsky_free(t->integers);
    nsky_free(t->path);
    nsky_free(t);
}

bool nsky_label_table_has(const nsky_label_table *t, uint32_t column)
{
    return t->has[column];
}

void nsky_label_table_names(const nsky_label_table *t, char *out, size_t bytes)
{
    snprintf(out, bytes, "%s", t->all_names);
}

nsky_status nsky_label_table_next(nsky_label_table *t, bool *more, nsky_error *err)
{
    if (t->csv)
        return nsky_csv_next(t->csv, more, err);
    if (t->votable)
        return nsky_votable_reader_next(t->votable, more, err);
    *more = t->next < t->rows;
    if (!*more || t->next++ % BLOCK_ROWS != 0)
        return NSKY_OK;
    uint64_t first = t->next - 1, left = t->rows - first;
    nsky_status status = NSKY_OK;
    for (uint32_t c = 0; c < t->count && status == NSKY_OK; c++)
        if (t->has[c])
            status = read_column(t, c, first, left < BLOCK_ROWS ? left : BLOCK_ROWS, err);
    return status;
}

const char *nsky_label_table_field(const nsky_label_table *t, uint32_t column)
{
    if (!t->has[column])
        return "";
    return t->csv       ? nsky_csv_field(t->csv, t->places[column])
           : t->votable ? nsky_votable_reader_field(t->votable, t->places[column])
                        : cell(t, column, t->next - 1);
}

uint64_t nsky_label_table_line(const nsky_label_table *t)
{
    return t->csv       ? nsky_csv_line(t->csv)
           : t->votable ? nsky_votable_reader_row(t->votable)
                        : t->next;
}

const char *nsky_label_table_unit(const nsky_label_table *t)
{
    return t->csv ? "line" : "row";
}
