/* hash.h - SHA-256 of memory and files. The only place that includes libsodium for hashing. */
#ifndef NSKY_HASH_H
#define NSKY_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define NSKY_SHA256_HEX_BYTES 65 /* 64 digits and NUL */

void nsky_sha256_hex(const void *data, size_t bytes, char out[NSKY_SHA256_HEX_BYTES]);
NSKY_MUST_CHECK nsky_status nsky_sha256_file(const char *path, char out[NSKY_SHA256_HEX_BYTES],
                                             nsky_error *err);

/* First 8 bytes of the SHA-256, big-endian: a stable 64-bit name for a string. */
uint64_t nsky_hash64(const void *data, size_t bytes);

/* CRC-32 (zlib's polynomial); start with 0. */
uint32_t nsky_crc32(uint32_t crc, const void *data, size_t bytes);

#endif
