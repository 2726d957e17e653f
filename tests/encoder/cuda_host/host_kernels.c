/* host_kernels.c - the card's kernels as loops over host memory: the same source, another launch.
 * They go into the host device's streams as on a card. Thread rule: see host_device.c. */
#include "encoder/cuda/kernel_pool.h"
#include "encoder/cuda/kernel_prepare.h"
#include "tests/encoder/cuda_host/host_device.h"

/* nsky_launch_NAME: for each item, for each block. */
#define LAUNCH(name, unit, count)                                     \
    static void run_##name(const void *opaque)                        \
    {                                                                 \
        const nsky_##name##_args *a = opaque;                         \
        for (size_t i = 0; i < (count); i++)                          \
            nsky_##name##_##unit(a, (host_##unit)i);                  \
    }                                                                 \
    int nsky_launch_##name(const nsky_##name##_args *a, void *stream) \
    {                                                                 \
        return host_start(stream, run_##name, a, sizeof *a);          \
    }

typedef size_t host_item;
typedef uint32_t host_block;

LAUNCH(prepare, item, (size_t)a->images * a->size * a->size)
LAUNCH(pack, item, (size_t)a->images * a->height * a->width)
LAUNCH(maxpool, item, (size_t)a->images * a->out_height * a->out_width * a->eights)
LAUNCH(avgpool, item, (size_t)a->images * a->eights)
LAUNCH(noise, item, a->count)
LAUNCH(finish, block, a->stamps)
