/* train_network.h (private) - a network that learns on the card: one block for all activations and
 * their derivatives, cuDNN for the convolutions of images, own kernels for the rest.
 *
 * All is put into the device's compute stream; nothing waits but new and free. Pointers are the
 * device's, borders float32. The same numbers give the same bits. Thread rule: one thread at a time
 * for all networks of a device. */
#ifndef NSKY_CUDA_TRAIN_NETWORK_H
#define NSKY_CUDA_TRAIN_NETWORK_H

#include "encoder/cuda/device.h"
#include "encoder/train/graph.h"

typedef struct nsky_train_net nsky_train_net;

/* graph is borrowed until free. learns = false: forwards only, which needs less memory.
 * NSKY_EDEVICE, also when the card has too little memory; NSKY_ELIMIT; NSKY_ENOMEM. */
NSKY_MUST_CHECK nsky_status nsky_train_net_new(nsky_train_net **out, nsky_dev *dev,
                                               const nsky_train_graph *graph, uint32_t batch,
                                               bool learns, nsky_error *err);
void nsky_train_net_free(nsky_train_net *net); /* NULL is a no-op */

/* params [param_floats]: weights are converted, the rest is read where it is until the next load.
 */
NSKY_MUST_CHECK nsky_status nsky_train_net_load(nsky_train_net *net, const float *params,
                                                nsky_error *err);
/* in [batch, c, h, w]; read before what is put into the stream later. */
NSKY_MUST_CHECK nsky_status nsky_train_net_forward(nsky_train_net *net, const float *in,
                                                   nsky_error *err);
/* Of the last forward: [batch, c', h', w'], and [stat_floats] as nsky_train_ops has them. */
const float *nsky_train_net_out(const nsky_train_net *net);
const float *nsky_train_net_stats(const nsky_train_net *net);
/* d_out [batch, c', h', w']. */
NSKY_MUST_CHECK nsky_status nsky_train_net_backward(nsky_train_net *net, const float *d_out,
                                                    nsky_error *err);
/* sum [param_floats] += the derivatives by the parameters of the last backward. */
NSKY_MUST_CHECK nsky_status nsky_train_net_add_gradients(nsky_train_net *net, float *sum,
                                                         nsky_error *err);

#endif
