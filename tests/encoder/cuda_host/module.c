/* module.c - the CUDA module with a card made of host memory: everything from `--device cuda` to
 * vectors on disk runs, slowly. Small batches, where the caller has no wish. */
#include "encoder/cuda/cuda.h"
#include "encoder/cuda/device.h"
#include "encoder/cuda/train.h"
#include "encoder/cuda_module.h"

#define BATCH 8 /* the views of a stamp */
#ifndef TEST_ABI
#define TEST_ABI NSKY_CUDA_ABI
#endif

static nsky_status probe(nsky_error *err)
{
    return nsky_dev_probe(NULL, 0, err);
}

static nsky_status open_small(void **state, const nsky_graph *graph, nsky_precision precision,
                              uint32_t *batch, nsky_error *err)
{
    if (*batch == 0)
        *batch = BATCH;
    return nsky_backend_cuda.open(state, graph, precision, batch, err);
}

__attribute__((visibility("default"))) nsky_cuda_module_fn nsky_cuda_module;

const nsky_cuda_module_table *nsky_cuda_module(void)
{
    static nsky_backend_ops ops;
    static nsky_cuda_module_table table = {
        .abi = TEST_ABI, .ops = &ops, .training = &nsky_train_cuda, .probe = probe};

    ops = nsky_backend_cuda;
    ops.open = open_small;
    table.layout = nsky_cuda_layout();
    return &table;
}
