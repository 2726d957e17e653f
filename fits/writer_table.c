/* writer_table.c - binary tables, a column at a time. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/memory.h"
#include "fits/writer_private.h"

#define COLUMNS_MAX 999
#define STRINGS_AT_ONCE 512
#define STRING_BYTES_MAX 32767

/* FITS text columns have one width: that of the longest string, at least 1. */
static size_t string_width(const nsky_fits_column *column, uint64_t rows)
{
    size_t width = 1;

    for (uint64_t i = 0; i < rows; i++) {
        size_t length = column->strings[i] ? strnlen(column->strings[i], STRING_BYTES_MAX) : 0;
        width = length > width ? length : width;
    }
    return width;
}

static nsky_status write_strings(nsky_fits_writer *writer, int number,
                                 const nsky_fits_column *column, uint64_t rows, nsky_error *err)
{
    size_t stride = string_width(column, rows) + 1;
    char **fields = NULL, *bytes = NULL;
    int failed = 0;

    if (!(fields = nsky_alloc(STRINGS_AT_ONCE, sizeof *fields, err)) ||
        !(bytes = nsky_alloc(STRINGS_AT_ONCE, stride, err))) {
        nsky_free(fields);
        writer->broken = true;
        return err->status;
    }
    for (size_t i = 0; i < STRINGS_AT_ONCE; i++)
        fields[i] = bytes + i * stride;
    for (uint64_t done = 0; done < rows && !failed;) {
        uint64_t n = rows - done < STRINGS_AT_ONCE ? rows - done : STRINGS_AT_ONCE;
        for (uint64_t i = 0; i < n; i++) {
            const char *text = column->strings[done + i];
            nsky_fits_plain_text(fields[i], stride, text ? text : "");
        }
        fits_write_col(writer->file, TSTRING, number, (LONGLONG)done + 1, 1, (LONGLONG)n, fields,
                       &failed);
        done += n;
    }
    nsky_free(bytes);
    nsky_free(fields);
    return failed ? nsky_fits_write_failed(writer, failed, column->name, err) : NSKY_OK;
}

static nsky_status write_column(nsky_fits_writer *writer, int number,
                                const nsky_fits_column *column, uint64_t rows, nsky_error *err)
{
    int failed = 0;

    if (rows == 0)
        return NSKY_OK;
    if (column->strings)
        return write_strings(writer, number, column, rows, err);
    int type = column->doubles ? TDOUBLE : column->floats ? TFLOAT : TLONGLONG;
    const void *values = column->doubles  ? (const void *)column->doubles
                         : column->floats ? (const void *)column->floats
                                          : (const void *)column->integers;
    if (fits_write_col(writer->file, type, number, 1, 1, (LONGLONG)rows, (void *)(uintptr_t)values,
                       &failed))
        return nsky_fits_write_failed(writer, failed, column->name, err);
    return NSKY_OK;
}

/* The three name lists CFITSIO wants, in one block each. */
typedef struct headings {
    char **name, **form, **unit;
    char (*forms)[24];
} headings;

static void headings_free(headings *h)
{
    nsky_free(h->name);
    nsky_free(h->form);
    nsky_free(h->unit);
    nsky_free(h->forms);
}

static nsky_status headings_new(headings *h, const nsky_fits_column *columns, uint32_t count,
                                uint64_t rows, nsky_error *err)
{
    if (!(h->name = nsky_alloc(count, sizeof *h->name, err)) ||
        !(h->form = nsky_alloc(count, sizeof *h->form, err)) ||
        !(h->unit = nsky_alloc(count, sizeof *h->unit, err)) ||
        !(h->forms = nsky_alloc(count, sizeof *h->forms, err)))
        return err->status;
    for (uint32_t i = 0; i < count; i++) {
        const nsky_fits_column *c = &columns[i];
        assert(c->name && !!c->doubles + !!c->floats + !!c->integers + !!c->strings == 1);
        h->name[i] = (char *)(uintptr_t)c->name;
        h->unit[i] = (char *)(uintptr_t)(c->unit ? c->unit : "");
        h->form[i] = h->forms[i];
        if (c->strings)
            snprintf(h->forms[i], sizeof h->forms[i], "%zuA", string_width(c, rows));
        else
            snprintf(h->forms[i], sizeof h->forms[i], "1%c",
                     c->doubles  ? 'D'
                     : c->floats ? 'E'
                                 : 'K');
    }
    return NSKY_OK;
}

nsky_status nsky_fits_append_table(nsky_fits_writer *writer, const char *extname,
                                   const nsky_fits_column *columns, uint32_t column_count,
                                   uint64_t rows, nsky_error *err)
{
    assert(writer && columns && err);
    headings h = {0};
    int failed = 0;
    nsky_status status;

    if (column_count == 0 || column_count > COLUMNS_MAX) {
        writer->broken = true;
        return nsky_fail(err, NSKY_ELIMIT, "a table of %u columns: FITS allows 1 to %d",
                         column_count, COLUMNS_MAX);
    }
    if ((status = headings_new(&h, columns, column_count, rows, err)) != NSKY_OK) {
        writer->broken = true;
        goto done;
    }
    if (fits_create_tbl(writer->file, BINARY_TBL, (LONGLONG)rows, (int)column_count, h.name, h.form,
                        h.unit, extname, &failed)) {
        status = nsky_fits_write_failed(writer, failed, "a table", err);
        goto done;
    }
    for (uint32_t i = 0; i < column_count && status == NSKY_OK; i++)
        status = write_column(writer, (int)i + 1, &columns[i], rows, err);
done:
    headings_free(&h);
    return status;
}
