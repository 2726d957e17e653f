/* number.h (private) - the 16-bit numbers that activations are kept in, eight at a time: one
 * 16-byte access. Thread rule: pure functions. */
#ifndef NSKY_CUDA_NUMBER_H
#define NSKY_CUDA_NUMBER_H

#include <stdint.h>

#include "common/device.h"

#ifdef __CUDACC__
#include <cuda_fp16.h>
#else
#include "common/half.h"
#endif

#define NSKY_EIGHT 8u /* channels are padded to a multiple of this */

typedef enum nsky_number { NSKY_NUMBER_BF16, NSKY_NUMBER_FP16 } nsky_number;

typedef struct nsky_eight {
    uint16_t v[8];
} __attribute__((aligned(16))) nsky_eight;

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

#endif
