/* dnn.c - see dnn.h.
 *
 * What decides whether cuDNN has ready-made kernels for the fused convolution: the residual is
 * added before the bias, and the bias has the type of the activations. Otherwise only engines
 * remain that are compiled while the program waits. Thread rule: see dnn.h. */
#include "encoder/cuda/dnn.h"

#include <assert.h>
#include <string.h>

#define NOTES_MAX 16

/* Descriptors under construction; the first failure stays, and later calls do nothing. */
typedef struct builder {
    cudnnBackendDescriptor_t parts[NSKY_DNN_PARTS_MAX];
    uint32_t count;
    cudnnStatus_t failed;
    const char *what;
} builder;

nsky_status nsky_dnn_fail(nsky_error *err, cudnnStatus_t status, const char *what)
{
    char detail[512] = "";

    cudnnGetLastErrorString(detail, sizeof detail);
    for (char *c = detail; *c; c++)
        if (*c == '\n' || *c == '\r')
            *c = ' ';
    return nsky_fail(err, NSKY_EDEVICE, "cuDNN: %s failed: %s%s%.300s", what,
                     cudnnGetErrorString(status), detail[0] ? ": " : "", detail);
}

void nsky_dnn_free(cudnnBackendDescriptor_t descriptor)
{
    if (descriptor)
        cudnnBackendDestroyDescriptor(descriptor);
}

static void note(builder *b, cudnnStatus_t status, const char *what)
{
    if (status == CUDNN_STATUS_SUCCESS || b->failed != CUDNN_STATUS_SUCCESS)
        return;
    b->failed = status;
    b->what = what;
}

static cudnnBackendDescriptor_t begin(builder *b, cudnnBackendDescriptorType_t type,
                                      const char *what)
{
    cudnnBackendDescriptor_t made = NULL;

    if (b->failed != CUDNN_STATUS_SUCCESS)
        return NULL;
    note(b, cudnnBackendCreateDescriptor(type, &made), what);
    assert(b->count < NSKY_DNN_PARTS_MAX);
    if (made)
        b->parts[b->count++] = made;
    return made;
}

static void set(builder *b, cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                cudnnBackendAttributeType_t type, int64_t count, const void *values)
{
    if (b->failed == CUDNN_STATUS_SUCCESS)
        note(b, cudnnBackendSetAttribute(d, name, type, count, values), "an attribute");
}

static void set_part(builder *b, cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                     cudnnBackendDescriptor_t part)
{
    set(b, d, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &part);
}

static cudnnBackendDescriptor_t finish(builder *b, cudnnBackendDescriptor_t d, const char *what)
{
    if (b->failed == CUDNN_STATUS_SUCCESS)
        note(b, cudnnBackendFinalize(d), what);
    return d;
}

static void free_parts(builder *b)
{
    for (uint32_t i = b->count; i-- > 0;)
        nsky_dnn_free(b->parts[i]);
    b->count = 0;
}

static cudnnDataType_t type_of(nsky_number number)
{
    return number == NSKY_NUMBER_FP16 ? CUDNN_DATA_HALF : CUDNN_DATA_BFLOAT16;
}

/* Dimensions are given in the order n, c, h, w, whatever lies next to what: channels do. */
static cudnnBackendDescriptor_t tensor(builder *b, int64_t uid, cudnnDataType_t type, int64_t n,
                                       int64_t c, int64_t h, int64_t w, bool virtual_one)
{
    const int64_t dims[4] = {n, c, h, w}, strides[4] = {h * w * c, 1, w * c, c};
    const int64_t alignment = 16;
    cudnnBackendDescriptor_t t = begin(b, CUDNN_BACKEND_TENSOR_DESCRIPTOR, "a tensor");

    set(b, t, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &uid);
    set(b, t, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type);
    set(b, t, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, dims);
    set(b, t, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, strides);
    set(b, t, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &alignment);
    set(b, t, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &virtual_one);
    return finish(b, t, "a tensor");
}

