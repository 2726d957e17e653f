/* device_conv.c - device.h's convolutions on cuDNN: of its ways to compute one the quickest is
 * found by trying them, once for each shape, card and cuDNN. Thread rule: see device.h. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "encoder/cuda/device_private.h"

#define TRIES_MAX 8u                            /* of cuDNN's ways, best advised first */
#define COMPILED_MAX 2u                         /* of them such as are compiled while we wait */
#define WORKSPACE_BYTES_MAX ((size_t)512 << 20) /* a way that needs more is no way */
#define WARM_RUNS 2
#define TIMED_RUNS 5
/* Another way must beat the one advised by this much: timings vary, results should not. */
#define BETTER 0.97

typedef struct candidate {
    cudnnBackendDescriptor_t plan, pack; /* pack: once bound */
    size_t workspace;
    uint32_t position;
    int64_t engine;
} candidate;

struct nsky_dev_conv {
    nsky_dnn_graph graph;
    nsky_conv_shape shape;
    char key[NSKY_CHOICE_KEY_BYTES];
    candidate candidates[TRIES_MAX];
    uint32_t count; /* 1 once bound: candidates[0] */
    bool known;     /* written down before */
};

static bool add_candidate(nsky_dev_conv *conv, uint32_t position)
{
    candidate *c = &conv->candidates[conv->count];

    *c = (candidate){.position = position};
    c->plan = nsky_dnn_plan(&conv->graph, position, &c->workspace);
    if (!c->plan)
        return false;
    if (c->workspace > WORKSPACE_BYTES_MAX) {
        nsky_dnn_free(c->plan);
        return false;
    }
    c->engine = nsky_dnn_way_of(&conv->graph, position).engine;
    conv->count++;
    return true;
}

/* What was chosen before, if cuDNN still advises the same engine at the same place. */
static void take_known(nsky_dev *dev, nsky_dev_conv *conv)
{
    const nsky_choice *choice = nsky_choices_find(&dev->choices, conv->key);

    if (choice && choice->position < conv->graph.way_count &&
        nsky_dnn_way_of(&conv->graph, choice->position).engine == choice->engine)
        conv->known = add_candidate(conv, choice->position);
}

static void take_advised(nsky_dev_conv *conv)
{
    uint32_t compiled = 0;

    for (uint32_t i = 0; i < conv->graph.way_count && conv->count < TRIES_MAX; i++) {
        bool compiles = nsky_dnn_way_of(&conv->graph, i).compiles;
        if (compiles && compiled == COMPILED_MAX)
            continue;
        if (add_candidate(conv, i))
            compiled += compiles;
    }
}

nsky_status nsky_dev_conv_new(nsky_dev *dev, nsky_dev_conv **out, const nsky_conv_shape *shape,
                              nsky_error *err)
{
    assert(dev && out && shape && err);
    const nsky_dnn_target target = {.handle = dev->dnn};
    _Static_assert((int)NSKY_CONV_PLAIN == (int)NSKY_DNN_PLAIN, "device.h has dnn.h's tasks");
    nsky_dev_conv *conv = nsky_alloc_zero(1, sizeof *conv, err);
    nsky_status status;

    *out = NULL;
    if (!conv)
        return err->status;
    conv->shape = *shape;
    nsky_choice_key(conv->key, shape);
    if ((status = nsky_dnn_graph_new(&conv->graph, target, (nsky_dnn_task)shape->task, shape,
                                     err)) == NSKY_OK) {
        take_known(dev, conv);
        if (!conv->known)
            take_advised(conv);
        if (conv->count == 0)
            status = nsky_fail(err, NSKY_EDEVICE,
                               "none of cuDNN's ways to compute %s can be had on this card; use "
                               "--device cpu",
                               conv->key);
    }
    if (status != NSKY_OK) {
        nsky_dev_conv_free(dev, conv);
        return status;
    }
    *out = conv;
    return NSKY_OK;
}

size_t nsky_dev_conv_workspace(const nsky_dev_conv *conv)
{
    assert(conv);
    size_t most = 0;

    for (uint32_t i = 0; i < conv->count; i++)
        most = conv->candidates[i].workspace > most ? conv->candidates[i].workspace : most;
    return most;
}

static void drop(candidate *c)
{
    nsky_dnn_free(c->pack);
    nsky_dnn_free(c->plan);
    *c = (candidate){0};
}

void nsky_dev_conv_free(nsky_dev *dev, nsky_dev_conv *conv)
{
    (void)dev;
    if (!conv)
        return;
    for (uint32_t i = 0; i < conv->count; i++)
        drop(&conv->candidates[i]);
    nsky_dnn_graph_free(&conv->graph);
    nsky_free(conv);
}

