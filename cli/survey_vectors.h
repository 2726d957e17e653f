/* survey_vectors.h - private: a generation of make-believe vectors for a make-believe survey. */
#ifndef NSKY_CLI_SURVEY_VECTORS_H
#define NSKY_CLI_SURVEY_VECTORS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/vectors.h"
#include "sim/sky_rows.h"

typedef struct nsky_survey_vectors {
    const char *store, *model; /* as nsky_model_load takes it; its dim is the vectors' */
    const nsky_sim_sky *sky;
    uint64_t rows, seed;
    uint32_t dim;
    nsky_vector_type type;
    const atomic_bool *stop;
} nsky_survey_vectors;

/*
 * Vectors of all rows (sim/embeddings.h; a shred's is close to its galaxy's, blank rows have
 * zeros), published as the live generation of the store; taken up where an interrupted run left
 * them. *made: rows that this call made; 0 where the live generation is this one.
 * NSKY_ECANCELLED: *stop; run again to carry on.
 */
NSKY_MUST_CHECK nsky_status nsky_survey_vectors_make(const nsky_survey_vectors *job,
                                                     uint32_t *generation, uint64_t *made,
                                                     nsky_error *err);

#endif
