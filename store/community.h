/* community.h - STORE/community.db: what people leave behind, the only thing the server writes.
 * So far: probes by name, as the text of their JSON.
 *
 * Thread rule: a handle belongs to one thread at a time.
 */
#ifndef NSKY_COMMUNITY_H
#define NSKY_COMMUNITY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"

#define NSKY_COMMUNITY_PROBES_MAX 256
#define NSKY_COMMUNITY_NAME_BYTES 41 /* with the NUL */
#define NSKY_COMMUNITY_TIME_BYTES 24
#define NSKY_COMMUNITY_TEXT_BYTES_MAX ((size_t)16 << 20)

typedef struct nsky_community nsky_community;

/* create false: NSKY_ENOTFOUND where nobody has left anything yet. NSKY_EMISMATCH: made by a newer
 * version. */
NSKY_MUST_CHECK nsky_status nsky_community_open(nsky_community **out, const char *store,
                                                bool create, nsky_error *err);
void nsky_community_close(nsky_community *community); /* NULL is a no-op */

/* A name is 1 to 40 of a-z, 0-9, '-' and '_', a letter or digit first. */
bool nsky_community_name_ok(const char *name);

/*
 * Durable when it returns; whole or not at all. created_at is the time of a new one.
 * NSKY_EINVAL  a name that is none
 * NSKY_EEXIST  there is one of that name, and replace is false
 * NSKY_ELIMIT  NSKY_COMMUNITY_PROBES_MAX are there, or the text is too long
 */
NSKY_MUST_CHECK nsky_status nsky_community_put_probe(nsky_community *community, const char *name,
                                                     const char *text, bool replace,
                                                     char created_at[NSKY_COMMUNITY_TIME_BYTES],
                                                     nsky_error *err);

typedef struct nsky_community_probe {
    char name[NSKY_COMMUNITY_NAME_BYTES];
    char created_at[NSKY_COMMUNITY_TIME_BYTES]; /* "2026-01-31T12:00:00Z" */
    const char *text;                           /* borrowed during the call */
    size_t bytes;
} nsky_community_probe;

/* Calls `each` in the order of names until it returns something other than NSKY_OK, which is handed
 * up. */
NSKY_MUST_CHECK nsky_status nsky_community_each_probe(
    nsky_community *community,
    nsky_status (*each)(const nsky_community_probe *probe, void *payload, nsky_error *err),
    void *payload, nsky_error *err);

#endif
