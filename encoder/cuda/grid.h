/* grid.h (private) - kernels written once, for a card and for the host.
 *
 * A kernel is a function of an item's number, or of a block of lanes that go through the same
 * phases together. nvcc makes a grid of it; a C compiler makes a loop, which is how the arithmetic
 * is tested on machines without a card. Only launches differ (kernels.cu;
 * tests/encoder/cuda_host/).
 *
 * NSKY_LANES(lane, count) { phase }   every lane does the phase, then all of them wait
 * NSKY_BLOCK_SHARED float x[n];       memory of the block, which is what lasts from phase to phase
 *
 * There are no atomics: sums have one order, and with it the same bits every time.
 * Thread rule: none.
 */
#ifndef NSKY_CUDA_GRID_H
#define NSKY_CUDA_GRID_H

#include <stdint.h>

#include "common/device.h"

/* NOLINTBEGIN(bugprone-macro-parentheses): lane is declared here */
#ifdef __CUDACC__
#define NSKY_ON_BOTH __host__ __device__ /* what launches ask for, too */
#define NSKY_BLOCK_SHARED __shared__
#define NSKY_LANES(lane, count)                                    \
    for (bool once_ = true; once_; once_ = false, __syncthreads()) \
        for (uint32_t lane = threadIdx.x; lane < (count); lane += blockDim.x)
#else
#define NSKY_ON_BOTH
#define NSKY_BLOCK_SHARED
#define NSKY_LANES(lane, count) for (uint32_t lane = 0; lane < (count); lane++)
#endif
/* NOLINTEND(bugprone-macro-parentheses) */

#endif