static cudnnBackendDescriptor_t window(builder *b, const nsky_conv_shape *s)
{
    const int64_t dims = 2, padding[2] = {s->padding, s->padding};
    const int64_t stride[2] = {s->stride, s->stride}, dilation[2] = {1, 1};
    const cudnnDataType_t sums = CUDNN_DATA_FLOAT;
    const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
    cudnnBackendDescriptor_t c =
        begin(b, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, "a convolution's window");

    set(b, c, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, 1, &dims);
    set(b, c, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &sums);
    set(b, c, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
    set(b, c, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 2, padding);
    set(b, c, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 2, padding);
    set(b, c, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 2, stride);
    set(b, c, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2, dilation);
    return finish(b, c, "a convolution's window");
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

static cudnnBackendDescriptor_t convolve(builder *b, nsky_dnn_task task, const nsky_conv_shape *s,
                                         cudnnBackendDescriptor_t x, cudnnBackendDescriptor_t w,
                                         cudnnBackendDescriptor_t y)
{
    const direction *d = &directions[task];
    const float one = 1, zero = 0;
    cudnnBackendDescriptor_t op = begin(b, d->type, "a convolution");

    set_part(b, op, d->window, window(b, s));
    set_part(b, op, d->x, x);
    set_part(b, op, d->weight, w);
    set_part(b, op, d->y, y);
    set(b, op, d->alpha, CUDNN_TYPE_FLOAT, 1, &one);
    set(b, op, d->beta, CUDNN_TYPE_FLOAT, 1, &zero);
    return finish(b, op, "a convolution");
}

/* y = x + other, or relu(x) without other. */
static cudnnBackendDescriptor_t pointwise(builder *b, cudnnBackendDescriptor_t x,
                                          cudnnBackendDescriptor_t other,
                                          cudnnBackendDescriptor_t y)
{
    const cudnnPointwiseMode_t mode = other ? CUDNN_POINTWISE_ADD : CUDNN_POINTWISE_RELU_FWD;
    const cudnnDataType_t precision = CUDNN_DATA_FLOAT;
    cudnnBackendDescriptor_t kind = begin(b, CUDNN_BACKEND_POINTWISE_DESCRIPTOR, "an operation");

    set(b, kind, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode);
    set(b, kind, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, 1, &precision);
    finish(b, kind, "an operation");
    cudnnBackendDescriptor_t op =
        begin(b, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, "an operation");
    set_part(b, op, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, kind);
    set_part(b, op, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
    if (other)
        set_part(b, op, CUDNN_ATTR_OPERATION_POINTWISE_BDESC, other);
    set_part(b, op, CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
    return finish(b, op, "an operation");
}

/* An output of the convolution's shape: the last one is y, those before exist in registers only. */
static cudnnBackendDescriptor_t output(builder *b, const nsky_conv_shape *s, int64_t uid, bool last)
{
    return tensor(b, last ? NSKY_DNN_Y : uid, last ? type_of(s->number) : CUDNN_DATA_FLOAT,
                  s->batch, s->out_channels, s->out_height, s->out_width, !last);
}

/* The operations of a task into ops; returns how many. */
static int64_t operations(builder *b, nsky_dnn_task task, const nsky_conv_shape *s,
                          cudnnBackendDescriptor_t ops[4])
{
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
        ops[count++] = pointwise(b, y, add, next);
        y = next;
    }
    cudnnBackendDescriptor_t bias = tensor(b, NSKY_DNN_BIAS, type, 1, s->out_channels, 1, 1, false);
    next = output(b, s, 12, !s->relu);
    ops[count++] = pointwise(b, y, bias, next);
    if (s->relu)
        ops[count++] = pointwise(b, next, NULL, output(b, s, 13, true));
    return count;
}

nsky_status nsky_dnn_describe_device(cudnnBackendDescriptor_t *out, const char *json,
                                     nsky_error *err)
{
    assert(out && json && err);
    builder b = {.failed = CUDNN_STATUS_SUCCESS};
    cudnnBackendDescriptor_t d =
        begin(&b, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, "a card's description");

    set(&b, d, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, (int64_t)strlen(json),
        json);
    finish(&b, d, "a card's description");
    *out = NULL;
    if (b.failed != CUDNN_STATUS_SUCCESS) {
        nsky_status status = nsky_dnn_fail(err, b.failed, b.what);
        free_parts(&b);
        return status;
    }
    *out = d;
    return NSKY_OK;
}

static cudnnBackendDescriptor_t engine_of(cudnnBackendDescriptor_t way)
{
    cudnnBackendDescriptor_t engine = NULL;
    int64_t count = 0;

    if (cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINE_DESCRIPTOR, &engine) !=
        CUDNN_STATUS_SUCCESS)
        return NULL;
    if (cudnnBackendGetAttribute(way, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
                                 &count, &engine) == CUDNN_STATUS_SUCCESS)
        return engine;
    nsky_dnn_free(engine);
    return NULL;
}

/* The engine gives the same bits every time. One that does not tell is left out. */
static bool repeats_itself(cudnnBackendDescriptor_t way)
{
    cudnnBackendDescriptor_t engine = engine_of(way);
    cudnnBackendNumericalNote_t notes[NOTES_MAX];
    int64_t count = 0;
    bool told = engine && cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                                   CUDNN_TYPE_NUMERICAL_NOTE, NOTES_MAX, &count,
                                                   notes) == CUDNN_STATUS_SUCCESS;

    for (int64_t i = 0; told && i < count && i < NOTES_MAX; i++)
        told = notes[i] != CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC;
    nsky_dnn_free(engine);
    return told && count <= NOTES_MAX;
}

nsky_dnn_way nsky_dnn_way_of(const nsky_dnn_graph *graph, uint32_t way)
{
    assert(graph && way < graph->way_count);
    nsky_dnn_way out = {.engine = -1};
    cudnnBackendDescriptor_t engine = engine_of(graph->ways[way]);
    cudnnBackendBehaviorNote_t notes[NOTES_MAX];
    int64_t count = 0;

    if (!engine)
        return out;
    if (cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1,
                                 &count, &out.engine) != CUDNN_STATUS_SUCCESS)
        out.engine = -1;
    count = 0;
    if (cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, CUDNN_TYPE_BEHAVIOR_NOTE,
                                 NOTES_MAX, &count, notes) == CUDNN_STATUS_SUCCESS)
        for (int64_t i = 0; i < count && i < NOTES_MAX; i++)
            out.compiles = out.compiles || notes[i] == CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION;
    nsky_dnn_free(engine);
    return out;
}

