/* tune.h - private: how many lists and candidates it takes, found by trying, and what is found
 * then.
 */
#ifndef NSKY_TUNE_H
#define NSKY_TUNE_H

#include <stdatomic.h>

#include "common/json.h"
#include "index/by_lists.h"
#include "index/recall.h"
#include "index/search.h"

typedef struct nsky_tuned {
    nsky_lists_effort efforts[2]; /* by nsky_effort: balanced, fast */
    nsky_recall rows[2];          /* stored rows look for their neighbours */
    /* Directions as linear probes have them: the mean of a row's ten nearest less the mean of all.
     */
    nsky_recall probes[2];
} nsky_tuned;

/* The least effort whose recall@10 against an exact scan is target, or all there is. For any number
 * of threads the same. scan: the stored vectors the lists were built of. */
NSKY_MUST_CHECK nsky_status nsky_lists_tune(nsky_tuned *out, const nsky_lists *lists,
                                            const nsky_scan *scan, double target, uint32_t threads,
                                            const atomic_bool *stop, nsky_error *err);

/* "efforts": [{name, nprobe, candidates, candidates_a_hit, recall_at_10, ...}] of a manifest. */
nsky_json *nsky_efforts_describe(const nsky_tuned *tuned);
/* And back: index is the manifest's object; NSKY_EDATA names folder. */
NSKY_MUST_CHECK nsky_status nsky_efforts_read(nsky_lists_effort efforts[2], const nsky_json *index,
                                              const char *folder, nsky_error *err);

#endif
