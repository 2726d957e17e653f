/* codes_avx512.c - codes.h: the sweep with AVX-512 VNNI. Pure functions: any thread.
 *
 * A lane is a row, so there is nothing to add up across lanes; vpdpbusd takes four weights at once,
 * broadcast from memory. The weights of queries that share a load are laid side by side first.
 * Every variant (queries at once, planes, bits) is the same inlined function with its loops
 * unrolled. */
#include <immintrin.h>
#include <math.h>
#include <stdbool.h>
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

/* Into the first level what comes next, into the second what comes much later. */
INLINE void fetch(const uint8_t *line, bool far)
{
    if (far)
        _mm_prefetch((const char *)line, _MM_HINT_T1);
    else
        _mm_prefetch((const char *)line, _MM_HINT_T0);
}

/* Eight dimensions of one block and one plane into two sums, while as many lines are fetched. */
INLINE void add_eight(__m512i sums[2], const uint8_t *line, const uint8_t *ahead,
                      const int8_t *plane, uint32_t bits, bool far)
{
    const __m512i nibble = _mm512_set1_epi8(15), codes = _mm512_loadu_si512(line);

    fetch(ahead, far);
    if (bits == 4) {
        add_four(&sums[0], _mm512_and_si512(codes, nibble), plane);
        add_four(&sums[1], _mm512_and_si512(_mm512_srli_epi16(codes, 4), nibble), plane + 4);
        return;
    }
    fetch(ahead + 64, far);
    add_four(&sums[0], codes, plane);
    add_four(&sums[1], _mm512_loadu_si512(line + 64), plane + 4);
}

/* One block with one plane, which needs no packing. Four sums take turns: one would wait five
 * cycles a line for itself. */
INLINE __m512i add_block(const uint8_t *line, const uint8_t *ahead, const int8_t *plane,
                         uint32_t padded, uint32_t bits, bool far)
{
    const size_t bytes = 16 * (size_t)bits; /* of eight dimensions */
    const __m512i zero = _mm512_setzero_si512();
    __m512i even[2] = {zero, zero}, odd[2] = {zero, zero};
    uint32_t d = 0;

    for (; d + 16 <= padded; d += 16, line += 2 * bytes, ahead += 2 * bytes) {
        add_eight(even, line, ahead, plane + d, bits, far);
        add_eight(odd, line + bytes, ahead + bytes, plane + d + 8, bits, far);
    }
    if (d < padded)
        add_eight(even, line, ahead, plane + d, bits, far);
    return _mm512_add_epi32(_mm512_add_epi32(even[0], even[1]), _mm512_add_epi32(odd[0], odd[1]));
}

