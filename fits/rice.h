/* rice.h (private) - the Rice coding of tile-compressed images. Thread rule: pure function. */
#ifndef NSKY_FITS_RICE_H
#define NSKY_FITS_RICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Integers of pixel_bytes (1, 2 or 4) in the low bits of out [count], not sign-extended. false: the
 * stream ends before they do. block: pixels that share a code length, >= 1. */
bool nsky_rice_decode(const uint8_t *data, size_t bytes, uint32_t pixel_bytes, uint32_t block,
                      uint32_t *out, size_t count);

#endif
