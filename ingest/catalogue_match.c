/* catalogue_match.c - whose row is whose: an index of names, an index of declinations.
 * Thread rule: read-only once made; any thread. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/sky.h"
#include "ingest/catalogue_private.h"

uint64_t nsky_catalogue_hash(const char *text, size_t bytes)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */

    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3u;
    return hash;
}

static int by_hash(const void *a, const void *b)
{
    const nsky_catalogue_name *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static int by_declination(const void *a, const void *b, void *payload)
{
    const nsky_catalogue_row *rows = payload;
    uint64_t i = *(const uint64_t *)a, j = *(const uint64_t *)b;
    double x = rows[i].dec_deg, y = rows[j].dec_deg;
    return x != y ? (x > y) - (x < y) : (i > j) - (i < j);
}

nsky_status nsky_catalogue_index(nsky_catalogue *c, nsky_error *err)
{
    if (c->name_count > 0)
        qsort(c->names, c->name_count, sizeof *c->names, by_hash);
    c->by_dec = nsky_alloc(c->count, sizeof *c->by_dec, err);
    if (!c->by_dec)
        return err->status;
    for (uint64_t i = 0; i < c->count; i++)
        if (!isnan(c->rows[i].ra_deg))
            c->by_dec[c->placed++] = i;
    if (c->placed > 0)
        qsort_r(c->by_dec, c->placed, sizeof *c->by_dec, by_declination, c->rows);
    return NSKY_OK;
}

static double separation_arcsec(const nsky_catalogue_row *r, const nsky_object *object)
{
    return nsky_sky_separation_deg((nsky_sky){r->ra_deg, r->dec_deg},
                                   (nsky_sky){object->ra_deg, object->dec_deg}) *
           3600;
}

/* The first row of that name which does not lie elsewhere. */
static const nsky_catalogue_row *find_name(const nsky_catalogue *c, const char *name,
                                           const nsky_object *object)
{
    uint64_t hash = nsky_catalogue_hash(name, strlen(name)), low = 0, high = c->name_count;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (c->names[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < c->name_count && c->names[low].hash == hash; low++) {
        const nsky_catalogue_row *r = &c->rows[c->names[low].row];
        bool elsewhere = !isnan(r->ra_deg) && !isnan(object->ra_deg) &&
                         separation_arcsec(r, object) > NSKY_CATALOGUE_RADIUS_ARCSEC;
        if (!elsewhere && strcmp(c->text + c->names[low].text, name) == 0)
            return r;
    }
    return NULL;
}

static const nsky_catalogue_row *find_place(const nsky_catalogue *c, const nsky_object *object)
{
    double radius = NSKY_CATALOGUE_RADIUS_ARCSEC, best = radius;
    double south = object->dec_deg - radius / 3600, north = object->dec_deg + radius / 3600;
    uint64_t low = 0, high = c->placed;
    const nsky_catalogue_row *found = NULL;

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
        const nsky_catalogue_row *r = &c->rows[c->by_dec[low]];
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
    const nsky_catalogue_row *r = find_name(c, object->name, object);

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
