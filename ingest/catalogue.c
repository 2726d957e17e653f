/* catalogue.c - see catalogue.h: opening, and rows of text to rows of numbers. */
#include "ingest/catalogue.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/file.h"
#include "common/memory.h"
#include "common/sky.h"
#include "ingest/catalogue_private.h"
#include "ingest/csv.h"
#include "ingest/walk.h"

/* Makes room for one more. */
static nsky_status grow(void **block, uint64_t count, uint64_t *capacity, size_t item_bytes,
                        nsky_error *err)
{
    if (count < *capacity)
        return NSKY_OK;
    uint64_t more = *capacity ? *capacity * 2 : 256;
    void *grown = nsky_realloc(*block, more, item_bytes, err);
    if (!grown)
        return err->status;
    *block = grown;
    *capacity = more;
    return NSKY_OK;
}

static nsky_status keep_text(nsky_catalogue *c, const char *text, size_t bytes, uint64_t *offset,
                             nsky_error *err)
{
    *offset = 0;
    if (bytes == 0)
        return NSKY_OK;
    while (c->text_bytes + bytes + 1 > c->text_capacity) {
        nsky_status status = grow((void **)&c->text, c->text_capacity, &c->text_capacity, 1, err);
        if (status != NSKY_OK)
            return status;
    }
    *offset = c->text_bytes;
    memcpy(c->text + *offset, text, bytes);
    c->text[*offset + bytes] = '\0';
    c->text_bytes += bytes + 1;
    return NSKY_OK;
}

/* NaN for anything that is no number between the bounds: -99 and 99 mean "not measured". */
static double number(const char *text, double low, double high)
{
    char *end;
    double value = strtod(text, &end);

    while (isspace((unsigned char)*end))
        end++;
    return end != text && *end == '\0' && value > low && value < high ? value : NAN;
}

static void read_position(nsky_catalogue_row *out, const char *ra, const char *dec)
{
    char both[128];
    nsky_error ignored = NSKY_ERROR_INIT;
    nsky_sky sky;

    if (*ra == '\0' || *dec == '\0' ||
        snprintf(both, sizeof both, "%s %s", ra, dec) >= (int)sizeof both ||
        nsky_sky_parse(&sky, both, &ignored) != NSKY_OK)
        return;
    out->ra_deg = sky.ra_deg;
    out->dec_deg = sky.dec_deg;
}

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcasecmp(text, *words) == 0)
            return true;
    return false;
}

/* The text for `known`: the entry itself, the object's name for a plain yes, "" for a no. */
static const char *known_text(const nsky_catalogue_text *text)
{
    static const char *const yes[] = {"1", "true", "yes", "t", "y", NULL};
    static const char *const no[] = {"0", "false", "no", "f", "n", "none", "nan", "-", "", NULL};
    const char *known = text->field[NSKY_ROLE_KNOWN], *label = text->field[NSKY_ROLE_LABEL];

    if (is_one_of(known, no))
        known =
            strncasecmp(label, "lens", 4) == 0 || strncasecmp(label, "known", 5) == 0 ? label : "";
    if (!is_one_of(known, yes))
        return known;
    const char *name = text->field[NSKY_ROLE_NAME];
    return *name != '\0' ? name : "known";
}

/* Names and files are kept as objects are called: without folder and extension. */
static nsky_status add_names(nsky_catalogue *c, const nsky_catalogue_text *text, nsky_error *err)
{
    for (int role = NSKY_ROLE_FILE; role <= NSKY_ROLE_ID; role++) {
        const char *name =
            role == NSKY_ROLE_FILE ? nsky_path_base(text->field[role]) : text->field[role];
        size_t bytes = nsky_walk_image_stem(name);
        nsky_catalogue_name entry = {nsky_catalogue_hash(name, bytes), c->count, 0};
        if (bytes == 0)
            continue;
        nsky_status status = keep_text(c, name, bytes, &entry.text, err);
        if (status == NSKY_OK)
            status =
                grow((void **)&c->names, c->name_count, &c->name_capacity, sizeof *c->names, err);
        if (status != NSKY_OK)
            return status;
        c->names[c->name_count++] = entry;
    }
    return NSKY_OK;
}

