/* network.h (private) - a graph on the card: weights there, buffers planned, launches captured.
 * Thread rule: one thread at a time. */
#ifndef NSKY_CUDA_NETWORK_H
#define NSKY_CUDA_NETWORK_H

#include "encoder/backend.h"
#include "encoder/cuda/device.h"

#define NSKY_CUDA_BATCH_MAX 1024u

typedef struct nsky_network nsky_network;

/* The images a run takes where the caller has no wish: as many as fill a card, by the network and
 * its size alone, for the batch decides the bits. */
NSKY_MUST_CHECK nsky_status nsky_network_batch(uint32_t *out, const nsky_graph *graph,
                                               nsky_number number, nsky_error *err);

/* graph is borrowed until free. number INT8: the values that have a largest are bytes, the others
 * bf16. keep: every value stays readable after a run. NSKY_EINVAL: scales that make no sense. */
NSKY_MUST_CHECK nsky_status nsky_network_new(nsky_network **out, nsky_dev *dev,
                                             const nsky_graph *graph, nsky_number number,
                                             uint32_t batch, bool keep, nsky_error *err);
void nsky_network_free(nsky_network *net); /* NULL is a no-op */

/* Device memory: the input [batch, size, size, 8] to be filled in the compute stream before run,
 * and the features [batch, dim] float32 that run leaves. */
void *nsky_network_input(const nsky_network *net);
const float *nsky_network_features(const nsky_network *net);
/* What the input is kept in; int8: *gain times its values. */
nsky_number nsky_network_input_number(const nsky_network *net, float *gain);
/* Starts the whole network in the compute stream. */
NSKY_MUST_CHECK nsky_status nsky_network_run(nsky_network *net, nsky_error *err);
/* out [batch, c, h, w] of the last run; waits. NSKY_ENOTFOUND: not kept. */
NSKY_MUST_CHECK nsky_status nsky_network_value(nsky_network *net, uint32_t value, float *out,
                                               nsky_error *err);

#endif
