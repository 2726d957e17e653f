/* rng.h - counter-based random numbers: the same (seed, stream, counter) is the same number on
 * every machine and in any order, so parallel and resumed work draws what serial work would.
 *
 * Philox 4x32-10, Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
 * Thread rule: one generator per thread; generators are cheap, make one per item.
 */
#ifndef NSKY_RNG_H
#define NSKY_RNG_H

#include <stdint.h>

typedef struct nsky_rng {
    uint32_t key[2];
    uint32_t counter[4];
    uint32_t block[4]; /* numbers of the current counter not yet handed out */
    uint32_t used;     /* of block; 4 = empty */
} nsky_rng;

/* One Philox block: the pure function everything else is built from. */
void nsky_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]);

/* stream and item together name an independent sequence of 2^64 numbers, e.g. (epoch, sample). */
nsky_rng nsky_rng_at(uint64_t seed, uint32_t stream, uint32_t item);

uint32_t nsky_rng_u32(nsky_rng *rng);
uint64_t nsky_rng_u64(nsky_rng *rng);
double nsky_rng_uniform(nsky_rng *rng);                        /* [0, 1), 53 bits */
double nsky_rng_range(nsky_rng *rng, double low, double high); /* [low, high) */
uint32_t nsky_rng_below(nsky_rng *rng, uint32_t bound);        /* [0, bound), unbiased */
double nsky_rng_normal(nsky_rng *rng);                         /* mean 0, sigma 1 */
double nsky_rng_lognormal(nsky_rng *rng, double median, double sigma_ln);
uint32_t nsky_rng_poisson(nsky_rng *rng, double mean); /* mean <= 1e6 */

/* out [count]: independent N(0,1) float32, faster than one at a time (noise images); the same bits
 * on every machine. A fill starts on fresh blocks, so two fills are not one fill of both counts. */
void nsky_rng_fill_normal(nsky_rng *rng, float *out, uint64_t count);

#endif
