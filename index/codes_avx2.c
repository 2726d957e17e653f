/* codes_avx2.c - codes.h: the sweep with AVX2. Pure functions: any thread.
 *
 * A 32-bit lane is a row. vpmaddubsw adds two products into 16 bits and would saturate: 4-bit codes
 * stay below 2 * 15 * 127, so that four groups fit before they are widened; 8-bit codes meet
 * weights of at most 64, so that two products fit. */
#include <immintrin.h>
#include <string.h>

#include "index/codes_private.h"

#define TARGET __attribute__((target("avx2,popcnt")))
#define INLINE static inline __attribute__((always_inline)) TARGET
#define GROUPS 4 /* 4 * (2 * 15 * 127 + 2 * 15 * 127) < 2^15 */

INLINE __m256i four_weights(const int8_t *plane)
{
    int32_t four;
    memcpy(&four, plane, sizeof four);
    return _mm256_set1_epi32(four);
}

/* Sums of eight rows with one plane; codes: their half of the block's first line. */
INLINE __m256i add_eight(const uint8_t *codes, const int8_t *plane, uint32_t padded, uint32_t bits)
{
    const __m256i ones = _mm256_set1_epi16(1), nibble = _mm256_set1_epi8(15);
    __m256i sum = _mm256_setzero_si256();

    if (bits == 8) {
        for (uint32_t d = 0; d < padded; d += 4, codes += 64) {
            __m256i line = _mm256_loadu_si256((const void *)codes);
            __m256i two = _mm256_maddubs_epi16(line, four_weights(plane + d));
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(two, ones));
        }
        return sum;
    }
    for (uint32_t d = 0; d < padded;) {
        const uint32_t end = d + 8 * GROUPS < padded ? d + 8 * GROUPS : padded;
        __m256i two = _mm256_setzero_si256();
        for (; d < end; d += 8, codes += 64) {
            __m256i line = _mm256_loadu_si256((const void *)codes);
            __m256i low = _mm256_and_si256(line, nibble);
            __m256i high = _mm256_and_si256(_mm256_srli_epi16(line, 4), nibble);
            two = _mm256_add_epi16(two, _mm256_maddubs_epi16(low, four_weights(plane + d)));
            two = _mm256_add_epi16(two, _mm256_maddubs_epi16(high, four_weights(plane + d + 4)));
        }
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(two, ones));
    }
    return sum;
}

INLINE void sweep(const nsky_code_sweep_args *args, uint32_t planes, uint32_t bits)
{
    const size_t block_bytes = (size_t)args->padded * bits / 8 * NSKY_CODE_ROWS;

    for (uint64_t b = 0; b < args->block_count; b++)
        for (uint32_t q = 0; q < args->count; q++)
            for (uint32_t half = 0; half < 2; half++) {
                const nsky_code_query *query = args->queries[q];
                const uint8_t *codes = args->blocks + b * block_bytes + (size_t)half * 32;
                float *out =
                    args->scores + (q * args->block_count + b) * NSKY_CODE_ROWS + (size_t)half * 8;
                __m256i first = add_eight(codes, query->planes[0], args->padded, bits);
                __m256 sum =
                    _mm256_mul_ps(_mm256_set1_ps(query->scales[0]), _mm256_cvtepi32_ps(first));
                if (planes == 2) {
                    __m256i second = add_eight(codes, query->planes[1], args->padded, bits);
                    sum = _mm256_add_ps(sum, _mm256_mul_ps(_mm256_set1_ps(query->scales[1]),
                                                           _mm256_cvtepi32_ps(second)));
                }
                _mm256_storeu_ps(
                    out, _mm256_add_ps(_mm256_set1_ps(args->bases[q] + query->offset), sum));
            }
}

TARGET void nsky_code_sweep_avx2(const nsky_code_sweep_args *args)
{
    const uint32_t planes = args->queries[0]->plane_count;
    if (args->bits == 4 && planes == 1)
        sweep(args, 1, 4);
    else if (args->bits == 4)
        sweep(args, 2, 4);
    else if (planes == 1)
        sweep(args, 1, 8);
    else
        sweep(args, 2, 8);
}

TARGET uint64_t nsky_code_above_avx2(const float *scores, uint64_t block_count, float threshold,
                                     uint16_t *masks)
{
    const __m256 least = _mm256_set1_ps(threshold);
    uint64_t count = 0;
    for (uint64_t b = 0; b < block_count; b++, scores += NSKY_CODE_ROWS) {
        int low = _mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(scores), least, _CMP_GE_OQ));
        int high =
            _mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(scores + 8), least, _CMP_GE_OQ));
        masks[b] = (uint16_t)(low | high << 8);
        count += (uint64_t)__builtin_popcount(masks[b]);
    }
    return count;
}
