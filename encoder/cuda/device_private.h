/* device_private.h (private) - what device.c and device_conv.c share. */
#ifndef NSKY_CUDA_DEVICE_PRIVATE_H
#define NSKY_CUDA_DEVICE_PRIVATE_H

#include <cuda_runtime_api.h>

#include "encoder/cuda/choices.h"
#include "encoder/cuda/dnn.h"

struct nsky_dev {
    cudaStream_t streams[NSKY_STREAMS];
    cudnnHandle_t dnn; /* works in the compute stream */
    nsky_choices choices;
    char card[256]; /* its name */
};

/* NSKY_EDEVICE; a card that is gone gets its own words. */
nsky_status nsky_dev_fail(nsky_error *err, cudaError_t code, const char *what);

#endif
