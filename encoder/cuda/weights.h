/* weights.h (private) - folded weights in the card's order and type. Thread rule: pure. */
#ifndef NSKY_CUDA_WEIGHTS_H
#define NSKY_CUDA_WEIGHTS_H

#include "encoder/backend.h"
#include "encoder/cuda/number.h"

/* Channels with their padding. */
uint32_t nsky_padded(uint32_t channels);
size_t nsky_weights_count(const nsky_graph *graph, const nsky_op *op);
/* out [padded out, kernel, kernel, padded in]: what pads is zero. */
void nsky_weights_order(const nsky_graph *graph, const nsky_op *op, nsky_number number, void *out);
/* out [padded out]. */
void nsky_bias_order(const nsky_graph *graph, const nsky_op *op, nsky_number number, void *out);

#endif
