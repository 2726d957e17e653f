/* cuda.c - the back end's table. One state is one network on the card.
 * Thread rule: run and value belong to the state's owner, slots to any thread; a lock keeps the
 * compute stream's work of either together. */
#include "encoder/cuda/cuda.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "encoder/cuda/kernels.h"
#include "encoder/cuda/network.h"
#include "encoder/cuda/slots.h"

typedef struct cuda_state {
    nsky_dev *dev;
    nsky_network *net;
    const nsky_graph *graph;
    nsky_number number;
    uint32_t batch;
    float *images;        /* device: [batch, 3, size, size], for run */
    pthread_mutex_t turn; /* of the compute stream */
    bool has_turn, has_run;
    nsky_slots *slots;
} cuda_state;

static nsky_number number_of(nsky_precision precision)
{
    static const nsky_number numbers[] = {NSKY_NUMBER_FP32, NSKY_NUMBER_BF16, NSKY_NUMBER_FP16,
                                          NSKY_NUMBER_INT8};

    return numbers[precision];
}

/* The card was probed when the module was opened; now its memory may be ours. */
static bool cuda_available(nsky_precision precision)
{
    return precision <= NSKY_INT8;
}

static void cuda_describe(char *out, size_t bytes)
{
    nsky_error err = NSKY_ERROR_INIT;
    char card[128];

    if (nsky_dev_probe(card, sizeof card, &err) == NSKY_OK)
        snprintf(out, bytes, "%s: fp32, bf16, fp16, int8", card);
    else
        snprintf(out, bytes, "fp32, bf16, fp16, int8");
}

static void cuda_close(void *opened)
{
    cuda_state *s = opened;

    if (!s)
        return;
    nsky_slots_free(s->slots);
    nsky_network_free(s->net);
    if (s->dev)
        nsky_dev_free(s->dev, s->images);
    nsky_dev_close(s->dev);
    if (s->has_turn)
        pthread_mutex_destroy(&s->turn);
    nsky_free(s);
}

static size_t image_floats(const nsky_graph *graph)
{
    const nsky_value *v = &graph->values[0];

    return (size_t)v->channels * v->height * v->width;
}

static nsky_status open_network(cuda_state *s, uint32_t batch, nsky_error *err)
{
    const char *keep = getenv("NSKY_KEEP_VALUES");
    void *images = NULL;
    nsky_status status;

    if ((status = nsky_dev_open(&s->dev, err)) != NSKY_OK)
        return status;
    if (batch == 0 && (status = nsky_network_batch(&batch, s->graph, s->number, err)) != NSKY_OK)
        return status;
    s->batch = batch;
    if ((status = nsky_network_new(&s->net, s->dev, s->graph, s->number, batch,
                                   keep && strcmp(keep, "1") == 0, err)) != NSKY_OK)
        return status;
    status = nsky_dev_alloc(s->dev, &images, batch * image_floats(s->graph) * sizeof(float),
                            "a batch of images", err);
    s->images = images;
    return status;
}

static nsky_status cuda_open(void **out, const nsky_graph *graph, nsky_precision precision,
                             uint32_t *batch, nsky_error *err)
{
    assert(out && graph && batch && err);
    cuda_state *s;
    nsky_status status;

    *out = NULL;
    if (*batch > NSKY_CUDA_BATCH_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "batch of %u; cuda takes up to %u", *batch,
                         NSKY_CUDA_BATCH_MAX);
    if (graph->dim > NSKY_FEATURES_MAX || graph->values[0].channels > NSKY_EIGHT)
        return nsky_fail(err, NSKY_ELIMIT, "a network of %u channels to %u features is too wide",
                         graph->values[0].channels, graph->dim);
    if (!(s = nsky_alloc_zero(1, sizeof *s, err)))
        return err->status;
    s->graph = graph;
    s->number = number_of(precision);
    s->has_turn = pthread_mutex_init(&s->turn, NULL) == 0;
    if ((status = open_network(s, *batch, err)) != NSKY_OK) {
        cuda_close(s);
        return status;
    }
    *batch = s->batch;
    *out = s;
    return NSKY_OK;
}

