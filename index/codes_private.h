/* codes_private.h (private) - what the sweep kernels share. */
#ifndef NSKY_CODES_PRIVATE_H
#define NSKY_CODES_PRIVATE_H

#include <stdbool.h>

#include "index/codes.h"

void nsky_code_sweep_avx2(const nsky_code_sweep_args *args);
void nsky_code_pick_avx2(const nsky_code_pick_args *args);
uint64_t nsky_code_above_avx2(const float *scores, uint64_t block_count, float threshold,
                              uint16_t *masks);
void nsky_code_sweep_avx512(const nsky_code_sweep_args *args);
void nsky_code_pick_avx512(const nsky_code_pick_args *args);
uint64_t nsky_code_above_avx512(const float *scores, uint64_t block_count, float threshold,
                                uint16_t *masks);
uint64_t nsky_code_match_c(const uint32_t *row_of, uint64_t block_count, const uint8_t *allowed,
                           uint32_t rows, uint16_t *masks);
uint64_t nsky_code_match_avx2(const uint32_t *row_of, uint64_t block_count, const uint8_t *allowed,
                              uint32_t rows, uint16_t *masks);
uint64_t nsky_code_match_avx512(const uint32_t *row_of, uint64_t block_count,
                                const uint8_t *allowed, uint32_t rows, uint16_t *masks);

/* Gathers read four bytes: from here at the latest. */
static inline uint32_t nsky_code_last_word(uint32_t rows)
{
    return (uint32_t)(((uint64_t)rows + 7) / 8) - 4;
}

/* What is fetched while pick i is scored: itself where nothing more is known. */
static inline const uint8_t *nsky_code_pick_ahead(const nsky_code_pick_args *args, uint32_t i,
                                                  size_t block_bytes)
{
    const uint32_t next = i + NSKY_CODE_AHEAD < args->known ? i + NSKY_CODE_AHEAD : i;
    return args->blocks + args->picks[next].block * block_bytes;
}

/* The one float expression: every kernel's lanes do these steps, each rounded by itself. */
static inline float nsky_code_finish(const nsky_code_query *query, float base, int32_t first,
                                     int32_t second)
{
    float head = base + query->offset;
    float sum = query->scales[0] * (float)first;
    if (query->plane_count == 2) {
        float low = query->scales[1] * (float)second;
        sum = sum + low;
    }
    return head + sum;
}

#endif
