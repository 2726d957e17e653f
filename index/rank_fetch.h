/* rank_fetch.h - private: stored vectors of scattered rows, many reads under way at once.
 *
 * A page fault reads one row and waits for it; an SSD serves dozens of reads in the time of one.
 * Thread rule: any thread; `use` is called from several at once.
 */
#ifndef NSKY_RANK_FETCH_H
#define NSKY_RANK_FETCH_H

#include <stdint.h>

#include "common/error.h"
#include "common/vectors.h"

typedef struct nsky_fetch {
    int file;             /* of the rows from its first byte on; -1: use vectors */
    nsky_vectors vectors; /* the same, in memory or mapped */
    const char *path;     /* for errors */
} nsky_fetch;

#define NSKY_FETCH_THREADS 16

/* row: as it is stored; thread < NSKY_FETCH_THREADS */
typedef void (*nsky_fetch_use)(uint64_t i, const void *row, uint32_t thread, void *payload);

/* Calls use once for each rows[i], which ascend and are < rows. NSKY_EIO. */
NSKY_MUST_CHECK nsky_status nsky_fetch_run(const nsky_fetch *fetch, const uint32_t *rows,
                                           uint64_t count, nsky_fetch_use use, void *payload,
                                           nsky_error *err);

#endif
