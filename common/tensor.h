/* tensor.h - a borrowed view of float32 images. */
#ifndef NSKY_TENSOR_H
#define NSKY_TENSOR_H

#include <stdint.h>

/* data [n, channels, height, width], row-major, tightly packed; the view owns nothing. */
typedef struct nsky_tensor {
    float *data;
    uint32_t n, channels, height, width;
} nsky_tensor;

#endif
