/* catalogue.c - see catalogue.h. Rows, an index of their names, an index of their declinations. */
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

typedef struct row {
    double ra_deg, dec_deg;
    float mag_g, mag_r, mag_z, z_phot, z_spec, ebv;
    char type[NSKY_TYPE_BYTES];
    uint64_t known; /* offset in text */
} row;

typedef struct name_entry {
    uint64_t hash, row, text; /* text: offset */
} name_entry;

struct nsky_catalogue {
    row *rows;
    uint64_t count, capacity;
    name_entry *names; /* sorted by hash, then row */
    uint64_t name_count, name_capacity;
    uint64_t *by_dec; /* rows with positions, southernmost first */
    uint64_t placed;
    char *text; /* names, each with its NUL; offset 0 is "" */
    uint64_t text_bytes, text_capacity;
    char *path;
};

static uint64_t hash_text(const char *text, size_t bytes)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */

    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3u;
    return hash;
}

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

static void read_position(row *out, const char *ra, const char *dec)
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
        name_entry entry = {hash_text(name, bytes), c->count, 0};
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
    row r = {.ra_deg = NAN, .dec_deg = NAN};

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

static int by_hash(const void *a, const void *b)
{
    const name_entry *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static int by_declination(const void *a, const void *b, void *payload)
{
    const row *rows = payload;
    uint64_t i = *(const uint64_t *)a, j = *(const uint64_t *)b;
    double x = rows[i].dec_deg, y = rows[j].dec_deg;
    return x != y ? (x > y) - (x < y) : (i > j) - (i < j);
}

static nsky_status build_indexes(nsky_catalogue *c, nsky_error *err)
{
    qsort(c->names, c->name_count, sizeof *c->names, by_hash);
    c->by_dec = nsky_alloc(c->count, sizeof *c->by_dec, err);
    if (!c->by_dec)
        return err->status;
    for (uint64_t i = 0; i < c->count; i++)
        if (!isnan(c->rows[i].ra_deg))
            c->by_dec[c->placed++] = i;
    qsort_r(c->by_dec, c->placed, sizeof *c->by_dec, by_declination, c->rows);
    return NSKY_OK;
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
        status = build_indexes(c, err);
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

static double separation_arcsec(const row *r, const nsky_object *object)
{
    return nsky_sky_separation_deg((nsky_sky){r->ra_deg, r->dec_deg},
                                   (nsky_sky){object->ra_deg, object->dec_deg}) *
           3600;
}

/* The first row of that name which does not lie elsewhere. */
static const row *find_name(const nsky_catalogue *c, const char *name, const nsky_object *object)
{
    uint64_t hash = hash_text(name, strlen(name)), low = 0, high = c->name_count;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (c->names[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < c->name_count && c->names[low].hash == hash; low++) {
        const row *r = &c->rows[c->names[low].row];
        bool elsewhere = !isnan(r->ra_deg) && !isnan(object->ra_deg) &&
                         separation_arcsec(r, object) > NSKY_CATALOGUE_RADIUS_ARCSEC;
        if (!elsewhere && strcmp(c->text + c->names[low].text, name) == 0)
            return r;
    }
    return NULL;
}

static const row *find_place(const nsky_catalogue *c, const nsky_object *object)
{
    double radius = NSKY_CATALOGUE_RADIUS_ARCSEC, best = radius;
    double south = object->dec_deg - radius / 3600, north = object->dec_deg + radius / 3600;
    uint64_t low = 0, high = c->placed;
    const row *found = NULL;

    if (isnan(object->ra_deg) || isnan(object->dec_deg))
        return NULL;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (c->rows[c->by_dec[middle]].dec_deg < south)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < c->placed && c->rows[c->by_dec[low]].dec_deg <= north; low++) {
        const row *r = &c->rows[c->by_dec[low]];
        double separation = separation_arcsec(r, object);
        if (separation <= best && (!found || separation < best)) {
            best = separation;
            found = r;
        }
    }
    return found;
}

static void fill(float *value, float from)
{
    if (isnan(*value))
        *value = from;
}

bool nsky_catalogue_apply(const nsky_catalogue *c, nsky_object *object)
{
    char id[24];
    const row *r = find_name(c, object->name, object);

    snprintf(id, sizeof id, "%" PRIu64, object->id);
    if (!r)
        r = find_name(c, id, object);
    if (!r)
        r = find_place(c, object);
    if (!r)
        return false;
    if (isnan(object->ra_deg) || isnan(object->dec_deg)) {
        object->ra_deg = r->ra_deg;
        object->dec_deg = r->dec_deg;
    }
    fill(&object->mag_g, r->mag_g);
    fill(&object->mag_r, r->mag_r);
    fill(&object->mag_z, r->mag_z);
    fill(&object->z_phot, r->z_phot);
    fill(&object->z_spec, r->z_spec);
    fill(&object->ebv, r->ebv);
    if (object->type[0] == '\0')
        memcpy(object->type, r->type, sizeof object->type);
    if (object->known[0] == '\0')
        snprintf(object->known, sizeof object->known, "%.*s", (int)sizeof object->known - 1,
                 c->text + r->known);
    return true;
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