/* Images to features; the compute stream is ours. */
static nsky_status run_in_turn(cuda_state *s, const float *images, float *out, nsky_error *err)
{
    const nsky_value *v = &s->graph->values[0];
    nsky_pack_args pack = {.in = s->images,
                           .out = nsky_network_input(s->net),
                           .images = s->batch,
                           .channels = v->channels,
                           .height = v->height,
                           .width = v->width};
    void *stream = nsky_dev_stream(s->dev, NSKY_STREAM_COMPUTE);
    size_t bytes = s->batch * image_floats(s->graph) * sizeof(float);
    nsky_status status;

    pack.number = nsky_network_input_number(s->net, &pack.gain);
    if ((status = nsky_dev_copy_in(s->dev, s->images, images, bytes, NSKY_STREAM_COMPUTE, err)) !=
            NSKY_OK ||
        (status = nsky_dev_check(s->dev, nsky_launch_pack(&pack, stream), "packing", err)) !=
            NSKY_OK ||
        (status = nsky_network_run(s->net, err)) != NSKY_OK ||
        (status = nsky_dev_copy_out(s->dev, out, nsky_network_features(s->net),
                                    (size_t)s->batch * s->graph->dim * sizeof *out,
                                    NSKY_STREAM_COMPUTE, err)) != NSKY_OK)
        return status;
    return nsky_dev_sync(s->dev, NSKY_STREAM_COMPUTE, err);
}

static nsky_status cuda_run(void *opened, const float *images, float *out, nsky_error *err)
{
    assert(opened && images && out && err);
    cuda_state *s = opened;

    pthread_mutex_lock(&s->turn);
    nsky_status status = run_in_turn(s, images, out, err);
    pthread_mutex_unlock(&s->turn);
    s->has_run = status == NSKY_OK;
    return status;
}

static nsky_status cuda_value(void *opened, uint32_t value, float *out, nsky_error *err)
{
    assert(opened && out && err);
    cuda_state *s = opened;

    if (!s->has_run || value == 0 || value >= s->graph->value_count)
        return nsky_fail(err, NSKY_ENOTFOUND, "cuda keeps no value %u", value);
    return nsky_network_value(s->net, value, out, err);
}

static nsky_status cuda_slots_open(void *opened, const nsky_preprocess *how, uint32_t count,
                                   nsky_error *err)
{
    assert(opened && how && err);
    cuda_state *s = opened;

    assert(!s->slots && how->size == s->graph->size);
    if (how->views > s->batch)
        return nsky_fail(err, NSKY_ELIMIT, "%u views do not fit a batch of %u", how->views,
                         s->batch);
    if (count > NSKY_SLOTS_MAX)
        count = NSKY_SLOTS_MAX;
    return nsky_slots_new(&s->slots, s->dev, s->net, &s->turn, how, s->batch, s->graph->dim, count,
                          err);
}

static nsky_status cuda_slots_begin(void *opened, nsky_slot **out, nsky_error *err)
{
    return nsky_slots_begin(((cuda_state *)opened)->slots, out, err);
}

static void cuda_slots_times(void *opened, nsky_slot_times *out)
{
    nsky_slots_times(((cuda_state *)opened)->slots, out);
}

static const nsky_slot_ops slot_ops = {
    .open = cuda_slots_open,
    .begin = cuda_slots_begin,
    .put = nsky_slots_put,
    .run = nsky_slots_run,
    .end = nsky_slots_end,
    .times = cuda_slots_times,
};

const nsky_backend_ops nsky_backend_cuda = {
    .name = "cuda",
    .available = cuda_available,
    .describe = cuda_describe,
    .open = cuda_open,
    .run = cuda_run,
    .value = cuda_value,
    .close = cuda_close,
    .slots = &slot_ops,
};
