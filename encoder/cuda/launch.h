// launch.h (private) - grids of items and of blocks, for the .cu files. Thread rule: a stream's
// order.
#ifndef NSKY_CUDA_LAUNCH_H
#define NSKY_CUDA_LAUNCH_H

#include <cuda_runtime.h>

#include <stddef.h>
#include <stdint.h>

#define LANES 256

template <typename Args, void (*item)(const Args *, size_t)>
static __global__ void grid(const __grid_constant__ Args args, size_t count)
{
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < count;
         i += (size_t)gridDim.x * blockDim.x)
        item(&args, i);
}

template <typename Args, void (*block)(const Args *, uint32_t)>
static __global__ void block_grid(const __grid_constant__ Args args)
{
    block(&args, blockIdx.x);
}

/* As many blocks as there is work for; the loop in the kernel takes what is beyond the limit. */
static inline unsigned blocks_for(size_t count)
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

/* blocks: fewer than 2^31. */
template <typename Args, void (*block)(const Args *, uint32_t)>
static int launch_blocks(const Args *args, size_t blocks, unsigned lanes, void *stream)
{
    if (blocks > 0)
        block_grid<Args, block><<<(unsigned)blocks, lanes, 0, (cudaStream_t)stream>>>(*args);
    return (int)cudaGetLastError();
}

#endif
