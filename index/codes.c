/* codes.c - codes.h: coders, and rows to blocks and back. Pure functions: any thread. */
#include "index/codes.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"

#define SAMPLE_MAX 65536
#define SEARCH_ROWS 4096 /* rows that the search for the best range looks at */

uint32_t nsky_coded_padded(uint32_t coded)
{
    return (coded + 7) / 8 * 8;
}

uint32_t nsky_code_head(uint32_t coded)
{
    return coded / 16 * 8;
}

size_t nsky_code_block_bytes(const nsky_coder *coder)
{
    return (size_t)nsky_coded_padded(coder->coded) * coder->bits / 8 * NSKY_CODE_ROWS;
}

uint64_t nsky_code_blocks(uint64_t rows)
{
    return rows / NSKY_CODE_ROWS + (rows % NSKY_CODE_ROWS != 0);
}

/* The nearest code; what lies outside is clipped, NaN is 0. */
static inline uint32_t code_of(float x, float low, float step, float top)
{
    float place = (x - low) / step + 0.5f;
    return place > 0.0f ? (uint32_t)(place < top + 0.5f ? place : top) : 0;
}

static double square_error(const float *values, uint32_t n, float low, float step, float top)
{
    double sum = 0;

    for (uint32_t i = 0; i < n; i++) {
        double e =
            (double)values[i] - ((double)low + (double)step * code_of(values[i], low, step, top));
        sum += e * e;
    }
    return sum;
}

/* Ranges about the mean from one to six standard deviations, and the whole: the best wins. Normal
 * values want 2.7 at 4 bits and 3.9 at 8. */
static void fit_dimension(nsky_coder *coder, uint32_t d, const float *values, uint32_t n)
{
    const float top = (float)((1u << coder->bits) - 1);
    const uint32_t looked = n < SEARCH_ROWS ? n : SEARCH_ROWS;
    double sum = 0, square = 0;
    float low = values[0], high = values[0];

    for (uint32_t i = 0; i < n; i++) {
        sum += (double)values[i];
        low = fminf(low, values[i]);
        high = fmaxf(high, values[i]);
    }
    const double mean = sum / n;
    for (uint32_t i = 0; i < n; i++)
        square += ((double)values[i] - mean) * ((double)values[i] - mean);
    const double sigma = sqrt(square / n);
    coder->low[d] = low;
    coder->step[d] = (float)(((double)high - (double)low) / (double)top);
    if (!(coder->step[d] > 0.0f)) { /* one value, or too close together for a float */
        coder->low[d] = (float)mean;
        coder->step[d] = 0.0f;
        return;
    }
    double least = square_error(values, looked, coder->low[d], coder->step[d], top);
    for (double width = 1.0; width <= 6.0; width += 0.125) {
        float from = (float)(mean - width * sigma), step = (float)(2 * width * sigma / (double)top);
        if (!(step > 0.0f))
            continue;
        double error = square_error(values, looked, from, step, top);
        if (error < least) {
            least = error;
            coder->low[d] = from;
            coder->step[d] = step;
        }
    }
}

nsky_status nsky_coder_fit(nsky_coder *coder, uint32_t bits, uint32_t coded, const float *sample,
                           uint64_t n, nsky_error *err)
{
    assert(coder && sample && n > 0 && err);
    const uint32_t rows = n < SAMPLE_MAX ? (uint32_t)n : SAMPLE_MAX;
    float *values;

    if ((bits != 4 && bits != 8) || coded < 1 || coded > NSKY_CODED_MAX)
        return nsky_fail(err, NSKY_EINVAL,
                         "a coder of %u dimensions at %u bits; 1 to %d at 4 or 8 are possible",
                         coded, bits, NSKY_CODED_MAX);
    memset(coder, 0, sizeof *coder);
    coder->coded = coded;
    coder->bits = bits;
    if (!(values = nsky_alloc(rows, sizeof *values, err)))
        return err->status;
    for (uint32_t d = 0; d < coded; d++) {
        for (uint32_t i = 0; i < rows; i++) {
            values[i] = sample[(size_t)i * coded + d];
            if (!isfinite(values[i])) {
                nsky_free(values);
                return nsky_fail(err, NSKY_EDATA, "row %u of the coder's sample is not finite", i);
            }
        }
        fit_dimension(coder, d, values, rows);
    }
    nsky_free(values);
    return nsky_coder_check(coder, err);
}

nsky_status nsky_coder_check(const nsky_coder *coder, nsky_error *err)
{
    if ((coder->bits != 4 && coder->bits != 8) || coder->coded < 1 || coder->coded > NSKY_CODED_MAX)
        return nsky_fail(err, NSKY_EDATA,
                         "a coder of %u dimensions at %u bits; 1 to %d at 4 or 8 are possible",
                         coder->coded, coder->bits, NSKY_CODED_MAX);
    for (uint32_t d = 0; d < coder->coded; d++)
        if (!isfinite(coder->low[d]) || !isfinite(coder->step[d]) || coder->step[d] < 0.0f ||
            !isfinite(coder->low[d] + 255.0f * coder->step[d]))
            return nsky_fail(err, NSKY_EDATA, "dimension %u of the coder: from %g in steps of %g",
                             d, (double)coder->low[d], (double)coder->step[d]);
    return NSKY_OK;
}

static void put_code(const nsky_coder *coder, uint8_t *blocks, uint64_t row, uint32_t d,
                     uint32_t code)
{
    uint8_t *block = blocks + row / NSKY_CODE_ROWS * nsky_code_block_bytes(coder);
    uint32_t lane = row % NSKY_CODE_ROWS;

    if (coder->bits == 8)
        block[d / 4 * 64 + lane * 4 + d % 4] = (uint8_t)code;
    else
        block[d / 8 * 64 + lane * 4 + d % 4] |= (uint8_t)(code << (d & 4));
}

static uint32_t get_code(const nsky_coder *coder, const uint8_t *blocks, uint64_t row, uint32_t d)
{
    const uint8_t *block = blocks + row / NSKY_CODE_ROWS * nsky_code_block_bytes(coder);
    uint32_t lane = row % NSKY_CODE_ROWS;

    if (coder->bits == 8)
        return block[d / 4 * 64 + lane * 4 + d % 4];
    return block[d / 8 * 64 + lane * 4 + d % 4] >> (d & 4) & 15;
}

void nsky_coder_encode(const nsky_coder *coder, const float *x, uint64_t n, uint8_t *blocks,
                       float *errors)
{
    const float top = (float)((1u << coder->bits) - 1);

    memset(blocks, 0, nsky_code_blocks(n) * nsky_code_block_bytes(coder));
    for (uint64_t row = 0; row < n; row++) {
        double square = 0;
        for (uint32_t d = 0; d < coder->coded; d++) {
            const float value = x[row * coder->coded + d], step = coder->step[d];
            uint32_t code = step > 0.0f ? code_of(value, coder->low[d], step, top) : 0;
            put_code(coder, blocks, row, d, code);
            double e = (double)value - ((double)coder->low[d] + (double)step * code);
            square += e * e;
        }
        if (errors) /* up: it bounds */
            errors[row] = nextafterf((float)(sqrt(square) * (1 + 1e-12)), INFINITY);
    }
}

void nsky_coder_decode(const nsky_coder *coder, const uint8_t *blocks, uint64_t row, float *out)
{
    for (uint32_t d = 0; d < coder->coded; d++)
        out[d] = coder->low[d] + coder->step[d] * (float)get_code(coder, blocks, row, d);
}
