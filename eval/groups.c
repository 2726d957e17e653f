/* groups.c - which objects belong together, so that no split tears them apart. Pure. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "common/memory.h"
#include "common/sky.h"
#include "eval/truth.h"

/* One object on its way through a sort. */
typedef struct entry {
    double key;
    uint32_t object;
} entry;

static int by_key(const void *a, const void *b)
{
    const entry *x = a, *y = b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->object > y->object) - (x->object < y->object);
}

static uint32_t root_of(uint32_t *parent, uint32_t i)
{
    while (parent[i] != i)
        i = parent[i] = parent[parent[i]];
    return i;
}

/* The lower index becomes the root, so that groups are numbered alike whatever the order. */
static void join(uint32_t *parent, uint32_t a, uint32_t b)
{
    a = root_of(parent, a);
    b = root_of(parent, b);
    if (a < b)
        parent[b] = a;
    else
        parent[a] = b;
}

static void join_deflectors(const nsky_truth *truth, entry *entries, uint32_t *parent)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < truth->n; i++)
        if (truth->objects[i].deflector >= 0)
            entries[count++] = (entry){(double)truth->objects[i].deflector, i};
    qsort(entries, count, sizeof *entries, by_key);
    for (uint32_t i = 1; i < count; i++)
        if (truth->objects[entries[i].object].deflector ==
            truth->objects[entries[i - 1].object].deflector)
            join(parent, entries[i - 1].object, entries[i].object);
}

static void join_neighbours(const nsky_truth *truth, entry *entries, uint32_t *parent)
{
    const double reach_deg = NSKY_GROUP_ARCSEC / 3600;
    uint32_t count = 0;

    for (uint32_t i = 0; i < truth->n; i++) {
        nsky_sky at = {truth->objects[i].ra_deg, truth->objects[i].dec_deg};
        if (nsky_sky_valid(at))
            entries[count++] = (entry){at.dec_deg, i};
    }
    qsort(entries, count, sizeof *entries, by_key);
    for (uint32_t i = 0; i < count; i++) {
        const nsky_truth_object *a = &truth->objects[entries[i].object];
        for (uint32_t j = i + 1; j < count && entries[j].key - entries[i].key <= reach_deg; j++) {
            const nsky_truth_object *b = &truth->objects[entries[j].object];
            nsky_sky p = {a->ra_deg, a->dec_deg}, q = {b->ra_deg, b->dec_deg};
            if (nsky_sky_separation_deg(p, q) <= reach_deg)
                join(parent, entries[i].object, entries[j].object);
        }
    }
}

nsky_status nsky_truth_group(nsky_truth *truth, nsky_error *err)
{
    assert(truth && err);
    entry *entries = nsky_alloc(truth->n, sizeof *entries, err);
    uint32_t *parent = nsky_alloc(truth->n, sizeof *parent, err);

    if (entries && parent) {
        for (uint32_t i = 0; i < truth->n; i++)
            parent[i] = i;
        join_deflectors(truth, entries, parent);
        join_neighbours(truth, entries, parent);
        truth->groups = 0;
        for (uint32_t i = 0; i < truth->n; i++) {
            uint32_t root = root_of(parent, i); /* <= i: already numbered, or i itself */
            truth->objects[i].group = root == i ? truth->groups++ : truth->objects[root].group;
        }
    }
    bool whole = entries && parent;
    nsky_free(entries);
    nsky_free(parent);
    return whole ? NSKY_OK : err->status;
}
