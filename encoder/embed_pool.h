/* embed_pool.h (private) - workers that turn blocks of rows into vectors.
 * Thread rule: the pool belongs to one thread; its workers touch only the blocks they were given.
 */
#ifndef NSKY_EMBED_POOL_H
#define NSKY_EMBED_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "encoder/encoder.h"

typedef struct nsky_embed_block {
    uint64_t first; /* row */
    uint32_t rows;
    uint16_t *vectors; /* [rows, dim] float16; the block's owner's */
    bool done;         /* the owner's mark */
    nsky_status status;
    nsky_error err;
} nsky_embed_block;

typedef struct nsky_embed_pool nsky_embed_pool;

/* Seconds spent so far; read_s of all workers together, and compute_s too where they compute. */
typedef struct nsky_embed_times {
    double read_s; /* from disk, decompressed, packed for the device */
    double copy_s; /* over the bus, the busier way; 0 without a device */
    double compute_s;
    bool device; /* compute_s is the device's */
} nsky_embed_times;

/* All borrowed until free. Each worker opens a survey and an encoder of its own; where that fails,
 * the blocks it takes say so. Where the encoder has slots, the workers fill those of one. */
NSKY_MUST_CHECK nsky_status nsky_embed_pool_new(nsky_embed_pool **out, const char *store,
                                                const nsky_model *model,
                                                const nsky_encoder_options *options,
                                                uint32_t workers, uint32_t blocks_max,
                                                nsky_error *err);
/* At most blocks_max blocks may be on their way. */
void nsky_embed_pool_put(nsky_embed_pool *pool, nsky_embed_block *block);
/* A block no worker has begun, or NULL: for stopping early. */
nsky_embed_block *nsky_embed_pool_take_back(nsky_embed_pool *pool);
/* Waits; NULL after timeout_ms. */
nsky_embed_block *nsky_embed_pool_finished(nsky_embed_pool *pool, uint32_t timeout_ms);
void nsky_embed_pool_times(const nsky_embed_pool *pool, nsky_embed_times *out);
/* Waits for blocks under way. NULL is a no-op. */
void nsky_embed_pool_free(nsky_embed_pool *pool);

#endif
