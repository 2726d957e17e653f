/* embed_private.h (private) - one embedding of a survey under way. */
#ifndef NSKY_EMBED_PRIVATE_H
#define NSKY_EMBED_PRIVATE_H

#include "encoder/embed_blocks.h"
#include "encoder/embed_survey.h"
#include "store/generation.h"

typedef struct nsky_embedding {
    const char *store;
    const atomic_bool *stop;
    nsky_model *model;
    nsky_encoder_options encoder; /* settled: no "auto", no 0 */
    char preprocess[NSKY_SHA256_HEX_BYTES];
    uint32_t workers, block_rows, dim;
    nsky_vector_type type; /* of the vectors on disk */
    uint64_t first_row;    /* of blocks: 0, or where a shard begins */
    uint64_t rows;         /* of the catalogue, or where a shard or a gap between shards ends */
    char key[32];          /* "embed-...": of the work folder, for these vectors */
    nsky_generation *live; /* or NULL when its vectors are of no use */
    nsky_generation_work *work;
    nsky_blocks *blocks;
} nsky_embedding;

/* --- embed_shards.c --- */
/* Of the rows from `base` on, which are not embedded yet: the shard's. */
void nsky_shard_range(const nsky_embed_options *options, uint64_t base, uint64_t rows,
                      uint64_t *first, uint64_t *end);
/* Embeds [first, end) into a folder of its own. */
NSKY_MUST_CHECK nsky_status nsky_shard_embed(nsky_embedding *e, uint64_t first, uint64_t end,
                                             nsky_embed_report *report, nsky_error *err);
/* The rows that shards have made behind blocks->rows, as far as they follow one another; *next:
 * where a further shard begins, or e->rows. NSKY_EBUSY: a shard is still at work. */
NSKY_MUST_CHECK nsky_status nsky_shards_take(nsky_embedding *e, uint64_t *next, nsky_error *err);
/* Their folders are of no use any more. */
void nsky_shards_remove(const nsky_embedding *e);

/* The rows behind blocks->rows. NSKY_ECANCELLED when stopped; what was finished is on disk. Sets
 * seconds and images_per_s. */
NSKY_MUST_CHECK nsky_status nsky_embed_rows(nsky_embedding *e, nsky_embed_report *report,
                                            nsky_error *err);

#endif
