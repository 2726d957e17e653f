/* dnn_build.c - a convolution and what follows it as cuDNN's descriptors.
 *
 * What decides whether cuDNN has ready-made kernels for the fused convolution: the residual is
 * added before the bias, and the bias has the type of the activations. Otherwise only engines
 * remain that are compiled while the program waits. Thread rule: see dnn.h. */
#include "encoder/cuda/dnn_build.h"

#include <assert.h>

void nsky_dnn_note(nsky_dnn_builder *b, cudnnStatus_t status, const char *what)
{
    if (status == CUDNN_STATUS_SUCCESS || b->failed != CUDNN_STATUS_SUCCESS)
        return;
    b->failed = status;
    b->what = what;
}

cudnnBackendDescriptor_t nsky_dnn_begin(nsky_dnn_builder *b, cudnnBackendDescriptorType_t type,
                                        const char *what)
{
    cudnnBackendDescriptor_t made = NULL;

    if (b->failed != CUDNN_STATUS_SUCCESS)
        return NULL;
    nsky_dnn_note(b, cudnnBackendCreateDescriptor(type, &made), what);
    assert(b->count < NSKY_DNN_PARTS_MAX);
    if (made)
        b->parts[b->count++] = made;
    return made;
}

void nsky_dnn_set(nsky_dnn_builder *b, cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                  cudnnBackendAttributeType_t type, int64_t count, const void *values)
{
    if (b->failed == CUDNN_STATUS_SUCCESS)
        nsky_dnn_note(b, cudnnBackendSetAttribute(d, name, type, count, values), "an attribute");
}

void nsky_dnn_set_part(nsky_dnn_builder *b, cudnnBackendDescriptor_t d,
                       cudnnBackendAttributeName_t name, cudnnBackendDescriptor_t part)
{
    nsky_dnn_set(b, d, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &part);
}

cudnnBackendDescriptor_t nsky_dnn_finish(nsky_dnn_builder *b, cudnnBackendDescriptor_t d,
                                         const char *what)
{
    if (b->failed == CUDNN_STATUS_SUCCESS)
        nsky_dnn_note(b, cudnnBackendFinalize(d), what);
    return d;
}

void nsky_dnn_free_parts(nsky_dnn_builder *b)
{
    for (uint32_t i = b->count; i-- > 0;)
        nsky_dnn_free(b->parts[i]);
    b->count = 0;
}

static cudnnDataType_t type_of(nsky_number number)
{
    static const cudnnDataType_t types[] = {CUDNN_DATA_BFLOAT16, CUDNN_DATA_HALF, CUDNN_DATA_FLOAT,
                                            CUDNN_DATA_INT8};

    return types[number];
}

/* Dimensions are given in the order n, c, h, w, whatever lies next to what: channels do. */
static cudnnBackendDescriptor_t tensor(nsky_dnn_builder *b, int64_t uid, cudnnDataType_t type,
                                       int64_t n, int64_t c, int64_t h, int64_t w, bool virtual_one)
{
    const int64_t dims[4] = {n, c, h, w}, strides[4] = {h * w * c, 1, w * c, c};
    const int64_t alignment = 16;
    cudnnBackendDescriptor_t t = nsky_dnn_begin(b, CUDNN_BACKEND_TENSOR_DESCRIPTOR, "a tensor");

    nsky_dnn_set(b, t, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &uid);
    nsky_dnn_set(b, t, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type);
    nsky_dnn_set(b, t, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, dims);
    nsky_dnn_set(b, t, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, strides);
    nsky_dnn_set(b, t, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &alignment);
    nsky_dnn_set(b, t, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &virtual_one);
    return nsky_dnn_finish(b, t, "a tensor");
}

