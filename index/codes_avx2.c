/* codes_avx2.c - codes.h: the sweep with AVX2. Pure functions: any thread.
 *
 * A 32-bit lane is a row. vpmaddubsw adds two products into 16 bits and would saturate: 4-bit codes
 * stay below 2 * 15 * 127, so that four groups fit before they are widened; 8-bit codes meet
 * weights of at most 64, so that two products fit. */
#include <immintrin.h>
#include <math.h>
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

INLINE void score_block(const nsky_code_query *query, const uint8_t *block, uint32_t padded,
                        uint32_t planes, uint32_t bits, float base, float *out)
{
    for (size_t half = 0; half < 2; half++) {
        const uint8_t *codes = block + half * 32;
        __m256i first = add_eight(codes, query->planes[0], padded, bits);
        __m256 sum = _mm256_mul_ps(_mm256_set1_ps(query->scales[0]), _mm256_cvtepi32_ps(first));
        if (planes == 2) {
            __m256i second = add_eight(codes, query->planes[1], padded, bits);
            sum = _mm256_add_ps(
                sum, _mm256_mul_ps(_mm256_set1_ps(query->scales[1]), _mm256_cvtepi32_ps(second)));
        }
        _mm256_storeu_ps(out + half * 8, _mm256_add_ps(_mm256_set1_ps(base + query->offset), sum));
    }
}

INLINE void sweep(const nsky_code_sweep_args *args, uint32_t planes, uint32_t bits)
{
    const size_t block_bytes = (size_t)args->padded * bits / 8 * NSKY_CODE_ROWS;

    for (uint64_t b = 0; b < args->block_count; b++)
        for (uint32_t q = 0; q < args->count; q++)
            score_block(args->queries[q], args->blocks + b * block_bytes, args->padded, planes,
                        bits, args->bases[q],
                        args->scores + (q * args->block_count + b) * NSKY_CODE_ROWS);
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

INLINE void fetch(const uint8_t *bytes, size_t count)
{
    for (size_t line = 0; line < count; line += 64)
        _mm_prefetch((const char *)bytes + line, _MM_HINT_T0);
}

INLINE __m256 score_eight(const nsky_code_query *query, float base, __m256i sum)
{
    return _mm256_add_ps(_mm256_set1_ps(base + query->offset),
                         _mm256_mul_ps(_mm256_set1_ps(query->scales[0]), _mm256_cvtepi32_ps(sum)));
}

INLINE uint32_t above_eight(__m256 scores, __m256 least)
{
    return (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(scores, least, _CMP_GE_OQ));
}

/* First the heads of all, then the rest of those that are near, which was fetched meanwhile. */
INLINE void pick_early(const nsky_code_pick_args *args, uint32_t bits)
{
    const size_t dimension_bytes = (size_t)bits * NSKY_CODE_ROWS / 8;
    const size_t block_bytes = args->padded * dimension_bytes;
    const size_t head_bytes = args->head * dimension_bytes;
    const nsky_code_query *query = args->query;
    const __m256i rest = _mm256_set1_epi32(query->rest);
    const __m256 least = _mm256_set1_ps(args->least);
    __m256i sums[NSKY_CODE_PICKS][2];
    uint32_t near[NSKY_CODE_PICKS], count = 0;

    for (uint32_t i = 0; i < args->count; i++) {
        const uint8_t *block = args->blocks + args->picks[i].block * block_bytes;
        const float base = args->picks[i].base;
        uint32_t mask = 0;
        fetch(nsky_code_pick_ahead(args, i, block_bytes), head_bytes);
        for (uint32_t half = 0; half < 2; half++) {
            sums[i][half] =
                add_eight(block + (size_t)half * 32, query->planes[0], args->head, bits);
            mask |=
                above_eight(score_eight(query, base, _mm256_add_epi32(sums[i][half], rest)), least)
                << 8 * half;
            _mm256_storeu_ps(args->scores + (size_t)i * NSKY_CODE_ROWS + (size_t)half * 8,
                             _mm256_set1_ps(-INFINITY));
        }
        if (!(mask & args->masks[i]))
            continue;
        near[count++] = i;
        fetch(block + head_bytes, block_bytes - head_bytes);
    }
    for (uint32_t n = 0; n < count; n++) {
        const uint32_t i = near[n];
        const uint8_t *block = args->blocks + args->picks[i].block * block_bytes + head_bytes;
        for (size_t half = 0; half < 2; half++) {
            const __m256i more = add_eight(block + half * 32, query->planes[0] + args->head,
                                           args->padded - args->head, bits);
            _mm256_storeu_ps(
                args->scores + (size_t)i * NSKY_CODE_ROWS + half * 8,
                score_eight(query, args->picks[i].base, _mm256_add_epi32(sums[i][half], more)));
        }
    }
}

INLINE void pick(const nsky_code_pick_args *args, uint32_t planes, uint32_t bits)
{
    const size_t block_bytes = (size_t)args->padded * bits / 8 * NSKY_CODE_ROWS;

    for (uint32_t i = 0; i < args->count; i++) {
        fetch(nsky_code_pick_ahead(args, i, block_bytes), block_bytes);
        score_block(args->query, args->blocks + args->picks[i].block * block_bytes, args->padded,
                    planes, bits, args->picks[i].base, args->scores + (size_t)i * NSKY_CODE_ROWS);
    }
}

TARGET void nsky_code_pick_avx2(const nsky_code_pick_args *args)
{
    const uint32_t planes = args->query->plane_count;
    if (args->early && args->bits == 4)
        pick_early(args, 4);
    else if (args->early)
        pick_early(args, 8);
    else if (args->bits == 4)
        pick(args, planes, 4);
    else
        pick(args, planes, 8);
}

/* Bits of eight slots. Rows past the end are not looked up. */
INLINE uint32_t match_eight(const uint32_t *row_of, const uint8_t *allowed, uint32_t rows)
{
    const __m256i row = _mm256_loadu_si256((const void *)row_of);
    const __m256i most = _mm256_set1_epi32((int32_t)(rows - 1));
    const __m256i valid = _mm256_cmpeq_epi32(_mm256_min_epu32(row, most), row);
    const __m256i last = _mm256_set1_epi32((int32_t)nsky_code_last_word(rows));
    const __m256i at = _mm256_min_epu32(_mm256_srli_epi32(row, 3), last);
    const __m256i word =
        _mm256_mask_i32gather_epi32(_mm256_setzero_si256(), (const int *)allowed, at, valid, 1);
    const __m256i shift = _mm256_sub_epi32(row, _mm256_slli_epi32(at, 3));
    const __m256i bit = _mm256_slli_epi32(_mm256_srlv_epi32(word, shift), 31);
    return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(bit));
}

TARGET uint64_t nsky_code_match_avx2(const uint32_t *row_of, uint64_t block_count,
                                     const uint8_t *allowed, uint32_t rows, uint16_t *masks)
{
    uint64_t count = 0;
    if (rows <= 24) /* fewer bytes than a gather reads */
        return nsky_code_match_c(row_of, block_count, allowed, rows, masks);
    for (uint64_t b = 0; b < block_count; b++, row_of += NSKY_CODE_ROWS) {
        masks[b] = (uint16_t)(match_eight(row_of, allowed, rows) |
                              match_eight(row_of + 8, allowed, rows) << 8);
        count += (uint64_t)__builtin_popcount(masks[b]);
    }
    return count;
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
