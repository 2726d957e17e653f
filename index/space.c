/* space.c - see space.h. */
#include "index/space.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "algebra/linalg.h"
#include "common/memory.h"
#include "common/rng.h"
#include "index/scan.h"

#define BATCH 2048
#define STREAM_TURN 0x7475726eu /* "turn" */
/* Products of a few hundred single-precision numbers are good to about 1e-6 of the lengths. */
#define ROUNDING 4e-6

/* Row i of `count` evenly spread ones, or NSKY_EDATA. Blank rows stay zero. */
static nsky_status take(float *out, const nsky_vectors *vectors, uint64_t row, nsky_error *err)
{
    float sum = 0;
    nsky_vectors_read(vectors, row, out);
    for (uint32_t d = 0; d < vectors->dim; d++)
        sum += out[d] * 0.0f; /* NaN when one is not finite */
    if (isnan(sum))
        return nsky_fail(err, NSKY_EDATA,
                         "the vector of row %llu is not finite; `nearsky verify` tells more",
                         (unsigned long long)row);
    return NSKY_OK;
}

static bool is_blank(const float *x, uint32_t dim)
{
    for (uint32_t d = 0; d < dim; d++)
        if (x[d] != 0.0f)
            return false;
    return true;
}

/* Second moments and sum of the sample's rows: moments [dim, dim], sum [dim]. */
static nsky_status add_up(double *moments, double *sum, uint64_t *count,
                          const nsky_vectors *vectors, uint64_t sample_rows, nsky_error *err)
{
    const uint32_t dim = vectors->dim;
    double *batch = nsky_alloc((size_t)BATCH * dim, sizeof *batch, err);
    double *part = nsky_alloc((size_t)dim * dim, sizeof *part, err);
    float *row = nsky_alloc(dim, sizeof *row, err);
    nsky_status status = batch && part && row ? NSKY_OK : err->status;
    uint32_t filled = 0;
    *count = 0;
    for (uint64_t i = 0; i <= sample_rows && status == NSKY_OK; i++) {
        if (filled == BATCH || (i == sample_rows && filled > 0)) {
            nsky_gram_columns(part, batch, filled, dim);
            for (size_t j = 0; j < (size_t)dim * dim; j++)
                moments[j] += part[j];
            *count += filled;
            filled = 0;
        }
        if (i == sample_rows ||
            (status = take(row, vectors, i * vectors->rows / sample_rows, err)) != NSKY_OK ||
            is_blank(row, dim))
            continue;
        for (uint32_t d = 0; d < dim; d++) {
            batch[(size_t)filled * dim + d] = (double)row[d];
            sum[d] += (double)row[d];
        }
        filled++;
    }
    nsky_free(row);
    nsky_free(part);
    nsky_free(batch);
    return status;
}

/* Moments to covariance to its eigenvectors, the best last. */
static nsky_status directions(nsky_space *space, double *moments, const double *sum, double *values,
                              uint64_t count, nsky_error *err)
{
    const uint32_t dim = space->dim, kept = space->coded < dim ? space->coded : dim;
    double all = 0, in_kept = 0;
    if (count == 0)
        return nsky_fail(err, NSKY_EDATA, "no row of the sample has a vector; run `nearsky embed`");
    for (uint32_t i = 0; i < dim; i++) {
        space->mean[i] = (float)(sum[i] / (double)count);
        for (uint32_t j = 0; j < dim; j++)
            moments[(size_t)i * dim + j] = moments[(size_t)i * dim + j] / (double)count -
                                           sum[i] / (double)count * (sum[j] / (double)count);
    }
    nsky_status status = nsky_eigen(moments, values, dim, err);
    if (status != NSKY_OK)
        return status;
    for (uint32_t i = 0; i < dim; i++) {
        all += fmax(values[i], 0);
        in_kept += i >= dim - kept ? fmax(values[i], 0) : 0;
    }
    space->kept = all > 0 ? in_kept / all : 1;
    return NSKY_OK;
}

/* rotation = turn [coded, kept] . directions [kept, dim], turn with orthonormal columns: at random,
 * or in two blocks, so that the first `head` hold the best directions (the last ones). */
