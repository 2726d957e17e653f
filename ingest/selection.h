/* selection.h (private) - which entries of a brick's catalogue become objects, and the words in
 * which a store remembers that. Thread rule: pure. */
#ifndef NSKY_INGEST_SELECTION_H
#define NSKY_INGEST_SELECTION_H

#include <stdbool.h>
#include <stddef.h>

typedef struct nsky_selection {
    double mag_z_max; /* brighter than this */
    bool keep_stars;  /* TYPE PSF and DUP too */
} nsky_selection;

#define NSKY_MAG_Z_MAX 20.5        /* of Stein et al. 2022 */
#define NSKY_SELECTION_TEXT_MAX 64 /* bytes, with the terminator */

/* Tractor's words for point sources: PSF, and DUP for a Gaia star that another model explains.
 * Spaces behind the word, as FITS pads it, are nothing. */
bool nsky_is_star_type(const char *type);

/* "galaxies brighter than z = 20.5", or "entries ..." with the stars. */
void nsky_selection_describe(const nsky_selection *selection, char out[NSKY_SELECTION_TEXT_MAX]);
/* From the beginning of a text; false: it does not begin so. */
bool nsky_selection_parse(nsky_selection *out, const char *text);
/* Everything that `narrow` takes, `wide` took. */
bool nsky_selection_covers(const nsky_selection *wide, const nsky_selection *narrow);

#endif
