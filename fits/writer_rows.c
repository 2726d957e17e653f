/* writer_rows.c - binary tables, some rows at a time: for tables that no memory holds. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "fits/writer_private.h"

#define COLUMNS_MAX 999
#define KEYWORD_BYTES 16

static size_t value_bytes(char type)
{
    assert(type == 'A' || type == 'E' || type == 'D' || type == 'K');
    return type == 'A' ? 1 : type == 'E' ? 4 : 8;
}

size_t nsky_fits_row_bytes(const nsky_fits_field *fields, uint32_t count)
{
    size_t bytes = 0;

    for (uint32_t i = 0; i < count; i++)
        bytes += fields[i].repeat * value_bytes(fields[i].type);
    return bytes;
}

void nsky_fits_pad_text(char *out, size_t bytes, const char *text)
{
    size_t i = 0;

    for (; i < bytes && text[i]; i++)
        out[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    memset(out + i, 0, bytes - i); /* FITS text ends at the first NUL */
}

/* TUCDn, TCOMMn: conventions that TOPCAT and CFITSIO's tools know. */
static nsky_status put_column_text(nsky_fits_writer *writer, const char *root, uint32_t number,
                                   const char *text, nsky_error *err)
{
    char key[KEYWORD_BYTES];

    if (!text)
        return NSKY_OK;
    snprintf(key, sizeof key, "%s%u", root, number);
    return nsky_fits_put_string(writer, key, text, NULL, err);
}

static nsky_status describe(nsky_fits_writer *writer, const nsky_fits_field *field, uint32_t number,
                            nsky_error *err)
{
    char key[KEYWORD_BYTES];
    nsky_status status = put_column_text(writer, "TUNIT", number, field->unit, err);

    if (status == NSKY_OK)
        status = put_column_text(writer, "TUCD", number, field->ucd, err);
    if (status == NSKY_OK)
        status = put_column_text(writer, "TCOMM", number, field->comment, err);
    snprintf(key, sizeof key, "TNULL%u", number);
    if (status == NSKY_OK && field->nullable)
        status = nsky_fits_put_integer(writer, key, INT64_MIN, "unknown", err);
    return status;
}

nsky_status nsky_fits_begin_rows(nsky_fits_writer *writer, const char *extname,
                                 const nsky_fits_field *fields, uint32_t count, uint64_t rows,
                                 nsky_error *err)
{
    assert(writer && fields && err && count > 0 && count <= COLUMNS_MAX);
    char *names[COLUMNS_MAX], *forms[COLUMNS_MAX], form[COLUMNS_MAX][16];
    int failed = 0;
    nsky_status status = NSKY_OK;

    if (rows > INT64_MAX / nsky_fits_row_bytes(fields, count)) {
        writer->broken = true;
        return nsky_fail(err, NSKY_ELIMIT, "a table of %llu rows", (unsigned long long)rows);
    }
    for (uint32_t i = 0; i < count; i++) {
        assert(fields[i].name && fields[i].repeat > 0);
        snprintf(form[i], sizeof form[i], "%u%c", fields[i].repeat, fields[i].type);
        names[i] = (char *)(uintptr_t)fields[i].name;
        forms[i] = form[i];
    }
    if (fits_create_tbl(writer->file, BINARY_TBL, (LONGLONG)rows, (int)count, names, forms, NULL,
                        extname, &failed))
        return nsky_fits_write_failed(writer, failed, "a table", err);
    for (uint32_t i = 0; i < count && status == NSKY_OK; i++)
        status = describe(writer, &fields[i], i + 1, err);
    return status;
}

/* FITS is big-endian, we are not: each value of each row, in place. */
static void swap_rows(const nsky_fits_field *fields, uint32_t count, unsigned char *at,
                      uint64_t rows)
{
    for (uint64_t row = 0; row < rows; row++)
        for (uint32_t i = 0; i < count; i++) {
            size_t size = value_bytes(fields[i].type);
            for (uint32_t n = 0; n < fields[i].repeat; n++, at += size)
                for (size_t a = 0, b = size - 1; a < b; a++, b--) {
                    unsigned char byte = at[a];
                    at[a] = at[b];
                    at[b] = byte;
                }
        }
}

nsky_status nsky_fits_put_rows(nsky_fits_writer *writer, const nsky_fits_field *fields,
                               uint32_t count, uint64_t first, void *packed, uint64_t rows,
                               nsky_error *err)
{
    assert(writer && fields && packed && err);
    size_t bytes = nsky_fits_row_bytes(fields, count) * rows;
    int failed = 0;

    _Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "swap_rows swaps");
    swap_rows(fields, count, packed, rows);
    if (fits_write_tblbytes(writer->file, (LONGLONG)first + 1, 1, (LONGLONG)bytes, packed, &failed))
        return nsky_fits_write_failed(writer, failed, "rows", err);
    return NSKY_OK;
}
