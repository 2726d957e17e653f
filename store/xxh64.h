/* xxh64.h (private) - XXH64, the 64-bit hash by which two stamps are the same pixels.
 * SHA-256 would take longer than compressing the stamp does. Thread rule: pure function. */
#ifndef NSKY_STORE_XXH64_H
#define NSKY_STORE_XXH64_H

#include <stddef.h>
#include <stdint.h>

uint64_t nsky_xxh64(const void *data, size_t bytes, uint64_t seed);

#endif
