/* embed_survey.h - every stamp of a store to a vector: a new generation. */
#ifndef NSKY_EMBED_SURVEY_H
#define NSKY_EMBED_SURVEY_H

#include <stdatomic.h>
#include <stdint.h>

#include "encoder/encoder.h"

typedef struct nsky_embed_options {
    nsky_encoder_options encoder;
    uint32_t workers;        /* 0: one for each core */
    const atomic_bool *stop; /* or NULL; true: finish the block, keep the work, NSKY_ECANCELLED */
} nsky_embed_options;

typedef struct nsky_embed_report {
    uint32_t generation;
    uint64_t rows, reused; /* of them taken over from an older generation of the same model */
    double seconds, images_per_s;
} nsky_embed_report;

/*
 * Rows in order, in blocks that become durable one by one; run again after any interruption, it
 * carries on, and the vectors are the same bits as an uninterrupted run's. Vectors of the live
 * generation are reused when model, preprocessing, back end and precision are the same. An
 * up-to-date store is left alone (report->generation is the live one). Progress on a terminal.
 */
NSKY_MUST_CHECK nsky_status nsky_embed_survey(const char *store, const char *model_path,
                                              const nsky_embed_options *options,
                                              nsky_embed_report *report, nsky_error *err);

#endif
