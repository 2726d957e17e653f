/* half.c - IEEE float16 and bfloat16 as bits; round to nearest even.
 * The plain C conversions are the reference; F16C must give the same bits, NaNs included.
 * Thread rule: pure functions. */
#include "common/half.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

static uint32_t float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float bits_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* value >> shift, rounded to nearest, ties to even; 1 <= shift <= 31. */
static uint32_t shift_even(uint32_t value, uint32_t shift)
{
    uint32_t kept = value >> shift, rest = value & ((1u << shift) - 1), tie = 1u << (shift - 1);
    return kept + (rest > tie || (rest == tie && (kept & 1)));
}

uint16_t nsky_half_from_float(float value)
{
    uint32_t bits = float_bits(value);
    uint32_t sign = (bits >> 16) & 0x8000, magnitude = bits & 0x7FFFFFFF;

    if (magnitude > 0x7F800000) /* NaN: quiet, keep the payload's head, as F16C does */
        return (uint16_t)(sign | 0x7E00 | ((magnitude >> 13) & 0x3FF));
    if (magnitude >= 0x47800000) /* 65536 and up, infinity */
        return (uint16_t)(sign | 0x7C00);
    if (magnitude >= 0x38800000) /* normal; a carry out of the mantissa is right, up to infinity */
        return (uint16_t)(sign | shift_even(magnitude - 0x38000000, 13));
    uint32_t exponent = magnitude >> 23;
    if (exponent < 102) /* below half of the least subnormal */
        return (uint16_t)sign;
    return (uint16_t)(sign | shift_even((magnitude & 0x7FFFFF) | 0x800000, 126 - exponent));
}

float nsky_half_to_float(uint16_t bits)
{
    uint32_t sign = (uint32_t)(bits & 0x8000) << 16, exponent = (bits >> 10) & 31;
    uint32_t mantissa = bits & 0x3FF;

    if (exponent == 31) {
        uint32_t quiet = mantissa ? 0x400000 : 0;
        return bits_float(sign | 0x7F800000 | quiet | mantissa << 13);
    }
    if (exponent == 0) { /* mantissa * 2^-24, exact */
        float magnitude = (float)mantissa * 0x1p-24f;
        return bits_float(sign | float_bits(magnitude));
    }
    return bits_float(sign | ((exponent + 112) << 23) | mantissa << 13);
}

#if defined(__x86_64__)
/* Both return how many they did: whole groups of eight. */
__attribute__((target("avx,f16c"))) static size_t from_floats_f16c(uint16_t *out, const float *in,
                                                                   size_t count)
{
    size_t done = 0;
    for (; count - done >= 8; done += 8)
        _mm_storeu_si128((__m128i *)(out + done),
                         _mm256_cvtps_ph(_mm256_loadu_ps(in + done), _MM_FROUND_TO_NEAREST_INT));
    return done;
}

__attribute__((target("avx,f16c"))) static size_t to_floats_f16c(float *out, const uint16_t *in,
                                                                 size_t count)
{
    size_t done = 0;
    for (; count - done >= 8; done += 8)
        _mm256_storeu_ps(out + done,
                         _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(in + done))));
    return done;
}

/* By CPUID, because clang 14 cannot ask for "f16c"; kept, because CPUID traps in virtual machines.
 */
static bool has_f16c(void)
{
    static _Atomic int known; /* 0: not asked yet, 1: no, 2: yes */
    int answer = atomic_load_explicit(&known, memory_order_relaxed);

    if (answer == 0) {
        unsigned a, b, c = 0, d;
        bool yes =
            __builtin_cpu_supports("avx") && __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
        answer = yes ? 2 : 1;
        atomic_store_explicit(&known, answer, memory_order_relaxed);
    }
    return answer == 2;
}
#endif

void nsky_half_from_floats(uint16_t *out, const float *in, size_t count)
{
    assert((out && in) || count == 0);
    size_t done = 0;
#if defined(__x86_64__)
    if (has_f16c())
        done = from_floats_f16c(out, in, count);
#endif
    for (; done < count; done++)
        out[done] = nsky_half_from_float(in[done]);
}

void nsky_half_to_floats(float *out, const uint16_t *in, size_t count)
{
    assert((out && in) || count == 0);
    size_t done = 0;
#if defined(__x86_64__)
    if (has_f16c())
        done = to_floats_f16c(out, in, count);
#endif
    for (; done < count; done++)
        out[done] = nsky_half_to_float(in[done]);
}

uint16_t nsky_bfloat16_from_float(float value)
{
    uint32_t bits = float_bits(value);

    if ((bits & 0x7FFFFFFF) > 0x7F800000) /* rounding could carry a NaN into infinity */
        return (uint16_t)((bits >> 16) | 0x40);
    return (uint16_t)shift_even(bits, 16);
}

float nsky_bfloat16_to_float(uint16_t bits)
{
    return bits_float((uint32_t)bits << 16);
}
