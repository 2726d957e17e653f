/* train.h (private) - a network that learns, as four lists of oneDNN primitives over planned
 * memory: parameters in, forwards, backwards, gradients out. All lists are one array of steps with
 * a phase each, so that what is alive when is known and gradients reuse the bytes of activations.
 * Thread rule: one thread at a time; networks are independent of each other. */
#ifndef NSKY_CPU_TRAIN_H
#define NSKY_CPU_TRAIN_H

#include "encoder/cpu/network.h"
#include "encoder/cpu/onednn_train.h"
#include "encoder/train/ops.h"

enum { NSKY_CPU_LOAD, NSKY_CPU_FORWARD, NSKY_CPU_BACKWARD, NSKY_CPU_COLLECT };

/* A tensor outside whose address is an offset into the caller's array of parameters. */
typedef struct nsky_cpu_port {
    uint32_t tensor;
    size_t offset;
} nsky_cpu_port;

/* What the forward half of an op leaves to its backward half. */
typedef struct nsky_cpu_kept {
    dnnl_primitive_desc_t forward;
    uint32_t src, dst, workspace; /* tensors */
    uint32_t mean, variance;      /* of NORM */
    uint32_t scale, shift;        /* of NORM: 2.6 asks for both again */
} nsky_cpu_kept;

typedef struct nsky_cpu_train {
    nsky_cpu_network *net;
    const nsky_train_graph *graph; /* borrowed */
    bool learns;
    uint32_t values[NSKY_TRAIN_OPS_MAX + 1];    /* tensor of each value */
    uint32_t gradients[NSKY_TRAIN_OPS_MAX + 1]; /* tensor of the loss's derivative by it, so far */
    nsky_cpu_kept kept[NSKY_TRAIN_OPS_MAX];
    nsky_cpu_port loads[2 * NSKY_TRAIN_PARAMS_MAX], sinks[NSKY_TRAIN_PARAMS_MAX];
    uint32_t load_count, sink_count;
    uint32_t in, out, d_out;   /* tensors outside */
    dnnl_primitive_attr_t add; /* of copies that add to what is there */
    dnnl_primitive_attr_t relu;
    bool has_run;
} nsky_cpu_train;

/* --- train_build.c --- */
NSKY_MUST_CHECK nsky_status nsky_cpu_train_build(nsky_cpu_train *train, nsky_precision precision,
                                                 uint32_t batch, nsky_error *err);
/* A tensor holding parameter `index` as the caller's array will have it (LOAD), or to which its
 * derivative is to be added (COLLECT). */
nsky_status nsky_cpu_train_param_in(nsky_cpu_train *train, uint32_t index, onednn_desc_ref desc,
                                    uint32_t *out, nsky_error *err);
nsky_status nsky_cpu_train_param_out(nsky_cpu_train *train, uint32_t index, uint32_t tensor,
                                     nsky_error *err);
/* As nsky_cpu_step_new, for convolutions and batch norms. */
nsky_status nsky_cpu_train_kernel(nsky_cpu_train *train, dnnl_primitive_desc_t primitive,
                                  const nsky_cpu_arg *args, int arg_count, nsky_error *err);
/* The tensor as desc: itself, or a copy made by a step of the present phase. */
nsky_status nsky_cpu_train_as(nsky_cpu_train *train, uint32_t tensor, onednn_desc_ref desc,
                              uint32_t *out, nsky_error *err);
/* Another share of the derivative by a value. */
nsky_status nsky_cpu_train_gradient(nsky_cpu_train *train, uint32_t value, uint32_t tensor,
                                    nsky_error *err);
onednn_desc_ref nsky_cpu_train_desc(const nsky_cpu_train *train, uint32_t tensor);
dnnl_data_type_t nsky_cpu_train_type(const nsky_cpu_train *train, uint32_t value);
dnnl_status_t nsky_cpu_train_describe(const nsky_cpu_train *train, uint32_t value,
                                      dnnl_data_type_t type, dnnl_format_tag_t tag,
                                      onednn_desc *out);

/* --- train_conv.c, train_layers.c: one op, the present phase --- */
nsky_status nsky_cpu_train_conv(nsky_cpu_train *train, uint32_t op, nsky_error *err);
nsky_status nsky_cpu_train_conv_back(nsky_cpu_train *train, uint32_t op, nsky_error *err);
nsky_status nsky_cpu_train_norm(nsky_cpu_train *train, uint32_t op, nsky_error *err);
nsky_status nsky_cpu_train_norm_back(nsky_cpu_train *train, uint32_t op, nsky_error *err);
nsky_status nsky_cpu_train_sum(nsky_cpu_train *train, uint32_t op, nsky_error *err);
nsky_status nsky_cpu_train_sum_back(nsky_cpu_train *train, uint32_t op, nsky_error *err);
nsky_status nsky_cpu_train_pool(nsky_cpu_train *train, uint32_t op, nsky_error *err);
nsky_status nsky_cpu_train_pool_back(nsky_cpu_train *train, uint32_t op, nsky_error *err);

#endif
