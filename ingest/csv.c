/* csv.c - see csv.h. One pass over the mapped bytes; a row's fields are unquoted into one buffer.
 */
#include "ingest/csv.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "common/file.h"
#include "common/memory.h"

struct nsky_csv {
    char *name;
    nsky_map map; /* of a file; zero for memory */
    const char *at, *end;
    uint64_t line, row_line; /* of `at`; of the current row */
    char delimiter;
    char *row; /* [row_bytes]: fields, each with its NUL */
    size_t row_bytes, row_used;
    uint32_t *fields; /* [NSKY_CSV_COLUMNS_MAX] offsets in row */
    uint32_t field_count;
    char **columns;
    uint32_t column_count;
};

static nsky_status put(nsky_csv *csv, char c, nsky_error *err)
{
    if (csv->row_used == csv->row_bytes) {
        if (csv->row_bytes >= NSKY_CSV_ROW_BYTES_MAX)
            return nsky_fail(err, NSKY_ELIMIT, "%s: line %" PRIu64 " has more than %u bytes",
                             csv->name, csv->row_line, NSKY_CSV_ROW_BYTES_MAX);
        size_t bytes = csv->row_bytes ? csv->row_bytes * 2 : 1024;
        char *row = nsky_realloc(csv->row, bytes, 1, err);
        if (!row)
            return err->status;
        csv->row = row;
        csv->row_bytes = bytes;
    }
    csv->row[csv->row_used++] = c;
    return NSKY_OK;
}

static bool at_line_end(const nsky_csv *csv)
{
    return csv->at == csv->end || *csv->at == '\n' ||
           (*csv->at == '\r' && (csv->at + 1 == csv->end || csv->at[1] == '\n'));
}

static void skip_line_end(nsky_csv *csv)
{
    if (csv->at < csv->end && *csv->at == '\r')
        csv->at++;
    if (csv->at < csv->end && *csv->at == '\n')
        csv->at++;
    csv->line++;
}

/* From behind the opening quote to behind the closing one. */
static nsky_status read_quoted(nsky_csv *csv, nsky_error *err)
{
    for (; csv->at < csv->end; csv->at++) {
        if (*csv->at == '"') {
            if (csv->at + 1 == csv->end || csv->at[1] != '"') {
                csv->at++;
                return NSKY_OK;
            }
            csv->at++;
        }
        if (*csv->at == '\0')
            break;
        csv->line += *csv->at == '\n';
        nsky_status status = put(csv, *csv->at, err);
        if (status != NSKY_OK)
            return status;
    }
    if (csv->at < csv->end)
        return nsky_fail(err, NSKY_EDATA, "%s: line %" PRIu64 " holds a NUL: not a text file",
                         csv->name, csv->line);
    return nsky_fail(err, NSKY_EDATA, "%s: line %" PRIu64 " opens a quote that nothing closes",
                     csv->name, csv->row_line);
}

static bool is_blank(const nsky_csv *csv, char c)
{
    return c == ' ' || (c == '\t' && csv->delimiter != '\t');
}

static void skip_blanks(nsky_csv *csv)
{
    while (csv->at < csv->end && is_blank(csv, *csv->at))
        csv->at++;
}

/* One field, up to but not over the delimiter or the line's end. */
static nsky_status read_field(nsky_csv *csv, nsky_error *err)
{
    nsky_status status = NSKY_OK;
    size_t start = csv->row_used;

    skip_blanks(csv);
    if (csv->at < csv->end && *csv->at == '"') {
        csv->at++;
        status = read_quoted(csv, err);
        skip_blanks(csv);
        if (status == NSKY_OK && !at_line_end(csv) && *csv->at != csv->delimiter)
            status =
                nsky_fail(err, NSKY_EDATA, "%s: line %" PRIu64 " goes on behind a closing quote",
                          csv->name, csv->line);
        return status == NSKY_OK ? put(csv, '\0', err) : status;
    }
    while (!at_line_end(csv) && *csv->at != csv->delimiter && status == NSKY_OK) {
        if (*csv->at == '\0')
            return nsky_fail(err, NSKY_EDATA, "%s: line %" PRIu64 " holds a NUL: not a text file",
                             csv->name, csv->line);
        status = put(csv, *csv->at++, err);
    }
    while (csv->row_used > start && is_blank(csv, csv->row[csv->row_used - 1]))
        csv->row_used--;
    return status == NSKY_OK ? put(csv, '\0', err) : status;
}

static nsky_status read_row(nsky_csv *csv, nsky_error *err)
{
    csv->row_used = 0;
    csv->field_count = 0;
    csv->row_line = csv->line;
    for (;;) {
        if (csv->field_count == NSKY_CSV_COLUMNS_MAX)
            return nsky_fail(err, NSKY_ELIMIT, "%s: line %" PRIu64 " has more than %d fields",
                             csv->name, csv->row_line, NSKY_CSV_COLUMNS_MAX);
        csv->fields[csv->field_count++] = (uint32_t)csv->row_used;
        nsky_status status = read_field(csv, err);
        if (status != NSKY_OK)
            return status;
        if (at_line_end(csv))
            break;
        csv->at++; /* the delimiter */
    }
    skip_line_end(csv);
    return NSKY_OK;
}

