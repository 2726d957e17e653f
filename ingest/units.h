/* units.h (private) - what a header's pixel values are in nanomaggies.
 * Thread rule: as the file. */
#ifndef NSKY_INGEST_UNITS_H
#define NSKY_INGEST_UNITS_H

#include <stdbool.h>

#include "fits/fits.h"

typedef struct nsky_units {
    double factor; /* nanomaggies for one pixel unit */
    bool assumed;  /* the header does not say: taken as nanomaggies */
    char note[96]; /* how they were converted; "" where they were nanomaggies */
} nsky_units;

/* `hdu` is current. Zero or absurd keywords are NSKY_EDATA. */
NSKY_MUST_CHECK nsky_status nsky_units_read(nsky_units *out, nsky_fits *fits, uint32_t hdu,
                                            nsky_error *err);

#endif
