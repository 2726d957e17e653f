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
    uint64_t rows;         /* of the catalogue */
    nsky_generation *live; /* or NULL when its vectors are of no use */
    nsky_generation_work *work;
    nsky_blocks *blocks;
} nsky_embedding;

/* The rows behind blocks->rows. NSKY_ECANCELLED when stopped; what was finished is on disk. Sets
 * seconds and images_per_s. */
NSKY_MUST_CHECK nsky_status nsky_embed_rows(nsky_embedding *e, nsky_embed_report *report,
                                            nsky_error *err);

#endif
