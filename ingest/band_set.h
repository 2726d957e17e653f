/* band_set.h (private) - one object from one file a band.
 * Thread rule: any thread; each call stands alone. */
#ifndef NSKY_INGEST_BAND_SET_H
#define NSKY_INGEST_BAND_SET_H

#include "ingest/decode.h"
#include "ingest/plan.h"

/* *is_set false: the files are whole cubes that only share a name; nothing was decoded. */
NSKY_MUST_CHECK nsky_status nsky_band_set_read(nsky_decoded *out, const nsky_job *job, bool *is_set,
                                               nsky_error *err);

#endif
