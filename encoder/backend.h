/* backend.h - private to the encoder: one graph, several ways to run it.
 *
 * The graph is inference-ready: batch norms folded into convolutions by nsky_graph_build. A back
 * end is a table; registry.c alone knows which exist.
 */
#ifndef NSKY_BACKEND_H
#define NSKY_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "encoder/encoder.h"

typedef enum nsky_op_kind {
    NSKY_OP_CONV,    /* out = relu?(conv(in) + bias [+ add]) */
    NSKY_OP_MAXPOOL, /* 3x3, stride 2, padding 1 */
    NSKY_OP_AVGPOOL, /* global: [c, h, w] -> [c] */
} nsky_op_kind;

/* Buffers are numbered values of the graph: 0 is the input image [3, size, size]. */
typedef struct nsky_op {
    nsky_op_kind kind;
    const char *name; /* torchvision's: "layer1.0.conv2"; borrowed from the graph */
    uint32_t in, out; /* value numbers */
    int32_t add;      /* value added before relu, or -1 */
    bool relu;
    uint32_t kernel, stride, padding;
    const float *weight; /* [out channels, in channels, kernel, kernel], folded */
    const float *bias;   /* [out channels], folded */
} nsky_op;

typedef struct nsky_value {
    uint32_t channels, height, width;
} nsky_value;

typedef struct nsky_graph {
    nsky_op *ops; /* in order; each value is written once; the last op is the AVGPOOL */
    uint32_t op_count;
    nsky_value *values;
    uint32_t value_count;
    uint32_t size, dim;
} nsky_graph;

NSKY_MUST_CHECK nsky_status nsky_graph_build(nsky_graph **out, const nsky_model *model,
                                             uint32_t size, nsky_error *err);
void nsky_graph_free(nsky_graph *graph);

typedef struct nsky_backend_ops {
    const char *name;
    bool (*available)(nsky_precision precision);
    void (*describe)(char *out, size_t bytes); /* "oneDNN 2.6.3: fp32, bf16" */
    /* graph is borrowed until close. *batch in: 0 for the back end's choice; out: what it runs. */
    nsky_status (*open)(void **state, const nsky_graph *graph, nsky_precision precision,
                        uint32_t *batch, nsky_error *err);
    /* images [batch, 3, size, size] -> out [batch, dim], before normalisation. */
    nsky_status (*run)(void *state, const float *images, float *out, nsky_error *err);
    /* The value of the last run as float32 [batch, c, h, w], for tests; NSKY_ENOTFOUND where the
     * back end no longer has it (reused memory) unless NSKY_KEEP_VALUES=1 was set at open. */
    nsky_status (*value)(void *state, uint32_t value, float *out, nsky_error *err);
    void (*close)(void *state);
} nsky_backend_ops;

extern const nsky_backend_ops nsky_backend_ref; /* ref/: plain C, the oracle */
extern const nsky_backend_ops nsky_backend_cpu; /* cpu/: oneDNN */

#endif
