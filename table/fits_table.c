/* fits_table.c - tables as FITS binary tables; see table.h.
 *
 * FITS wants the number of rows and the width of every text column before the first row: one pass
 * over the rows measures, the next one writes.
 */
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "table/format.h"

#define CHUNK_BYTES ((size_t)512 << 10)
#define TEXT_BYTES_MIN 2 /* STILTS takes a width of 1 for another type */

typedef struct fits_table {
    nsky_fits_writer *writer;
    nsky_fits_field fields[NSKY_TABLE_COLUMNS_MAX]; /* repeat of text: the longest so far */
    uint64_t rows;                                  /* measured */
    char *chunk;                                    /* [chunk_rows, row_bytes] */
    size_t row_bytes, chunk_rows, held;
} fits_table;

/* --- the first time --- */

static nsky_status measure_begin(nsky_table_sink *sink, nsky_error *err)
{
    static const char types[] = {
        [NSKY_CELL_ID] = 'K',     [NSKY_CELL_INTEGER] = 'K', [NSKY_CELL_FLOAT] = 'E',
        [NSKY_CELL_DOUBLE] = 'D', [NSKY_CELL_TEXT] = 'A',    [NSKY_CELL_FLOATS] = 'E',
    };
    fits_table *t = sink->state;

    (void)err;
    for (uint32_t i = 0; i < sink->table->column_count; i++) {
        const nsky_table_column *column = &sink->table->columns[i];
        t->fields[i] = (nsky_fits_field){
            .name = column->name,
            .unit = column->unit,
            .ucd = column->ucd,
            .comment = column->description,
            .type = types[column->type],
            .repeat = column->type == NSKY_CELL_FLOATS ? column->length
                      : column->type == NSKY_CELL_TEXT ? TEXT_BYTES_MIN
                                                       : 1,
            .nullable = column->type == NSKY_CELL_INTEGER,
        };
    }
    return NSKY_OK;
}

static nsky_status measure_put(nsky_table_sink *sink, const nsky_cell *cells, nsky_error *err)
{
    fits_table *t = sink->state;

    (void)err;
    for (uint32_t i = 0; i < sink->table->column_count; i++) {
        if (t->fields[i].type != 'A' || !cells[i].text)
            continue;
        uint32_t width = (uint32_t)strnlen(cells[i].text, NSKY_TABLE_TEXT_BYTES_MAX);
        t->fields[i].repeat = width > t->fields[i].repeat ? width : t->fields[i].repeat;
    }
    return NSKY_OK;
}

static nsky_status measure_end(nsky_table_sink *sink, nsky_error *err)
{
    fits_table *t = sink->state;

    (void)err;
    t->rows = sink->rows;
    return NSKY_OK;
}

static const nsky_sink_ops measure_ops = {measure_begin, measure_put, measure_end, NULL};

/* --- the second time --- */

static nsky_status put_fact(nsky_fits_writer *writer, const nsky_fact *fact, nsky_error *err)
{
    switch (fact->type) {
    case NSKY_FACT_INTEGER:
        return nsky_fits_put_integer(writer, fact->keyword, fact->integer, fact->comment, err);
    case NSKY_FACT_NUMBER:
        return nsky_fits_put_double(writer, fact->keyword, fact->number, fact->comment, err);
    case NSKY_FACT_FLAG:
        return nsky_fits_put_flag(writer, fact->keyword, fact->flag, fact->comment, err);
    case NSKY_FACT_TEXT:
        break;
    }
    return nsky_fits_put_string(writer, fact->keyword, fact->text, fact->comment, err);
}

static nsky_status write_begin(nsky_table_sink *sink, nsky_error *err)
{
    const nsky_table *table = sink->table;
    fits_table *t = sink->state;
    nsky_fact facts[NSKY_FACTS_MAX];
    uint32_t count = nsky_provenance_facts(table->provenance, facts);
    nsky_status status =
        nsky_fits_begin_rows(t->writer, table->name, t->fields, table->column_count, t->rows, err);

    if (status == NSKY_OK && table->description)
        status = nsky_fits_put_string(t->writer, "TITLE", table->description, NULL, err);
    for (uint32_t i = 0; i < count && status == NSKY_OK; i++)
        status = put_fact(t->writer, &facts[i], err);
    if (status != NSKY_OK)
        return status;
    t->chunk_rows = CHUNK_BYTES / t->row_bytes + 1;
    t->chunk = nsky_alloc(t->chunk_rows, t->row_bytes, err);
    return t->chunk ? NSKY_OK : err->status;
}

