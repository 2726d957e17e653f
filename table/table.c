/* table.c - which format, and where it goes; see table.h. */
#include "table/table.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/file.h"
#include "common/memory.h"
#include "table/format.h"

static const struct {
    const char *name, *suffix, *content_type;
    const nsky_sink_ops *ops; /* NULL: FITS */
} formats[] = {
    [NSKY_TABLE_JSON] = {"json", "json", "application/json", &nsky_json_ops},
    [NSKY_TABLE_CSV] = {"csv", "csv", "text/csv; charset=utf-8; header=present", &nsky_csv_ops},
    [NSKY_TABLE_VOTABLE] = {"votable", "vot", "application/x-votable+xml", &nsky_votable_ops},
    [NSKY_TABLE_FITS] = {"fits", "fits", "application/fits", NULL},
};

bool nsky_table_format_parse(const char *text, nsky_table_format *out)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(text, formats[i].name) == 0) {
            *out = (nsky_table_format)i;
            return true;
        }
    return false;
}

const char *nsky_table_content_type(nsky_table_format format)
{
    return formats[format].content_type;
}

const char *nsky_table_suffix(nsky_table_format format)
{
    return formats[format].suffix;
}

nsky_status nsky_table_put(nsky_table_sink *sink, const nsky_cell *cells, nsky_error *err)
{
    const nsky_table *table = sink->table;

    for (uint32_t i = 0; i < table->column_count; i++)
        if (table->columns[i].type == NSKY_CELL_ID && cells[i].id > INT64_MAX)
            return nsky_fail(err, NSKY_EDATA,
                             "table %s, row %" PRIu64 ": the id %" PRIu64
                             " does not fit into 63 bits",
                             table->name, sink->rows, cells[i].id);
    nsky_status status = sink->ops->put(sink, cells, err);
    sink->rows++;
    return status;
}

nsky_status nsky_sink_run(nsky_table_sink *sink, nsky_error *err)
{
    nsky_status status = sink->ops->begin(sink, err);

    if (status == NSKY_OK)
        status = sink->table->rows(sink->table->payload, sink, err);
    if (status == NSKY_OK)
        status = sink->ops->end(sink, err);
    if (sink->ops->free)
        sink->ops->free(sink);
    nsky_cleaner_free(&sink->cleaner);
    return status;
}

nsky_status nsky_table_too_large(nsky_error *err)
{
    return nsky_fail(err, NSKY_ELIMIT,
                     "the table is larger than %zu MiB, which is the most that memory is given "
                     "for: write it to a file, or ask for fewer rows",
                     NSKY_TABLE_BYTES_MAX >> 20);
}

/* Of a text format. */
static nsky_status write_output(const nsky_table *table, nsky_table_format format, nsky_output *out,
                                nsky_error *err)
{
    nsky_table_sink sink = {.ops = formats[format].ops, .table = table, .out = out};

    assert(table->name && table->columns && table->rows && table->column_count > 0 &&
           table->column_count <= NSKY_TABLE_COLUMNS_MAX);
    return nsky_sink_run(&sink, err);
}

static nsky_status write_fits_file(const nsky_table *table, const char *path, nsky_error *err)
{
    nsky_fits_writer *writer = NULL;
    nsky_status status = nsky_fits_create(&writer, path, err);

    if (status != NSKY_OK)
        return status;
    if ((status = nsky_fits_append_rows_of(writer, table, INT64_MAX, err)) == NSKY_OK)
        return nsky_fits_finish(writer, err);
    nsky_fits_discard(writer);
    return status;
}

static nsky_status write_fits_memory(const nsky_table *table, void **data, size_t *bytes,
                                     nsky_error *err)
{
    nsky_fits_writer *writer = NULL;
    nsky_status status = nsky_fits_create_memory(&writer, err);

    if (status != NSKY_OK)
        return status;
    if ((status = nsky_fits_append_rows_of(writer, table, NSKY_TABLE_BYTES_MAX, err)) == NSKY_OK)
        return nsky_fits_finish_memory(writer, data, bytes, err);
    nsky_fits_discard(writer);
    return status;
}

