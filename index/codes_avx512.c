/* codes_avx512.c - codes.h: the sweep with AVX-512 VNNI. Pure functions: any thread.
 *
 * A lane is a row, so there is nothing to add up across lanes; vpdpbusd takes four weights at once,
 * broadcast from memory. The weights of queries that share a load are laid side by side first.
 * Every variant (queries at once, planes, bits) is the same inlined function with its loops
 * unrolled. */
#include <immintrin.h>
#include <string.h>

#include "index/codes_private.h"

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vnni,popcnt")))
#define INLINE static inline __attribute__((always_inline)) TARGET
#define SUMS 8              /* planes that share a load, at most: 8 queries of one or 4 of two */
#define PACKED 16           /* queries of one pass over the blocks */
#define PREFETCH_BYTES 8192 /* ahead, into the second level: 2 to 32 KB do alike, none is worse */

/* By hand, because compilers copy the sums about when there are sixteen of them. */
INLINE void add_four(__m512i *sum, __m512i codes, const int8_t *weights)
{
    __asm__("vpdpbusd %2%{1to16%}, %1, %0"
            : "+v"(*sum)
            : "v"(codes), "m"(*(const char(*)[4])weights));
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

/* One block against n queries from `from` on, whose weights are packed. The two halves of a 4-bit
 * line have sums of their own: one sum would wait for itself. */
INLINE void step(const nsky_code_sweep_args *args, const int8_t *weights, uint64_t b, uint32_t from,
                 uint32_t n, uint32_t planes, uint32_t bits)
{
    const size_t per_group = 32 / bits;
    const uint8_t *line = args->blocks + b * args->padded * bits / 8 * NSKY_CODE_ROWS;
    const __m512i nibble = _mm512_set1_epi8(15);
    __m512i sums[SUMS], highs[SUMS];

#pragma GCC unroll 8
    for (uint32_t j = 0; j < n * planes; j++)
        sums[j] = highs[j] = _mm512_setzero_si512();
    for (size_t g = args->padded / per_group; g > 0; g--) {
        const __m512i codes = _mm512_loadu_si512(line);
        const __m512i low = bits == 8 ? codes : _mm512_and_si512(codes, nibble);
        const __m512i high = _mm512_and_si512(_mm512_srli_epi16(codes, 4), nibble);
        if (from == 0)
            _mm_prefetch(line + PREFETCH_BYTES, _MM_HINT_T1);
#pragma GCC unroll 8
        for (uint32_t j = 0; j < n * planes; j++) {
            add_four(&sums[j], low, weights + j * per_group);
            if (bits == 4)
                add_four(&highs[j], high, weights + j * per_group + 4);
        }
        line += 64;
        weights += per_group * n * planes;
    }
#pragma GCC unroll 8
    for (uint32_t j = 0; j < n * planes; j++)
        sums[j] = _mm512_add_epi32(sums[j], highs[j]);
#pragma GCC unroll 8
    for (uint32_t j = 0; j < n; j++)
        store_scores(args->queries[from + j], args->bases[from + j], sums[(size_t)j * planes],
                     sums[(size_t)j * planes + planes - 1], planes,
                     args->scores + ((from + j) * args->block_count + b) * NSKY_CODE_ROWS);
}

/* Queries of the next step: 8, 4, 2 or 1. */
INLINE uint32_t step_size(uint32_t left, uint32_t planes)
{
    const uint32_t most = left * planes < SUMS ? left : SUMS / planes;
    return most >= 8 ? 8 : most >= 4 ? 4 : most >= 2 ? 2 : 1;
}

/* Weights of n queries side by side, group after group. */
INLINE int8_t *pack(int8_t *out, const nsky_code_query *const *queries, uint32_t n, uint32_t padded,
                    uint32_t planes, uint32_t bits)
{
    const uint32_t per_group = 32 / bits;
    for (uint32_t d = 0; d < padded; d += per_group)
        for (uint32_t j = 0; j < n * planes; j++, out += per_group)
            memcpy(out, queries[j / planes]->planes[j % planes] + d, per_group);
    return out;
}

/* All blocks, each against the queries of [from, from + count) while it is in the cache. Straight
 * on through memory: two blocks at a time would share the weights' loads, but the hardware's
 * prefetcher keeps up with one stream better (measured: 0.72 of the bandwidth against 0.92). */
INLINE void sweep(const nsky_code_sweep_args *args, uint32_t from, uint32_t count, uint32_t planes,
                  uint32_t bits)
{
    const size_t query_bytes = (size_t)args->padded * planes;
    int8_t weights[PACKED * NSKY_CODED_MAX * 2], *next = weights;

    for (uint32_t q = 0, n; q < count; q += n) {
        n = step_size(count - q, planes);
        next = pack(next, args->queries + from + q, n, args->padded, planes, bits);
    }
    for (uint64_t b = 0; b < args->block_count; b++)
        for (uint32_t q = 0, n; q < count; q += n) {
            const int8_t *own = weights + q * query_bytes;
            n = step_size(count - q, planes);
            if (n == 8 && planes == 1)
                step(args, own, b, from + q, 8, 1, bits);
            else if (n == 4)
                step(args, own, b, from + q, 4, planes, bits);
            else if (n == 2)
                step(args, own, b, from + q, 2, planes, bits);
            else
                step(args, own, b, from + q, 1, planes, bits);
        }
}

TARGET void nsky_code_sweep_avx512(const nsky_code_sweep_args *args)
{
    const uint32_t planes = args->queries[0]->plane_count;
    for (uint32_t from = 0; from < args->count; from += PACKED) {
        const uint32_t count = args->count - from < PACKED ? args->count - from : PACKED;
        if (args->bits == 4 && planes == 1)
            sweep(args, from, count, 1, 4);
        else if (args->bits == 4)
            sweep(args, from, count, 2, 4);
        else if (planes == 1)
            sweep(args, from, count, 1, 8);
        else
            sweep(args, from, count, 2, 8);
    }
}

TARGET uint64_t nsky_code_above_avx512(const float *scores, uint64_t block_count, float threshold,
                                       uint16_t *masks)
{
    const __m512 least = _mm512_set1_ps(threshold);
    uint64_t count = 0;
    for (uint64_t b = 0; b < block_count; b++) {
        masks[b] =
            _mm512_cmp_ps_mask(_mm512_loadu_ps(scores + b * NSKY_CODE_ROWS), least, _CMP_GE_OQ);
        count += (uint64_t)__builtin_popcount(masks[b]);
    }
    return count;
}