static nsky_status flush(nsky_table_sink *sink, uint64_t rows_done, nsky_error *err)
{
    fits_table *t = sink->state;
    nsky_status status = nsky_fits_put_rows(t->writer, t->fields, sink->table->column_count,
                                            rows_done - t->held, t->chunk, t->held, err);

    t->held = 0;
    return status;
}

static void pack(char *to, const nsky_fits_field *field, const nsky_cell *cell)
{
    if (field->type == 'A') {
        nsky_fits_pad_text(to, field->repeat, cell->text ? cell->text : "");
    } else if (field->type == 'K') {
        memcpy(to, &cell->integer, sizeof cell->integer); /* an id below 2^63 looks the same */
    } else {
        double number = isfinite(cell->number) ? cell->number : (double)NAN;
        float single = (float)number;
        if (field->type == 'D')
            memcpy(to, &number, sizeof number);
        else
            memcpy(to, &single, sizeof single);
    }
}

static nsky_status changed(const nsky_table_sink *sink, nsky_error *err)
{
    return nsky_fail(err, NSKY_EDATA,
                     "table %s: its rows changed while they were being written; write it again",
                     sink->table->name);
}

static nsky_status write_put(nsky_table_sink *sink, const nsky_cell *cells, nsky_error *err)
{
    fits_table *t = sink->state;
    char *to = t->chunk + t->held * t->row_bytes;

    if (sink->rows >= t->rows)
        return changed(sink, err);
    for (uint32_t i = 0; i < sink->table->column_count; i++) {
        const nsky_table_column *column = &sink->table->columns[i];
        const nsky_fits_field *field = &t->fields[i];
        if (column->type == NSKY_CELL_FLOATS) {
            memcpy(to, cells[i].floats, column->length * sizeof(float));
        } else {
            if (field->type == 'A' && cells[i].text &&
                strnlen(cells[i].text, NSKY_TABLE_TEXT_BYTES_MAX) > field->repeat)
                return changed(sink, err);
            pack(to, field, &cells[i]);
        }
        to += nsky_fits_row_bytes(field, 1);
    }
    if (++t->held < t->chunk_rows)
        return NSKY_OK;
    return flush(sink, sink->rows + 1, err);
}

static nsky_status write_end(nsky_table_sink *sink, nsky_error *err)
{
    fits_table *t = sink->state;

    if (sink->rows != t->rows)
        return changed(sink, err);
    return t->held ? flush(sink, sink->rows, err) : NSKY_OK;
}

static const nsky_sink_ops write_ops = {write_begin, write_put, write_end, NULL};

nsky_status nsky_fits_append_rows_of(nsky_fits_writer *writer, const nsky_table *table,
                                     uint64_t bytes_max, nsky_error *err)
{
    assert(table->name && table->columns && table->rows && table->column_count > 0 &&
           table->column_count <= NSKY_TABLE_COLUMNS_MAX);
    fits_table *t = nsky_alloc_zero(1, sizeof *t, err);
    if (!t)
        return err->status;
    nsky_table_sink measure = {.ops = &measure_ops, .table = table, .state = t};
    nsky_table_sink write = {.ops = &write_ops, .table = table, .state = t};
    t->writer = writer;
    nsky_status status = nsky_sink_run(&measure, err);
    t->row_bytes = nsky_fits_row_bytes(t->fields, table->column_count);
    if (status == NSKY_OK && t->rows > bytes_max / t->row_bytes)
        status = nsky_table_too_large(err);
    if (status == NSKY_OK)
        status = nsky_sink_run(&write, err);
    nsky_free(t->chunk);
    nsky_free(t);
    return status;
}
