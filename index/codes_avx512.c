/* codes_avx512.c - codes.h: the sweep with AVX-512 VNNI. Pure functions: any thread.
 *
 * A lane is a row, so there is nothing to add up across lanes; vpdpbusd takes four weights at once,
 * broadcast from memory. Every variant (queries at once, planes, bits) is the same inlined function
 * with its loops unrolled. */
#include <immintrin.h>
#include <string.h>

#include "index/codes_private.h"

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vnni")))
#define INLINE static inline __attribute__((always_inline)) TARGET
#define TOGETHER 4 /* queries that share a load, at most */

INLINE __m512i four_weights(const int8_t *plane)
{
    int32_t four;
    memcpy(&four, plane, sizeof four);
    return _mm512_set1_epi32(four);
}

INLINE void store_scores(const nsky_code_query *query, float base, __m512i first, __m512i second,
                         uint32_t planes, float *out)
{
    __m512 head = _mm512_set1_ps(base + query->offset);
    __m512 sum = _mm512_mul_ps(_mm512_set1_ps(query->scales[0]), _mm512_cvtepi32_ps(first));
    if (planes == 2)
        sum = _mm512_add_ps(
            sum, _mm512_mul_ps(_mm512_set1_ps(query->scales[1]), _mm512_cvtepi32_ps(second)));
    _mm512_storeu_ps(out, _mm512_add_ps(head, sum));
}

/* nb blocks (1 or 2) against n queries from `from` on. */
INLINE void step(const nsky_code_sweep_args *args, uint64_t b, uint32_t nb, uint32_t from,
                 uint32_t n, uint32_t planes, uint32_t bits)
{
    const size_t block_bytes = (size_t)args->padded * bits / 8 * NSKY_CODE_ROWS;
    const uint8_t *block = args->blocks + b * block_bytes;
    const __m512i nibble = _mm512_set1_epi8(15);
    __m512i sums[2][TOGETHER][2];

#pragma GCC unroll 16
    for (uint32_t i = 0; i < nb * n * planes; i++)
        sums[i / (n * planes)][i / planes % n][i % planes] = _mm512_setzero_si512();
    for (uint32_t d = 0; d < args->padded; d += 32 / bits, block += 64) {
#pragma GCC unroll 2
        for (uint32_t i = 0; i < nb; i++) {
            const __m512i codes = _mm512_loadu_si512(block + i * block_bytes);
            const __m512i low = bits == 8 ? codes : _mm512_and_si512(codes, nibble);
            const __m512i high = _mm512_and_si512(_mm512_srli_epi16(codes, 4), nibble);
#pragma GCC unroll 8
            for (uint32_t j = 0; j < n * planes; j++) {
                const int8_t *plane = args->queries[from + j / planes]->planes[j % planes] + d;
                __m512i *sum = &sums[i][j / planes][j % planes];
                *sum = _mm512_dpbusd_epi32(*sum, low, four_weights(plane));
                if (bits == 4)
                    *sum = _mm512_dpbusd_epi32(*sum, high, four_weights(plane + 4));
            }
        }
    }
#pragma GCC unroll 2
    for (uint32_t i = 0; i < nb; i++)
#pragma GCC unroll 4
        for (uint32_t j = 0; j < n; j++)
            store_scores(args->queries[from + j], args->bases[from + j], sums[i][j][0],
                         planes == 2 ? sums[i][j][1] : sums[i][j][0], planes,
                         args->scores + ((from + j) * args->block_count + b + i) * NSKY_CODE_ROWS);
}

/* All blocks, two at a time, all queries of each pair of blocks while it is in the cache. */
INLINE void sweep(const nsky_code_sweep_args *args, uint32_t planes, uint32_t bits)
{
    for (uint64_t b = 0; b < args->block_count; b += 2) {
        const bool pair = b + 1 < args->block_count;
        uint32_t q = 0;
        for (; q + TOGETHER <= args->count; q += TOGETHER)
            if (pair)
                step(args, b, 2, q, TOGETHER, planes, bits);
            else
                step(args, b, 1, q, TOGETHER, planes, bits);
        for (; q < args->count; q++)
            if (pair)
                step(args, b, 2, q, 1, planes, bits);
            else
                step(args, b, 1, q, 1, planes, bits);
    }
}

TARGET void nsky_code_sweep_avx512(const nsky_code_sweep_args *args)
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

TARGET void nsky_code_above_avx512(const float *scores, uint64_t block_count, float threshold,
                                   uint16_t *masks)
{
    const __m512 least = _mm512_set1_ps(threshold);
    for (uint64_t b = 0; b < block_count; b++)
        masks[b] =
            _mm512_cmp_ps_mask(_mm512_loadu_ps(scores + b * NSKY_CODE_ROWS), least, _CMP_GE_OQ);
}
