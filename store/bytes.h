/* bytes.h (private) - little-endian numbers in byte buffers. Thread rule: pure functions. */
#ifndef NSKY_STORE_BYTES_H
#define NSKY_STORE_BYTES_H

#include <stdint.h>
#include <string.h>

static inline void nsky_put_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static inline void nsky_put_u32(uint8_t *at, uint32_t value)
{
    nsky_put_u16(at, (uint16_t)value);
    nsky_put_u16(at + 2, (uint16_t)(value >> 16));
}

static inline void nsky_put_u64(uint8_t *at, uint64_t value)
{
    nsky_put_u32(at, (uint32_t)value);
    nsky_put_u32(at + 4, (uint32_t)(value >> 32));
}

static inline void nsky_put_f32(uint8_t *at, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    nsky_put_u32(at, bits);
}

static inline uint16_t nsky_get_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static inline uint32_t nsky_get_u32(const uint8_t *at)
{
    return nsky_get_u16(at) | (uint32_t)nsky_get_u16(at + 2) << 16;
}

static inline uint64_t nsky_get_u64(const uint8_t *at)
{
    return nsky_get_u32(at) | (uint64_t)nsky_get_u32(at + 4) << 32;
}

static inline float nsky_get_f32(const uint8_t *at)
{
    uint32_t bits = nsky_get_u32(at);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#endif
