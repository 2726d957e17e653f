/* pipeline.h (private) - jobs read by several threads, handed over in order.
 * Thread rule: open, next and close from one thread. */
#ifndef NSKY_INGEST_PIPELINE_H
#define NSKY_INGEST_PIPELINE_H

#include "ingest/brick.h"
#include "ingest/decode.h"
#include "ingest/plan.h"

#define NSKY_WORKERS_MAX 64
#define NSKY_PIPELINE_BYTES_MAX (2ull << 30) /* of what is read ahead, about */

/* What came of one job; clear it when done. */
typedef struct nsky_outcome {
    const nsky_job *job;
    nsky_status status; /* not NSKY_OK: why it was refused is in err */
    nsky_error err;
    nsky_decoded decoded; /* an image or a set */
    nsky_brick *brick;    /* a brick */
    bool split;           /* a set that is none: its files stand alone */
} nsky_outcome;

/* The same on the calling thread. */
void nsky_outcome_read(nsky_outcome *out, const nsky_job *job, const nsky_selection *selection);
void nsky_outcome_clear(nsky_outcome *outcome);

typedef struct nsky_pipeline nsky_pipeline;

/* jobs and selection are borrowed. workers 0: one for each core. Readers stay a bounded distance
 * ahead. */
NSKY_MUST_CHECK nsky_status nsky_pipeline_open(nsky_pipeline **out, const nsky_job *const *jobs,
                                               uint64_t count, uint32_t workers,
                                               const nsky_selection *selection, nsky_error *err);
/* Waits for the next job in order. false: there is none. */
bool nsky_pipeline_next(nsky_pipeline *pipeline, nsky_outcome *out);
/* Waits for jobs in hand, drops them. NULL is a no-op. */
void nsky_pipeline_close(nsky_pipeline *pipeline);

#endif
