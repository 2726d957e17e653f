/* kernels_host.c - the kernels as loops over host memory: for tests on machines without a card. The
 * same source, another launch. Thread rule: pure functions. */
#include "encoder/cuda/kernel_pool.h"
#include "encoder/cuda/kernel_prepare.h"

int nsky_launch_prepare(const nsky_prepare_args *a, void *stream)
{
    (void)stream;
    for (size_t i = 0; i < (size_t)a->images * a->size * a->size; i++)
        nsky_prepare_item(a, i);
    return 0;
}

int nsky_launch_pack(const nsky_pack_args *a, void *stream)
{
    (void)stream;
    for (size_t i = 0; i < (size_t)a->images * a->height * a->width; i++)
        nsky_pack_item(a, i);
    return 0;
}

int nsky_launch_maxpool(const nsky_maxpool_args *a, void *stream)
{
    (void)stream;
    for (size_t i = 0; i < (size_t)a->images * a->out_height * a->out_width * a->eights; i++)
        nsky_maxpool_item(a, i);
    return 0;
}

int nsky_launch_avgpool(const nsky_avgpool_args *a, void *stream)
{
    (void)stream;
    for (size_t i = 0; i < (size_t)a->images * a->eights; i++)
        nsky_avgpool_item(a, i);
    return 0;
}

int nsky_launch_noise(const nsky_noise_args *a, void *stream)
{
    (void)stream;
    for (size_t i = 0; i < a->count; i++)
        nsky_noise_item(a, i);
    return 0;
}

int nsky_launch_finish(const nsky_finish_args *a, void *stream)
{
    (void)stream;
    for (uint32_t stamp = 0; stamp < a->stamps; stamp++)
        nsky_finish_block(a, stamp);
    return 0;
}
