/* space.h - private: the directions in which stored vectors differ, and vectors turned into them.
 *
 * The principal directions of a sample, best first cut off after `coded`, then turned at random
 * inside the space they span: every coded dimension gets about the same variance, which is what
 * codes with one width for all want, and errors of codes become alike in every direction. Or the
 * best `head` of them are turned among themselves and so are the others: then scores may be judged
 * by the first dimensions (nsky_code_pick_args), for somewhat larger errors.
 */
#ifndef NSKY_SPACE_H
#define NSKY_SPACE_H

#include <stdint.h>

#include "common/error.h"
#include "common/vectors.h"

typedef struct nsky_space {
    uint32_t dim, padded, coded; /* padded = nsky_scan_padded(dim) */
    float *mean;                 /* [padded], zero past dim */
    float *rotation;             /* [coded, padded], rows orthonormal, zero past dim */
    double kept;                 /* share of the sample's variance in the coded dimensions */
} nsky_space;

/*
 * sample_rows of the vectors are looked at, evenly spread. coded is a multiple of 16; where it
 * exceeds dim the vectors are turned into the larger space, nothing lost, whatever head. head 0:
 * all are turned together.
 * NSKY_EDATA: a vector is not finite (the row is named), or there is none. One thread.
 */
NSKY_MUST_CHECK nsky_status nsky_space_fit(nsky_space *out, const nsky_vectors *vectors,
                                           uint32_t coded, uint32_t head, uint64_t sample_rows,
                                           uint64_t seed, nsky_error *err);
void nsky_space_free(nsky_space *space);

/* x [n, padded] as stored, on return less the mean; y [n, coded]; rests [n] (or NULL): the length
 * of what y does not hold, never below the truth. Any thread. */
void nsky_space_turn(const nsky_space *space, float *x, uint32_t n, float *y, float *rests);

#endif
