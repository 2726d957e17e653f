/* host_kernels_train.c - the kernels of training as loops over host memory: the same source,
 * another launch. Thread rule: see host_device.c. */
#include "encoder/cuda/kernel_back.h"
#include "encoder/cuda/kernel_heads.h"
#include "encoder/cuda/kernel_update.h"
#include "tests/encoder/cuda_host/host_device.h"

#define LAUNCH(name, unit, number)                                    \
    static void run_##name(const void *opaque)                        \
    {                                                                 \
        const nsky_##name##_args *a = opaque;                         \
        for (size_t i = 0; i < nsky_##name##_count(a); i++)           \
            nsky_##name##_##unit(a, (number)i);                       \
    }                                                                 \
    int nsky_launch_##name(const nsky_##name##_args *a, void *stream) \
    {                                                                 \
        return host_start(stream, run_##name, a, sizeof *a);          \
    }
#define ITEM(name) LAUNCH(name, item, size_t)
#define BLOCK(name) LAUNCH(name, block, uint32_t)

NSKY_TRAIN_KERNELS(ITEM, BLOCK)
NSKY_LEARN_KERNELS(ITEM, BLOCK)
NSKY_HEADS_KERNELS(ITEM, BLOCK)
