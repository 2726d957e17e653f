// kernels_train.cu - launches of the kernels of training; what they compute is in kernel_*.h, which
// the host compiles too. Thread rule: a stream's order.
#include "encoder/cuda/kernel_back.h"
#include "encoder/cuda/kernel_heads.h"
#include "encoder/cuda/kernel_update.h"
#include "encoder/cuda/launch.h"

#define ITEM(name)                                                                                \
    extern "C" int nsky_launch_##name(const nsky_##name##_args *a, void *stream)                  \
    {                                                                                             \
        return launch<nsky_##name##_args, nsky_##name##_item>(a, nsky_##name##_count(a), stream); \
    }
#define BLOCK(name)                                                                              \
    extern "C" int nsky_launch_##name(const nsky_##name##_args *a, void *stream)                 \
    {                                                                                            \
        return launch_blocks<nsky_##name##_args, nsky_##name##_block>(a, nsky_##name##_count(a), \
                                                                      NSKY_BLOCK_LANES, stream); \
    }

NSKY_TRAIN_KERNELS(ITEM, BLOCK)
NSKY_LEARN_KERNELS(ITEM, BLOCK)
NSKY_HEADS_KERNELS(ITEM, BLOCK)
