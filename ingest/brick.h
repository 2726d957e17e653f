/* brick.h (private) - the coadds of one brick and its catalogue: stamps on demand.
 * Thread rule: one thread at a time; reading and cutting may be different threads. */
#ifndef NSKY_INGEST_BRICK_H
#define NSKY_INGEST_BRICK_H

#include "image/stamp.h"
#include "ingest/plan.h"
#include "ingest/tractor.h"

typedef struct nsky_brick nsky_brick;

/* Reads every band once, whole: three planes of up to NSKY_FITS_PIXELS_MAX / 4 pixels. `job` must
 * outlive the brick. NSKY_EDATA says which file is missing or does not fit. */
NSKY_MUST_CHECK nsky_status nsky_brick_read(nsky_brick **out, const nsky_job *job,
                                            const nsky_selection *selection, nsky_error *err);
void nsky_brick_free(nsky_brick *brick);

const nsky_tractor *nsky_brick_entries(const nsky_brick *brick);

/*
 * NSKY_STAMP_SIDE pixels around entry i, the middle of the stamp within half a pixel of it; what
 * lies over the edge is NaN and flagged. NSKY_ENOTFOUND  no band has pixels there, or one has none
 */
NSKY_MUST_CHECK nsky_status nsky_brick_stamp(nsky_brick *brick, uint64_t i, nsky_stamp **out,
                                             nsky_error *err);

/* Memory that reading a brick of this job takes, about. */
uint64_t nsky_brick_bytes(const nsky_job *job);

#endif
