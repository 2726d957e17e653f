/* names.h (private) - what file names tell: bricks, sets of bands, the object.
 * Thread rule: pure. */
#ifndef NSKY_INGEST_NAMES_H
#define NSKY_INGEST_NAMES_H

#include <stdbool.h>

#include "common/error.h"
#include "common/sky.h"

typedef enum nsky_name_kind {
    NSKY_NAME_SINGLE,    /* stands alone */
    NSKY_NAME_BAND,      /* perhaps one band of a set: has a key */
    NSKY_NAME_BRICK,     /* legacysurvey-<brick>-image-<band>: has a key */
    NSKY_NAME_TRACTOR,   /* tractor-<brick>: has a key */
    NSKY_NAME_COMPANION, /* other products of a brick */
} nsky_name_kind;

typedef struct nsky_file_name {
    nsky_name_kind kind;
    char band;
    char *key;  /* equal for files that belong together; NULL for single ones */
    char *name; /* of the object, set or brick */
} nsky_file_name;

NSKY_MUST_CHECK nsky_status nsky_file_name_read(nsky_file_name *out, const char *path,
                                                nsky_error *err);
void nsky_file_name_clear(nsky_file_name *name);

/* "J003937.09-032825.0", the IAU's way to name things after where they are; only with decimals,
 * that is, to better than the catalogues' matching radius. false: named otherwise. */
bool nsky_name_position(const char *name, nsky_sky *out);

#endif
