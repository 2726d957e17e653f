/* rng.c - counter-based random numbers, Philox 4x32-10 (Salmon et al. 2011).
 * Compiled without floating-point contraction: a fused multiply-add would change the last bit of a
 * normal from one machine to the next.
 * Thread rule: one generator per thread. */
#include "common/rng.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/rng_normal.h"

#define LANES NSKY_RNG_LANES /* blocks that nsky_rng_fill_normal computes side by side */

void nsky_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4])
{
    memcpy(out, counter, 4 * sizeof *out);
    nsky_philox_block(key[0], key[1], out);
}

nsky_rng nsky_rng_at(uint64_t seed, uint32_t stream, uint32_t item)
{
    return (nsky_rng){
        .key = {(uint32_t)seed, (uint32_t)(seed >> 32)},
        .counter = {0, 0, item, stream},
        .used = 4,
    };
}

/* The low 64 bits of the counter count blocks; the high ones name the sequence. */
static void advance(nsky_rng *rng, uint32_t blocks)
{
    rng->counter[0] += blocks;
    rng->counter[1] += rng->counter[0] < blocks;
}

uint32_t nsky_rng_u32(nsky_rng *rng)
{
    assert(rng && rng->used <= 4);
    if (rng->used == 4) {
        nsky_philox(rng->key, rng->counter, rng->block);
        advance(rng, 1);
        rng->used = 0;
    }
    return rng->block[rng->used++];
}

uint64_t nsky_rng_u64(nsky_rng *rng)
{
    uint64_t low = nsky_rng_u32(rng);
    return (uint64_t)nsky_rng_u32(rng) << 32 | low;
}

double nsky_rng_uniform(nsky_rng *rng)
{
    return (double)(nsky_rng_u64(rng) >> 11) * 0x1p-53;
}

double nsky_rng_range(nsky_rng *rng, double low, double high)
{
    assert(low <= high && isfinite(high - low));
    double value = low + (high - low) * nsky_rng_uniform(rng);
    if (value >= high && low < high) /* rounding can reach the open end */
        value = nextafter(high, low);
    return value;
}

/* Lemire 2019: the high word of a product, rejecting the few low words that would bias it. */
uint32_t nsky_rng_below(nsky_rng *rng, uint32_t bound)
{
    assert(bound > 0);
    uint64_t product = (uint64_t)nsky_rng_u32(rng) * bound;

    if ((uint32_t)product < bound) {
        uint32_t reject_below = -bound % bound;
        while ((uint32_t)product < reject_below)
            product = (uint64_t)nsky_rng_u32(rng) * bound;
    }
    return (uint32_t)(product >> 32);
}

double nsky_rng_normal(nsky_rng *rng)
{
    double radius = sqrt(-2.0 * log(1.0 - nsky_rng_uniform(rng))); /* 1 - u is never 0 */
    return radius * cos(2.0 * M_PI * nsky_rng_uniform(rng));
}

double nsky_rng_lognormal(nsky_rng *rng, double median, double sigma_ln)
{
    return median * exp(sigma_ln * nsky_rng_normal(rng));
}

/* Counts how many uniforms multiply to less than exp(-mean): exact, and quick for small means. */
static uint32_t poisson_small(nsky_rng *rng, double mean)
{
    double limit = exp(-mean), product = nsky_rng_uniform(rng);
    uint32_t count = 0;

    while (product > limit) {
        product *= nsky_rng_uniform(rng);
        count++;
    }
    return count;
}

/* Hoermann 1993, "The transformed rejection method for generating Poisson random variables" (PTRS):
 * about 1.1 to 1.3 tries a draw for any mean from 10 up. */
static uint32_t poisson_large(nsky_rng *rng, double mean)
{
    double log_mean = log(mean), b = 0.931 + 2.53 * sqrt(mean), a = -0.059 + 0.02483 * b;
    double inv_alpha = 1.1239 + 1.1328 / (b - 3.4), v_r = 0.9277 - 3.6224 / (b - 2.0);

    for (;;) {
        double u = nsky_rng_uniform(rng) - 0.5, v = 1.0 - nsky_rng_uniform(rng);
        double us = 0.5 - fabs(u), k = floor((2.0 * a / us + b) * u + mean + 0.43);
        if (us >= 0.07 && v <= v_r)
            return (uint32_t)k;
        if (k < 0.0 || (us < 0.013 && v > us))
            continue;
        int sign; /* lgamma itself writes a global */
        if (log(v * inv_alpha / (a / (us * us) + b)) <=
            k * log_mean - mean - lgamma_r(k + 1.0, &sign))
            return (uint32_t)k;
    }
}

uint32_t nsky_rng_poisson(nsky_rng *rng, double mean)
{
    assert(mean >= 0.0 && mean <= 1e6);
    return mean < 10.0 ? poisson_small(rng, mean) : poisson_large(rng, mean);
}

/* Normals in bulk: LANES Philox blocks side by side, then rng_normal.h's Box-Muller. */

/* out [4 * LANES] from the blocks counter, counter + 1, ... The order inside is the lanes' own. */
static inline __attribute__((always_inline)) void normals_body(const nsky_rng *rng, float *out)
{
    uint32_t c0[LANES], c1[LANES], c2[LANES], c3[LANES];
    uint32_t k0 = rng->key[0], k1 = rng->key[1];

    for (uint32_t i = 0; i < LANES; i++) {
        c0[i] = rng->counter[0] + i;
        c1[i] = rng->counter[1] + (c0[i] < i);
        c2[i] = rng->counter[2];
        c3[i] = rng->counter[3];
    }
    for (int round = 0; round < NSKY_PHILOX_ROUNDS; round++) {
        for (uint32_t i = 0; i < LANES; i++) {
            uint64_t p0 = (uint64_t)NSKY_PHILOX_M0 * c0[i], p1 = (uint64_t)NSKY_PHILOX_M1 * c2[i];
            c0[i] = (uint32_t)(p1 >> 32) ^ c1[i] ^ k0;
            c1[i] = (uint32_t)p1;
            c2[i] = (uint32_t)(p0 >> 32) ^ c3[i] ^ k1;
            c3[i] = (uint32_t)p0;
        }
        k0 += NSKY_PHILOX_W0;
        k1 += NSKY_PHILOX_W1;
    }
    for (uint32_t i = 0; i < LANES; i++)
        nsky_rng_box_muller(c0[i], c1[i], &out[i], &out[LANES + i]);
    for (uint32_t i = 0; i < LANES; i++)
        nsky_rng_box_muller(c2[i], c3[i], &out[2 * LANES + i], &out[3 * LANES + i]);
}

static void normals_plain(const nsky_rng *rng, float *out)
{
    normals_body(rng, out);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void normals_avx2(const nsky_rng *rng, float *out)
{
    normals_body(rng, out);
}
#endif

void nsky_rng_fill_normal(nsky_rng *rng, float *out, uint64_t count)
{
    assert(rng && (out || count == 0));
    void (*normals)(const nsky_rng *, float *) = normals_plain;
    float group[4 * LANES];

#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        normals = normals_avx2;
#endif
    rng->used = 4; /* whole blocks only; what is left of the current one is dropped */
    for (const size_t step = 4 * (size_t)LANES; count >= step; count -= step, out += step) {
        normals(rng, out);
        advance(rng, LANES);
    }
    if (count > 0) {
        normals(rng, group);
        advance(rng, LANES);
        memcpy(out, group, (size_t)count * sizeof *out);
    }
}
