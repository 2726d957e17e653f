/* bytes.h (private) - a convolution in int8: its weights as bytes with a scale for each output
 * channel, and what brings its exact sums back to numbers. Thread rule: pure. */
#ifndef NSKY_CUDA_BYTES_H
#define NSKY_CUDA_BYTES_H

#include "encoder/backend.h"
#include "encoder/cuda/device.h"

/* What a value is kept in by a network of that number: in int8's a byte where its largest is known,
 * else bf16. */
nsky_number nsky_number_at(const nsky_graph *graph, nsky_number number, uint32_t value);
/* What one of the value's units is worth: 1 where it is not kept as bytes. */
double nsky_bytes_unit(const nsky_graph *graph, uint32_t value);

/* Every convolution reads and writes what device.h's int8 or its bf16 can, and the last value
 * before the average is bf16. NSKY_EINVAL: not so; calibrate again. */
NSKY_MUST_CHECK nsky_status nsky_bytes_check(const nsky_graph *graph, nsky_error *err);

/* Bytes of what order writes: a multiple of 16. */
size_t nsky_bytes_room(const nsky_graph *graph, const nsky_op *op);
/* out: weights [padded out, kernel, kernel, padded in] int8, then scale [padded out], bias [padded
 * out] and rescale [4, the first counts] float32; what pads is zero. */
void nsky_bytes_order(const nsky_graph *graph, const nsky_op *op, char *out);
/* Where they lie in what was copied to `at`. */
void nsky_bytes_find(const nsky_graph *graph, const nsky_op *op, const char *at,
                     nsky_conv_data *out);

#endif
