/* onednn_train.h (private) - onednn.h for what training needs: the same calls on 2.6 and 3.x.
 * Thread rule: pure. */
#ifndef NSKY_CPU_ONEDNN_TRAIN_H
#define NSKY_CPU_ONEDNN_TRAIN_H

#include "encoder/cpu/onednn.h"

/* forward: NULL, or the forward primitive that the backward one belongs to. Any of src, weights and
 * dst may be "of any format". */
typedef struct onednn_conv {
    onednn_desc_ref src, weights, bias, dst;
    onednn_window window;
    const_dnnl_primitive_desc_t forward;
    const_dnnl_primitive_attr_t attr;
} onednn_conv;

#define ONEDNN_WINDOW_DIMS(w)                            \
    const dnnl_dims_t stride = {(w).stride, (w).stride}; \
    const dnnl_dims_t padding = {(w).padding, (w).padding}, dilation = {0, 0}

static inline dnnl_status_t onednn_conv_forward(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                                const onednn_conv *c)
{
    ONEDNN_WINDOW_DIMS(c->window);
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_convolution_forward_primitive_desc_create(
        out, engine, dnnl_forward_training, dnnl_convolution_direct, c->src, c->weights, c->bias,
        c->dst, stride, dilation, padding, padding, c->attr);
#else
    dnnl_convolution_desc_t desc;
    dnnl_status_t status = dnnl_dilated_convolution_forward_desc_init(
        &desc, dnnl_forward_training, dnnl_convolution_direct, c->src, c->weights, c->bias, c->dst,
        stride, dilation, padding, padding);
    return status ? status : dnnl_primitive_desc_create(out, &desc, c->attr, engine, NULL);
#endif
}

static inline dnnl_status_t onednn_conv_backward_data(dnnl_primitive_desc_t *out,
                                                      dnnl_engine_t engine, const onednn_conv *c)
{
    ONEDNN_WINDOW_DIMS(c->window);
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_convolution_backward_data_primitive_desc_create(
        out, engine, dnnl_convolution_direct, c->src, c->weights, c->dst, stride, dilation, padding,
        padding, c->forward, c->attr);
#else
    dnnl_convolution_desc_t desc;
    dnnl_status_t status = dnnl_dilated_convolution_backward_data_desc_init(
        &desc, dnnl_convolution_direct, c->src, c->weights, c->dst, stride, dilation, padding,
        padding);
    return status ? status : dnnl_primitive_desc_create(out, &desc, c->attr, engine, c->forward);
#endif
}

static inline dnnl_status_t onednn_conv_backward_weights(dnnl_primitive_desc_t *out,
                                                         dnnl_engine_t engine, const onednn_conv *c)
{
    ONEDNN_WINDOW_DIMS(c->window);
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_convolution_backward_weights_primitive_desc_create(
        out, engine, dnnl_convolution_direct, c->src, c->weights, c->bias, c->dst, stride, dilation,
        padding, padding, c->forward, c->attr);
#else
    dnnl_convolution_desc_t desc;
    dnnl_status_t status = dnnl_dilated_convolution_backward_weights_desc_init(
        &desc, dnnl_convolution_direct, c->src, c->weights, c->bias, c->dst, stride, dilation,
        padding, padding);
    return status ? status : dnnl_primitive_desc_create(out, &desc, c->attr, engine, c->forward);
#endif
}

/* Batch statistics out; with relu also a workspace. 2.6 wants the shift as an input of backward. */
static inline unsigned onednn_norm_flags(int relu)
{
    return (unsigned)dnnl_use_scale | (unsigned)dnnl_use_shift |
           (relu ? (unsigned)dnnl_fuse_norm_relu : 0u);
}

static inline dnnl_status_t onednn_norm_forward(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                                onednn_desc_ref data, float epsilon, int relu,
                                                const_dnnl_primitive_attr_t attr)
{
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_batch_normalization_forward_primitive_desc_create(
        out, engine, dnnl_forward_training, data, data, epsilon, onednn_norm_flags(relu), attr);
#else
    dnnl_batch_normalization_desc_t desc;
    dnnl_status_t status = dnnl_batch_normalization_forward_desc_init(
        &desc, dnnl_forward_training, data, epsilon, onednn_norm_flags(relu));
    return status ? status : dnnl_primitive_desc_create(out, &desc, attr, engine, NULL);
#endif
}

