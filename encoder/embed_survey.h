/* embed_survey.h - every stamp of a store to a vector: a new generation. */
#ifndef NSKY_EMBED_SURVEY_H
#define NSKY_EMBED_SURVEY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "encoder/encoder.h"
#include "store/generation.h"

typedef struct nsky_embed_options {
    nsky_encoder_options encoder;
    uint32_t workers;    /* 0: one for each core */
    uint32_t block_rows; /* 0: as many as keep a core busy for seconds; tests want few */
    const nsky_vector_type *vectors; /* NULL: as the live generation has them, else float16 */
    /* Rows [shard / shards, (shard + 1) / shards) of what there is to do, beside other processes
     * that do the others: no generation yet. Run without shards then, which takes over what they
     * made. 0 of 0: all. */
    uint32_t shard, shards;
    const atomic_bool *stop; /* or NULL; true: finish the block, keep the work, NSKY_ECANCELLED */
    /* Called when all vectors are in the work folder, before it is published: may add files there
     * and to the manifest. live: the generation whose vectors were taken over, or NULL. Or NULL. */
    nsky_status (*complete)(const nsky_generation_work *work, const nsky_generation *live,
                            uint64_t rows, nsky_json *manifest, nsky_error *err);
} nsky_embed_options;

/* What a stamp goes through. All overlap; the one that is busy nearly all the time limits the rest.
 */
enum { NSKY_EMBED_READ, NSKY_EMBED_COPY, NSKY_EMBED_COMPUTE, NSKY_EMBED_WRITE, NSKY_EMBED_STAGES };

typedef struct nsky_embed_report {
    uint32_t generation;
    bool up_to_date; /* there was nothing to do */
    bool shard;      /* rows [first, rows) are ready for a run without shards */
    uint64_t first;
    uint64_t rows, reused; /* of them taken over from an older generation of the same model */
    double seconds, images_per_s;
    double busy[NSKY_EMBED_STAGES]; /* shares of the time; reading (and, without a card, computing)
                                       of the workers' together */
    const char *limited_by;         /* "reading", ...; NULL: nothing was done */
} nsky_embed_report;

/*
 * model: as nsky_model_load takes it; its weights are copied into the store.
 *
 * Rows in order, in blocks that become durable one by one; run again after any interruption, it
 * carries on, and the vectors are the same bits as an uninterrupted run's. Vectors of the live
 * generation are reused when model, preprocessing, back end and precision are the same, also where
 * int8 is asked for and they are float16. An
 * up-to-date store is left alone (report->generation is the live one). Progress on a terminal.
 * A stamp the network sees nothing in gets the zero vector, and is counted in the manifest.
 *
 * Manifest: rows, dim, vector_type, model{nsky_model_describe}, backend, precision, input_size,
 * preprocess_sha256, blank_rows, cpu, created_at. NSKY_ENOTFOUND: no store, or nothing in it.
 * NSKY_EBUSY: another writer.
 */
NSKY_MUST_CHECK nsky_status nsky_embed_survey(const char *store, const char *model,
                                              const nsky_embed_options *options,
                                              nsky_embed_report *report, nsky_error *err);

#endif
