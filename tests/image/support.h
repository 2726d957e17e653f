/* support.h - what the tests of image share. */
#ifndef NSKY_TESTS_IMAGE_SUPPORT_H
#define NSKY_TESTS_IMAGE_SUPPORT_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/file.h"
#include "common/hash.h"
#include "common/memory.h"
#include "image/stamp.h"

#define assert_ok(call, err)            \
    do {                                \
        if ((call) != NSKY_OK)          \
            fail_msg("%s", (err).text); \
    } while (0)

/* Fails with this status, and the message holds this word. */
#define assert_fails(call, expected, err, word)                         \
    do {                                                                \
        (err) = (nsky_error)NSKY_ERROR_INIT;                            \
        assert_int_equal((call), (expected));                           \
        assert_int_equal((err).status, (expected));                     \
        if (!strstr((err).text, (word)))                                \
            fail_msg("\"%s\" does not say \"%s\"", (err).text, (word)); \
    } while (0)

/* Runs op with the first allocation failing, then the second, ... until it gets through; each
 * failed run must say NSKY_ENOMEM. Returns how many there were. */
static inline uint64_t exhaust_memory(nsky_status (*op)(void *context, nsky_error *err),
                                      void *context)
{
    for (uint64_t n = 1;; n++) {
        nsky_error err = NSKY_ERROR_INIT;
        nsky_memory_fail_at(n);
        nsky_status status = op(context, &err);
        bool failed = nsky_memory_count() >= n;
        nsky_memory_fail_at(0);
        if (!failed) {
            assert_ok(status, err);
            return n - 1;
        }
        assert_int_equal(status, NSKY_ENOMEM);
        assert_int_equal(err.status, NSKY_ENOMEM);
        assert_true(err.text[0] != '\0');
    }
}

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
