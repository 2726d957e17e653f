/* decode_private.h (private) - decode.h for files whose names tell a band. */
#ifndef NSKY_INGEST_DECODE_PRIVATE_H
#define NSKY_INGEST_DECODE_PRIVATE_H

#include "ingest/decode.h"

/* hint: as nsky_layers_find takes it. */
NSKY_MUST_CHECK nsky_status nsky_decode_band_file(nsky_decoded *out, const char *path, char hint,
                                                  nsky_error *err);

#endif