/* Appends what one of cuDNN's ways to advise has to say. */
static void ask(nsky_dnn_graph *g, cudnnBackendHeurMode_t mode)
{
    builder b = {.failed = CUDNN_STATUS_SUCCESS};
    cudnnBackendDescriptor_t found[NSKY_DNN_WAYS_MAX] = {NULL};
    cudnnBackendDescriptor_t h =
        begin(&b, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, "cuDNN's advice on engines");
    int64_t count = 0;

    set_part(&b, h, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, g->graph);
    set(&b, h, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
    if (g->target.device)
        set_part(&b, h, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, g->target.device);
    finish(&b, h, "cuDNN's advice on engines");
    for (int i = 0; i < NSKY_DNN_WAYS_MAX && b.failed == CUDNN_STATUS_SUCCESS; i++)
        note(&b, cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, &found[i]),
             "a way");
    if (b.failed == CUDNN_STATUS_SUCCESS)
        note(&b,
             cudnnBackendGetAttribute(h, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                      CUDNN_TYPE_BACKEND_DESCRIPTOR, NSKY_DNN_WAYS_MAX, &count,
                                      found),
             "cuDNN's advice on engines");
    if (b.failed != CUDNN_STATUS_SUCCESS)
        count = 0;
    for (int i = 0; i < NSKY_DNN_WAYS_MAX; i++)
        if (i < count && g->way_count < NSKY_DNN_WAYS_MAX && repeats_itself(found[i]))
            g->ways[g->way_count++] = found[i];
        else
            nsky_dnn_free(found[i]);
    free_parts(&b);
}

