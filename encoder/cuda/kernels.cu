// kernels.cu - launches: a grid of items, or of blocks of lanes. What the kernels compute is in
// kernel_*.h, which the host compiles too. Thread rule: a stream's order.
#include <cuda_runtime.h>

#include "encoder/cuda/kernel_pool.h"
#include "encoder/cuda/kernel_prepare.h"

#define LANES 256

template <typename Args, void (*item)(const Args *, size_t)>
static __global__ void grid(const __grid_constant__ Args args, size_t count)
{
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < count;
         i += (size_t)gridDim.x * blockDim.x)
        item(&args, i);
}

static __global__ void finish_grid(const __grid_constant__ nsky_finish_args args)
{
    nsky_finish_block(&args, blockIdx.x);
}

/* As many blocks as there is work for; the loop in the kernel takes what is beyond the limit. */
static unsigned blocks_for(size_t count)
{
    size_t blocks = (count + LANES - 1) / LANES;

    return (unsigned)(blocks < 0x7fffffff ? blocks : 0x7fffffff);
}

template <typename Args, void (*item)(const Args *, size_t)>
static int launch(const Args *args, size_t count, void *stream)
{
    if (count > 0)
        grid<Args, item><<<blocks_for(count), LANES, 0, (cudaStream_t)stream>>>(*args, count);
    return (int)cudaGetLastError();
}

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
    if (a->stamps > 0)
        finish_grid<<<a->stamps, NSKY_FINISH_LANES, 0, (cudaStream_t)stream>>>(*a);
    return (int)cudaGetLastError();
}