nsky_status nsky_catalogue_add(nsky_catalogue *c, const nsky_catalogue_text *text, nsky_error *err)
{
    const char *const *field = text->field, *known = known_text(text);
    nsky_catalogue_row r = {.ra_deg = NAN, .dec_deg = NAN};

    if (c->count == NSKY_CATALOGUE_ROWS_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "%s: more than %llu rows", c->path,
                         NSKY_CATALOGUE_ROWS_MAX);
    read_position(&r, field[NSKY_ROLE_RA], field[NSKY_ROLE_DEC]);
    r.mag_g = (float)number(field[NSKY_ROLE_MAG_G], -50, 90);
    r.mag_r = (float)number(field[NSKY_ROLE_MAG_R], -50, 90);
    r.mag_z = (float)number(field[NSKY_ROLE_MAG_Z], -50, 90);
    r.z_phot = (float)number(field[NSKY_ROLE_Z_PHOT], -1, 100);
    r.z_spec = (float)number(field[NSKY_ROLE_Z_SPEC], -1, 100);
    r.ebv = (float)number(field[NSKY_ROLE_EBV], -1, 100);
    snprintf(r.type, sizeof r.type, "%.7s", field[NSKY_ROLE_TYPE]);
    nsky_status status = grow((void **)&c->rows, c->count, &c->capacity, sizeof *c->rows, err);
    if (status == NSKY_OK)
        status = keep_text(c, known, strlen(known), &r.known, err);
    if (status == NSKY_OK)
        status = add_names(c, text, err);
    if (status == NSKY_OK)
        c->rows[c->count++] = r;
    return status;
}

static nsky_status read_csv(nsky_catalogue *c, nsky_error *err)
{
    nsky_csv *csv;
    nsky_roles roles;
    bool more = true;
    nsky_status status = nsky_csv_open(&csv, c->path, err);

    if (status != NSKY_OK)
        return status;
    nsky_roles_init(&roles);
    for (uint32_t i = 0; i < nsky_csv_columns(csv); i++)
        nsky_roles_offer(&roles, nsky_csv_column(csv, i), i);
    status = nsky_roles_check(&roles, c->path, err);
    while (status == NSKY_OK && (status = nsky_csv_next(csv, &more, err)) == NSKY_OK && more) {
        nsky_catalogue_text text;
        for (int role = 0; role < NSKY_ROLES; role++)
            text.field[role] = nsky_roles_has(&roles, (nsky_role)role)
                                   ? nsky_csv_field(csv, roles.column[role])
                                   : "";
        status = nsky_catalogue_add(c, &text, err);
    }
    nsky_csv_close(csv);
    return status;
}

/* FITS, also inside gzip, by its first bytes. */
static nsky_status is_fits(const char *path, bool *out, nsky_error *err)
{
    nsky_map map;
    nsky_status status = nsky_map_open(&map, path, err);

    if (status != NSKY_OK)
        return status;
    *out = (map.bytes >= 6 && memcmp(map.data, "SIMPLE", 6) == 0) ||
           (map.bytes >= 2 && memcmp(map.data, "\x1f\x8b", 2) == 0);
    nsky_map_close(&map);
    return NSKY_OK;
}

nsky_status nsky_catalogue_open(nsky_catalogue **out, const char *path, nsky_error *err)
{
    assert(out && path && err);
    bool fits = false;
    uint64_t empty;
    nsky_status status = is_fits(path, &fits, err);

    *out = NULL;
    if (status != NSKY_OK)
        return status;
    nsky_catalogue *c = nsky_alloc_zero(1, sizeof *c, err);
    if (!c)
        return err->status;
    c->path = nsky_strdup(path, err);
    status = c->path ? keep_text(c, "", 1, &empty, err) : err->status;
    if (status == NSKY_OK)
        status = fits ? nsky_catalogue_read_fits(c, path, err) : read_csv(c, err);
    if (status == NSKY_OK)
        status = nsky_catalogue_index(c, err);
    if (status == NSKY_OK)
        *out = c;
    else
        nsky_catalogue_close(c);
    return status;
}

uint64_t nsky_catalogue_rows(const nsky_catalogue *catalogue)
{
    return catalogue->count;
}

void nsky_catalogue_close(nsky_catalogue *c)
{
    if (!c)
        return;
    nsky_free(c->rows);
    nsky_free(c->names);
    nsky_free(c->by_dec);
    nsky_free(c->text);
    nsky_free(c->path);
    nsky_free(c);
}
