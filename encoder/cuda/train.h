/* train.h (private) - training on a card as the table of train/ops.h; what the module exports and
 * the tests run on a host's card. bf16 with float32 parameters. Thread rule: as ops.h. */
#ifndef NSKY_CUDA_TRAIN_H
#define NSKY_CUDA_TRAIN_H

#include "encoder/train/ops.h"

extern const nsky_train_ops nsky_train_cuda;

#endif
