/* units.h (private) - what a header's pixel values are in nanomaggies.
 * Thread rule: as the file. */
#ifndef NSKY_INGEST_UNITS_H
#define NSKY_INGEST_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#include "fits/fits.h"

typedef struct nsky_units {
    double factor; /* nanomaggies for one pixel unit */
    bool assumed;  /* the header does not say: taken as nanomaggies, see nsky_units_check */
    char note[96]; /* how they were converted; "" where they were nanomaggies */
} nsky_units;

/* `hdu` is current. Zero or absurd keywords are NSKY_EDATA. */
NSKY_MUST_CHECK nsky_status nsky_units_read(nsky_units *out, nsky_fits *fits, uint32_t hdu,
                                            nsky_error *err);

/*
 * Whether pixels, converted, can be what the units say. Where those are assumed and the brightest
 * pixel is fainter than magnitude 37.5, which no survey could see, the values are in some other
 * unit, and as nanomaggies they would be empty sky: NSKY_EDATA, which says what to add to the
 * header. `what` names the file.
 */
NSKY_MUST_CHECK nsky_status nsky_units_check(const nsky_units *units, const float *pixels,
                                             uint64_t count, const char *what, nsky_error *err);

#endif
