/* rng.c - counter-based random numbers, Philox 4x32-10 (Salmon et al. 2011).
 * Compiled without floating-point contraction: a fused multiply-add would change the last bit of a
 * normal from one machine to the next.
 * Thread rule: one generator per thread. */
#include "common/rng.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define PHILOX_ROUNDS 10
#define PHILOX_M0 0xD2511F53u
#define PHILOX_M1 0xCD9E8D57u
#define PHILOX_W0 0x9E3779B9u
#define PHILOX_W1 0xBB67AE85u

#define LANES 64 /* blocks that nsky_rng_fill_normal computes side by side */

void nsky_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4])
{
    uint32_t k0 = key[0], k1 = key[1];
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];

    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        uint64_t p0 = (uint64_t)PHILOX_M0 * c0, p1 = (uint64_t)PHILOX_M1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
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

/*
 * Normals in bulk: LANES Philox blocks side by side, then Box-Muller in float32 with our own log,
 * sine and cosine. Only +, -, *, / and sqrt are used, so the bits are the same on every IEEE
 * machine.
 */

static inline __attribute__((always_inline)) uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline __attribute__((always_inline)) float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Natural logarithm of a normal positive float, within 1 ulp (FreeBSD's e_logf.c, branch-free). */
static inline __attribute__((always_inline)) float log_float(float x)
{
    uint32_t bits = bits_of(x) + (0x3F800000u - 0x3F3504F3u);
    float exponent = (float)((int32_t)(bits >> 23) - 127);
    float f = float_of((bits & 0x007FFFFFu) + 0x3F3504F3u) - 1.0f;
    float s = f / (2.0f + f), z = s * s, w = z * z;
    float r = z * (0.66666662693f + w * 0.28498786688f) + w * (0.40000972152f + w * 0.24279078841f);
    float half_square = 0.5f * f * f;

    return s * (half_square + r) + exponent * 9.0580006145e-6f - half_square + f +
           exponent * 0.69313812256f;
}

/* Two uniform words to two normals. */
static inline __attribute__((always_inline)) void box_muller(uint32_t word0, uint32_t word1,
                                                             float *normal0, float *normal1)
{
    float u = ((float)(int32_t)(word0 >> 1) + 0.5f) * 0x1p-31f; /* (0, 1]: 6.66 sigma at most */
    float radius = sqrtf(-2.0f * log_float(u));

    /* The angle word1 / 2^32 of a turn, as a quadrant and a rest within an eighth of a turn. */
    uint32_t quadrant = (word1 + 0x20000000u) >> 30;
    float t = (float)(int32_t)(word1 - (quadrant << 30)) * (float)(M_PI / 2 / (1 << 30));
    float z = t * t;
    float sine = t + t * z * (-1.6666654611e-1f + z * (8.3321608736e-3f + z * -1.9515295891e-4f));
    float cosine =
        1.0f - 0.5f * z +
        z * z * (4.166664568298827e-2f + z * (-1.388731625493765e-3f + z * 2.443315711809948e-5f));
    uint32_t swap = 0u - (quadrant & 1), sine_bits = bits_of(sine), cosine_bits = bits_of(cosine);
    uint32_t exchange = (sine_bits ^ cosine_bits) & swap;
    sine_bits ^= exchange ^ (quadrant & 2) << 30;
    cosine_bits ^= exchange ^ ((quadrant + 1) & 2) << 30;
    *normal0 = radius * float_of(cosine_bits);
    *normal1 = radius * float_of(sine_bits);
}

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
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        for (int i = 0; i < LANES; i++) {
            uint64_t p0 = (uint64_t)PHILOX_M0 * c0[i], p1 = (uint64_t)PHILOX_M1 * c2[i];
            c0[i] = (uint32_t)(p1 >> 32) ^ c1[i] ^ k0;
            c1[i] = (uint32_t)p1;
            c2[i] = (uint32_t)(p0 >> 32) ^ c3[i] ^ k1;
            c3[i] = (uint32_t)p0;
        }
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
    for (int i = 0; i < LANES; i++)
        box_muller(c0[i], c1[i], &out[i], &out[LANES + i]);
    for (int i = 0; i < LANES; i++)
        box_muller(c2[i], c3[i], &out[2 * LANES + i], &out[3 * LANES + i]);
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
