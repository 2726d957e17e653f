/* tractor.c - see tractor.h. */
#include "ingest/tractor.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/memory.h"

enum { RA, DEC, FLUX_G, FLUX_R, FLUX_Z, MW_G, MW_R, MW_Z, EBV, NUMBERS };
enum { RELEASE, BRICKID, OBJID, PRIMARY, INTEGERS };

static const char *const number_names[NUMBERS] = {"ra",
                                                  "dec",
                                                  "flux_g",
                                                  "flux_r",
                                                  "flux_z",
                                                  "mw_transmission_g",
                                                  "mw_transmission_r",
                                                  "mw_transmission_z",
                                                  "ebv"};
static const char *const integer_names[INTEGERS] = {"release", "brickid", "objid", "brick_primary"};

/* The columns, as they are in the file. */
typedef struct columns {
    double *numbers[NUMBERS]; /* NULL: the file has none; only ebv and mw_* may lack */
    int64_t *integers[INTEGERS];
    char *types; /* [rows][NSKY_TYPE_BYTES] or NULL */
} columns;

static bool may_lack(int column)
{
    return column >= MW_G;
}

static nsky_status read_columns(columns *c, nsky_fits *fits, uint64_t rows, nsky_error *err)
{
    nsky_status status = NSKY_OK;

    for (int i = 0; i < NUMBERS && status == NSKY_OK; i++) {
        if (may_lack(i) && !nsky_fits_has_column(fits, number_names[i]))
            continue;
        c->numbers[i] = nsky_alloc(rows, sizeof *c->numbers[i], err);
        status = c->numbers[i]
                     ? nsky_fits_read_doubles(fits, number_names[i], 0, rows, c->numbers[i], err)
                     : err->status;
    }
    for (int i = 0; i < INTEGERS && status == NSKY_OK; i++) {
        c->integers[i] = nsky_alloc(rows, sizeof *c->integers[i], err);
        status = c->integers[i]
                     ? nsky_fits_read_integers(fits, integer_names[i], 0, rows, c->integers[i], err)
                     : err->status;
    }
    if (status != NSKY_OK || !nsky_fits_has_column(fits, "type"))
        return status;
    c->types = nsky_alloc(rows, NSKY_TYPE_BYTES, err);
    return c->types ? nsky_fits_read_strings(fits, "type", 0, rows, c->types, NSKY_TYPE_BYTES, err)
                    : err->status;
}

static void clear_columns(columns *c)
{
    for (int i = 0; i < NUMBERS; i++)
        nsky_free(c->numbers[i]);
    for (int i = 0; i < INTEGERS; i++)
        nsky_free(c->integers[i]);
    nsky_free(c->types);
}

static float magnitude(const columns *c, int flux, int transmission, uint64_t row)
{
    double f = c->numbers[flux][row];
    double t = c->numbers[transmission] ? c->numbers[transmission][row] : 1;

    return f > 0 && t > 0 && isfinite(f) ? (float)(22.5 - 2.5 * log10(f / t)) : NAN;
}

static nsky_status fill(nsky_object *object, const columns *c, uint64_t row, const char *path,
                        nsky_error *err)
{
    nsky_object_init(object);
    object->ra_deg = c->numbers[RA][row];
    object->dec_deg = c->numbers[DEC][row];
    if (!nsky_sky_valid((nsky_sky){object->ra_deg, object->dec_deg}))
        return nsky_fail(err, NSKY_EDATA, "%s: row %" PRIu64 " lies at %g, %g", path, row,
                         object->ra_deg, object->dec_deg);
    object->mag_g = magnitude(c, FLUX_G, MW_G, row);
    object->mag_r = magnitude(c, FLUX_R, MW_R, row);
    object->mag_z = magnitude(c, FLUX_Z, MW_Z, row);
    object->ebv = c->numbers[EBV] ? (float)c->numbers[EBV][row] : NAN;
    if (c->types)
        memcpy(object->type, c->types + row * NSKY_TYPE_BYTES, NSKY_TYPE_BYTES);
    char name[NSKY_SKY_NAME_BYTES];
    nsky_sky_name((nsky_sky){object->ra_deg, object->dec_deg}, name);
    snprintf(object->name, sizeof object->name, "%s", name);
    nsky_status status =
        nsky_object_id_legacy(&object->id, c->integers[RELEASE][row], c->integers[BRICKID][row],
                              c->integers[OBJID][row], err);
    if (status == NSKY_EINVAL) {
        nsky_error inner = *err;
        return nsky_fail(err, NSKY_EDATA, "%s: row %" PRIu64 ": %.600s", path, row, inner.text);
    }
    return status;
}