INLINE void score_block(const nsky_code_query *query, const uint8_t *block, const uint8_t *ahead,
                        uint32_t padded, uint32_t planes, uint32_t bits, bool far, float base,
                        float *out)
{
    const __m512i first = add_block(block, ahead, query->planes[0], padded, bits, far);
    const __m512i second =
        planes == 2 ? add_block(block, ahead, query->planes[1], padded, bits, far) : first;
    store_scores(query, base, first, second, planes, out);
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

/* One query needs no packing, either. */
INLINE void sweep_one(const nsky_code_sweep_args *args, uint32_t planes, uint32_t bits)
{
    const size_t block_bytes = (size_t)args->padded * bits / 8 * NSKY_CODE_ROWS;

    for (uint64_t b = 0; b < args->block_count; b++) {
        const uint8_t *block = args->blocks + b * block_bytes;
        score_block(args->queries[0], block, block + PREFETCH_BYTES, args->padded, planes, bits,
                    true, args->bases[0], args->scores + b * NSKY_CODE_ROWS);
    }
}

TARGET void nsky_code_sweep_avx512(const nsky_code_sweep_args *args)
{
    const uint32_t planes = args->queries[0]->plane_count;
    if (args->count == 1 && planes == 1) {
        if (args->bits == 4)
            sweep_one(args, 1, 4);
        else
            sweep_one(args, 1, 8);
        return;
    }
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

/* First the heads of all, then the rest of those that are near, which was fetched meanwhile. */
INLINE void pick_early(const nsky_code_pick_args *args, uint32_t bits)
{
    const size_t dimension_bytes = (size_t)bits * NSKY_CODE_ROWS / 8;
    const size_t block_bytes = args->padded * dimension_bytes;
    const size_t head_bytes = args->head * dimension_bytes;
    const nsky_code_query *query = args->query;
    const __m512i rest = _mm512_set1_epi32(query->rest);
    const __m512 least = _mm512_set1_ps(args->least), none = _mm512_set1_ps(-INFINITY);
    const __m512 scale = _mm512_set1_ps(query->scales[0]);
    __m512i sums[NSKY_CODE_PICKS];
    uint32_t near[NSKY_CODE_PICKS], count = 0;

    for (uint32_t i = 0; i < args->count; i++) {
        const uint8_t *block = args->blocks + args->picks[i].block * block_bytes;
        const __m512 head = _mm512_set1_ps(args->picks[i].base + query->offset);
        sums[i] = add_block(block, nsky_code_pick_ahead(args, i, block_bytes), query->planes[0],
                            args->head, bits, false);
        const __m512 sum =
            _mm512_mul_ps(scale, _mm512_cvtepi32_ps(_mm512_add_epi32(sums[i], rest)));
        _mm512_storeu_ps(args->scores + (size_t)i * NSKY_CODE_ROWS, none);
        if (!(_mm512_cmp_ps_mask(_mm512_add_ps(head, sum), least, _CMP_GE_OQ) & args->masks[i]))
            continue;
        near[count++] = i;
        for (size_t byte = head_bytes; byte < block_bytes; byte += 64)
            fetch(block + byte, false);
    }
    for (uint32_t n = 0; n < count; n++) {
        const uint32_t i = near[n];
        const uint8_t *block = args->blocks + args->picks[i].block * block_bytes + head_bytes;
        const __m512i more = add_block(block, block, query->planes[0] + args->head,
                                       args->padded - args->head, bits, false);
        const __m512i sum = _mm512_add_epi32(sums[i], more);
        store_scores(query, args->picks[i].base, sum, sum, 1,
                     args->scores + (size_t)i * NSKY_CODE_ROWS);
    }
}

INLINE void pick(const nsky_code_pick_args *args, uint32_t planes, uint32_t bits)
{
    const size_t block_bytes = (size_t)args->padded * bits / 8 * NSKY_CODE_ROWS;

    for (uint32_t i = 0; i < args->count; i++)
        score_block(args->query, args->blocks + args->picks[i].block * block_bytes,
                    nsky_code_pick_ahead(args, i, block_bytes), args->padded, planes, bits, false,
                    args->picks[i].base, args->scores + (size_t)i * NSKY_CODE_ROWS);
}

TARGET void nsky_code_pick_avx512(const nsky_code_pick_args *args)
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

/* Rows past the end are not looked up. */
TARGET uint64_t nsky_code_match_avx512(const uint32_t *row_of, uint64_t block_count,
                                       const uint8_t *allowed, uint32_t rows, uint16_t *masks)
{
    const __m512i end = _mm512_set1_epi32((int32_t)rows), one = _mm512_set1_epi32(1);
    uint64_t count = 0;
    if (rows <= 24) /* fewer bytes than a gather reads */
        return nsky_code_match_c(row_of, block_count, allowed, rows, masks);
    const __m512i last = _mm512_set1_epi32((int32_t)nsky_code_last_word(rows));
    for (uint64_t b = 0; b < block_count; b++) {
        const __m512i row = _mm512_loadu_si512(row_of + b * NSKY_CODE_ROWS);
        const __mmask16 valid = _mm512_cmplt_epu32_mask(row, end);
        const __m512i at = _mm512_min_epu32(_mm512_srli_epi32(row, 3), last);
        const __m512i word =
            _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), valid, at, allowed, 1);
        const __m512i shift = _mm512_sub_epi32(row, _mm512_slli_epi32(at, 3));
        masks[b] = _mm512_mask_test_epi32_mask(valid, word, _mm512_sllv_epi32(one, shift));
        count += (uint64_t)__builtin_popcount(masks[b]);
    }
    return count;
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
