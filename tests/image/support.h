/* support.h - what the tests of image/ share, on top of what those of common/ do. */
#ifndef NSKY_TESTS_IMAGE_SUPPORT_H
#define NSKY_TESTS_IMAGE_SUPPORT_H

#include "tests/common/support.h"

#include <math.h>

#include "common/file.h"
#include "common/hash.h"
#include "image/stamp.h"

/* The i-th of a fixed sequence in [-0.5, 0.5). */
static inline float noise_at(uint32_t i)
{
    uint32_t h = (i + 1) * 2654435761u;
    h ^= h >> 15;
    h *= 2246822519u;
    return (float)(h >> 8) / 16777216.0f - 0.5f;
}

static inline bool same_bits(float a, float b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

static inline nsky_stamp *new_stamp(uint32_t width, uint32_t height, float scale)
{
    nsky_error err = NSKY_ERROR_INIT;
    nsky_stamp *stamp;
    assert_ok(nsky_stamp_new(&stamp, width, height, scale, &err), err);
    return stamp;
}

#endif