/* The counter of what an entry is left out for; NULL: it is taken. */
static uint64_t *left_out_as(nsky_tractor *out, const columns *c, uint64_t row,
                             const nsky_selection *selection)
{
    if (c->integers[PRIMARY][row] != 1)
        return &out->secondary;
    if (!(magnitude(c, FLUX_Z, MW_Z, row) < selection->mag_z_max)) /* NaN is not brighter */
        return &out->faint;
    bool star = c->types && nsky_is_star_type(c->types + row * NSKY_TYPE_BYTES);
    return star && !selection->keep_stars ? &out->stars : NULL;
}

static nsky_status take(nsky_tractor *out, const columns *c, const char *path,
                        const nsky_selection *selection, nsky_error *err)
{
    uint64_t kept = 0;

    out->untyped = !c->types;
    for (uint64_t row = 0; row < out->rows; row++) {
        uint64_t *counter = left_out_as(out, c, row, selection);
        (*(counter ? counter : &kept))++;
    }
    out->objects = nsky_alloc(kept, sizeof *out->objects, err);
    if (!out->objects)
        return err->status;
    for (uint64_t row = 0; row < out->rows; row++) {
        if (left_out_as(out, c, row, selection))
            continue;
        nsky_status status = fill(&out->objects[out->count], c, row, path, err);
        if (status != NSKY_OK)
            return status;
        out->count++;
    }
    return NSKY_OK;
}

/* The first table of the file. */
static nsky_status find_table(nsky_fits *fits, const char *path, uint64_t *rows, nsky_error *err)
{
    uint32_t count = nsky_fits_hdu_count(fits);
    nsky_fits_hdu hdu;

    for (uint32_t i = 0; i < count; i++) {
        nsky_status status = nsky_fits_select(fits, i, &hdu, err);
        if (status != NSKY_OK)
            return status;
        if (hdu.kind != NSKY_FITS_TABLE)
            continue;
        *rows = hdu.rows;
        if (hdu.rows > NSKY_TRACTOR_ROWS_MAX)
            return nsky_fail(err, NSKY_ELIMIT, "%s: %" PRIu64 " rows, more than %u", path, hdu.rows,
                             NSKY_TRACTOR_ROWS_MAX);
        return NSKY_OK;
    }
    return nsky_fail(err, NSKY_EDATA, "%s: no table in it", path);
}

nsky_status nsky_tractor_read(nsky_tractor *out, const char *path, const nsky_selection *selection,
                              nsky_error *err)
{
    assert(out && path && selection && err);
    nsky_fits *fits;
    columns c = {0};

    *out = (nsky_tractor){0};
    nsky_status status = nsky_fits_open(&fits, path, err);
    if (status != NSKY_OK)
        return status;
    if ((status = find_table(fits, path, &out->rows, err)) == NSKY_OK &&
        (status = read_columns(&c, fits, out->rows, err)) == NSKY_OK)
        status = take(out, &c, path, selection, err);
    nsky_fits_close(fits);
    clear_columns(&c);
    if (status != NSKY_OK)
        nsky_tractor_clear(out);
    return status;
}

void nsky_tractor_clear(nsky_tractor *tractor)
{
    nsky_free(tractor->objects);
    *tractor = (nsky_tractor){0};
}
