/* layout.h (private) - the folder of a store and survey.json, which says that it is one.
 * Thread rule: the maker holds the writer's lock. */
#ifndef NSKY_STORE_LAYOUT_H
#define NSKY_STORE_LAYOUT_H

#include <stdbool.h>

#include "common/error.h"

#define NSKY_STORE_FORMAT 1

/* Makes the folder, or finds that a store may be made (or taken up again) in it. NSKY_EEXIST: it
 * holds other things. */
NSKY_MUST_CHECK nsky_status nsky_layout_claim(const char *store, nsky_error *err);
bool nsky_layout_is_store(const char *store);
/* The folders inside; survey.json comes last, with nsky_layout_finish. */
NSKY_MUST_CHECK nsky_status nsky_layout_make(const char *store, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_layout_finish(const char *store, nsky_error *err);
/* Reads survey.json. NSKY_ENOTFOUND: no store; NSKY_EMISMATCH: newer; NSKY_EDATA: damaged. */
NSKY_MUST_CHECK nsky_status nsky_layout_check(const char *store, nsky_error *err);

#endif
