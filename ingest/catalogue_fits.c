/* catalogue_fits.c - rows of the first table of a FITS file, in blocks. Thread rule: one thread. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/memory.h"
#include "fits/fits.h"
#include "ingest/catalogue_private.h"

#define BLOCK_ROWS 1024
#define TEXT_BYTES 96 /* of one value */
#define COLUMN_BYTES 72

typedef struct reader {
    nsky_fits *fits;
    nsky_roles roles;
    char columns[NSKY_ROLES][COLUMN_BYTES]; /* names, by role */
    bool is_text[NSKY_ROLES];
    char *text;      /* [NSKY_ROLES, BLOCK_ROWS, TEXT_BYTES] */
    double *numbers; /* [BLOCK_ROWS] */
    int64_t *integers;
    uint32_t next;
} reader;

static bool offer(const char *name, void *payload)
{
    reader *r = payload;
    nsky_roles before = r->roles;

    nsky_roles_offer(&r->roles, name, r->next);
    for (int role = 0; role < NSKY_ROLES; role++)
        if (r->roles.column[role] != before.column[role])
            snprintf(r->columns[role], COLUMN_BYTES, "%.71s", name);
    r->next++;
    return true;
}

static char *cell(reader *r, int role, uint64_t row)
{
    return r->text + ((size_t)role * BLOCK_ROWS + row) * TEXT_BYTES;
}

/* Ids are whole numbers beyond what a double holds. */
static nsky_status read_integers(reader *r, int role, uint64_t first, uint64_t count,
                                 nsky_error *err)
{
    nsky_status status =
        nsky_fits_read_integers(r->fits, r->columns[role], first, count, r->integers, err);

    for (uint64_t i = 0; i < count && status == NSKY_OK; i++)
        snprintf(cell(r, role, i), TEXT_BYTES, "%" PRId64, r->integers[i]);
    return status;
}

static nsky_status read_block(reader *r, int role, uint64_t first, uint64_t count, nsky_error *err)
{
    if (!nsky_roles_has(&r->roles, (nsky_role)role)) {
        for (uint64_t i = 0; i < count; i++)
            *cell(r, role, i) = '\0';
        return NSKY_OK;
    }
    if (r->is_text[role])
        return nsky_fits_read_strings(r->fits, r->columns[role], first, count, cell(r, role, 0),
                                      TEXT_BYTES, err);
    if (role == NSKY_ROLE_ID)
        return read_integers(r, role, first, count, err);
    nsky_status status =
        nsky_fits_read_doubles(r->fits, r->columns[role], first, count, r->numbers, err);
    for (uint64_t i = 0; i < count && status == NSKY_OK; i++)
        snprintf(cell(r, role, i), TEXT_BYTES, "%.17g", r->numbers[i]); /* "nan" is no number */
    return status;
}

static nsky_status read_rows(nsky_catalogue *catalogue, reader *r, uint64_t rows, nsky_error *err)
{
    nsky_status status = NSKY_OK;

    for (uint64_t first = 0; first < rows && status == NSKY_OK; first += BLOCK_ROWS) {
        uint64_t count = rows - first < BLOCK_ROWS ? rows - first : BLOCK_ROWS;
        for (int role = 0; role < NSKY_ROLES && status == NSKY_OK; role++)
            status = read_block(r, role, first, count, err);
        for (uint64_t i = 0; i < count && status == NSKY_OK; i++) {
            nsky_catalogue_text text;
            for (int role = 0; role < NSKY_ROLES; role++)
                text.field[role] = cell(r, role, i);
            status = nsky_catalogue_add(catalogue, &text, err);
        }
    }
    return status;
}

static nsky_status find_table(nsky_fits *fits, const char *path, uint64_t *rows, nsky_error *err)
{
    nsky_fits_hdu hdu;

    for (uint32_t i = 0; i < nsky_fits_hdu_count(fits); i++) {
        nsky_status status = nsky_fits_select(fits, i, &hdu, err);
        if (status != NSKY_OK)
            return status;
        if (hdu.kind == NSKY_FITS_TABLE) {
            *rows = hdu.rows;
            return NSKY_OK;
        }
    }
    return nsky_fail(err, NSKY_EDATA, "%s: no table in it", path);
}

/* A column that can be read as text is text. */
static void find_types(reader *r, uint64_t rows)
{
    for (int role = 0; role < NSKY_ROLES && rows > 0; role++) {
        nsky_error ignored = NSKY_ERROR_INIT;
        r->is_text[role] = nsky_roles_has(&r->roles, (nsky_role)role) &&
                           nsky_fits_read_strings(r->fits, r->columns[role], 0, 1, cell(r, role, 0),
                                                  TEXT_BYTES, &ignored) == NSKY_OK;
    }
}

nsky_status nsky_catalogue_read_fits(nsky_catalogue *catalogue, const char *path, nsky_error *err)
{
    uint64_t rows = 0;
    nsky_status status;
    reader *r = nsky_alloc_zero(1, sizeof *r, err);

    if (!r)
        return err->status;
    nsky_roles_init(&r->roles);
    r->text = nsky_alloc((size_t)NSKY_ROLES * BLOCK_ROWS, TEXT_BYTES, err);
    r->numbers = nsky_alloc(BLOCK_ROWS, sizeof *r->numbers, err);
    r->integers = nsky_alloc(BLOCK_ROWS, sizeof *r->integers, err);
    status =
        r->text && r->numbers && r->integers ? nsky_fits_open(&r->fits, path, err) : err->status;
    if (status == NSKY_OK && (status = find_table(r->fits, path, &rows, err)) == NSKY_OK) {
        nsky_fits_each_column(r->fits, offer, r);
        find_types(r, rows);
        if ((status = nsky_roles_check(&r->roles, path, err)) == NSKY_OK)
            status = read_rows(catalogue, r, rows, err);
    }
    nsky_fits_close(r->fits);
    nsky_free(r->text);
    nsky_free(r->numbers);
    nsky_free(r->integers);
    nsky_free(r);
    return status;
}
