/* device_support.h - the card of host memory, opened for a test of kernels. Thread rule: one
 * thread. */
#ifndef NSKY_TEST_DEVICE_SUPPORT_H
#define NSKY_TEST_DEVICE_SUPPORT_H

#include "common/rng.h"
#include "encoder/cuda/device.h"
#include "tests/common/support.h"

static nsky_dev *dev;
static void *stream;

static inline int open_device(void **state)
{
    nsky_error err = NSKY_ERROR_INIT;
    (void)state;
    assert_ok(nsky_dev_open(&dev, &err), err);
    stream = nsky_dev_stream(dev, NSKY_STREAM_COMPUTE);
    return 0;
}

static inline int close_device(void **state)
{
    (void)state;
    nsky_dev_close(dev);
    return 0;
}

static inline void finish_work(void)
{
    nsky_error err = NSKY_ERROR_INIT;
    assert_ok(nsky_dev_sync(dev, NSKY_STREAM_COMPUTE, &err), err);
}

/* [count] normal numbers of this deviation; the caller's, to free. */
static inline float *normals(nsky_rng *rng, size_t count, double sigma)
{
    float *out = malloc((count + 1) * sizeof *out);

    assert_non_null(out);
    for (size_t i = 0; i < count; i++)
        out[i] = (float)(sigma * nsky_rng_normal(rng));
    return out;
}

#define RUN(name, args)                                           \
    do {                                                          \
        assert_int_equal(nsky_launch_##name(&(args), stream), 0); \
        finish_work();                                            \
    } while (0)

#endif
