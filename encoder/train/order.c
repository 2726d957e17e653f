/* order.c - a Feistel network over Philox: a permutation of 2^2k numbers. Places that come out
 * beyond the rows are sent through again until they do not (cycle walking, Black & Rogaway 2002),
 * which leaves a permutation of the rows. Thread rule: pure. */
#include "encoder/train/order.h"

#include <assert.h>

#include "common/rng.h"

#define ROUNDS 8u
#define ORDER_WORD 0x4f524452u /* keeps these numbers apart from those of augmentations */

static uint64_t shuffle(const uint32_t key[2], uint32_t epoch, uint32_t half_bits, uint64_t value)
{
    uint64_t mask = ((uint64_t)1 << half_bits) - 1;
    uint64_t left = value >> half_bits, right = value & mask;

    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t counter[4] = {(uint32_t)right, epoch, round, ORDER_WORD}, out[4];
        nsky_philox(key, counter, out);
        uint64_t next = left ^ (out[0] & mask);
        left = right;
        right = next;
    }
    return left << half_bits | right;
}

uint64_t nsky_order_at(uint64_t seed, uint32_t epoch, uint64_t rows, uint64_t place)
{
    assert(place < rows && rows <= (uint64_t)1 << 62);
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t half_bits = 1;

    while ((uint64_t)1 << 2 * half_bits < rows)
        half_bits++;
    do
        place = shuffle(key, epoch, half_bits, place);
    while (place >= rows);
    return place;
}