nsky_status nsky_table_write_file(const nsky_table *table, nsky_table_format format,
                                  const char *path, nsky_error *err)
{
    assert(table && path && err);
    nsky_file_writer file;
    nsky_status status;

    if (format == NSKY_TABLE_FITS)
        return write_fits_file(table, path, err);
    if ((status = nsky_file_begin(&file, path, err)) != NSKY_OK)
        return status;
    nsky_output out = {.stream = file.stream, .name = path};
    if ((status = write_output(table, format, &out, err)) == NSKY_OK)
        return nsky_file_commit(&file, err);
    nsky_file_abort(&file);
    return status;
}

nsky_status nsky_table_write_stream(const nsky_table *table, nsky_table_format format, FILE *stream,
                                    const char *name, nsky_error *err)
{
    assert(table && stream && name && err);
    nsky_output out = {.stream = stream, .name = name};
    void *data = NULL;
    size_t bytes = 0;
    nsky_status status;

    if (format == NSKY_TABLE_FITS) {
        if ((status = write_fits_memory(table, &data, &bytes, err)) == NSKY_OK) {
            nsky_output_put(&out, data, bytes);
            status = nsky_output_check(&out, err);
        }
        nsky_free(data);
    } else {
        status = write_output(table, format, &out, err);
    }
    if (status == NSKY_OK && fflush(stream) != 0)
        status = nsky_fail_errno(err, "%s: cannot write", name);
    return status;
}

nsky_status nsky_table_write_memory(const nsky_table *table, nsky_table_format format, void **data,
                                    size_t *bytes, nsky_error *err)
{
    assert(table && data && bytes && err);
    nsky_output out = {.name = "memory"};
    nsky_status status;

    *data = NULL;
    *bytes = 0;
    if (format == NSKY_TABLE_FITS)
        return write_fits_memory(table, data, bytes, err);
    if ((status = write_output(table, format, &out, err)) != NSKY_OK) {
        nsky_free(out.data);
        return status;
    }
    *data = out.data;
    *bytes = out.bytes;
    return NSKY_OK;
}

void nsky_float_print(char out[NSKY_CELL_TEXT_BYTES], float value)
{
    out[0] = '\0';
    if (isfinite(value))
        snprintf(out, NSKY_CELL_TEXT_BYTES, "%.9g", (double)value);
}

void nsky_cell_print(char out[NSKY_CELL_TEXT_BYTES], const nsky_table_column *column,
                     const nsky_cell *cell)
{
    out[0] = '\0';
    if (column->type == NSKY_CELL_ID)
        snprintf(out, NSKY_CELL_TEXT_BYTES, "%" PRIu64, cell->id);
    else if (column->type == NSKY_CELL_INTEGER && cell->integer != NSKY_TABLE_UNKNOWN)
        snprintf(out, NSKY_CELL_TEXT_BYTES, "%" PRId64, cell->integer);
    else if (column->type == NSKY_CELL_INTEGER || !isfinite(cell->number))
        return;
    else if (column->decimals >= 0)
        snprintf(out, NSKY_CELL_TEXT_BYTES, "%.*f", column->decimals, cell->number);
    else if (column->type == NSKY_CELL_FLOAT)
        nsky_float_print(out, (float)cell->number);
    else
        snprintf(out, NSKY_CELL_TEXT_BYTES, "%.17g", cell->number);
}

const char *nsky_fact_print(char out[NSKY_CELL_TEXT_BYTES], const nsky_fact *fact)
{
    if (fact->type == NSKY_FACT_TEXT)
        return fact->text;
    if (fact->type == NSKY_FACT_INTEGER)
        snprintf(out, NSKY_CELL_TEXT_BYTES, "%" PRId64, fact->integer);
    else if (fact->type == NSKY_FACT_NUMBER)
        snprintf(out, NSKY_CELL_TEXT_BYTES, "%.15g", fact->number);
    else
        snprintf(out, NSKY_CELL_TEXT_BYTES, "%s", fact->flag ? "true" : "false");
    return out;
}
