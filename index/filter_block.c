/* filter_block.c - one test over one array, two ways, bit for bit the same. Pure functions: any
 * thread. */
#include <immintrin.h>

#include "index/columns.h"

static void range_c(uint8_t *bits, const float *value, uint64_t count, float low, float high)
{
    for (uint64_t i = 0; i < count; i += 8) {
        unsigned byte = 0;
        for (unsigned b = 0; b < 8; b++)
            byte |= (unsigned)(value[i + b] >= low && value[i + b] <= high) << b;
        bits[i / 8] &= (uint8_t)byte;
    }
}

static void difference_c(uint8_t *bits, const float *a, const float *b, uint64_t count, float low,
                         float high)
{
    for (uint64_t i = 0; i < count; i += 8) {
        unsigned byte = 0;
        for (unsigned k = 0; k < 8; k++) {
            float value = a[i + k] - b[i + k];
            byte |= (unsigned)(value >= low && value <= high) << k;
        }
        bits[i / 8] &= (uint8_t)byte;
    }
}

static void flags_c(uint8_t *bits, const uint8_t *flags, uint64_t count, uint32_t types,
                    uint8_t care, uint8_t wanted)
{
    for (uint64_t i = 0; i < count; i += 8) {
        unsigned byte = 0;
        for (unsigned b = 0; b < 8; b++) {
            unsigned here = flags[i + b];
            byte |= (unsigned)((types >> (here & NSKY_FLAG_TYPE) & 1) && (here & care) == wanted)
                    << b;
        }
        bits[i / 8] &= (uint8_t)byte;
    }
}

static void band_c(uint8_t *bits, const uint32_t *value, uint64_t count, uint32_t low,
                   uint32_t span)
{
    for (uint64_t i = 0; i < count; i += 8) {
        unsigned byte = 0;
        for (unsigned b = 0; b < 8; b++)
            byte |= (unsigned)(value[i + b] - low <= span) << b;
        bits[i / 8] &= (uint8_t)byte;
    }
}

__attribute__((target("avx2"))) static void range_avx2(uint8_t *bits, const float *value,
                                                       uint64_t count, float low, float high)
{
    const __m256 from = _mm256_set1_ps(low), to = _mm256_set1_ps(high);

    for (uint64_t i = 0; i < count; i += 8) {
        __m256 v = _mm256_loadu_ps(value + i);
        __m256 in =
            _mm256_and_ps(_mm256_cmp_ps(v, from, _CMP_GE_OQ), _mm256_cmp_ps(v, to, _CMP_LE_OQ));
        bits[i / 8] &= (uint8_t)_mm256_movemask_ps(in);
    }
}

__attribute__((target("avx2"))) static void difference_avx2(uint8_t *bits, const float *a,
                                                            const float *b, uint64_t count,
                                                            float low, float high)
{
    const __m256 from = _mm256_set1_ps(low), to = _mm256_set1_ps(high);

    for (uint64_t i = 0; i < count; i += 8) {
        __m256 v = _mm256_sub_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i));
        __m256 in =
            _mm256_and_ps(_mm256_cmp_ps(v, from, _CMP_GE_OQ), _mm256_cmp_ps(v, to, _CMP_LE_OQ));
        bits[i / 8] &= (uint8_t)_mm256_movemask_ps(in);
    }
}

__attribute__((target("avx2"))) static void flags_avx2(uint8_t *bits, const uint8_t *flags,
                                                       uint64_t count, uint32_t types, uint8_t care,
                                                       uint8_t wanted)
{
    uint8_t passes[16];
    uint64_t i = 0;

    for (unsigned type = 0; type < 16; type++)
        passes[type] = types >> type & 1 ? 0xff : 0;
    const __m256i table = _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)passes));
    const __m256i low = _mm256_set1_epi8(NSKY_FLAG_TYPE), mask = _mm256_set1_epi8((char)care);
    const __m256i want = _mm256_set1_epi8((char)wanted);
    for (; i + 32 <= count; i += 32) {
        __m256i v = _mm256_loadu_si256((const void *)(flags + i));
        __m256i in = _mm256_and_si256(_mm256_shuffle_epi8(table, _mm256_and_si256(v, low)),
                                      _mm256_cmpeq_epi8(_mm256_and_si256(v, mask), want));
        uint32_t four = (uint32_t)_mm256_movemask_epi8(in);
        for (unsigned b = 0; b < 4; b++)
            bits[i / 8 + b] &= (uint8_t)(four >> 8 * b);
    }
    flags_c(bits + i / 8, flags + i, count - i, types, care, wanted);
}

__attribute__((target("avx2"))) static void band_avx2(uint8_t *bits, const uint32_t *value,
                                                      uint64_t count, uint32_t low, uint32_t span)
{
    const __m256i from = _mm256_set1_epi32((int)low), reach = _mm256_set1_epi32((int)span);

    for (uint64_t i = 0; i < count; i += 8) {
        __m256i v = _mm256_sub_epi32(_mm256_loadu_si256((const void *)(value + i)), from);
        __m256i in = _mm256_cmpeq_epi32(_mm256_min_epu32(v, reach), v);
        bits[i / 8] &= (uint8_t)_mm256_movemask_ps(_mm256_castsi256_ps(in));
    }
}

uint32_t nsky_filter_kernels(nsky_filter_kernel out[2])
{
    uint32_t count = 0;

    if (__builtin_cpu_supports("avx2"))
        out[count++] =
            (nsky_filter_kernel){"avx2", range_avx2, difference_avx2, flags_avx2, band_avx2};
    out[count++] = (nsky_filter_kernel){"c", range_c, difference_c, flags_c, band_c};
    return count;
}
