/* network.h (private) - a graph as a flat list of oneDNN primitives over planned memory.
 * Thread rule: one thread at a time; networks are independent of each other. */
#ifndef NSKY_CPU_NETWORK_H
#define NSKY_CPU_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "encoder/backend.h"
#include "encoder/cpu/gather.h"
#include "encoder/cpu/onednn.h"
#include "encoder/cpu/plan.h"

#define NSKY_CPU_NONE UINT32_MAX
#define NSKY_CPU_ARGS_MAX 12 /* a batch norm backwards */

/* One piece of memory. Tensors and spans are numbered alike. */
typedef struct nsky_cpu_tensor {
    dnnl_memory_t memory;
    uint32_t lies_in;      /* whose bytes these are: its own number, or that of what it views */
    const float *constant; /* weights or biases to fill it with; NULL: an activation or scratch */
    uint32_t window;       /* > 1: weights [o, i, window] to lie as [o, window, i] */
    bool outside;          /* the caller's images or vectors: its address is set by every run */
    bool lasting;          /* keeps its bytes from run to run */
} nsky_cpu_tensor;

typedef struct nsky_cpu_step {
    dnnl_primitive_t primitive; /* NULL: gather */
    nsky_cpu_gather gather;
    uint32_t from, to; /* tensors, of gather */
    dnnl_exec_arg_t args[NSKY_CPU_ARGS_MAX];
    int arg_count;
    uint32_t phase;
    bool kernel; /* of a convolution or batch norm in training: what its speed is measured by */
} nsky_cpu_step;

/* Where the graph's value is after a run. */
typedef struct nsky_cpu_place {
    uint32_t tensor;
    uint32_t converted; /* the same in another format, or NSKY_CPU_NONE */
    uint32_t last_op;   /* that reads it */
    uint32_t step;      /* that writes it */
} nsky_cpu_place;

typedef struct nsky_cpu_network {
    const nsky_graph *graph; /* borrowed */
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_attr_t
        attr;              /* of primitives without post-ops: the caller gives the scratchpad */
    dnnl_data_type_t type; /* of activations and weights */
    uint32_t batch;
    bool keep_values; /* NSKY_KEEP_VALUES: nothing is written twice */
    uint32_t phase;   /* of the steps that are added: training runs them apart */

    nsky_cpu_step *steps;
    uint32_t step_count, step_capacity;
    nsky_cpu_tensor *tensors;
    nsky_cpu_span *spans;
    uint32_t tensor_count, tensor_capacity;
    nsky_cpu_place *places;   /* [graph->value_count] */
    uint32_t images, vectors; /* the tensors outside */
    char *block;              /* everything else */
    size_t block_bytes;
} nsky_cpu_network;

/* Primitives chosen, memory planned and allocated, weights in the primitives' formats. */
NSKY_MUST_CHECK nsky_status nsky_cpu_network_new(nsky_cpu_network **out, const nsky_graph *graph,
                                                 nsky_precision precision, uint32_t batch,
                                                 nsky_error *err);
void nsky_cpu_network_free(nsky_cpu_network *net); /* NULL is a no-op */

/* The same by hand, for training: room for steps and tensors, then steps, then their memory. */
NSKY_MUST_CHECK nsky_status nsky_cpu_network_blank(nsky_cpu_network **out, nsky_precision precision,
                                                   uint32_t batch, uint32_t steps, uint32_t tensors,
                                                   nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_cpu_network_bind(nsky_cpu_network *net, nsky_error *err);

/* --- build.c --- */
/* The caller's images as value 0, and room for the pointer to the caller's vectors. */
nsky_status nsky_cpu_add_outside(nsky_cpu_network *net, nsky_error *err);
/* The steps of one op, and where its value will be. */
nsky_status nsky_cpu_add_op(nsky_cpu_network *net, uint32_t op_index, nsky_error *err);
/* Tag dnnl_format_tag_any leaves the format to oneDNN. */
dnnl_status_t nsky_cpu_describe_value(const nsky_cpu_network *net, uint32_t value,
                                      dnnl_data_type_t type, dnnl_format_tag_t tag,
                                      onednn_desc *out);
void nsky_cpu_place_value(nsky_cpu_network *net, uint32_t value, uint32_t tensor, uint32_t step);

/* --- conv.c --- */
nsky_status nsky_cpu_add_conv(nsky_cpu_network *net, uint32_t op_index, nsky_error *err);

/* --- tensor.c: memory and the steps that move it --- */
/* NSKY_ENOMEM or NSKY_EDEVICE: "oneDNN cannot `what` (status)". */
nsky_status nsky_cpu_fail(nsky_error *err, dnnl_status_t status, const char *what);
nsky_status nsky_cpu_tensor_new(nsky_cpu_network *net, onednn_desc_ref desc, const float *constant,
                                uint32_t *out, nsky_error *err);
/* The bytes of `base` under another shape. */
nsky_status nsky_cpu_tensor_view(nsky_cpu_network *net, uint32_t base, onednn_desc_ref desc,
                                 uint32_t *out, nsky_error *err);
/* Takes primitive; args name tensors by number. Adds the scratchpad it asks for. */
typedef struct nsky_cpu_arg {
    int name; /* DNNL_ARG_... */
    uint32_t tensor;
} nsky_cpu_arg;
nsky_status nsky_cpu_step_new(nsky_cpu_network *net, dnnl_primitive_desc_t primitive,
                              const nsky_cpu_arg *args, int arg_count, nsky_error *err);
/* A step that gathers the windows of op from one tensor into another. */
void nsky_cpu_gather_new(nsky_cpu_network *net, const nsky_op *op, uint32_t from, uint32_t to);
/* A step that copies one tensor to another, changing format and type. */
nsky_status nsky_cpu_copy(nsky_cpu_network *net, uint32_t from, uint32_t to, nsky_error *err);
/* The tensor of a value in the format asked for: its own, or a converted copy. */
nsky_status nsky_cpu_value_as(nsky_cpu_network *net, uint32_t value, onednn_desc_ref desc,
                              uint32_t *out, nsky_error *err);
/* Copies now, outside the list of steps. */
nsky_status nsky_cpu_copy_now(nsky_cpu_network *net, dnnl_memory_t from, dnnl_memory_t to,
                              nsky_error *err);

#endif
