/* gunzip.h (private) - gzip'ed FITS unpacked in memory, with a bound. */
#ifndef NSKY_FITS_GUNZIP_H
#define NSKY_FITS_GUNZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

bool nsky_is_gzip(const void *data, size_t bytes);

/* *out is freed with nsky_free. NSKY_ELIMIT when it would unpack to more than bytes_max; NSKY_EDATA
 * when damaged, or as soon as the first bytes are not those of a FITS file. */
NSKY_MUST_CHECK nsky_status nsky_gunzip(void **out, size_t *out_bytes, const void *data,
                                        size_t bytes, uint64_t bytes_max, const char *name,
                                        nsky_error *err);

#endif
