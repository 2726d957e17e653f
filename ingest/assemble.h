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

#endif