nsky_status nsky_dnn_graph_new(nsky_dnn_graph *out, nsky_dnn_target target, nsky_dnn_task task,
                               const nsky_conv_shape *shape, nsky_error *err)
{
    assert(out && shape && err && (target.handle || target.device));
    builder b = {.failed = CUDNN_STATUS_SUCCESS};
    cudnnBackendDescriptor_t ops[4];
    nsky_status status = NSKY_OK;

    *out = (nsky_dnn_graph){.target = target};
    int64_t count = operations(&b, task, shape, ops);
    cudnnBackendDescriptor_t g =
        begin(&b, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, "a graph of operations");
    if (target.handle)
        set(&b, g, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &target.handle);
    set(&b, g, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, count, ops);
    finish(&b, g, "a graph of operations");
    if (b.failed == CUDNN_STATUS_SUCCESS) {
        memcpy(out->parts, b.parts, sizeof out->parts);
        out->part_count = b.count;
        b.count = 0;
        out->graph = g;
        ask(out, CUDNN_HEUR_MODE_A);
        if (out->way_count == 0)
            ask(out, CUDNN_HEUR_MODE_FALLBACK);
        if (out->way_count == 0)
            status = nsky_fail(err, NSKY_EDEVICE,
                               "cuDNN has no engine for a convolution of %u x %u x %u by %u x %u "
                               "to %u channels; use --device cpu",
                               shape->in_channels, shape->in_height, shape->in_width, shape->kernel,
                               shape->kernel, shape->out_channels);
    } else {
        status = nsky_dnn_fail(err, b.failed, b.what);
    }
    free_parts(&b);
    if (status != NSKY_OK)
        nsky_dnn_graph_free(out);
    return status;
}

void nsky_dnn_graph_free(nsky_dnn_graph *graph)
{
    if (!graph)
        return;
    for (uint32_t i = 0; i < graph->way_count; i++)
        nsky_dnn_free(graph->ways[i]);
    while (graph->part_count > 0)
        nsky_dnn_free(graph->parts[--graph->part_count]);
    memset(graph, 0, sizeof *graph);
}

cudnnBackendDescriptor_t nsky_dnn_plan(const nsky_dnn_graph *graph, uint32_t way,
                                       size_t *workspace_bytes)
{
    assert(graph && way < graph->way_count && workspace_bytes);
    builder b = {.failed = CUDNN_STATUS_SUCCESS};
    cudnnBackendDescriptor_t plan = begin(&b, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, "a plan");
    int64_t count = 0, bytes = 0;

    if (graph->target.handle)
        set(&b, plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1,
            &graph->target.handle);
    if (graph->target.device)
        set_part(&b, plan, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, graph->target.device);
    set_part(&b, plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, graph->ways[way]);
    finish(&b, plan, "a plan");
    if (b.failed == CUDNN_STATUS_SUCCESS)
        note(&b,
             cudnnBackendGetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                      CUDNN_TYPE_INT64, 1, &count, &bytes),
             "a plan");
    if (b.failed != CUDNN_STATUS_SUCCESS || bytes < 0) {
        free_parts(&b);
        return NULL;
    }
    *workspace_bytes = (size_t)bytes;
    return plan;
}

nsky_status nsky_dnn_pack(cudnnBackendDescriptor_t *out, const nsky_conv_data *data,
                          void *workspace, nsky_error *err)
{
    assert(out && data && err);
    const int64_t uids[] = {NSKY_DNN_X, NSKY_DNN_WEIGHT, NSKY_DNN_BIAS, NSKY_DNN_Y, NSKY_DNN_ADD};
    const void *pointers[] = {data->x, data->weight, data->bias, data->y, data->add};
    int64_t count = data->add ? 5 : 4;
    builder b = {.failed = CUDNN_STATUS_SUCCESS};
    cudnnBackendDescriptor_t pack =
        begin(&b, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, "a plan's tensors");

    set(&b, pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, count, uids);
    set(&b, pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, count, pointers);
    set(&b, pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace);
    finish(&b, pack, "a plan's tensors");
    *out = NULL;
    if (b.failed != CUDNN_STATUS_SUCCESS) {
        nsky_status status = nsky_dnn_fail(err, b.failed, b.what);
        free_parts(&b);
        return status;
    }
    *out = pack;
    return NSKY_OK;
}