static nsky_status turn_at_random(nsky_space *space, const double *vectors, uint32_t head,
                                  uint64_t seed, nsky_error *err)
{
    const uint32_t dim = space->dim, coded = space->coded, kept = coded < dim ? coded : dim;
    double *turn = nsky_alloc((size_t)coded * kept, sizeof *turn, err);
    double *gram = nsky_alloc((size_t)kept * kept, sizeof *gram, err);
    double *product = nsky_alloc((size_t)coded * dim, sizeof *product, err);
    nsky_status status = turn && gram && product ? NSKY_OK : err->status;
    for (uint32_t i = 0; status == NSKY_OK && i < coded; i++) {
        nsky_rng rng = nsky_rng_at(seed, STREAM_TURN, i);
        for (uint32_t j = 0; j < kept; j++)
            turn[(size_t)i * kept + j] = nsky_rng_normal(&rng);
        for (uint32_t j = 0; head > 0 && coded == kept && j < kept; j++)
            if ((i < head) != (j >= kept - head))
                turn[(size_t)i * kept + j] = 0;
    }
    if (status == NSKY_OK && !nsky_orthonormalise(turn, gram, coded, kept))
        status = nsky_fail(err, NSKY_EDATA, "a random rotation of rank too low");
    if (status == NSKY_OK) {
        nsky_multiply(product, turn, vectors + (size_t)(dim - kept) * dim, coded, kept, dim);
        for (uint32_t i = 0; i < coded; i++)
            for (uint32_t d = 0; d < dim; d++)
                space->rotation[(size_t)i * space->padded + d] =
                    (float)product[(size_t)i * dim + d];
    }
    nsky_free(product);
    nsky_free(gram);
    nsky_free(turn);
    return status;
}

nsky_status nsky_space_fit(nsky_space *out, const nsky_vectors *vectors, uint32_t coded,
                           uint32_t head, uint64_t sample_rows, uint64_t seed, nsky_error *err)
{
    assert(out && vectors && head <= coded && vectors->rows > 0 && vectors->dim > 0 && err);
    assert(coded > 0 && coded % 16 == 0);
    const uint32_t dim = vectors->dim;
    *out = (nsky_space){.dim = dim, .padded = nsky_scan_padded(dim), .coded = coded};
    if (sample_rows > vectors->rows)
        sample_rows = vectors->rows;
    uint64_t count = 0;
    double *moments = nsky_alloc_zero((size_t)dim * dim, sizeof *moments, err);
    double *sum = nsky_alloc_zero(dim, sizeof *sum, err);
    double *values = nsky_alloc_zero(dim, sizeof *values, err);
    out->mean = nsky_alloc_zero(out->padded, sizeof *out->mean, err);
    out->rotation = nsky_alloc_zero((size_t)coded * out->padded, sizeof *out->rotation, err);
    nsky_status status =
        moments && sum && values && out->mean && out->rotation ? NSKY_OK : err->status;
    if (status == NSKY_OK &&
        (status = add_up(moments, sum, &count, vectors, sample_rows, err)) == NSKY_OK &&
        (status = directions(out, moments, sum, values, count, err)) == NSKY_OK)
        status = turn_at_random(out, moments, head, seed, err);
    nsky_free(values);
    nsky_free(sum);
    nsky_free(moments);
    if (status != NSKY_OK)
        nsky_space_free(out);
    return status;
}

void nsky_space_free(nsky_space *space)
{
    nsky_free(space->rotation);
    nsky_free(space->mean);
    *space = (nsky_space){0};
}

static double square(const float *x, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return sum;
}

void nsky_space_turn(const nsky_space *space, float *x, uint32_t n, float *y, float *rests)
{
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t d = 0; d < space->dim; d++)
            x[(size_t)i * space->padded + d] -= space->mean[d];
    nsky_multiply_floats(y, x, space->rotation, n, space->padded, space->coded);
    for (uint32_t i = 0; rests && i < n; i++) {
        double whole = square(x + (size_t)i * space->padded, space->dim);
        double rest = whole - square(y + (size_t)i * space->coded, space->coded);
        rests[i] = (float)sqrt(fmax(rest, 0) + ROUNDING * whole);
    }
}
