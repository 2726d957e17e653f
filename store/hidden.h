/* hidden.h (private) - generations/NNNN/deleted.bin: which rows were deleted when the generation
 * was published. Absent where none was.
 *
 * Little-endian: magic "NSKYDEL1", u64 rows, u64 count, u64 crc32 of all the rest, u64 row [count]
 * ascending. Thread rule: any thread.
 */
#ifndef NSKY_STORE_HIDDEN_H
#define NSKY_STORE_HIDDEN_H

#include <stdint.h>

#include "common/error.h"

#define NSKY_HIDDEN "deleted.bin"

/* rows [count], ascending, below `total`. */
NSKY_MUST_CHECK nsky_status nsky_hidden_write(const char *path, uint64_t total,
                                              const uint64_t *rows, uint64_t count,
                                              nsky_error *err);
/* A bit for each row (row & 7 of byte row >> 3), owned by the caller; NULL and 0 where there is no
 * file. NSKY_EDATA, NSKY_EMISMATCH name it. */
NSKY_MUST_CHECK nsky_status nsky_hidden_read(uint8_t **out, uint64_t *count, const char *path,
                                             uint64_t total, nsky_error *err);

#endif
