/* reservoir.h - private: the best so many of a stream of scores, at a few nanoseconds each.
 *
 * A heap costs a few dozen nanoseconds for every score that gets in, and where a few hundred are
 * wanted of a few thousand many do. A reservoir holds up to twice what is wanted, and throws the
 * worse half away when it is full. Which remain does not depend on the order they came in.
 * Thread rule: one owner at a time.
 */
#ifndef NSKY_RESERVOIR_H
#define NSKY_RESERVOIR_H

#include <stdint.h>

typedef struct nsky_reservoir {
    uint64_t *keys;                 /* [capacity], the owner's: larger is better */
    uint32_t count, want, capacity; /* capacity > want */
    float threshold;                /* scores below it need not be offered; -infinity at first */
} nsky_reservoir;

/* One number that orders by score, then by lower row; the score is not NaN. */
static inline uint64_t nsky_key_of(float score, uint32_t row)
{
    union {
        float value;
        uint32_t bits;
    } u = {score + 0.0f}; /* -0 and 0 are one */
    uint32_t ordered = u.bits & 0x80000000u ? ~u.bits : u.bits | 0x80000000u;
    return (uint64_t)ordered << 32 | (uint32_t)~row;
}

static inline uint32_t nsky_key_row(uint64_t key)
{
    return (uint32_t)~key;
}

static inline float nsky_key_score(uint64_t key)
{
    union {
        uint32_t bits;
        float value;
    } u = {(uint32_t)(key >> 32)};
    u.bits = u.bits & 0x80000000u ? u.bits & 0x7fffffffu : ~u.bits;
    return u.value;
}

/* Room for the reservoir of one stream. */
static inline uint32_t nsky_reservoir_capacity(uint32_t want)
{
    return 2 * want + 64;
}

/* Keeps the `want` largest of keys [count] in front, in no order. want <= count. */
void nsky_keep_largest(uint64_t *keys, uint32_t count, uint32_t want);
/* Largest first. */
void nsky_keys_sort(uint64_t *keys, uint32_t count);
/* Back to `want` keys or fewer, threshold raised to the least of them when there are as many. */
void nsky_reservoir_settle(nsky_reservoir *reservoir);

static inline void nsky_reservoir_offer(nsky_reservoir *r, float score, uint32_t row)
{
    r->keys[r->count++] = nsky_key_of(score, row);
    if (r->count == r->capacity)
        nsky_reservoir_settle(r);
}

#endif
