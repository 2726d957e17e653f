/* assemble.h (private) - three bands of one object, from one FITS file or several, to a stamp. */
#ifndef NSKY_INGEST_ASSEMBLE_H
#define NSKY_INGEST_ASSEMBLE_H

#include "ingest/decode.h"
#include "ingest/layer.h"

/*
 * Chooses, checks that the bands show the same sky, converts, turns and cuts. `what` names the
 * source in errors and must outlive nothing.
 * NSKY_EDATA  a band is missing or empty, or the bands do not match
 */
NSKY_MUST_CHECK nsky_status nsky_assemble(nsky_decoded *out, const nsky_layers *layers,
                                          const char *what, nsky_error *err);

/* NaN for infinities and, where a twentieth or more of the band is exactly 0, for zeros: the custom
 * of coadds for sky that was not observed. Returns the fraction that is missing. */
double nsky_mark_missing(float *pixels, uint64_t count);

#endif
