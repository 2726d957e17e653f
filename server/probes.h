/* probes.h (private) - the probes people made, in memory as long as the server runs and in
 * community.db for ever.
 *
 * Reading never waits for the disk: probes are shared by reference. Only the prober's thread
 * (workers.h) trains and writes.
 * Thread rule: open and close from one thread; find and list from any; save from the prober's.
 */
#ifndef NSKY_SERVER_PROBES_H
#define NSKY_SERVER_PROBES_H

#include <stdatomic.h>
#include <stdbool.h>

#include "probe/probe.h"
#include "store/community.h"

typedef struct nsky_shared_probe {
    atomic_uint references;
    char name[NSKY_COMMUNITY_NAME_BYTES];
    char created_at[NSKY_COMMUNITY_TIME_BYTES];
    nsky_probe *probe;
} nsky_shared_probe;

typedef struct nsky_probes nsky_probes;

/* Reads what is there; a damaged community.db is told in the log and does not keep the server from
 * running. */
NSKY_MUST_CHECK nsky_status nsky_probes_open(nsky_probes **out, const char *store, nsky_error *err);
void nsky_probes_close(nsky_probes *probes); /* NULL is a no-op */

/* Retained, or NULL. */
nsky_shared_probe *nsky_probes_find(nsky_probes *probes, const char *name);
/* All, in the order of names, retained; out [NSKY_COMMUNITY_PROBES_MAX]. Returns how many. */
uint32_t nsky_probes_list(nsky_probes *probes, nsky_shared_probe **out);
nsky_shared_probe *nsky_shared_probe_retain(nsky_shared_probe *shared);
void nsky_shared_probe_release(nsky_shared_probe *shared); /* NULL is a no-op */

/* NSKY_EEXIST or NSKY_ELIMIT as save would say now, before any work is done. */
NSKY_MUST_CHECK nsky_status nsky_probes_may_save(nsky_probes *probes, const char *name,
                                                 bool replace, nsky_error *err);
/* Durable, and found from now on. Takes probe, also on error; *out is retained. */
NSKY_MUST_CHECK nsky_status nsky_probes_save(nsky_probes *probes, const char *name,
                                             nsky_probe *probe, bool replace,
                                             nsky_shared_probe **out, nsky_error *err);

#endif
