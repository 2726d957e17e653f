/* dnn_build.h (private) - what dnn.c and dnn_build.c share: cuDNN's descriptors while they are
 * made. Thread rule: see dnn.h. */
#ifndef NSKY_CUDA_DNN_BUILD_H
#define NSKY_CUDA_DNN_BUILD_H

#include "encoder/cuda/dnn.h"

/* Descriptors under construction; the first failure stays, and later calls do nothing. */
typedef struct nsky_dnn_builder {
    cudnnBackendDescriptor_t parts[NSKY_DNN_PARTS_MAX];
    uint32_t count;
    cudnnStatus_t failed;
    const char *what;
} nsky_dnn_builder;

void nsky_dnn_note(nsky_dnn_builder *b, cudnnStatus_t status, const char *what);
cudnnBackendDescriptor_t nsky_dnn_begin(nsky_dnn_builder *b, cudnnBackendDescriptorType_t type,
                                        const char *what);
void nsky_dnn_set(nsky_dnn_builder *b, cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                  cudnnBackendAttributeType_t type, int64_t count, const void *values);
void nsky_dnn_set_part(nsky_dnn_builder *b, cudnnBackendDescriptor_t d,
                       cudnnBackendAttributeName_t name, cudnnBackendDescriptor_t part);
cudnnBackendDescriptor_t nsky_dnn_finish(nsky_dnn_builder *b, cudnnBackendDescriptor_t d,
                                         const char *what);
void nsky_dnn_free_parts(nsky_dnn_builder *b);

/* The operations of a task into ops; returns how many. */
int64_t nsky_dnn_operations(nsky_dnn_builder *b, nsky_dnn_task task, const nsky_conv_shape *s,
                            cudnnBackendDescriptor_t ops[NSKY_DNN_OPS_MAX]);

#endif
