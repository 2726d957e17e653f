/* table.c - columns of the current table: scalars and strings by name. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/memory.h"
#include "fits/handle.h"

#define STRINGS_AT_ONCE 512

typedef struct column {
    int number; /* from 1 */
    int type;   /* CFITSIO's code; negative: variable length */
    LONGLONG repeat;
    LONGLONG width; /* of a string */
} column;

static bool column_name(const nsky_fits_section *section, uint32_t number, char out[72])
{
    char key[12];

    snprintf(key, sizeof key, "TTYPE%u", number);
    return nsky_card_string(nsky_cards_find(&section->cards, key), out, 72);
}

/* 0: no such column. Not CFITSIO's search: it takes names for patterns. */
static int column_number(const nsky_fits_section *section, const char *name)
{
    char candidate[72];

    if (section->hdu.kind != NSKY_FITS_TABLE)
        return 0;
    for (uint32_t i = 1; i <= section->columns; i++)
        if (column_name(section, i, candidate) && strcasecmp(candidate, name) == 0)
            return (int)i;
    return 0;
}

/* Finds the column and checks the rows asked for. */
static nsky_status find_column(nsky_fits *fits, const char *name, uint64_t first, uint64_t count,
                               column *out, nsky_error *err)
{
    const nsky_fits_section *section = nsky_fits_current(fits);
    int failed = 0;

    if (section->hdu.kind != NSKY_FITS_TABLE)
        return nsky_fail(err, NSKY_EINVAL, "%s: HDU %u holds no table", fits->name, fits->current);
    if (count > section->hdu.rows || first > section->hdu.rows - count)
        return nsky_fail(err, NSKY_EINVAL, "%s: the table in HDU %u has %llu rows", fits->name,
                         fits->current, (unsigned long long)section->hdu.rows);
    if (!(out->number = column_number(section, name)))
        return nsky_fail(err, NSKY_ENOTFOUND, "%s: the table in HDU %u has no column %s",
                         fits->name, fits->current, name);
    if (fits_get_coltypell(fits->file, out->number, &out->type, &out->repeat, &out->width, &failed))
        return nsky_fits_failed(fits, failed, "cannot read a column", err);
    return NSKY_OK;
}

bool nsky_fits_has_column(nsky_fits *fits, const char *name)
{
    assert(fits && name);
    return column_number(nsky_fits_current(fits), name) > 0;
}

void nsky_fits_each_column(nsky_fits *fits, bool (*each)(const char *name, void *payload),
                           void *payload)
{
    assert(fits && each);
    const nsky_fits_section *section = nsky_fits_current(fits);
    char name[72];

    for (uint32_t i = 1; section->hdu.kind == NSKY_FITS_TABLE && i <= section->columns; i++)
        if (column_name(section, i, name) && !each(name, payload))
            return;
}

/* As find_column, for one number in every row. */
static nsky_status find_number(nsky_fits *fits, const char *name, uint64_t first, uint64_t count,
                               column *out, nsky_error *err)
{
    nsky_status status = find_column(fits, name, first, count, out, err);

    if (status != NSKY_OK)
        return status;
    switch (out->type) {
    case TBYTE:
    case TSBYTE:
    case TSHORT:
    case TUSHORT:
    case TLONG:
    case TULONG:
    case TINT:
    case TUINT:
    case TLONGLONG:
    case TULONGLONG:
    case TFLOAT:
    case TDOUBLE:
    case TLOGICAL:
        if (out->repeat == 1)
            return NSKY_OK;
        break;
    default:
        break;
    }
    return nsky_fail(err, NSKY_EINVAL, "%s: column %s in HDU %u does not hold one number a row",
                     fits->name, name, fits->current);
}

nsky_status nsky_fits_read_doubles(nsky_fits *fits, const char *name, uint64_t first,
                                   uint64_t count, double *out, nsky_error *err)
{
    assert(fits && name && (out || count == 0) && err);
    double missing = NAN;
    int failed = 0, any = 0; /* CFITSIO writes through `any` without asking whether it may */
    column c;
    nsky_status status = find_number(fits, name, first, count, &c, err);

    if (status != NSKY_OK || count == 0)
        return status;
    if (c.type == TLOGICAL) {
        uint8_t null = 2; /* bytes first, widened from the end: out is large enough for both */
        uint8_t *flags = (uint8_t *)out;
        fits_read_col(fits->file, TLOGICAL, c.number, (LONGLONG)first + 1, 1, (LONGLONG)count,
                      &null, flags, &any, &failed);
        for (uint64_t i = count; !failed && i-- > 0;)
            out[i] = flags[i] > 1 ? NAN : (float)flags[i];
    } else {
        fits_read_col(fits->file, TDOUBLE, c.number, (LONGLONG)first + 1, 1, (LONGLONG)count,
                      &missing, out, &any, &failed);
    }
    return failed ? nsky_fits_failed(fits, failed, "cannot read a column", err) : NSKY_OK;
}

