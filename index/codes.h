/* codes.h - vectors as small whole numbers, and linear forms of all of them at the speed of memory.
 *
 * A coder says every coded dimension in 4 or 8 bits: value = low[d] + step[d] * code. Codes lie in
 * blocks of 16 rows, transposed so that one 64-byte load holds a few dimensions of all 16:
 *
 *   4 bits  byte 4 * row + j of group g: dimension 8g + j in the low, 8g + 4 + j in the high nibble
 *   8 bits  byte 4 * row + j of group g: dimension 4g + j                       (0 <= j < 4)
 *
 * A code query is a direction w in whole numbers too (one or two planes of int8 for w[d] *
 * step[d]). A sweep adds whole numbers and ends with one float expression, so that every kernel
 * gives the same bits and an answer does not depend on the machine. Thread rule: pure functions
 * over the caller's memory; any thread.
 */
#ifndef NSKY_CODES_H
#define NSKY_CODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define NSKY_CODE_ROWS 16     /* of a block */
#define NSKY_CODED_MAX 2048   /* dimensions */
#define NSKY_CODE_KERNELS 3   /* the most there are */
#define NSKY_CODE_QUERIES 256 /* of one sweep, the most */

typedef struct nsky_coder {
    uint32_t coded;                                  /* dimensions, 1..NSKY_CODED_MAX */
    uint32_t bits;                                   /* 4 or 8 */
    float low[NSKY_CODED_MAX], step[NSKY_CODED_MAX]; /* [coded]; finite, step >= 0 */
} nsky_coder;

/* Dimensions as stored: the next multiple of 8. The extra ones are code 0 and weigh nothing. */
uint32_t nsky_coded_padded(uint32_t coded);
/* Dimensions that are looked at first: half of them, a multiple of 8; 0 where there are too few. */
uint32_t nsky_code_head(uint32_t coded);
/* Of one block of 16 rows. */
size_t nsky_code_block_bytes(const nsky_coder *coder);
/* Blocks that `rows` rows fill. */
uint64_t nsky_code_blocks(uint64_t rows);

/*
 * Chooses low and step of each dimension for the least mean square error over a sample.
 *
 * sample  [n, coded] row-major, n >= 1; at most the first 65,536 rows are looked at
 * NSKY_EINVAL   bits or coded out of range
 * NSKY_EDATA    a value is not finite (the row is named)
 */
NSKY_MUST_CHECK nsky_status nsky_coder_fit(nsky_coder *coder, uint32_t bits, uint32_t coded,
                                           const float *sample, uint64_t n, nsky_error *err);
/* A coder from a file may be anything. NSKY_EDATA says what is wrong. */
NSKY_MUST_CHECK nsky_status nsky_coder_check(const nsky_coder *coder, nsky_error *err);

/*
 * x       [n, coded] row-major, finite
 * blocks  [nsky_code_blocks(n)] blocks; rows past n of the last are zero codes
 * errors  [n] |x - decoded x| of each row, rounded up; or NULL
 */
void nsky_coder_encode(const nsky_coder *coder, const float *x, uint64_t n, uint8_t *blocks,
                       float *errors);
/* Row `row` of the blocks as floats: out [coded]. */
void nsky_coder_decode(const nsky_coder *coder, const uint8_t *blocks, uint64_t row, float *out);

/* A direction prepared for one coder. Plain data: copy at will. */
typedef struct nsky_code_query {
    int8_t planes[2][NSKY_CODED_MAX]; /* w[d] * step[d] ~ scales[0] * first + scales[1] * second */
    float scales[2];
    float offset; /* what the lows say, and the mean of what the planes do not */
    float slack; /* |score - base - w . decoded| never exceeds it, up to the rounding of adding base
                  */
    uint32_t plane_count; /* 1 or 2 */
    /* For picks that end early: what the dimensions behind the first nsky_code_head add to the
     * first plane's sum where values are zero, and how much more or less they may well add to a
     * score: 5 standard deviations of values spread as the coder's ranges say. */
    int32_t rest;
    float margin;
} nsky_code_query;

