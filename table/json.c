/* json.c - tables as JSON, a row a line; see table.h. */
#include <math.h>
#include <stdlib.h>

#include "common/memory.h"
#include "table/format.h"

static nsky_status print(nsky_table_sink *sink, nsky_json *value, nsky_error *err)
{
    char *text = nsky_json_print(value, false, err);

    nsky_json_free(value);
    if (!text)
        return err->status;
    nsky_output_text(sink->out, text);
    nsky_free(text);
    return nsky_output_check(sink->out, err);
}

/* Nine digits tell every float32 apart; the double it is widened to would print seventeen. */
static double short_float(float value)
{
    char text[NSKY_CELL_TEXT_BYTES];

    nsky_float_print(text, value);
    return text[0] ? strtod(text, NULL) : NAN;
}

static void put_floats(nsky_json *row, const nsky_table_column *column, const float *floats)
{
    nsky_json *array = nsky_json_array();

    for (uint32_t i = 0; i < column->length; i++)
        nsky_json_append_number(array, short_float(floats[i]));
    nsky_json_put(row, column->name, array);
}

static void put_cell(nsky_json *row, const nsky_table_column *column, const nsky_cell *cell)
{
    switch (column->type) {
    case NSKY_CELL_ID:
        nsky_json_put_id(row, column->name, cell->id);
        break;
    case NSKY_CELL_INTEGER:
        if (cell->integer == NSKY_TABLE_UNKNOWN)
            nsky_json_put_string(row, column->name, NULL);
        else
            nsky_json_put_integer(row, column->name, cell->integer);
        break;
    case NSKY_CELL_FLOAT:
    case NSKY_CELL_DOUBLE:
        if (column->decimals >= 0)
            nsky_json_put_fixed(row, column->name, cell->number, column->decimals);
        else if (column->type == NSKY_CELL_FLOAT)
            nsky_json_put_number(row, column->name, short_float((float)cell->number));
        else
            nsky_json_put_number(row, column->name, cell->number);
        break;
    case NSKY_CELL_TEXT:
        nsky_json_put_string(row, column->name, cell->text && cell->text[0] ? cell->text : NULL);
        break;
    case NSKY_CELL_FLOATS:
        put_floats(row, column, cell->floats);
        break;
    }
}

static nsky_status begin(nsky_table_sink *sink, nsky_error *err)
{
    nsky_output_text(sink->out, "{\"");
    nsky_output_text(sink->out, sink->table->name);
    nsky_output_text(sink->out, "\":[");
    return nsky_output_check(sink->out, err);
}

static nsky_status put(nsky_table_sink *sink, const nsky_cell *cells, nsky_error *err)
{
    nsky_json *row = nsky_json_object();

    for (uint32_t i = 0; i < sink->table->column_count; i++)
        put_cell(row, &sink->table->columns[i], &cells[i]);
    nsky_output_text(sink->out, sink->rows > 0 ? ",\n" : "\n");
    return print(sink, row, err);
}

static nsky_status end(nsky_table_sink *sink, nsky_error *err)
{
    nsky_json *stats = nsky_provenance_json(sink->table->provenance);

    if (sink->table->truncated)
        nsky_json_put_bool(stats, "truncated", true);
    nsky_output_text(sink->out, "\n],\n\"stats\":");
    nsky_status status = print(sink, stats, err);
    nsky_output_text(sink->out, "}\n");
    return status == NSKY_OK ? nsky_output_check(sink->out, err) : status;
}

const nsky_sink_ops nsky_json_ops = {begin, put, end, NULL};
