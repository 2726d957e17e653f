/* missing.h (private) - which pixels are no measurement. Thread rule: pure. */
#ifndef NSKY_INGEST_MISSING_H
#define NSKY_INGEST_MISSING_H

#include <stdint.h>

/* NaN for infinities and, where a twentieth or more of the band is exactly 0, for zeros: the custom
 * of coadds for sky that was not observed. Returns the fraction that is missing. count < 2^32. */
double nsky_mark_missing(float *pixels, uint64_t count);

#endif
