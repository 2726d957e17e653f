// kernels.cu - launches: a grid of items, or of blocks of lanes. What the kernels compute is in
// kernel_*.h, which the host compiles too. Thread rule: a stream's order.
#include "encoder/cuda/kernel_pool.h"
#include "encoder/cuda/kernel_prepare.h"
#include "encoder/cuda/launch.h"

extern "C" int nsky_launch_prepare(const nsky_prepare_args *a, void *stream)
{
    return launch<nsky_prepare_args, nsky_prepare_item>(
        a, (size_t)a->images * a->size * a->size, stream);
}

extern "C" int nsky_launch_pack(const nsky_pack_args *a, void *stream)
{
    return launch<nsky_pack_args, nsky_pack_item>(a, (size_t)a->images * a->height * a->width,
                                                  stream);
}

extern "C" int nsky_launch_maxpool(const nsky_maxpool_args *a, void *stream)
{
    return launch<nsky_maxpool_args, nsky_maxpool_item>(
        a, (size_t)a->images * a->out_height * a->out_width * a->eights, stream);
}

extern "C" int nsky_launch_avgpool(const nsky_avgpool_args *a, void *stream)
{
    return launch<nsky_avgpool_args, nsky_avgpool_item>(a, (size_t)a->images * a->eights, stream);
}

extern "C" int nsky_launch_noise(const nsky_noise_args *a, void *stream)
{
    return launch<nsky_noise_args, nsky_noise_item>(a, a->count, stream);
}

extern "C" int nsky_launch_finish(const nsky_finish_args *a, void *stream)
{
    return launch_blocks<nsky_finish_args, nsky_finish_block>(a, a->stamps, NSKY_FINISH_LANES,
                                                              stream);
}
