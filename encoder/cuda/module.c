/* module.c - the one symbol that nearsky_cuda.so shows. Thread rule: any thread. */
#include "encoder/cuda/cuda.h"
#include "encoder/cuda/device.h"
#include "encoder/cuda/train.h"
#include "encoder/cuda_module.h"

static nsky_status probe(nsky_error *err)
{
    return nsky_dev_probe(NULL, 0, err);
}

__attribute__((visibility("default"))) nsky_cuda_module_fn nsky_cuda_module;

const nsky_cuda_module_table *nsky_cuda_module(void)
{
    static nsky_cuda_module_table table = {.abi = NSKY_CUDA_ABI,
                                           .ops = &nsky_backend_cuda,
                                           .training = &nsky_train_cuda,
                                           .probe = probe};

    table.layout = nsky_cuda_layout();
    return &table;
}