/*
 * w [coded], finite. Two planes say w to 14 or 15 bits, one to 7 or 8; slack has what is lost.
 * 8-bit codes: planes stay within +-64, so that no kernel's 16-bit sums of two can saturate.
 */
NSKY_MUST_CHECK nsky_status nsky_code_query_prepare(nsky_code_query *out, const nsky_coder *coder,
                                                    const float *w, uint32_t plane_count,
                                                    nsky_error *err);

/* What a kernel is handed; all kernels give the same bits. */
typedef struct nsky_code_sweep_args {
    const nsky_code_query *const *queries; /* [count], all of the same plane_count */
    const float *bases;                    /* [count] added to each score, e.g. w . centroid */
    uint32_t count;                        /* 1..NSKY_CODE_QUERIES */
    uint32_t bits, padded;
    const uint8_t *blocks; /* best aligned to 64 bytes */
    uint64_t block_count;
    float *scores; /* [count, block_count * 16] */
} nsky_code_sweep_args;

/* Blocks between the one that is scored and the one that is fetched to the cache: a list's next
 * lines come by themselves, another list's do not. */
#define NSKY_CODE_AHEAD 4

/* A block somewhere among others, and what is added to its scores. */
typedef struct nsky_code_pick {
    uint32_t block;
    float base;
} nsky_code_pick;

#define NSKY_CODE_PICKS 64 /* of one call, the most */

/*
 * One query against picked blocks: the same scores as a sweep gives. Where early is set, a block's
 * first dimensions are scored first, and the others are not read if no slot of its mask comes to
 * `least` with them and query->rest: its scores are -INFINITY then.
 */
typedef struct nsky_code_pick_args {
    const nsky_code_query *query;
    uint32_t bits, padded, head; /* the coder's */
    const uint8_t *blocks;
    const nsky_code_pick *picks; /* [known] */
    uint32_t count, known; /* known >= count: those behind are fetched to the cache, no more */
    bool early;            /* for a query of one plane */
    float least;
    const uint16_t *masks; /* [count], where early is set */
    float *scores;         /* [count * 16] */
} nsky_code_pick_args;

typedef struct nsky_code_kernel {
    const char *name; /* "avx512vnni", "avx2", "c" */
    void (*sweep)(const nsky_code_sweep_args *args);
    void (*pick)(const nsky_code_pick_args *args);
    /* Bit r of masks[b] is set where scores[16 b + r] >= threshold (NaN is not). Returns how many
     * are. */
    uint64_t (*above)(const float *scores, uint64_t block_count, float threshold, uint16_t *masks);
    /* Bit r of masks[b] is set where row_of[16 b + r] < rows and that row's bit is set in allowed,
     * (rows + 7) / 8 bytes. Returns how many are. rows >= 1. */
    uint64_t (*match)(const uint32_t *row_of, uint64_t block_count, const uint8_t *allowed,
                      uint32_t rows, uint16_t *masks);
} nsky_code_kernel;

/* All that this CPU runs, best first; the last is plain C. */
uint32_t nsky_code_kernels(nsky_code_kernel out[NSKY_CODE_KERNELS]);

/*
 * Scores of a run of blocks: bases[q] + w[q] . decoded row, within the query's slack.
 * kernel NULL: the best. scores [count, block_count * 16].
 */
void nsky_code_sweep(const nsky_code_kernel *kernel, const nsky_coder *coder,
                     const nsky_code_query *const *queries, const float *bases, uint32_t count,
                     const uint8_t *blocks, uint64_t block_count, float *scores);
/* Scores [count * 16] of picked blocks: args without bits, padded and head, which the coder has. */
void nsky_code_pick_blocks(const nsky_code_kernel *kernel, const nsky_coder *coder,
                           nsky_code_pick_args args);

#endif
