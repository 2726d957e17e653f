/* rice.c - the Rice coding of tile-compressed images (FITS standard 4.0, 10.4.1; White et al.).
 *
 * Our own, because CFITSIO's decoder (4.2) runs past the end of damaged streams, and because every
 * brick passes through it: this one is checked and reads eight bytes at a time.
 */
#include "fits/rice.h"

#include <assert.h>
#include <string.h>

typedef struct bits {
    const uint8_t *at, *end;
    uint64_t window; /* the next bits, topmost first; what lies below `have` is true or 0 */
    uint32_t have;
} bits;

static inline void refill(bits *b)
{
    if (b->end - b->at >= 8) {
        uint64_t next;
        memcpy(&next, b->at, 8);
        b->window |= __builtin_bswap64(next) >> b->have;
        b->at += (63 - b->have) >> 3;
        b->have |= 56; /* whole bytes only: have = 56 + its remainder by 8 */
        return;
    }
    while (b->have <= 56 && b->at < b->end) {
        b->window |= (uint64_t)*b->at++ << (56 - b->have);
        b->have += 8;
    }
}

/* count <= 32 bits. false: there are no more. */
static inline bool take(bits *b, uint32_t count, uint32_t *value)
{
    if (b->have < count) {
        refill(b);
        if (b->have < count)
            return false;
    }
    *value = (uint32_t)((b->window >> 1) >> (63 - count));
    b->window <<= count;
    b->have -= count;
    return true;
}

/* Zeros before the next one, which is eaten too. */
static inline bool take_unary(bits *b, uint32_t *zeros)
{
    *zeros = 0;
    for (;;) {
        if (b->have == 0) {
            b->window = 0;
            refill(b);
            if (b->have == 0)
                return false;
        }
        uint32_t run = b->window ? (uint32_t)__builtin_clzll(b->window) : 64;
        if (run < 64 && run < b->have) {
            *zeros += run;
            b->window = (b->window << run) << 1;
            b->have -= run + 1;
            return true;
        }
        *zeros += b->have;
        b->have = 0;
    }
}

/* Differences alternate in sign: 0, -1, 1, -2, ... */
static inline uint32_t unfold(uint32_t folded)
{
    return (folded >> 1) ^ (0u - (folded & 1));
}

/* One block of pixels with code length `code`; *last is the running pixel value. */
static bool decode_block(bits *b, uint32_t code, uint32_t raw_code, uint32_t pixel_bits,
                         uint32_t *last, uint32_t *out, size_t count)
{
    const uint32_t mask = pixel_bits == 32 ? 0xffffffffu : (1u << pixel_bits) - 1;
    uint32_t value = *last, zeros, low;

    if (code == 0) { /* nothing changes */
        for (size_t i = 0; i < count; i++)
            out[i] = value;
        return true;
    }
    if (code == raw_code) {
        for (size_t i = 0; i < count; i++) {
            if (!take(b, pixel_bits, &low))
                return false;
            out[i] = value = (value + unfold(low)) & mask;
        }
    } else {
        for (size_t i = 0; i < count; i++) {
            if (!take_unary(b, &zeros) || !take(b, code - 1, &low))
                return false;
            out[i] = value = (value + unfold(zeros << (code - 1) | low)) & mask;
        }
    }
    *last = value;
    return true;
}

bool nsky_rice_decode(const uint8_t *data, size_t bytes, uint32_t pixel_bytes, uint32_t block,
                      uint32_t *out, size_t count)
{
    assert((pixel_bytes == 1 || pixel_bytes == 2 || pixel_bytes == 4) && block > 0);
    const uint32_t pixel_bits = 8 * pixel_bytes;
    const uint32_t code_bits = pixel_bytes == 1 ? 3 : pixel_bytes == 2 ? 4 : 5;
    const uint32_t raw_code = pixel_bytes == 1 ? 7 : pixel_bytes == 2 ? 15 : 26;
    bits b = {.at = data, .end = data + bytes};
    uint32_t last, code;

    if (!take(&b, pixel_bits, &last))
        return false;
    for (size_t done = 0; done < count;) {
        size_t n = count - done < block ? count - done : block;
        /* Codes past raw_code do not occur; they decode to something, which is all that is asked.
         */
        if (!take(&b, code_bits, &code) ||
            !decode_block(&b, code, raw_code, pixel_bits, &last, out + done, n))
            return false;
        done += n;
    }
    return true;
}
