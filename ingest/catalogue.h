/* catalogue.h (private) - a table that knows more about the objects than their files do.
 * Thread rule: one thread makes it; read-only after. */
#ifndef NSKY_INGEST_CATALOGUE_H
#define NSKY_INGEST_CATALOGUE_H

#include "store/survey.h"

typedef struct nsky_catalogue nsky_catalogue;

#define NSKY_CATALOGUE_ROWS_MAX (1ull << 27)
#define NSKY_CATALOGUE_RADIUS_ARCSEC 1.5

/*
 * CSV, TSV or a FITS table, by content. Columns are known by name in any case: name, file, id_str
 * or id; ra, dec; mag_g, mag_r, mag_z (also *_mag_g); z_phot; z_spec (also z_lens); ebv; type;
 * known; label, which marks an object known where it speaks of a lens. NSKY_EDATA  damaged, or
 * neither names nor positions in it
 */
NSKY_MUST_CHECK nsky_status nsky_catalogue_open(nsky_catalogue **out, const char *path,
                                                nsky_error *err);
void nsky_catalogue_close(nsky_catalogue *catalogue); /* NULL is a no-op */
uint64_t nsky_catalogue_rows(const nsky_catalogue *catalogue);

/*
 * Fills what the object does not know from the row of its name or file, or else from the nearest
 * within NSKY_CATALOGUE_RADIUS_ARCSEC. A row of the same name elsewhere on the sky is another
 * object's. false: no row.
 */
bool nsky_catalogue_apply(const nsky_catalogue *catalogue, nsky_object *object);

#endif
