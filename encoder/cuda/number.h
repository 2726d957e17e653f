/* number.h (private) - the numbers that activations are kept in, eight at a time: accesses of 16
 * bytes. Thread rule: pure functions. */
#ifndef NSKY_CUDA_NUMBER_H
#define NSKY_CUDA_NUMBER_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "common/device.h"

#ifdef __CUDACC__
#include <cuda_fp16.h>
#else
#include "common/half.h"
#endif

#define NSKY_EIGHT 8u /* channels are padded to a multiple of this */

typedef enum nsky_number {
    NSKY_NUMBER_BF16,
    NSKY_NUMBER_FP16,
    NSKY_NUMBER_FP32,
    NSKY_NUMBER_INT8, /* whole numbers; what they are multiples of stands elsewhere */
} nsky_number;

#define NSKY_BYTE_MAX 127.0f /* symmetric: -128 is not used */

typedef struct nsky_eight {
    uint16_t v[8];
} __attribute__((aligned(16))) nsky_eight;

/* Half of eight of four bytes each. */
typedef struct nsky_four {
    float v[4];
} __attribute__((aligned(16))) nsky_four;

/* Eight of one byte each. */
typedef struct nsky_bytes {
    int8_t v[8];
} __attribute__((aligned(8))) nsky_bytes;

/* Eight channels of a pixel, whatever they are kept in. */
typedef struct nsky_floats {
    float v[8];
} nsky_floats;

typedef union nsky_number_word {
    float number;
    uint32_t bits;
} nsky_number_word;

NSKY_ON_DEVICE static inline float nsky_float_of_half(uint16_t bits)
{
#ifdef __CUDACC__
    return __half2float(__ushort_as_half(bits));
#else
    return nsky_half_to_float(bits);
#endif
}

NSKY_ON_DEVICE static inline uint16_t nsky_half_of_float(float value)
{
#ifdef __CUDACC__
    return __half_as_ushort(__float2half_rn(value));
#else
    return nsky_half_from_float(value);
#endif
}

NSKY_ON_DEVICE static inline float nsky_float_of(nsky_number type, uint16_t bits)
{
    nsky_number_word w;

    if (type == NSKY_NUMBER_FP16)
        return nsky_float_of_half(bits);
    w.bits = (uint32_t)bits << 16;
    return w.number;
}

/* To nearest, ties to even; NaN stays NaN. */
NSKY_ON_DEVICE static inline uint16_t nsky_number_of(nsky_number type, float value)
{
    nsky_number_word w;

    if (type == NSKY_NUMBER_FP16)
        return nsky_half_of_float(value);
    w.number = value;
    if ((w.bits & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(w.bits >> 16 | 0x40u);
    return (uint16_t)((w.bits + 0x7fffu + (w.bits >> 16 & 1u)) >> 16);
}

/* To nearest, ties to even; what is too large becomes the largest, NaN the least. */
NSKY_ON_DEVICE static inline int8_t nsky_byte_of(float value)
{
    value = value > -NSKY_BYTE_MAX ? value : -NSKY_BYTE_MAX;
    value = value < NSKY_BYTE_MAX ? value : NSKY_BYTE_MAX;
    return (int8_t)rintf(value);
}

NSKY_ON_DEVICE static inline size_t nsky_number_bytes(nsky_number type)
{
    return type == NSKY_NUMBER_FP32   ? sizeof(float)
           : type == NSKY_NUMBER_INT8 ? sizeof(int8_t)
                                      : sizeof(uint16_t);
}

/* One number of an array of them. */
NSKY_ON_DEVICE static inline float nsky_number_get(nsky_number type, const void *in, size_t at)
{
    if (type == NSKY_NUMBER_FP32)
        return ((const float *)in)[at];
    if (type == NSKY_NUMBER_INT8)
        return ((const int8_t *)in)[at];
    return nsky_float_of(type, ((const uint16_t *)in)[at]);
}

NSKY_ON_DEVICE static inline void nsky_number_put(nsky_number type, void *out, size_t at,
                                                  float value)
{
    if (type == NSKY_NUMBER_FP32)
        ((float *)out)[at] = value;
    else if (type == NSKY_NUMBER_INT8)
        ((int8_t *)out)[at] = nsky_byte_of(value);
    else
        ((uint16_t *)out)[at] = nsky_number_of(type, value);
}

/* Eight numbers of an array of eights, which begins at a multiple of 16 bytes. */
NSKY_ON_DEVICE static inline nsky_floats nsky_eight_get(nsky_number type, const void *in, size_t at)
{
    nsky_floats out;

    if (type == NSKY_NUMBER_FP32) {
        const nsky_four *from = (const nsky_four *)in + 2 * at;
        nsky_four low = from[0], high = from[1];
        for (int c = 0; c < 4; c++) {
            out.v[c] = low.v[c];
            out.v[c + 4] = high.v[c];
        }
    } else if (type == NSKY_NUMBER_INT8) {
        nsky_bytes bytes = ((const nsky_bytes *)in)[at];
        for (int c = 0; c < 8; c++)
            out.v[c] = bytes.v[c];
    } else {
        nsky_eight eight = ((const nsky_eight *)in)[at];
        for (int c = 0; c < 8; c++)
            out.v[c] = nsky_float_of(type, eight.v[c]);
    }
    return out;
}

NSKY_ON_DEVICE static inline void nsky_eight_put(nsky_number type, void *out, size_t at,
                                                 const nsky_floats *values)
{
    if (type == NSKY_NUMBER_FP32) {
        nsky_four low, high, *to = (nsky_four *)out + 2 * at;
        for (int c = 0; c < 4; c++) {
            low.v[c] = values->v[c];
            high.v[c] = values->v[c + 4];
        }
        to[0] = low;
        to[1] = high;
    } else if (type == NSKY_NUMBER_INT8) {
        nsky_bytes bytes;
        for (int c = 0; c < 8; c++)
            bytes.v[c] = nsky_byte_of(values->v[c]);
        ((nsky_bytes *)out)[at] = bytes;
    } else {
        nsky_eight eight;
        for (int c = 0; c < 8; c++)
            eight.v[c] = nsky_number_of(type, values->v[c]);
        ((nsky_eight *)out)[at] = eight;
    }
}

#endif
