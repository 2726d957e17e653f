/* copy.h (private) - copies of files, whole or absent. Thread rule: any thread. */
#ifndef NSKY_STORE_COPY_H
#define NSKY_STORE_COPY_H

#include "common/error.h"

NSKY_MUST_CHECK nsky_status nsky_copy_file(const char *to, const char *from, nsky_error *err);

#endif
