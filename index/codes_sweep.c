/* codes_sweep.c - codes.h: the sweep in plain C, the oracle of the other kernels, and which there
 * are. Pure functions: any thread. */
#include <assert.h>
#include <math.h>

#include "index/codes_private.h"

/* Whole sums of one block with one plane. */
static void add_block(const uint8_t *block, const int8_t *plane, uint32_t padded, uint32_t bits,
                      int32_t sums[NSKY_CODE_ROWS])
{
    const uint32_t per_group = bits == 8 ? 4 : 8;

    for (uint32_t r = 0; r < NSKY_CODE_ROWS; r++)
        sums[r] = 0;
    for (uint32_t d = 0; d < padded; d += per_group, block += 64)
        for (uint32_t r = 0; r < NSKY_CODE_ROWS; r++)
            for (uint32_t j = 0; j < 4; j++) {
                const uint8_t byte = block[4 * r + j];
                if (bits == 8)
                    sums[r] += byte * plane[d + j];
                else
                    sums[r] += (byte & 15) * plane[d + j] + (byte >> 4) * plane[d + 4 + j];
            }
}

static void score_block(const nsky_code_query *query, const uint8_t *block, uint32_t padded,
                        uint32_t bits, float base, float out[NSKY_CODE_ROWS])
{
    int32_t first[NSKY_CODE_ROWS], second[NSKY_CODE_ROWS] = {0};

    add_block(block, query->planes[0], padded, bits, first);
    if (query->plane_count == 2)
        add_block(block, query->planes[1], padded, bits, second);
    for (uint32_t r = 0; r < NSKY_CODE_ROWS; r++)
        out[r] = nsky_code_finish(query, base, first[r], second[r]);
}

static void sweep_c(const nsky_code_sweep_args *args)
{
    const size_t block_bytes = (size_t)args->padded * args->bits / 8 * NSKY_CODE_ROWS;

    for (uint64_t b = 0; b < args->block_count; b++)
        for (uint32_t q = 0; q < args->count; q++)
            score_block(args->queries[q], args->blocks + b * block_bytes, args->padded, args->bits,
                        args->bases[q],
                        args->scores + (q * args->block_count + b) * NSKY_CODE_ROWS);
}

/* Whether some slot of the mask may come to `least`. */
static bool is_near(const nsky_code_pick_args *args, uint32_t i, const int32_t sums[NSKY_CODE_ROWS])
{
    for (uint32_t r = 0; r < NSKY_CODE_ROWS; r++)
        if ((args->masks[i] >> r & 1) &&
            nsky_code_finish(args->query, args->picks[i].base, sums[r] + args->query->rest, 0) >=
                args->least)
            return true;
    return false;
}

static void pick_c(const nsky_code_pick_args *args)
{
    const size_t dimension_bytes = (size_t)args->bits * NSKY_CODE_ROWS / 8;

    for (uint32_t i = 0; i < args->count; i++) {
        const uint8_t *block =
            args->blocks + args->picks[i].block * (args->padded * dimension_bytes);
        float *scores = args->scores + (size_t)i * NSKY_CODE_ROWS;
        int32_t sums[NSKY_CODE_ROWS];
        if (args->early)
            add_block(block, args->query->planes[0], args->head, args->bits, sums);
        if (!args->early || is_near(args, i, sums))
            score_block(args->query, block, args->padded, args->bits, args->picks[i].base, scores);
        else
            for (uint32_t r = 0; r < NSKY_CODE_ROWS; r++)
                scores[r] = -INFINITY;
    }
}

static uint64_t above_c(const float *scores, uint64_t block_count, float threshold, uint16_t *masks)
{
    uint64_t count = 0;
    for (uint64_t b = 0; b < block_count; b++) {
        uint32_t mask = 0;
        for (uint32_t r = 0; r < NSKY_CODE_ROWS; r++)
            mask |= (uint32_t)(scores[b * NSKY_CODE_ROWS + r] >= threshold) << r;
        masks[b] = (uint16_t)mask;
        count += (uint64_t)__builtin_popcount(mask);
    }
    return count;
}

uint64_t nsky_code_match_c(const uint32_t *row_of, uint64_t block_count, const uint8_t *allowed,
                           uint32_t rows, uint16_t *masks)
{
    uint64_t count = 0;
    for (uint64_t b = 0; b < block_count; b++, row_of += NSKY_CODE_ROWS) {
        uint32_t mask = 0;
        for (uint32_t r = 0; r < NSKY_CODE_ROWS; r++)
            if (row_of[r] < rows)
                mask |= (uint32_t)(allowed[row_of[r] >> 3] >> (row_of[r] & 7) & 1) << r;
        masks[b] = (uint16_t)mask;
        count += (uint64_t)__builtin_popcount(mask);
    }
    return count;
}

uint32_t nsky_code_kernels(nsky_code_kernel out[NSKY_CODE_KERNELS])
{
    uint32_t count = 0;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vnni"))
        out[count++] =
            (nsky_code_kernel){"avx512vnni", nsky_code_sweep_avx512, nsky_code_pick_avx512,
                               nsky_code_above_avx512, nsky_code_match_avx512};
    if (__builtin_cpu_supports("avx2"))
        out[count++] = (nsky_code_kernel){"avx2", nsky_code_sweep_avx2, nsky_code_pick_avx2,
                                          nsky_code_above_avx2, nsky_code_match_avx2};
    out[count++] = (nsky_code_kernel){"c", sweep_c, pick_c, above_c, nsky_code_match_c};
    return count;
}

void nsky_code_sweep(const nsky_code_kernel *kernel, const nsky_coder *coder,
                     const nsky_code_query *const *queries, const float *bases, uint32_t count,
                     const uint8_t *blocks, uint64_t block_count,
                     /* NOLINTNEXTLINE(readability-non-const-parameter): the kernel writes to it */
                     float *scores)
{
    assert(count >= 1 && count <= NSKY_CODE_QUERIES);
    nsky_code_kernel all[NSKY_CODE_KERNELS];
    const nsky_code_sweep_args args = {
        queries, bases,       count, coder->bits, nsky_coded_padded(coder->coded),
        blocks,  block_count, scores};

    for (uint32_t q = 1; q < count; q++)
        assert(queries[q]->plane_count == queries[0]->plane_count);
    if (!kernel) {
        nsky_code_kernels(all);
        kernel = all;
    }
    kernel->sweep(&args);
}

void nsky_code_pick_blocks(const nsky_code_kernel *kernel, const nsky_coder *coder,
                           nsky_code_pick_args args)
{
    nsky_code_kernel all[NSKY_CODE_KERNELS];

    assert(args.query && args.known >= args.count && args.count <= NSKY_CODE_PICKS);
    args.bits = coder->bits;
    args.padded = nsky_coded_padded(coder->coded);
    args.head = nsky_code_head(coder->coded);
    args.early = args.early && args.head > 0;
    assert(!args.early || args.query->plane_count == 1);
    if (!kernel) {
        nsky_code_kernels(all);
        kernel = all;
    }
    kernel->pick(&args);
}
