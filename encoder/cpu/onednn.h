/* onednn.h (private) - the one file that knows which oneDNN it is: 2.6 (Debian 12) or 3.x.
 *
 * 3.x turned memory descriptors from structs into handles and merged "describe" and "create" of
 * primitives. Every function returns oneDNN's own status; descriptors made here are freed with
 * onednn_desc_free. Thread rule: pure. */
#ifndef NSKY_CPU_ONEDNN_H
#define NSKY_CPU_ONEDNN_H

#include <oneapi/dnnl/dnnl.h>

#include <assert.h>
#include <stddef.h>

#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t onednn_desc; /* owned; NULL before it is made */
typedef const_dnnl_memory_desc_t onednn_desc_ref;
#define ONEDNN_DESC_NONE NULL
#else
typedef dnnl_memory_desc_t onednn_desc;
typedef const dnnl_memory_desc_t *onednn_desc_ref;
#define ONEDNN_DESC_NONE \
    {                    \
        0                \
    }
#endif

#define ONEDNN_DIMS 4

static inline onednn_desc_ref onednn_ref(const onednn_desc *desc)
{
#if DNNL_VERSION_MAJOR >= 3
    return *desc;
#else
    return desc;
#endif
}

static inline void onednn_desc_free(onednn_desc *desc)
{
#if DNNL_VERSION_MAJOR >= 3
    if (*desc)
        dnnl_memory_desc_destroy(*desc);
    *desc = NULL;
#else
    (void)desc; /* a plain struct */
#endif
}

static inline dnnl_status_t onednn_desc_new(onednn_desc *out, int dims_count,
                                            const dnnl_dims_t dims, dnnl_data_type_t type,
                                            dnnl_format_tag_t tag)
{
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_memory_desc_create_with_tag(out, dims_count, dims, type, tag);
#else
    return dnnl_memory_desc_init_by_tag(out, dims_count, dims, type, tag);
#endif
}

static inline dnnl_data_type_t onednn_desc_type(onednn_desc_ref desc)
{
#if DNNL_VERSION_MAJOR >= 3
    dnnl_data_type_t type = dnnl_data_type_undef;
    dnnl_memory_desc_query(desc, dnnl_query_data_type, &type);
    return type;
#else
    return desc->data_type;
#endif
}

static inline int onednn_desc_ndims(onednn_desc_ref desc)
{
#if DNNL_VERSION_MAJOR >= 3
    int count = 0;
    dnnl_memory_desc_query(desc, dnnl_query_ndims_s32, &count);
    return count;
#else
    return desc->ndims;
#endif
}

static inline const dnnl_dim_t *onednn_desc_dims(onednn_desc_ref desc)
{
#if DNNL_VERSION_MAJOR >= 3
    dnnl_dims_t *dims = NULL;
    dnnl_memory_desc_query(desc, dnnl_query_dims, &dims);
    return *dims;
#else
    return desc->dims;
#endif
}

/* How the caller's tensors lie: [n, c, h, w], or [n], packed. */
static inline dnnl_status_t onednn_desc_plain(onednn_desc *out, onednn_desc_ref like,
                                              dnnl_data_type_t type)
{
    int dims_count = onednn_desc_ndims(like);

    assert(dims_count == 1 || dims_count == ONEDNN_DIMS);
    return onednn_desc_new(out, dims_count, onednn_desc_dims(like), type,
                           dims_count == 1 ? dnnl_a : dnnl_abcd);
}

static inline onednn_desc_ref onednn_memory_desc(const_dnnl_memory_t memory)
{
    onednn_desc_ref desc = NULL;
    dnnl_memory_get_memory_desc(memory, &desc);
    return desc;
}

static inline onednn_desc_ref onednn_query(const_dnnl_primitive_desc_t primitive, dnnl_query_t what,
                                           int index)
{
    return dnnl_primitive_desc_query_md(primitive, what, index);
}

/* Square kernels, equal padding on all sides. */
typedef struct onednn_window {
    dnnl_dim_t kernel, stride, padding;
} onednn_window;

/* dst += what the convolution gives (the memory must hold the addend), then relu. */
static inline dnnl_status_t onednn_post_ops(dnnl_primitive_attr_t attr, int sum, int relu)
{
    dnnl_post_ops_t ops = NULL;
    dnnl_status_t status = dnnl_post_ops_create(&ops);

#if DNNL_VERSION_MAJOR >= 3
    if (!status && sum)
        status = dnnl_post_ops_append_sum(ops, 1.0f, 0, dnnl_data_type_undef);
    if (!status && relu)
        status = dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_relu, 0.0f, 0.0f);
#else
    if (!status && sum)
        status = dnnl_post_ops_append_sum(ops, 1.0f);
    if (!status && relu)
        status = dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_relu, 0.0f, 0.0f);
#endif
    if (!status)
        status = dnnl_primitive_attr_set_post_ops(attr, ops);
    if (ops)
        dnnl_post_ops_destroy(ops);
    return status;
}

static inline dnnl_status_t onednn_conv_new(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                            onednn_desc_ref src, onednn_desc_ref weights,
                                            onednn_desc_ref bias, onednn_desc_ref dst,
                                            onednn_window window, const_dnnl_primitive_attr_t attr)
{
    dnnl_dims_t stride = {window.stride, window.stride};
    dnnl_dims_t padding = {window.padding, window.padding};
    dnnl_dims_t dilation = {0, 0};
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_convolution_forward_primitive_desc_create(
        out, engine, dnnl_forward_inference, dnnl_convolution_auto, src, weights, bias, dst, stride,
        dilation, padding, padding, attr);
#else
    dnnl_convolution_desc_t desc;
    dnnl_status_t status = dnnl_dilated_convolution_forward_desc_init(
        &desc, dnnl_forward_inference, dnnl_convolution_direct, src, weights, bias, dst, stride,
        dilation, padding, padding);
    return status ? status : dnnl_primitive_desc_create(out, &desc, attr, engine, NULL);
#endif
}

static inline dnnl_status_t onednn_pool_new(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                            dnnl_alg_kind_t kind, onednn_desc_ref src,
                                            onednn_desc_ref dst, onednn_window window,
                                            const_dnnl_primitive_attr_t attr)
{
    dnnl_dims_t kernel = {window.kernel, window.kernel};
    dnnl_dims_t stride = {window.stride, window.stride};
    dnnl_dims_t padding = {window.padding, window.padding};
    dnnl_dims_t dilation = {0, 0};
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_pooling_forward_primitive_desc_create(out, engine, dnnl_forward_inference, kind,
                                                      src, dst, stride, kernel, dilation, padding,
                                                      padding, attr);
#else
    dnnl_pooling_v2_desc_t desc;
    dnnl_status_t status = dnnl_pooling_v2_forward_desc_init(
        &desc, dnnl_forward_inference, kind, src, dst, stride, kernel, dilation, padding, padding);
    return status ? status : dnnl_primitive_desc_create(out, &desc, attr, engine, NULL);
#endif
}

#endif
