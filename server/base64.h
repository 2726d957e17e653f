/* base64.h (private) - bytes in data: addresses. Thread rule: any thread. */
#ifndef NSKY_SERVER_BASE64_H
#define NSKY_SERVER_BASE64_H

#include <stddef.h>

#include "common/error.h"

/* prefix, then the bytes in base64 (RFC 4648, padded); the caller frees with nsky_free. NULL: out
 * of memory. */
char *nsky_base64(const char *prefix, const void *data, size_t bytes, nsky_error *err);

#endif