static cudnnBackendDescriptor_t window(nsky_dnn_builder *b, const nsky_conv_shape *s)
{
    const int64_t dims = 2, padding[2] = {s->padding, s->padding};
    const int64_t stride[2] = {s->stride, s->stride}, dilation[2] = {1, 1};
    const cudnnDataType_t sums =
        s->number == NSKY_NUMBER_INT8 ? CUDNN_DATA_INT32 : CUDNN_DATA_FLOAT;
    const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
    cudnnBackendDescriptor_t c =
        nsky_dnn_begin(b, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, "a convolution's window");

    nsky_dnn_set(b, c, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, 1, &dims);
    nsky_dnn_set(b, c, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &sums);
    nsky_dnn_set(b, c, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
    nsky_dnn_set(b, c, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 2, padding);
    nsky_dnn_set(b, c, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 2, padding);
    nsky_dnn_set(b, c, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 2, stride);
    nsky_dnn_set(b, c, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2, dilation);
    return nsky_dnn_finish(b, c, "a convolution's window");
}

/* The three directions of a convolution have attributes of their own, in the same order. */
typedef struct direction {
    cudnnBackendDescriptorType_t type;
    cudnnBackendAttributeName_t window, x, weight, y, alpha, beta;
} direction;

static const direction directions[3] = {
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA},
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA},
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA},
};

static cudnnBackendDescriptor_t convolve(nsky_dnn_builder *b, nsky_dnn_task task,
                                         const nsky_conv_shape *s, cudnnBackendDescriptor_t x,
                                         cudnnBackendDescriptor_t w, cudnnBackendDescriptor_t y)
{
    const direction *d = &directions[task == NSKY_DNN_PLAIN ? NSKY_DNN_FORWARD : task];
    const float one = 1, zero = 0;
    cudnnBackendDescriptor_t op = nsky_dnn_begin(b, d->type, "a convolution");

    nsky_dnn_set_part(b, op, d->window, window(b, s));
    nsky_dnn_set_part(b, op, d->x, x);
    nsky_dnn_set_part(b, op, d->weight, w);
    nsky_dnn_set_part(b, op, d->y, y);
    nsky_dnn_set(b, op, d->alpha, CUDNN_TYPE_FLOAT, 1, &one);
    nsky_dnn_set(b, op, d->beta, CUDNN_TYPE_FLOAT, 1, &zero);
    return nsky_dnn_finish(b, op, "a convolution");
}

