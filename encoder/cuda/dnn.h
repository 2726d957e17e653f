/* dnn.h (private) - cuDNN's graph API as far as a convolution needs it: the operations as a graph,
 * the engines that can run it, a plan made of one. Works with a handle, or with a description of a
 * card that is not there. Thread rule: one thread at a time in each handle. */
#ifndef NSKY_CUDA_DNN_H
#define NSKY_CUDA_DNN_H

#include <cudnn.h>

#include "common/error.h"
#include "encoder/cuda/device.h"

#define NSKY_DNN_WAYS_MAX 64 /* engine configurations of one graph */
#define NSKY_DNN_PARTS_MAX 32

/* Where plans are for: a card, or its description; the other is NULL. */
typedef struct nsky_dnn_target {
    cudnnHandle_t handle;
    cudnnBackendDescriptor_t device;
} nsky_dnn_target;

typedef enum nsky_dnn_task {
    NSKY_DNN_FORWARD,     /* conv [+ add] + bias, relu? */
    NSKY_DNN_DATA_BACK,   /* derivative by x */
    NSKY_DNN_WEIGHT_BACK, /* derivative by the weights */
    NSKY_DNN_PLAIN,       /* conv alone */
} nsky_dnn_task;

/* The numbers by which a plan's run is told its tensors. */
enum {
    NSKY_DNN_X = 1,
    NSKY_DNN_WEIGHT,
    NSKY_DNN_BIAS,
    NSKY_DNN_ADD,
    NSKY_DNN_Y,
    NSKY_DNN_SCALE,
    NSKY_DNN_RESCALE
};

#define NSKY_DNN_OPS_MAX 6 /* operations of one graph */

/* A card's description: cuDNN's JSON. */
NSKY_MUST_CHECK nsky_status nsky_dnn_describe_device(cudnnBackendDescriptor_t *out,
                                                     const char *json, nsky_error *err);

/* A graph of operations, and its engine configurations: cuDNN's own order, best first. cuDNN does
 * not say what of a descriptor another keeps, so all of them last as long as the plans made from
 * them. */
typedef struct nsky_dnn_graph {
    nsky_dnn_target target;
    bool exact; /* float32: no engine that rounds what it multiplies */
    cudnnBackendDescriptor_t parts[NSKY_DNN_PARTS_MAX]; /* in the order they were made */
    uint32_t part_count;
    cudnnBackendDescriptor_t graph; /* the last of them */
    cudnnBackendDescriptor_t ways[NSKY_DNN_WAYS_MAX];
    uint32_t way_count;
} nsky_dnn_graph;

/* Leaves out engines that may give other bits from run to run, and for float32 those that compute
 * with less (TF32). NSKY_EDEVICE: none is left. */
NSKY_MUST_CHECK nsky_status nsky_dnn_graph_new(nsky_dnn_graph *out, nsky_dnn_target target,
                                               nsky_dnn_task task, const nsky_conv_shape *shape,
                                               nsky_error *err);
void nsky_dnn_graph_free(nsky_dnn_graph *graph); /* a zeroed one is a no-op */

typedef struct nsky_dnn_way {
    int64_t engine;
    bool compiles; /* at run time, which takes up to a second */
} nsky_dnn_way;

nsky_dnn_way nsky_dnn_way_of(const nsky_dnn_graph *graph, uint32_t way);

/* NULL: this way is not to be had after all. *workspace_bytes is the plan's. */
cudnnBackendDescriptor_t nsky_dnn_plan(const nsky_dnn_graph *graph, uint32_t way,
                                       size_t *workspace_bytes);
void nsky_dnn_free(cudnnBackendDescriptor_t descriptor); /* NULL is a no-op */

/* Tensors and workspace for a run of the plan. */
NSKY_MUST_CHECK nsky_status nsky_dnn_pack(cudnnBackendDescriptor_t *out, const nsky_conv_data *data,
                                          void *workspace, nsky_error *err);

/* What cuDNN says, in one line. */
nsky_status nsky_dnn_fail(nsky_error *err, cudnnStatus_t status, const char *what);

#endif
