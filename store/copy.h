/* copy.h - for store/ and index/: copies of files, whole or absent. Thread rule: any thread. */
#ifndef NSKY_STORE_COPY_H
#define NSKY_STORE_COPY_H

#include <stdbool.h>

#include "common/error.h"

NSKY_MUST_CHECK nsky_status nsky_copy_file(const char *to, const char *from, nsky_error *err);
/* A hard link, or a copy where there can be none (another file system); what is there of that name,
 * of an interrupted run, is replaced. *linked says which it is; NULL: nobody asks. */
NSKY_MUST_CHECK nsky_status nsky_link_file(const char *to, const char *from, bool *linked,
                                           nsky_error *err);

#endif
