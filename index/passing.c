/* passing.c - see passing.h. */
#include "index/passing.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "common/memory.h"

typedef struct entry {
    nsky_passing passing; /* first: what is handed out */
    nsky_filter filter;
    uint64_t used;    /* by the clock: when it was last asked for */
    uint32_t holders; /* as long as it is kept, one more; the last frees it */
} entry;

struct nsky_passings {
    pthread_mutex_t lock; /* for all of it, and for the entries but for their filters and bits */
    entry *entries[NSKY_PASSINGS]; /* NULL: vacant */
    uint64_t bytes, clock;
};

nsky_status nsky_passings_new(nsky_passings **out, nsky_error *err)
{
    assert(out && err);
    if (!(*out = nsky_alloc_zero(1, sizeof **out, err)))
        return err->status;
    if (pthread_mutex_init(&(*out)->lock, NULL) == 0)
        return NSKY_OK;
    nsky_free(*out);
    *out = NULL;
    return nsky_fail(err, NSKY_ENOMEM, "no lock for what filters let pass");
}

static void free_entry(entry *e)
{
    nsky_free((void *)e->filter.cells);
    nsky_free((void *)e->passing.bits);
    nsky_free(e);
}

void nsky_passings_free(nsky_passings *p)
{
    if (!p)
        return;
    for (uint32_t i = 0; i < NSKY_PASSINGS; i++)
        if (p->entries[i]) {
            assert(p->entries[i]->holders == 1);
            free_entry(p->entries[i]);
        }
    pthread_mutex_destroy(&p->lock);
    nsky_free(p);
}

bool nsky_passing_may_be_kept(const nsky_filter *filter, uint64_t bytes)
{
    return !filter->rows && !filter->bitmap && bytes <= NSKY_PASSINGS_BYTES;
}

static entry *find(const nsky_passings *p, const nsky_filter *filter)
{
    for (uint32_t i = 0; i < NSKY_PASSINGS; i++)
        if (p->entries[i] && nsky_filter_same(&p->entries[i]->filter, filter))
            return p->entries[i];
    return NULL;
}

static const nsky_passing *hold(nsky_passings *p, entry *e)
{
    e->used = ++p->clock;
    e->holders++;
    return &e->passing;
}

const nsky_passing *nsky_passings_find(nsky_passings *p, const nsky_filter *filter)
{
    assert(p && filter);
    pthread_mutex_lock(&p->lock);
    entry *e = find(p, filter);
    const nsky_passing *passing = e ? hold(p, e) : NULL;
    pthread_mutex_unlock(&p->lock);
    return passing;
}

/* The one that was asked for the longest ago. */
static void drop_one(nsky_passings *p)
{
    entry **oldest = NULL;
    for (uint32_t i = 0; i < NSKY_PASSINGS; i++)
        if (p->entries[i] && (!oldest || p->entries[i]->used < (*oldest)->used))
            oldest = &p->entries[i];
    if (!oldest)
        return;
    entry *e = *oldest;
    *oldest = NULL;
    p->bytes -= e->passing.bytes;
    if (--e->holders == 0)
        free_entry(e);
}

/* A vacant place, and so many bytes. */
static entry **make_room(nsky_passings *p, uint64_t bytes)
{
    for (;;) {
        entry **vacant = NULL;
        for (uint32_t i = 0; i < NSKY_PASSINGS; i++)
            if (!p->entries[i])
                vacant = &p->entries[i];
        if (vacant && p->bytes + bytes <= NSKY_PASSINGS_BYTES)
            return vacant;
        drop_one(p);
    }
}

static entry *new_entry(const nsky_filter *filter, nsky_error *err)
{
    entry *e = nsky_alloc_zero(1, sizeof *e, err);
    uint64_t *cells = e ? nsky_alloc(filter->cell_count, sizeof *cells, err) : NULL;
    if (!cells) {
        nsky_free(e);
        return NULL;
    }
    if (filter->cell_count > 0)
        memcpy(cells, filter->cells, filter->cell_count * sizeof *cells);
    e->filter = *filter;
    e->filter.cells = cells;
    e->holders = 1;
    return e;
}

nsky_status nsky_passings_keep(nsky_passings *p, const nsky_filter *filter, uint8_t *bits,
                               uint64_t bytes, uint64_t matching, const nsky_passing **out,
                               nsky_error *err)
{
    assert(p && bits && out && err && nsky_passing_may_be_kept(filter, bytes));
    entry *own = new_entry(filter, err);
    if (!own) {
        nsky_free(bits);
        return err->status;
    }
    own->passing = (nsky_passing){bits, bytes, matching};
    pthread_mutex_lock(&p->lock);
    entry *e = find(p, filter); /* another thread may have been quicker */
    if (!e) {
        e = *make_room(p, bytes) = own;
        p->bytes += bytes;
        own = NULL;
    }
    *out = hold(p, e);
    pthread_mutex_unlock(&p->lock);
    if (own)
        free_entry(own);
    return NSKY_OK;
}

void nsky_passings_give_back(nsky_passings *p, const nsky_passing *passing)
{
    assert(p && passing);
    entry *e = (entry *)passing;
    pthread_mutex_lock(&p->lock);
    const bool last = --e->holders == 0;
    pthread_mutex_unlock(&p->lock);
    if (last)
        free_entry(e);
}
