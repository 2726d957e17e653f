/* codes_support.h - rows, coders and extreme codes for the tests of codes. */
#ifndef NSKY_TEST_CODES_SUPPORT_H
#define NSKY_TEST_CODES_SUPPORT_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/memory.h"
#include "common/rng.h"
#include "index/codes.h"

static nsky_error err = NSKY_ERROR_INIT;

/* [n, coded] normal numbers, every dimension with a mean and a spread of its own. */
static inline float *random_rows(uint64_t n, uint32_t coded, uint32_t stream)
{
    float *x = nsky_alloc(n * coded, sizeof *x, &err);
    assert_non_null(x);
    for (uint64_t i = 0; i < n; i++) {
        nsky_rng rng = nsky_rng_at(11, stream, (uint32_t)i);
        for (uint32_t d = 0; d < coded; d++)
            x[i * coded + d] = (float)(0.1 * (d % 7) + (1 + d % 3) * nsky_rng_normal(&rng));
    }
    return x;
}

static inline nsky_coder *fitted(uint32_t bits, uint32_t coded, const float *x, uint64_t n)
{
    nsky_coder *coder = nsky_alloc(1, sizeof *coder, &err);
    assert_non_null(coder);
    assert_int_equal(nsky_coder_fit(coder, bits, coded, x, n, &err), NSKY_OK);
    return coder;
}

enum { QUERIES = 19 };

/* Extreme codes and planes too: sums of two products must not saturate. */
static inline void fill(nsky_coder *coder, uint8_t *blocks, uint64_t block_count, float *w,
                        uint32_t turn)
{
    nsky_rng rng = nsky_rng_at(5, turn, coder->coded);
    size_t bytes = block_count * nsky_code_block_bytes(coder);
    for (size_t i = 0; i < bytes; i++)
        blocks[i] = turn == 0 ? 255 : (uint8_t)nsky_rng_range(&rng, 0, 256);
    for (uint32_t d = 0; d < coder->coded; d++) {
        coder->low[d] = -0.5f;
        coder->step[d] = 0.01f;
    }
    for (uint32_t i = 0; i < QUERIES * coder->coded; i++)
        w[i] = turn == 0 ? (i / coder->coded % 2 ? -1.0f : 1.0f) : (float)nsky_rng_normal(&rng);
}

#endif
