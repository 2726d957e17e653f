/* csv.c - tables as CSV (RFC 4180, lines ended by \n); see table.h. */
#include <string.h>

#include "table/format.h"

static nsky_status put_text(nsky_table_sink *sink, const char *text, nsky_error *err)
{
    const char *clean = nsky_clean_text(&sink->cleaner, text, NSKY_CHARSET_UTF8, err);

    if (!clean)
        return err->status;
    if (!strpbrk(clean, ",\"\r\n")) {
        nsky_output_text(sink->out, clean);
        return NSKY_OK;
    }
    nsky_output_put(sink->out, "\"", 1);
    while (*clean) {
        size_t plain = strcspn(clean, "\"");
        nsky_output_put(sink->out, clean, plain);
        clean += plain;
        if (*clean == '"') {
            nsky_output_put(sink->out, "\"\"", 2);
            clean++;
        }
    }
    nsky_output_put(sink->out, "\"", 1);
    return NSKY_OK;
}

/* "# key: value", one line each whatever the value holds. */
static nsky_status put_comments(nsky_table_sink *sink, nsky_error *err)
{
    nsky_fact facts[NSKY_FACTS_MAX];
    uint32_t count = nsky_provenance_facts(sink->table->provenance, facts);

    for (uint32_t i = 0; i < count; i++) {
        char number[NSKY_CELL_TEXT_BYTES];
        const char *text = nsky_fact_print(number, &facts[i]);
        if (!(text = nsky_clean_text(&sink->cleaner, text, NSKY_CHARSET_UTF8, err)))
            return err->status;
        nsky_output_text(sink->out, "# ");
        nsky_output_text(sink->out, facts[i].name);
        nsky_output_text(sink->out, ": ");
        for (; *text; text++)
            nsky_output_put(sink->out, *text == '\n' || *text == '\r' ? " " : text, 1);
        nsky_output_put(sink->out, "\n", 1);
    }
    return NSKY_OK;
}

static nsky_status begin(nsky_table_sink *sink, nsky_error *err)
{
    const nsky_table *table = sink->table;
    nsky_status status;

    for (uint32_t i = 0; i < table->column_count; i++)
        if (table->columns[i].type == NSKY_CELL_FLOATS)
            return nsky_fail(err, NSKY_EINVAL,
                             "CSV has no vectors (column %s): take fits, votable or npy",
                             table->columns[i].name);
    if (table->csv_comments && (status = put_comments(sink, err)) != NSKY_OK)
        return status;
    for (uint32_t i = 0; i < table->column_count; i++) {
        nsky_output_put(sink->out, ",", i > 0);
        nsky_output_text(sink->out, table->columns[i].name);
    }
    nsky_output_put(sink->out, "\n", 1);
    return nsky_output_check(sink->out, err);
}

static nsky_status put(nsky_table_sink *sink, const nsky_cell *cells, nsky_error *err)
{
    const nsky_table_column *columns = sink->table->columns;
    char number[NSKY_CELL_TEXT_BYTES];

    for (uint32_t i = 0; i < sink->table->column_count; i++) {
        nsky_output_put(sink->out, ",", i > 0);
        if (columns[i].type == NSKY_CELL_TEXT) {
            nsky_status status = put_text(sink, cells[i].text ? cells[i].text : "", err);
            if (status != NSKY_OK)
                return status;
        } else {
            nsky_cell_print(number, &columns[i], &cells[i]);
            nsky_output_text(sink->out, number);
        }
    }
    nsky_output_put(sink->out, "\n", 1);
    return nsky_output_check(sink->out, err);
}

static nsky_status end(nsky_table_sink *sink, nsky_error *err)
{
    return nsky_output_check(sink->out, err);
}

const nsky_sink_ops nsky_csv_ops = {begin, put, end, NULL};
