/* units.h (private) - what a header's pixel values are in nanomaggies.
 * Thread rule: as the file. */
#ifndef NSKY_INGEST_UNITS_H
#define NSKY_INGEST_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#include "fits/fits.h"

typedef struct nsky_units {
    double factor; /* nanomaggies for one pixel unit */
    bool assumed;  /* the header does not say: taken as nanomaggies, or see nsky_units_settle */
    char note[96]; /* how they were converted; "" where they were nanomaggies */
} nsky_units;

/* `hdu` is current. Zero or absurd keywords are NSKY_EDATA. */
NSKY_MUST_CHECK nsky_status nsky_units_read(nsky_units *out, nsky_fits *fits, uint32_t hdu,
                                            nsky_error *err);

/*
 * Looks at the pixels (still in the file's unit) where the header is silent. Nanomaggies whose
 * brightest pixel is fainter than magnitude 37.5 no survey could see: such values are maggies, a
 * zero point of 0 (the custom of KiDS and of the lens-finding challenge), if those are believable,
 * and units->factor and units->note say so. Else NSKY_EDATA, which tells what to add to the header.
 * `what` names the file.
 */
NSKY_MUST_CHECK nsky_status nsky_units_settle(nsky_units *units, const float *pixels,
                                              uint64_t count, const char *what, nsky_error *err);

#endif
