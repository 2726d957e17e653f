/* rng_normal.h - the arithmetic of rng.h's Philox and of its normals in bulk, for a CPU and for a
 * card: only +, -, *, / and square roots, so the bits are the same on every IEEE machine (compiled
 * without fused operations). Thread rule: pure functions. */
#ifndef NSKY_RNG_NORMAL_H
#define NSKY_RNG_NORMAL_H

#include <math.h>
#include <stdint.h>

#include "common/device.h"

#define NSKY_PHILOX_ROUNDS 10
#define NSKY_PHILOX_M0 0xD2511F53u
#define NSKY_PHILOX_M1 0xCD9E8D57u
#define NSKY_PHILOX_W0 0x9E3779B9u
#define NSKY_PHILOX_W1 0xBB67AE85u

/* Normals come in groups: NSKY_RNG_LANES blocks side by side make four normals each. */
#define NSKY_RNG_LANES 64u
#define NSKY_RNG_GROUP 256u /* 4 NSKY_RNG_LANES */

/* The same 32 bits, seen both ways. */
typedef union nsky_rng_word {
    float number;
    uint32_t bits;
} nsky_rng_word;

NSKY_ON_DEVICE static inline uint32_t nsky_rng_bits(float value)
{
    nsky_rng_word w;
    w.number = value;
    return w.bits;
}

NSKY_ON_DEVICE static inline float nsky_rng_float(uint32_t bits)
{
    nsky_rng_word w;
    w.bits = bits;
    return w.number;
}

NSKY_ON_DEVICE static inline void nsky_philox_block(uint32_t k0, uint32_t k1, uint32_t c[4])
{
    for (int round = 0; round < NSKY_PHILOX_ROUNDS; round++) {
        uint64_t p0 = (uint64_t)NSKY_PHILOX_M0 * c[0], p1 = (uint64_t)NSKY_PHILOX_M1 * c[2];
        c[0] = (uint32_t)(p1 >> 32) ^ c[1] ^ k0;
        c[1] = (uint32_t)p1;
        c[2] = (uint32_t)(p0 >> 32) ^ c[3] ^ k1;
        c[3] = (uint32_t)p0;
        k0 += NSKY_PHILOX_W0;
        k1 += NSKY_PHILOX_W1;
    }
}

/* Natural logarithm of a normal positive float, within 1 ulp (FreeBSD's e_logf.c, branch-free). */
NSKY_ON_DEVICE static inline float nsky_rng_log(float x)
{
    uint32_t bits = nsky_rng_bits(x) + (0x3F800000u - 0x3F3504F3u);
    float exponent = (float)((int32_t)(bits >> 23) - 127);
    float f = nsky_rng_float((bits & 0x007FFFFFu) + 0x3F3504F3u) - 1.0f;
    float s = f / (2.0f + f), z = s * s, w = z * z;
    float r = z * (0.66666662693f + w * 0.28498786688f) + w * (0.40000972152f + w * 0.24279078841f);
    float half_square = 0.5f * f * f;

    return s * (half_square + r) + exponent * 9.0580006145e-6f - half_square + f +
           exponent * 0.69313812256f;
}

/* Two uniform words to two normals (Box-Muller). */
NSKY_ON_DEVICE static inline void nsky_rng_box_muller(uint32_t word0, uint32_t word1,
                                                      float *normal0, float *normal1)
{
    float u = ((float)(int32_t)(word0 >> 1) + 0.5f) * 0x1p-31f; /* (0, 1]: 6.66 sigma at most */
    float radius = sqrtf(-2.0f * nsky_rng_log(u));

    /* The angle word1 / 2^32 of a turn, as a quadrant and a rest within an eighth of a turn. */
    uint32_t quadrant = (word1 + 0x20000000u) >> 30;
    float t = (float)(int32_t)(word1 - (quadrant << 30)) * (float)(M_PI / 2 / (1 << 30));
    float z = t * t;
    float sine = t + t * z * (-1.6666654611e-1f + z * (8.3321608736e-3f + z * -1.9515295891e-4f));
    float cosine =
        1.0f - 0.5f * z +
        z * z * (4.166664568298827e-2f + z * (-1.388731625493765e-3f + z * 2.443315711809948e-5f));
    uint32_t swap = 0u - (quadrant & 1), sine_bits = nsky_rng_bits(sine);
    uint32_t cosine_bits = nsky_rng_bits(cosine), exchange = (sine_bits ^ cosine_bits) & swap;
    sine_bits ^= exchange ^ (quadrant & 2) << 30;
    cosine_bits ^= exchange ^ ((quadrant + 1) & 2) << 30;
    *normal0 = radius * nsky_rng_float(cosine_bits);
    *normal1 = radius * nsky_rng_float(sine_bits);
}

/* Blocks that nsky_rng_fill_normal takes for so many. */
NSKY_ON_DEVICE static inline uint64_t nsky_rng_fill_blocks(uint64_t count)
{
    return (count + NSKY_RNG_GROUP - 1) / NSKY_RNG_GROUP * NSKY_RNG_LANES;
}

/* Number `at` of the fill that begins `blocks` blocks behind the counter (a whole block's). */
NSKY_ON_DEVICE static inline float
nsky_rng_normal_at(const uint32_t key[2], const uint32_t counter[4], uint64_t blocks, uint64_t at)
{
    uint32_t lane = (uint32_t)(at % NSKY_RNG_LANES);
    uint32_t quarter = (uint32_t)(at % NSKY_RNG_GROUP / NSKY_RNG_LANES);
    uint64_t low = ((uint64_t)counter[1] << 32 | counter[0]) + blocks +
                   at / NSKY_RNG_GROUP * NSKY_RNG_LANES + lane;
    uint32_t c[4];
    float normal0, normal1;

    c[0] = (uint32_t)low;
    c[1] = (uint32_t)(low >> 32);
    c[2] = counter[2];
    c[3] = counter[3];
    nsky_philox_block(key[0], key[1], c);
    if (quarter < 2)
        nsky_rng_box_muller(c[0], c[1], &normal0, &normal1);
    else
        nsky_rng_box_muller(c[2], c[3], &normal0, &normal1);
    return quarter % 2 ? normal1 : normal0;
}

#endif