/* Milliseconds of a run, the least of a few; INFINITY: it does not run. */
static float time_runs(nsky_dev *dev, const candidate *c, cudaEvent_t from, cudaEvent_t to)
{
    cudaStream_t stream = dev->streams[NSKY_STREAM_COMPUTE];
    float best = INFINITY, ms = 0;

    for (int i = 0; i < WARM_RUNS + TIMED_RUNS; i++) {
        if (cudaEventRecord(from, stream) != cudaSuccess ||
            cudnnBackendExecute(dev->dnn, c->plan, c->pack) != CUDNN_STATUS_SUCCESS ||
            cudaEventRecord(to, stream) != cudaSuccess || cudaEventSynchronize(to) != cudaSuccess ||
            cudaEventElapsedTime(&ms, from, to) != cudaSuccess)
            return INFINITY;
        if (i >= WARM_RUNS && ms < best)
            best = ms;
    }
    return best;
}

/* The best of the candidates to the first place, the others freed. */
static nsky_status choose(nsky_dev *dev, nsky_dev_conv *conv, nsky_error *err)
{
    cudaEvent_t from = NULL, to = NULL;
    uint32_t best = 0;
    float least = INFINITY;
    cudaError_t code = cudaEventCreate(&from);

    if (code == cudaSuccess)
        code = cudaEventCreate(&to);
    for (uint32_t i = 0; i < conv->count && code == cudaSuccess; i++) {
        float ms = time_runs(dev, &conv->candidates[i], from, to);
        if (ms < (float)BETTER * least) {
            least = ms;
            best = i;
        }
        code = cudaPeekAtLastError(); /* a kernel that failed takes the card with it */
    }
    if (from)
        cudaEventDestroy(from);
    if (to)
        cudaEventDestroy(to);
    if (code != cudaSuccess)
        return nsky_dev_fail(err, code, conv->key);
    if (!(least < INFINITY))
        return nsky_fail(err, NSKY_EDEVICE,
                         "none of cuDNN's ways to compute %s runs on this card; use --device cpu",
                         conv->key);
    for (uint32_t i = 0; i < conv->count; i++)
        if (i != best)
            drop(&conv->candidates[i]);
    conv->candidates[0] = conv->candidates[best];
    conv->count = 1;
    nsky_choice choice = {.engine = conv->candidates[0].engine,
                          .position = conv->candidates[0].position,
                          .microseconds = least * 1e3};
    memcpy(choice.key, conv->key, sizeof choice.key);
    return nsky_choices_put(&dev->choices, &choice, err);
}

nsky_status nsky_dev_conv_bind(nsky_dev *dev, nsky_dev_conv *conv, const nsky_conv_data *data,
                               void *workspace, nsky_error *err)
{
    assert(dev && conv && data && err && !!data->add == conv->shape.add);
    assert(!!data->scale == (conv->shape.number == NSKY_NUMBER_INT8) &&
           !!data->rescale == (data->scale && data->add));
    nsky_status status = NSKY_OK;

    if (!conv->known) { /* a layer of the same shape may have settled it meanwhile */
        const nsky_choice *choice = nsky_choices_find(&dev->choices, conv->key);
        for (uint32_t i = 0; choice && i < conv->count; i++)
            if (conv->candidates[i].position == choice->position) {
                candidate kept = conv->candidates[i];
                conv->candidates[i] = (candidate){0};
                for (uint32_t j = 0; j < conv->count; j++)
                    drop(&conv->candidates[j]);
                conv->candidates[0] = kept;
                conv->count = 1;
                conv->known = true;
            }
    }
    for (uint32_t i = 0; i < conv->count && status == NSKY_OK; i++)
        status = nsky_dnn_pack(&conv->candidates[i].pack, data, workspace, err);
    return status == NSKY_OK && !conv->known ? choose(dev, conv, err) : status;
}

nsky_status nsky_dev_conv_run(nsky_dev *dev, nsky_dev_conv *conv, nsky_error *err)
{
    assert(dev && conv && conv->count >= 1 && err);
    cudnnStatus_t failed =
        cudnnBackendExecute(dev->dnn, conv->candidates[0].plan, conv->candidates[0].pack);

    if (failed == CUDNN_STATUS_SUCCESS)
        return NSKY_OK;
    cudaError_t code = cudaPeekAtLastError();
    return code != cudaSuccess ? nsky_dev_fail(err, code, conv->key)
                               : nsky_dnn_fail(err, failed, conv->key);
}
