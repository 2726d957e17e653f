/* train_rows.h - rows of channels for the tests of the card's kernels of training, which are run on
 * a card of host memory; outputs are NaN before. Thread rule: one thread. */
#ifndef NSKY_TEST_TRAIN_ROWS_H
#define NSKY_TEST_TRAIN_ROWS_H

#include <math.h>

#include "common/rng.h"
#include "encoder/cuda/kernel_norm.h"
#include "tests/encoder/device_support.h"

static nsky_rng rng;

static inline int setup(void **state)
{
    rng = nsky_rng_at(2026, 11, 30);
    return open_device(state);
}

/* --- rows and their numbers --- */

static inline nsky_rows rows_new(size_t count, uint32_t channels, bool exact)
{
    nsky_rows r = {.count = count,
                   .channels = channels,
                   .room = exact ? channels : (channels + 7) / 8 * 8,
                   .exact = exact};
    size_t bytes = count * r.room * (exact ? 4 : 2);

    r.at = aligned_alloc(64, (bytes + 63) / 64 * 64);
    assert_non_null(r.at);
    memset(r.at, 0xff, bytes);
    return r;
}

static inline double at(const nsky_rows *r, size_t row, uint32_t c)
{
    size_t i = row * r->room + c;
    return r->exact ? ((const float *)r->at)[i]
                    : nsky_float_of(NSKY_NUMBER_BF16, ((const uint16_t *)r->at)[i]);
}

static inline void put(const nsky_rows *r, size_t row, uint32_t c, float value)
{
    size_t i = row * r->room + c;
    if (r->exact)
        ((float *)r->at)[i] = value;
    else
        ((uint16_t *)r->at)[i] = nsky_number_of(NSKY_NUMBER_BF16, value);
}

static inline nsky_rows rows_random(size_t count, uint32_t channels, bool exact, double mean,
                                    double sigma)
{
    nsky_rows r = rows_new(count, channels, exact);

    for (size_t row = 0; row < count; row++)
        for (uint32_t c = 0; c < r.room; c++)
            put(&r, row, c, c < channels ? (float)(mean + sigma * nsky_rng_normal(&rng)) : 0);
    return r;
}

static inline float *floats_random(size_t count, double mean, double sigma)
{
    float *out = malloc((count + 1) * sizeof *out);

    assert_non_null(out);
    for (size_t i = 0; i < count; i++)
        out[i] = (float)(mean + sigma * nsky_rng_normal(&rng));
    return out;
}

/* Half a last place of bf16, or what float32 sums lose. */
static inline void check(const nsky_rows *r, size_t row, uint32_t c, double want, double magnitude)
{
    double allowed = (r->exact ? 2e-5 : 0x1p-8 + 1e-4) * fabs(want) + 2e-5 * magnitude + 1e-30;

    if (!(fabs(at(r, row, c) - want) <= allowed))
        fail_msg("row %zu channel %u of %zu x %u: %g, not %g", row, c, r->count, r->channels,
                 at(r, row, c), want);
}

static inline void check_padding(const nsky_rows *r)
{
    for (size_t row = 0; row < r->count; row++)
        for (uint32_t c = r->channels; c < r->room; c++)
            assert_true(at(r, row, c) == 0);
}

static inline void near(double got, double want, double magnitude, const char *what)
{
    if (!(fabs(got - want) <= 3e-6 * fabs(want) + 2e-6 * magnitude + 1e-30))
        fail_msg("%s: %.9g, not %.9g", what, got, want);
}

static inline nsky_rows copy_of(const nsky_rows *r)
{
    nsky_rows out = rows_new(r->count, r->channels, r->exact);
    memcpy(out.at, r->at, r->count * r->room * (r->exact ? 4 : 2));
    return out;
}

#endif
