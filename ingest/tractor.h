/* tractor.h (private) - the catalogue of one brick: which entries become stamps.
 * Thread rule: one thread makes it; read-only after. */
#ifndef NSKY_INGEST_TRACTOR_H
#define NSKY_INGEST_TRACTOR_H

#include "fits/fits.h"
#include "ingest/selection.h"
#include "store/survey.h"

#define NSKY_TRACTOR_ROWS_MAX (1u << 18) /* ten times the densest brick */

/* Entries of brick_primary that the selection takes, in catalogue order. */
typedef struct nsky_tractor {
    nsky_object *objects; /* source is "" */
    uint64_t count;
    uint64_t rows; /* of the file */
    /* Left out, each for the first that holds: not primary, too faint, a star. */
    uint64_t secondary, faint, stars;
    bool untyped; /* no column TYPE: stars are taken for galaxies */
} nsky_tractor;

/*
 * Magnitudes are corrected for Galactic extinction: 22.5 - 2.5 log10(flux / mw_transmission); a
 * flux of 0 or less is NaN, and NaN is not brighter than anything. NSKY_EDATA  a column is missing
 * or holds nonsense
 */
NSKY_MUST_CHECK nsky_status nsky_tractor_read(nsky_tractor *out, const char *path,
                                              const nsky_selection *selection, nsky_error *err);
void nsky_tractor_clear(nsky_tractor *tractor);

#endif