static inline dnnl_status_t onednn_norm_backward(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                                 onednn_desc_ref data, float epsilon, int relu,
                                                 const_dnnl_primitive_desc_t forward,
                                                 const_dnnl_primitive_attr_t attr)
{
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_batch_normalization_backward_primitive_desc_create(
        out, engine, dnnl_backward, data, data, data, epsilon, onednn_norm_flags(relu), forward,
        attr);
#else
    dnnl_batch_normalization_desc_t desc;
    dnnl_status_t status = dnnl_batch_normalization_backward_desc_init(
        &desc, dnnl_backward, data, data, epsilon, onednn_norm_flags(relu));
    return status ? status : dnnl_primitive_desc_create(out, &desc, attr, engine, forward);
#endif
}

static inline dnnl_status_t onednn_pool_forward(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                                dnnl_alg_kind_t kind, onednn_desc_ref src,
                                                onednn_desc_ref dst, onednn_window window,
                                                const_dnnl_primitive_attr_t attr)
{
    const dnnl_dims_t kernel = {window.kernel, window.kernel};
    ONEDNN_WINDOW_DIMS(window);
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_pooling_forward_primitive_desc_create(out, engine, dnnl_forward_training, kind, src,
                                                      dst, stride, kernel, dilation, padding,
                                                      padding, attr);
#else
    dnnl_pooling_v2_desc_t desc;
    dnnl_status_t status = dnnl_pooling_v2_forward_desc_init(
        &desc, dnnl_forward_training, kind, src, dst, stride, kernel, dilation, padding, padding);
    return status ? status : dnnl_primitive_desc_create(out, &desc, attr, engine, NULL);
#endif
}

static inline dnnl_status_t onednn_pool_backward(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                                 dnnl_alg_kind_t kind, onednn_desc_ref src,
                                                 onednn_desc_ref dst, onednn_window window,
                                                 const_dnnl_primitive_desc_t forward,
                                                 const_dnnl_primitive_attr_t attr)
{
    const dnnl_dims_t kernel = {window.kernel, window.kernel};
    ONEDNN_WINDOW_DIMS(window);
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_pooling_backward_primitive_desc_create(out, engine, kind, src, dst, stride, kernel,
                                                       dilation, padding, padding, forward, attr);
#else
    dnnl_pooling_v2_desc_t desc;
    dnnl_status_t status = dnnl_pooling_v2_backward_desc_init(&desc, kind, src, dst, stride, kernel,
                                                              dilation, padding, padding);
    return status ? status : dnnl_primitive_desc_create(out, &desc, attr, engine, forward);
#endif
}

/* dst = a + b, then relu where attr says so. */
static inline dnnl_status_t onednn_add(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                       onednn_desc_ref a, onednn_desc_ref b, onednn_desc_ref dst,
                                       const_dnnl_primitive_attr_t attr)
{
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_binary_primitive_desc_create(out, engine, dnnl_binary_add, a, b, dst, attr);
#else
    dnnl_binary_desc_t desc;
    dnnl_status_t status = dnnl_binary_desc_init(&desc, dnnl_binary_add, a, b, dst);
    return status ? status : dnnl_primitive_desc_create(out, &desc, attr, engine, NULL);
#endif
}

/* The derivative of relu, told by its result. */
static inline dnnl_status_t onednn_relu_backward(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                                 onednn_desc_ref data,
                                                 const_dnnl_primitive_attr_t attr)
{
    dnnl_primitive_desc_t forward = NULL;
#if DNNL_VERSION_MAJOR >= 3
    dnnl_status_t status = dnnl_eltwise_forward_primitive_desc_create(
        &forward, engine, dnnl_forward_training, dnnl_eltwise_relu_use_dst_for_bwd, data, data, 0,
        0, attr);
    if (!status)
        status = dnnl_eltwise_backward_primitive_desc_create(
            out, engine, dnnl_eltwise_relu_use_dst_for_bwd, data, data, data, 0, 0, forward, attr);
#else
    dnnl_eltwise_desc_t desc;
    dnnl_status_t status = dnnl_eltwise_forward_desc_init(
        &desc, dnnl_forward_training, dnnl_eltwise_relu_use_dst_for_bwd, data, 0, 0);
    if (!status)
        status = dnnl_primitive_desc_create(&forward, &desc, attr, engine, NULL);
    if (!status)
        status = dnnl_eltwise_backward_desc_init(&desc, dnnl_eltwise_relu_use_dst_for_bwd, data,
                                                 data, 0, 0);
    if (!status)
        status = dnnl_primitive_desc_create(out, &desc, attr, engine, forward);
#endif
    if (forward)
        dnnl_primitive_desc_destroy(forward);
    return status;
}

#endif
