/* dnn.c - what cuDNN advises for a graph of operations, and plans made of it. Thread rule: see
 * dnn.h. */
#include "encoder/cuda/dnn_build.h"

#include <assert.h>
#include <string.h>

#define NOTES_MAX 16

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

nsky_status nsky_dnn_describe_device(cudnnBackendDescriptor_t *out, const char *json,
                                     nsky_error *err)
{
    assert(out && json && err);
    nsky_dnn_builder b = {.failed = CUDNN_STATUS_SUCCESS};
    cudnnBackendDescriptor_t d =
        nsky_dnn_begin(&b, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, "a card's description");

    nsky_dnn_set(&b, d, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
                 (int64_t)strlen(json), json);
    nsky_dnn_finish(&b, d, "a card's description");
    *out = NULL;
    if (b.failed != CUDNN_STATUS_SUCCESS) {
        nsky_status status = nsky_dnn_fail(err, b.failed, b.what);
        nsky_dnn_free_parts(&b);
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

/* What makes of float32 something less: TF32 above all, which cuDNN takes unless it is refused, and
 * algorithms whose errors grow with the transform. */
static bool loses_digits(cudnnBackendNumericalNote_t note)
{
    return note == CUDNN_NUMERICAL_NOTE_TENSOR_CORE ||
           note == CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS ||
           note == CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION ||
           note == CUDNN_NUMERICAL_NOTE_FFT ||
           (note >= CUDNN_NUMERICAL_NOTE_WINOGRAD &&
            note <= CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13);
}

/* The engine gives the same bits every time, and in float32 all its digits where `exact`. One that
 * does not tell is left out. */
static bool is_wanted(cudnnBackendDescriptor_t way, bool exact)
{
    cudnnBackendDescriptor_t engine = engine_of(way);
    cudnnBackendNumericalNote_t notes[NOTES_MAX];
    int64_t count = 0;
    bool told = engine && cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                                   CUDNN_TYPE_NUMERICAL_NOTE, NOTES_MAX, &count,
                                                   notes) == CUDNN_STATUS_SUCCESS;

    for (int64_t i = 0; told && i < count && i < NOTES_MAX; i++)
        told =
            notes[i] != CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC && !(exact && loses_digits(notes[i]));
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
    nsky_dnn_builder b = {.failed = CUDNN_STATUS_SUCCESS};
    cudnnBackendDescriptor_t found[NSKY_DNN_WAYS_MAX] = {NULL};
    cudnnBackendDescriptor_t h =
        nsky_dnn_begin(&b, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, "cuDNN's advice on engines");
    int64_t count = 0;

    nsky_dnn_set_part(&b, h, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, g->graph);
    nsky_dnn_set(&b, h, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
    if (g->target.device)
        nsky_dnn_set_part(&b, h, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, g->target.device);
    nsky_dnn_finish(&b, h, "cuDNN's advice on engines");
    for (int i = 0; i < NSKY_DNN_WAYS_MAX && b.failed == CUDNN_STATUS_SUCCESS; i++)
        nsky_dnn_note(&b,
                      cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, &found[i]),
                      "a way");
    if (b.failed == CUDNN_STATUS_SUCCESS)
        nsky_dnn_note(&b,
                      cudnnBackendGetAttribute(h, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                               CUDNN_TYPE_BACKEND_DESCRIPTOR, NSKY_DNN_WAYS_MAX,
                                               &count, found),
                      "cuDNN's advice on engines");
    if (b.failed != CUDNN_STATUS_SUCCESS)
        count = 0;
    for (int i = 0; i < NSKY_DNN_WAYS_MAX; i++)
        if (i < count && g->way_count < NSKY_DNN_WAYS_MAX && is_wanted(found[i], g->exact))
            g->ways[g->way_count++] = found[i];
        else
            nsky_dnn_free(found[i]);
    nsky_dnn_free_parts(&b);
}

nsky_status nsky_dnn_graph_new(nsky_dnn_graph *out, nsky_dnn_target target, nsky_dnn_task task,
                               const nsky_conv_shape *shape, nsky_error *err)
{
    assert(out && shape && err && (target.handle || target.device));
    nsky_dnn_builder b = {.failed = CUDNN_STATUS_SUCCESS};
    cudnnBackendDescriptor_t ops[NSKY_DNN_OPS_MAX];
    nsky_status status = NSKY_OK;

    *out = (nsky_dnn_graph){.target = target, .exact = shape->number == NSKY_NUMBER_FP32};
    int64_t count = nsky_dnn_operations(&b, task, shape, ops);
    cudnnBackendDescriptor_t g =
        nsky_dnn_begin(&b, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, "a graph of operations");
    if (target.handle)
        nsky_dnn_set(&b, g, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &target.handle);
    nsky_dnn_set(&b, g, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, count, ops);
    nsky_dnn_finish(&b, g, "a graph of operations");
    if (b.failed == CUDNN_STATUS_SUCCESS) {
        memcpy(out->parts, b.parts, sizeof out->parts);
        out->part_count = b.count;
        b.count = 0;
        out->graph = g;
        ask(out, CUDNN_HEUR_MODE_A);
        if (out->way_count == 0 || out->exact) /* few are exact, some want a large workspace */
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
    nsky_dnn_free_parts(&b);
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
    nsky_dnn_builder b = {.failed = CUDNN_STATUS_SUCCESS};
    cudnnBackendDescriptor_t plan =
        nsky_dnn_begin(&b, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, "a plan");
    int64_t count = 0, bytes = 0;

    if (graph->target.handle)
        nsky_dnn_set(&b, plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1,
                     &graph->target.handle);
    if (graph->target.device)
        nsky_dnn_set_part(&b, plan, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, graph->target.device);
    nsky_dnn_set_part(&b, plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, graph->ways[way]);
    nsky_dnn_finish(&b, plan, "a plan");
    if (b.failed == CUDNN_STATUS_SUCCESS)
        nsky_dnn_note(&b,
                      cudnnBackendGetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                               CUDNN_TYPE_INT64, 1, &count, &bytes),
                      "a plan");
    if (b.failed != CUDNN_STATUS_SUCCESS || bytes < 0) {
        nsky_dnn_free_parts(&b);
        return NULL;
    }
    *workspace_bytes = (size_t)bytes;
    return plan;
}

nsky_status nsky_dnn_pack(cudnnBackendDescriptor_t *out, const nsky_conv_data *data,
                          void *workspace, nsky_error *err)
{
    assert(out && data && err);
    enum { TENSORS = 7 };
    static const int64_t all[TENSORS] = {NSKY_DNN_X,      NSKY_DNN_WEIGHT, NSKY_DNN_Y,
                                         NSKY_DNN_BIAS,   NSKY_DNN_ADD,    NSKY_DNN_SCALE,
                                         NSKY_DNN_RESCALE};
    const void *given[TENSORS] = {data->d_x ? data->d_x : data->x,
                                  data->d_weight ? data->d_weight : data->weight,
                                  data->d_y ? data->d_y : data->y,
                                  data->bias,
                                  data->add,
                                  data->scale,
                                  data->rescale};
    const void *pointers[TENSORS];
    int64_t uids[TENSORS], count = 0;
    nsky_dnn_builder b = {.failed = CUDNN_STATUS_SUCCESS};
    cudnnBackendDescriptor_t pack =
        nsky_dnn_begin(&b, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, "a plan's tensors");

    for (int i = 0; i < TENSORS; i++)
        if (given[i]) {
            uids[count] = all[i];
            pointers[count++] = given[i];
        }
    nsky_dnn_set(&b, pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, count, uids);
    nsky_dnn_set(&b, pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, count,
                 pointers);
    nsky_dnn_set(&b, pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace);
    nsky_dnn_finish(&b, pack, "a plan's tensors");
    *out = NULL;
    if (b.failed != CUDNN_STATUS_SUCCESS) {
        nsky_status status = nsky_dnn_fail(err, b.failed, b.what);
        nsky_dnn_free_parts(&b);
        return status;
    }
    *out = pack;
    return NSKY_OK;
}
