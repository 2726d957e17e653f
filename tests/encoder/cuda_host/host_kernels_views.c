/* host_kernels_views.c - kernel_views.h as loops over host memory: the same source, another launch.
 * Thread rule: see host_device.c. */
#include "encoder/cuda/kernel_views.h"
#include "tests/encoder/cuda_host/host_device.h"

#define LAUNCH(name, unit, number, count)                                \
    static void run_##name(const void *opaque)                           \
    {                                                                    \
        const nsky_views_args *a = opaque;                               \
        for (size_t i = 0; i < (count); i++)                             \
            nsky_views_##name##_##unit(a, (number)i);                    \
    }                                                                    \
    int nsky_launch_views_##name(const nsky_views_args *a, void *stream) \
    {                                                                    \
        return host_start(stream, run_##name, a, sizeof *a);             \
    }

LAUNCH(sample, item, size_t, (size_t)a->count * a->side_max * a->side_max)
LAUNCH(fill, block, uint32_t, a->count)
LAUNCH(blur, item, size_t, (size_t)a->count * 3 * a->size * a->side_max)
LAUNCH(end, item, size_t, (size_t)a->count * a->size * a->size)
