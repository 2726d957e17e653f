/* embed_blocks.h - for encoder/, and `nearsky bench survey`: vectors that become durable a block at
 * a time.
 *
 * vectors.f16 or vectors.i8 holds the rows; vectors.blocks one record a block, written after the
 * block itself is on disk: rows, how many of them are blank, checksum. Opening again keeps the
 * blocks whose records and bytes are whole and cuts off what follows, so any interruption costs
 * only what was in the making. Both files stay in the generation. Thread rule: one thread.
 */
#ifndef NSKY_EMBED_BLOCKS_H
#define NSKY_EMBED_BLOCKS_H

#include <stdint.h>

#include "common/error.h"
#include "common/vectors.h"

#define NSKY_BLOCKS_FILE "vectors.blocks"

typedef struct nsky_blocks {
    char *vectors_path, *log_path;
    int vectors, log; /* file descriptors */
    uint32_t dim;
    nsky_vector_type type;
    void *room; /* a block converted to the type */
    uint32_t room_rows;
    uint64_t rows, blank_rows; /* durable */
    uint64_t log_bytes;
    uint32_t chain; /* checksum of the last record: a record is only good behind its predecessor */
} nsky_blocks;

NSKY_MUST_CHECK nsky_status nsky_blocks_open(nsky_blocks **out, const char *folder, uint32_t dim,
                                             nsky_vector_type type, nsky_error *err);
/* All of these rows, converted where they are of another type. Durable when it returns. */
NSKY_MUST_CHECK nsky_status nsky_blocks_append(nsky_blocks *blocks, const nsky_vectors *vectors,
                                               nsky_error *err);
void nsky_blocks_close(nsky_blocks *blocks); /* NULL is a no-op */

#endif
