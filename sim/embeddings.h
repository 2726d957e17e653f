/* embeddings.h - make-believe embeddings: unit vectors spread as those of a trained network, any
 * number of them, each a function of seed and row alone.
 *
 * A mixture: kinds of galaxies with unequal shares, each of them a cloud of smaller clouds; within
 * these a normal distribution whose variances fall like a power law along directions that every
 * kind stretches in its own way, wider for some kinds and some rows than for others. A random
 * rotation mixes it all, so that no coordinate is special. The constants were fitted to vectors of
 * the bundled model: docs/index.md gives both sides' spectrum, two-nearest-neighbour dimension,
 * hubness and distances. Thread rule: read-only after new, any thread.
 */
#ifndef NSKY_SIM_EMBEDDINGS_H
#define NSKY_SIM_EMBEDDINGS_H

#include <stdint.h>

#include "common/error.h"

/* Rows from here on are for queries: of the same distribution, and never in a survey. */
#define NSKY_SIM_EMBEDDING_QUERIES (1ull << 40)

typedef struct nsky_sim_embeddings nsky_sim_embeddings;

/* dim: 64 .. 8192. NSKY_EINVAL: it is not; NSKY_ENOMEM. */
NSKY_MUST_CHECK nsky_status nsky_sim_embeddings_new(nsky_sim_embeddings **out, uint32_t dim,
                                                    uint64_t seed, nsky_error *err);
void nsky_sim_embeddings_free(nsky_sim_embeddings *embeddings); /* NULL is a no-op */

/* Rows first .. first + count - 1 (below 2^41) to out [count, dim], unit length; a row is the same
 * whichever others it is made with. */
void nsky_sim_embeddings_fill(const nsky_sim_embeddings *embeddings, uint64_t first, uint64_t count,
                              float *out);
/* Which of NSKY_SIM_KINDS kinds of galaxies the row is of; the first are the commonest. */
#define NSKY_SIM_KINDS 32
uint32_t nsky_sim_embeddings_kind(const nsky_sim_embeddings *embeddings, uint64_t row);

#endif