nsky_status nsky_fits_read_integers(nsky_fits *fits, const char *name, uint64_t first,
                                    uint64_t count, int64_t *out, nsky_error *err)
{
    assert(fits && name && (out || count == 0) && err);
    LONGLONG missing = INT64_MIN;
    int failed = 0, any = 0; /* CFITSIO writes through `any` without asking whether it may */
    column c;
    nsky_status status = find_number(fits, name, first, count, &c, err);

    if (status != NSKY_OK || count == 0)
        return status;
    if (c.type == TLOGICAL) {
        uint8_t null = 2;
        uint8_t *flags = (uint8_t *)out;
        fits_read_col(fits->file, TLOGICAL, c.number, (LONGLONG)first + 1, 1, (LONGLONG)count,
                      &null, flags, &any, &failed);
        for (uint64_t i = count; !failed && i-- > 0;)
            out[i] = flags[i] > 1 ? INT64_MIN : flags[i];
    } else {
        fits_read_col(fits->file, TLONGLONG, c.number, (LONGLONG)first + 1, 1, (LONGLONG)count,
                      &missing, out, &any, &failed);
    }
    return failed ? nsky_fits_failed(fits, failed, "cannot read a column", err) : NSKY_OK;
}

/* A field as CFITSIO gives it, NUL-terminated, into out[stride] without trailing blanks. */
static void copy_field(const char *field, char *out, size_t stride)
{
    size_t length = strnlen(field, stride - 1);

    while (length > 0 && field[length - 1] == ' ')
        length--;
    memcpy(out, field, length);
    out[length] = '\0';
}

nsky_status nsky_fits_read_strings(nsky_fits *fits, const char *name, uint64_t first,
                                   uint64_t count, char *out, size_t stride, nsky_error *err)
{
    assert(fits && name && (out || count == 0) && stride > 0 && err);
    char **fields = NULL, *bytes = NULL;
    int failed = 0, any = 0; /* CFITSIO writes through `any` without asking whether it may */
    column c;
    nsky_status status = find_column(fits, name, first, count, &c, err);

    if (status != NSKY_OK)
        return status;
    if (c.type != TSTRING || c.width < 0 || c.width > NSKY_FITS_ROW_BYTES_MAX)
        return nsky_fail(err, NSKY_EINVAL, "%s: column %s in HDU %u does not hold text", fits->name,
                         name, fits->current);
    if (c.repeat == 0) { /* columns of width 0 are legal, and empty */
        for (uint64_t i = 0; i < count; i++)
            out[i * stride] = '\0';
        return NSKY_OK;
    }
    size_t width = (size_t)c.width + 1, most = (4u << 20) / width; /* rows at once, in 4 MiB */
    most = most < 1 ? 1 : most > STRINGS_AT_ONCE ? STRINGS_AT_ONCE : most;
    if (!(fields = nsky_alloc(most, sizeof *fields, err)) ||
        !(bytes = nsky_alloc_zero(most, width, err))) {
        nsky_free(fields);
        return err->status;
    }
    for (size_t i = 0; i < most; i++)
        fields[i] = bytes + i * width;
    for (uint64_t done = 0; done < count && !failed;) {
        uint64_t n = count - done < most ? count - done : most;
        fits_read_col(fits->file, TSTRING, c.number, (LONGLONG)(first + done) + 1, 1, (LONGLONG)n,
                      (char[]){""}, fields, &any, &failed);
        for (uint64_t i = 0; i < n && !failed; i++)
            copy_field(fields[i], out + (done + i) * stride, stride);
        done += n;
    }
    nsky_free(bytes);
    nsky_free(fields);
    return failed ? nsky_fits_failed(fits, failed, "cannot read a column", err) : NSKY_OK;
}
