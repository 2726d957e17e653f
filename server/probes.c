/* probes.c - see probes.h. */
#include "server/probes.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/memory.h"

struct nsky_probes {
    char *store;
    nsky_community *community; /* NULL until something is saved or found */
    pthread_mutex_t lock;      /* guards what follows */
    nsky_shared_probe *items[NSKY_COMMUNITY_PROBES_MAX]; /* in the order of names */
    uint32_t count;
};

nsky_shared_probe *nsky_shared_probe_retain(nsky_shared_probe *shared)
{
    atomic_fetch_add(&shared->references, 1);
    return shared;
}

void nsky_shared_probe_release(nsky_shared_probe *shared)
{
    if (!shared || atomic_fetch_sub(&shared->references, 1) != 1)
        return;
    nsky_probe_free(shared->probe);
    nsky_free(shared);
}

/* Takes probe, also on error. */
static nsky_status share(nsky_shared_probe **out, const char *name, const char *created_at,
                         nsky_probe *probe, nsky_error *err)
{
    nsky_shared_probe *shared = nsky_alloc_zero(1, sizeof *shared, err);

    *out = shared;
    if (!shared) {
        nsky_probe_free(probe);
        return err->status;
    }
    atomic_init(&shared->references, 1);
    snprintf(shared->name, sizeof shared->name, "%s", name);
    snprintf(shared->created_at, sizeof shared->created_at, "%s", created_at);
    shared->probe = probe;
    return NSKY_OK;
}

/* Where a name is or would be. The lock is held. */
static uint32_t place_of(const nsky_probes *probes, const char *name, bool *there)
{
    uint32_t i = 0;

    while (i < probes->count && strcmp(probes->items[i]->name, name) < 0)
        i++;
    *there = i < probes->count && strcmp(probes->items[i]->name, name) == 0;
    return i;
}

/* Takes one reference. */
static void insert(nsky_probes *probes, nsky_shared_probe *shared)
{
    bool there;

    pthread_mutex_lock(&probes->lock);
    uint32_t at = place_of(probes, shared->name, &there);
    if (there) {
        nsky_shared_probe_release(probes->items[at]);
    } else {
        assert(probes->count < NSKY_COMMUNITY_PROBES_MAX);
        memmove(&probes->items[at + 1], &probes->items[at],
                (probes->count - at) * sizeof probes->items[0]);
        probes->count++;
    }
    probes->items[at] = shared;
    pthread_mutex_unlock(&probes->lock);
}

/* One that cannot be read is left out, and said so. */
static nsky_status load(const nsky_community_probe *stored, void *payload, nsky_error *err)
{
    nsky_probes *probes = payload;
    nsky_probe *probe = NULL;
    nsky_shared_probe *shared = NULL;
    nsky_error why = NSKY_ERROR_INIT;

    if (nsky_probe_parse(&probe, stored->text, stored->bytes, stored->name, &why) != NSKY_OK) {
        nsky_log_warn("community.db: %s", why.text);
        return NSKY_OK;
    }
    nsky_status status = share(&shared, stored->name, stored->created_at, probe, err);
    if (status == NSKY_OK)
        insert(probes, shared);
    return status;
}

nsky_status nsky_probes_open(nsky_probes **out, const char *store, nsky_error *err)
{
    nsky_probes *probes = nsky_alloc_zero(1, sizeof *probes, err);
    nsky_error why = NSKY_ERROR_INIT;

    *out = NULL;
    if (!probes)
        return err->status;
    pthread_mutex_init(&probes->lock, NULL);
    if (!(probes->store = nsky_strdup(store, err))) {
        nsky_probes_close(probes);
        return err->status;
    }
    nsky_status status = nsky_community_open(&probes->community, store, false, &why);
    if (status == NSKY_OK)
        status = nsky_community_each_probe(probes->community, load, probes, &why);
    if (status == NSKY_ENOMEM) {
        *err = why;
        nsky_probes_close(probes);
        return status;
    }
    if (status != NSKY_OK && status != NSKY_ENOTFOUND)
        nsky_log_error("probes that people made are not available: %s", why.text);
    *out = probes;
    return NSKY_OK;
}

void nsky_probes_close(nsky_probes *probes)
{
    if (!probes)
        return;
    for (uint32_t i = 0; i < probes->count; i++)
        nsky_shared_probe_release(probes->items[i]);
    nsky_community_close(probes->community);
    pthread_mutex_destroy(&probes->lock);
    nsky_free(probes->store);
    nsky_free(probes);
}

nsky_shared_probe *nsky_probes_find(nsky_probes *probes, const char *name)
{
    nsky_shared_probe *found = NULL;
    bool there;

    pthread_mutex_lock(&probes->lock);
    uint32_t at = place_of(probes, name, &there);
    if (there)
        found = nsky_shared_probe_retain(probes->items[at]);
    pthread_mutex_unlock(&probes->lock);
    return found;
}

uint32_t nsky_probes_list(nsky_probes *probes, nsky_shared_probe **out)
{
    pthread_mutex_lock(&probes->lock);
    uint32_t count = probes->count;
    for (uint32_t i = 0; i < count; i++)
        out[i] = nsky_shared_probe_retain(probes->items[i]);
    pthread_mutex_unlock(&probes->lock);
    return count;
}

nsky_status nsky_probes_may_save(nsky_probes *probes, const char *name, bool replace,
                                 nsky_error *err)
{
    bool there;

    pthread_mutex_lock(&probes->lock);
    place_of(probes, name, &there);
    uint32_t count = probes->count;
    pthread_mutex_unlock(&probes->lock);
    if (there && !replace)
        return nsky_fail(err, NSKY_EEXIST,
                         "there is a probe called \"%s\" already; \"replace\": true trains it anew",
                         name);
    if (!there && count >= NSKY_COMMUNITY_PROBES_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "there are %u probes already; no more are kept", count);
    return NSKY_OK;
}

nsky_status nsky_probes_save(nsky_probes *probes, const char *name, nsky_probe *probe, bool replace,
                             nsky_shared_probe **out, nsky_error *err)
{
    char created_at[NSKY_COMMUNITY_TIME_BYTES] = "";
    nsky_json *json = nsky_probe_json(probe, true);
    char *text = nsky_json_print(json, false, err);
    nsky_status status = text ? NSKY_OK : err->status;

    nsky_json_free(json);
    *out = NULL;
    if (status == NSKY_OK && !probes->community)
        status = nsky_community_open(&probes->community, probes->store, true, err);
    if (status == NSKY_OK)
        status = nsky_community_put_probe(probes->community, name, text, replace, created_at, err);
    nsky_free(text);
    if (status != NSKY_OK) {
        nsky_probe_free(probe);
        return status;
    }
    if ((status = share(out, name, created_at, probe, err)) == NSKY_OK)
        insert(probes, nsky_shared_probe_retain(*out));
    return status;
}
