/* names.h (private) - what file names tell: bricks, sets of bands, the object.
 * Thread rule: pure. */
#ifndef NSKY_INGEST_NAMES_H
#define NSKY_INGEST_NAMES_H

#include <stdbool.h>

#include "common/error.h"

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

#endif
