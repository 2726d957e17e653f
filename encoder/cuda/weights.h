/* weights.h (private) - folded weights in the card's order and type. Thread rule: pure. */
#ifndef NSKY_CUDA_WEIGHTS_H
#define NSKY_CUDA_WEIGHTS_H

#include "encoder/backend.h"
#include "encoder/cuda/device.h"

/* Channels with their padding. */
uint32_t nsky_padded(uint32_t channels);
size_t nsky_weights_count(const nsky_graph *graph, const nsky_op *op);

/* Bytes of what put writes, a multiple of 16. number: what the convolution reads. */
size_t nsky_weights_room(const nsky_graph *graph, const nsky_op *op, nsky_number number);
/* out: weights [padded out, kernel, kernel, padded in], then the bias [padded out]: what pads is
 * zero. INT8: as bytes.h has it. */
void nsky_weights_put(const nsky_graph *graph, const nsky_op *op, nsky_number number, char *out);
/* Where they lie in what was copied to `at`: those members of *out. */
void nsky_weights_find(const nsky_graph *graph, const nsky_op *op, nsky_number number,
                       const char *at, nsky_conv_data *out);

#endif