/* y = x mode other; other is NULL where the mode takes one alone. */
static cudnnBackendDescriptor_t pointwise(nsky_dnn_builder *b, cudnnPointwiseMode_t mode,
                                          cudnnBackendDescriptor_t x,
                                          cudnnBackendDescriptor_t other,
                                          cudnnBackendDescriptor_t y)
{
    const cudnnDataType_t precision = CUDNN_DATA_FLOAT;
    cudnnBackendDescriptor_t kind =
        nsky_dnn_begin(b, CUDNN_BACKEND_POINTWISE_DESCRIPTOR, "an operation");

    nsky_dnn_set(b, kind, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode);
    nsky_dnn_set(b, kind, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, 1, &precision);
    nsky_dnn_finish(b, kind, "an operation");
    cudnnBackendDescriptor_t op =
        nsky_dnn_begin(b, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, "an operation");
    nsky_dnn_set_part(b, op, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, kind);
    nsky_dnn_set_part(b, op, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
    if (other)
        nsky_dnn_set_part(b, op, CUDNN_ATTR_OPERATION_POINTWISE_BDESC, other);
    nsky_dnn_set_part(b, op, CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
    return nsky_dnn_finish(b, op, "an operation");
}

/* An output of the convolution's shape: the last one is y, those before exist in registers only. */
static cudnnBackendDescriptor_t output(nsky_dnn_builder *b, const nsky_conv_shape *s, int64_t uid,
                                       bool last)
{
    return tensor(b, last ? NSKY_DNN_Y : uid, last ? type_of(s->number) : CUDNN_DATA_FLOAT,
                  s->batch, s->out_channels, s->out_height, s->out_width, !last);
}

/* Of int8, in the one order for which cuDNN 9.19 has engines that use tensor cores (they are
 * compiled while the program waits): with the residual scaled before it is added, or scaled by the
 * addition's own factors, there are none but slow ones. So it is added as it is, all else in its
 * units, and the sum is scaled last. */
static int64_t byte_operations(nsky_dnn_builder *b, nsky_dnn_task task, const nsky_conv_shape *s,
                               cudnnBackendDescriptor_t ops[NSKY_DNN_OPS_MAX])
{
    enum { SUM = 10, SCALED, ADDED, BIASED, CUT };
    const cudnnDataType_t real = CUDNN_DATA_FLOAT, byte = CUDNN_DATA_INT8;
    const int64_t n = s->batch, c = s->out_channels, h = s->out_height, w = s->out_width;
    cudnnBackendDescriptor_t x =
        tensor(b, NSKY_DNN_X, byte, n, s->in_channels, s->in_height, s->in_width, false);
    cudnnBackendDescriptor_t weight =
        tensor(b, NSKY_DNN_WEIGHT, byte, c, s->in_channels, s->kernel, s->kernel, false);
    cudnnBackendDescriptor_t sum = tensor(b, SUM, CUDNN_DATA_INT32, n, c, h, w, true);
    cudnnBackendDescriptor_t scale = tensor(b, NSKY_DNN_SCALE, real, 1, c, 1, 1, false);
    cudnnBackendDescriptor_t bias = tensor(b, NSKY_DNN_BIAS, real, 1, c, 1, 1, false);
    cudnnBackendDescriptor_t y =
        tensor(b, NSKY_DNN_Y, s->widen ? CUDNN_DATA_BFLOAT16 : byte, n, c, h, w, false);
    cudnnBackendDescriptor_t now = tensor(b, SCALED, real, n, c, h, w, true), next;
    int64_t count = 0;

    assert(task == NSKY_DNN_FORWARD);
    ops[count++] = convolve(b, task, s, x, weight, sum);
    ops[count++] = pointwise(b, CUDNN_POINTWISE_MUL, sum, scale, now);
    if (s->add) {
        next = tensor(b, ADDED, real, n, c, h, w, true);
        ops[count++] = pointwise(b, CUDNN_POINTWISE_ADD, now,
                                 tensor(b, NSKY_DNN_ADD, byte, n, c, h, w, false), next);
        now = next;
    }
    next = s->relu || s->add ? tensor(b, BIASED, real, n, c, h, w, true) : y;
    ops[count++] = pointwise(b, CUDNN_POINTWISE_ADD, now, bias, next);
    now = next;
    if (s->relu) {
        next = s->add ? tensor(b, CUT, real, n, c, h, w, true) : y;
        ops[count++] = pointwise(b, CUDNN_POINTWISE_RELU_FWD, now, NULL, next);
        now = next;
    }
    if (s->add)
        ops[count++] = pointwise(b, CUDNN_POINTWISE_MUL, now,
                                 tensor(b, NSKY_DNN_RESCALE, real, 1, 1, 1, 1, false), y);
    return count;
}

int64_t nsky_dnn_operations(nsky_dnn_builder *b, nsky_dnn_task task, const nsky_conv_shape *s,
                            cudnnBackendDescriptor_t ops[NSKY_DNN_OPS_MAX])
{
    if (s->number == NSKY_NUMBER_INT8)
        return byte_operations(b, task, s, ops);
    const cudnnDataType_t type = type_of(s->number);
    bool forward = task == NSKY_DNN_FORWARD;
    cudnnBackendDescriptor_t x =
        tensor(b, NSKY_DNN_X, type, s->batch, s->in_channels, s->in_height, s->in_width, false);
    cudnnBackendDescriptor_t w = tensor(b, NSKY_DNN_WEIGHT, type, s->out_channels, s->in_channels,
                                        s->kernel, s->kernel, false);
    cudnnBackendDescriptor_t y = output(b, s, 10, !forward), next;
    int64_t count = 0;

    ops[count++] = convolve(b, task, s, x, w, y);
    if (!forward)
        return count;
    if (s->add) {
        cudnnBackendDescriptor_t add = tensor(b, NSKY_DNN_ADD, type, s->batch, s->out_channels,
                                              s->out_height, s->out_width, false);
        next = output(b, s, 11, false);
        ops[count++] = pointwise(b, CUDNN_POINTWISE_ADD, y, add, next);
        y = next;
    }
    cudnnBackendDescriptor_t bias = tensor(b, NSKY_DNN_BIAS, type, 1, s->out_channels, 1, 1, false);
    next = output(b, s, 12, !s->relu);
    ops[count++] = pointwise(b, CUDNN_POINTWISE_ADD, y, bias, next);
    if (s->relu)
        ops[count++] = pointwise(b, CUDNN_POINTWISE_RELU_FWD, next, NULL, output(b, s, 13, true));
    return count;
}
