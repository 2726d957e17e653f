/* graph_kernels.c - products of one row of whole numbers with scattered others, three ways, the
 * same sums. What limits a walk is waiting for memory: all rows are asked for before the first is
 * used. Pure functions: any thread. */
#include <immintrin.h>

#include "index/graph_private.h"

static void ask_for(const uint8_t *codes, uint32_t coded, const uint32_t *rows, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t line = 0; line < coded; line += 64)
            __builtin_prefetch(codes + (size_t)rows[i] * coded + line);
}

static void dots_c(const int8_t *query, const uint8_t *codes, uint32_t coded, const uint32_t *rows,
                   uint32_t count, int32_t *out)
{
    ask_for(codes, coded, rows, count);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *code = codes + (size_t)rows[i] * coded;
        int32_t sum = 0;
        for (uint32_t d = 0; d < coded; d++)
            sum += query[d] * code[d];
        out[i] = sum;
    }
}

/* Bytes are widened first: sums of two products of a byte each need not fit 16 bits. */
__attribute__((target("avx2"))) static void dots_avx2(const int8_t *query, const uint8_t *codes,
                                                      uint32_t coded, const uint32_t *rows,
                                                      uint32_t count, int32_t *out)
{
    ask_for(codes, coded, rows, count);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *code = codes + (size_t)rows[i] * coded;
        __m256i sum = _mm256_setzero_si256(), other = sum;
        for (uint32_t d = 0; d < coded; d += 32) {
            __m256i a = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(code + d)));
            __m256i b = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(query + d)));
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
            a = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(code + d + 16)));
            b = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(query + d + 16)));
            other = _mm256_add_epi32(other, _mm256_madd_epi16(a, b));
        }
        sum = _mm256_add_epi32(sum, other);
        __m128i four = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
        four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
        four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1));
        out[i] = _mm_cvtsi128_si32(four);
    }
}

__attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni"))) static inline __m128i
quarter(__m512i sum)
{
    __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(sum), _mm512_extracti64x4_epi64(sum, 1));
    return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

__attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni"))) static void
dots_vnni(const int8_t *query, const uint8_t *codes, uint32_t coded, const uint32_t *rows,
          uint32_t count, int32_t *out)
{
    ask_for(codes, coded, rows, count);
    for (uint32_t i = 0; i < count; i += 4) {
        const uint8_t *code[4];
        __m512i sum[4];
        for (uint32_t j = 0; j < 4; j++) {
            code[j] = codes + (size_t)rows[i + j < count ? i + j : i] * coded;
            sum[j] = _mm512_setzero_si512();
        }
        for (uint32_t d = 0; d < coded; d += 64) {
            __m512i q = _mm512_loadu_si512(query + d);
            for (uint32_t j = 0; j < 4; j++)
                sum[j] = _mm512_dpbusd_epi32(sum[j], _mm512_loadu_si512(code[j] + d), q);
        }
        __m128i left = _mm_hadd_epi32(quarter(sum[0]), quarter(sum[1]));
        __m128i right = _mm_hadd_epi32(quarter(sum[2]), quarter(sum[3]));
        __m128i four = _mm_hadd_epi32(left, right);
        if (i + 4 <= count) {
            _mm_storeu_si128((__m128i *)(out + i), four);
        } else {
            int32_t rest[4];
            _mm_storeu_si128((__m128i *)rest, four);
            for (uint32_t j = i; j < count; j++)
                out[j] = rest[j - i];
        }
    }
}

uint32_t nsky_knn_kernels(nsky_knn_kernel out[3])
{
    uint32_t count = 0;
    if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl"))
        out[count++] = (nsky_knn_kernel){"avx512vnni", dots_vnni};
    if (__builtin_cpu_supports("avx2"))
        out[count++] = (nsky_knn_kernel){"avx2", dots_avx2};
    out[count++] = (nsky_knn_kernel){"c", dots_c};
    return count;
}