/* Empty lines, and comments while there is no header. false: the end. */
static bool find_row(nsky_csv *csv, bool comments)
{
    while (csv->at < csv->end) {
        const char *start = csv->at;
        while (csv->at < csv->end && (*csv->at == ' ' || *csv->at == '\t'))
            csv->at++;
        bool empty = at_line_end(csv);
        if (!empty && comments && *csv->at == '#') {
            const char *end = memchr(csv->at, '\n', (size_t)(csv->end - csv->at));
            csv->at = end ? end : csv->end;
            empty = true;
        }
        if (!empty) {
            csv->at = start;
            return true;
        }
        skip_line_end(csv);
    }
    return false;
}

static char guess_delimiter(const nsky_csv *csv)
{
    const char *newline = memchr(csv->at, '\n', (size_t)(csv->end - csv->at));
    size_t bytes = (size_t)((newline ? newline : csv->end) - csv->at);

    if (memchr(csv->at, '\t', bytes))
        return '\t';
    return !memchr(csv->at, ',', bytes) && memchr(csv->at, ';', bytes) ? ';' : ',';
}

static nsky_status read_header(nsky_csv *csv, nsky_error *err)
{
    if (csv->end - csv->at >= 3 && memcmp(csv->at, "\xEF\xBB\xBF", 3) == 0)
        csv->at += 3;
    if (!find_row(csv, true))
        return nsky_fail(err, NSKY_EDATA, "%s: no line with column names", csv->name);
    csv->delimiter = guess_delimiter(csv);
    nsky_status status = read_row(csv, err);
    if (status != NSKY_OK)
        return status;
    csv->columns = nsky_alloc_zero(csv->field_count, sizeof *csv->columns, err);
    if (!csv->columns)
        return err->status;
    csv->column_count = csv->field_count;
    for (uint32_t i = 0; i < csv->column_count; i++) {
        const char *name = csv->row + csv->fields[i];
        for (uint32_t j = 0; j < i; j++)
            if (*name != '\0' && strcasecmp(name, csv->columns[j]) == 0)
                return nsky_fail(err, NSKY_EDATA, "%s: two columns are called \"%.60s\"", csv->name,
                                 name);
        if (!(csv->columns[i] = nsky_strdup(name, err)))
            return err->status;
    }
    return NSKY_OK;
}

static nsky_status open_bytes(nsky_csv **out, nsky_map map, const void *data, size_t bytes,
                              const char *name, nsky_error *err)
{
    nsky_csv *csv = nsky_alloc_zero(1, sizeof *csv, err);

    *out = NULL;
    if (!csv) {
        nsky_map_close(&map);
        return err->status;
    }
    csv->map = map;
    csv->at = bytes > 0 ? data : "";
    csv->end = csv->at + bytes;
    csv->line = 1;
    csv->name = nsky_strdup(name, err);
    csv->fields = nsky_alloc(NSKY_CSV_COLUMNS_MAX, sizeof *csv->fields, err);
    nsky_status status = csv->name && csv->fields ? read_header(csv, err) : err->status;
    if (status == NSKY_OK)
        *out = csv;
    else
        nsky_csv_close(csv);
    return status;
}

nsky_status nsky_csv_open_memory(nsky_csv **out, const void *data, size_t bytes, const char *name,
                                 nsky_error *err)
{
    assert(out && (data || bytes == 0) && name && err);
    return open_bytes(out, (nsky_map){0}, data, bytes, name, err);
}

nsky_status nsky_csv_open(nsky_csv **out, const char *path, nsky_error *err)
{
    assert(out && path && err);
    nsky_map map;
    nsky_status status = nsky_map_open(&map, path, err);

    *out = NULL;
    return status == NSKY_OK ? open_bytes(out, map, map.data, map.bytes, path, err) : status;
}

nsky_status nsky_csv_next(nsky_csv *csv, bool *more, nsky_error *err)
{
    assert(csv && more && err);
    *more = find_row(csv, false);
    if (!*more)
        return NSKY_OK;
    nsky_status status = read_row(csv, err);
    if (status == NSKY_OK && csv->field_count > csv->column_count)
        status =
            nsky_fail(err, NSKY_EDATA, "%s: line %" PRIu64 " has %u fields where the header has %u",
                      csv->name, csv->row_line, csv->field_count, csv->column_count);
    return status;
}

const char *nsky_csv_field(const nsky_csv *csv, uint32_t column)
{
    assert(column < csv->column_count);
    return column < csv->field_count ? csv->row + csv->fields[column] : "";
}

uint32_t nsky_csv_columns(const nsky_csv *csv)
{
    return csv->column_count;
}

const char *nsky_csv_column(const nsky_csv *csv, uint32_t column)
{
    assert(column < csv->column_count);
    return csv->columns[column];
}

uint64_t nsky_csv_line(const nsky_csv *csv)
{
    return csv->row_line;
}

void nsky_csv_close(nsky_csv *csv)
{
    if (!csv)
        return;
    for (uint32_t i = 0; i < csv->column_count; i++)
        nsky_free(csv->columns[i]);
    nsky_free(csv->columns);
    nsky_free(csv->fields);
    nsky_free(csv->row);
    nsky_free(csv->name);
    nsky_map_close(&csv->map);
    nsky_free(csv);
}
