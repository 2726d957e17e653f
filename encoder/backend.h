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
#include "encoder/preprocess.h"

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
    float largest; /* int8: the magnitude that 127 stands for; 0: not kept as a byte (int8.h) */
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

/* How a back end with memory of its own takes stamps: threads fill slots, each a batch in the
 * making, and the device works through those that are full, copying one while computing another.
 * All but open: any thread, a slot one thread at a time. Errors of a lost device are NSKY_EDEVICE,
 * from then on from every call. */
typedef struct nsky_slot_ops {
    /* Once, before the first begin: how stamps are prepared; how->size is the graph's. */
    nsky_status (*open)(void *state, const nsky_preprocess *how, uint32_t count, nsky_error *err);
    /* Waits until one of them is free. */
    nsky_status (*begin)(void *state, nsky_slot **out, nsky_error *err);
    /* Copies what the network sees of the stamp. *full: it did not fit any more and was not taken.
     * NSKY_EDATA: an infinite pixel; it was not taken. */
    nsky_status (*put)(nsky_slot *slot, const nsky_stamp *stamp, bool *full, nsky_error *err);
    /* Computes, waits, empties. vectors [stamps put, dim] float16, unit length; where faults
     * [stamps put] is not NSKY_ROW_SOUND the vector is zero. */
    nsky_status (*run)(nsky_slot *slot, uint16_t *vectors, uint8_t *faults, nsky_error *err);
    void (*end)(nsky_slot *slot);                     /* gives it back; NULL is a no-op */
    void (*times)(void *state, nsky_slot_times *out); /* since open */
} nsky_slot_ops;

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
    const nsky_slot_ops *slots; /* NULL: none; then stamps are preprocessed by the caller */
} nsky_backend_ops;

extern const nsky_backend_ops nsky_backend_ref; /* ref/: plain C, the oracle */
extern const nsky_backend_ops nsky_backend_cpu; /* cpu/: oneDNN */

#endif
