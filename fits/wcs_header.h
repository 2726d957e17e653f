/* wcs_header.h (private) - the cards of a header that say where it points, for wcslib. */
#ifndef NSKY_FITS_WCS_HEADER_H
#define NSKY_FITS_WCS_HEADER_H

#include "fits/structure.h"

/* *out [count, 80] is freed with nsky_free; NSKY_EDATA when a header has absurdly many. */
NSKY_MUST_CHECK nsky_status nsky_wcs_header(char **out, uint32_t *count,
                                            const nsky_fits_section *section, const char *name,
                                            nsky_error *err);

#endif
