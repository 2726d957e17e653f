/* network_private.h (private) - what network.c and network_values.c share. Thread rule: one thread
 * at a time. */
#ifndef NSKY_CUDA_NETWORK_PRIVATE_H
#define NSKY_CUDA_NETWORK_PRIVATE_H

#include "encoder/cpu/plan.h"
#include "encoder/cuda/network.h"

struct nsky_network {
    nsky_dev *dev;
    const nsky_graph *graph;
    nsky_number number; /* INT8: of the values that have a scale, bf16 of the others */
    uint32_t batch;
    bool keep;
    nsky_cpu_span *spans;  /* [value_count] where each value lies in the block */
    nsky_dev_conv **convs; /* [op_count], NULL where it is none */
    char *block;           /* device: activations */
    char *weights;         /* device: all weights and biases */
    char *ordered;         /* host: the same, until the card surely has them */
    size_t *weight_at;     /* [op_count] first byte of the weights; the bias follows */
    void *workspace;       /* device: shared, convolutions run one after another */
    float *features;       /* device: [batch, dim] */
    nsky_dev_graph *captured;
};

/* spans [value_count]: each value from the op that writes it to the last that reads it. */
NSKY_MUST_CHECK nsky_status nsky_network_plan(const nsky_graph *graph, nsky_number number,
                                              uint32_t batch, bool keep, nsky_cpu_span *spans,
                                              size_t *total, nsky_error *err);
/* Device memory. */
void *nsky_network_value_at(const nsky_network *net, uint32_t value);

#endif
