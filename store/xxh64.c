/* xxh64.c - Yann Collet's XXH64, from its specification. Thread rule: pure function. */
#include "store/xxh64.h"

#include <assert.h>

#include "store/bytes.h"

#define PRIME_1 0x9E3779B185EBCA87u
#define PRIME_2 0xC2B2AE3D27D4EB4Fu
#define PRIME_3 0x165667B19E3779F9u
#define PRIME_4 0x85EBCA77C2B2AE63u
#define PRIME_5 0x27D4EB2F165667C5u

static uint64_t rotate(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

static uint64_t mix(uint64_t lane, uint64_t input)
{
    return rotate(lane + input * PRIME_2, 31) * PRIME_1;
}

static uint64_t merge(uint64_t hash, uint64_t lane)
{
    return (hash ^ mix(0, lane)) * PRIME_1 + PRIME_4;
}

/* Four lanes over blocks of 32 bytes; returns how many bytes it took. */
static size_t blocks(uint64_t *hash, const uint8_t *at, size_t bytes, uint64_t seed)
{
    uint64_t lane[4] = {seed + PRIME_1 + PRIME_2, seed + PRIME_2, seed, seed - PRIME_1};
    size_t done = 0;

    for (; bytes - done >= 32; done += 32)
        for (int i = 0; i < 4; i++)
            lane[i] = mix(lane[i], nsky_get_u64(at + done + (size_t)8 * i));
    *hash = rotate(lane[0], 1) + rotate(lane[1], 7) + rotate(lane[2], 12) + rotate(lane[3], 18);
    for (int i = 0; i < 4; i++)
        *hash = merge(*hash, lane[i]);
    return done;
}

uint64_t nsky_xxh64(const void *data, size_t bytes, uint64_t seed)
{
    assert(data || bytes == 0);
    const uint8_t *at = data;
    uint64_t hash = seed + PRIME_5;
    size_t done = 0;

    if (bytes >= 32)
        done = blocks(&hash, at, bytes, seed);
    hash += bytes;
    for (; bytes - done >= 8; done += 8)
        hash = rotate(hash ^ mix(0, nsky_get_u64(at + done)), 27) * PRIME_1 + PRIME_4;
    if (bytes - done >= 4) {
        hash = rotate(hash ^ nsky_get_u32(at + done) * PRIME_1, 23) * PRIME_2 + PRIME_3;
        done += 4;
    }
    for (; done < bytes; done++)
        hash = rotate(hash ^ at[done] * PRIME_5, 11) * PRIME_1;
    hash = (hash ^ hash >> 33) * PRIME_2;
    hash = (hash ^ hash >> 29) * PRIME_3;
    return hash ^ hash >> 32;
}
