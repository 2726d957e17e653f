/* speed.c - a learner on random images. CPU time is what is compared: the cores may have other
 * things to do. Thread rule: see speed.h. */
#include "encoder/train/speed.h"

#include <assert.h>
#include <math.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/memory.h"
#include "common/rng.h"
#include "encoder/registry.h"
#include "encoder/train/learner.h"

#define PARTS_A_THREAD 4u
#define PARTS_ON_CARD 2u
#define SUB_BATCH 32u
#define SUB_BATCH_ON_CARD 256u
#define THREADS_MAX 64u
#define QUEUE 4096u
#define DIM 128u
#define CLASSES 16u
#define KERNEL_RUNS 5u

nsky_train_speed_options nsky_train_speed_defaults(void)
{
    return (nsky_train_speed_options){.arch = NSKY_RESNET18,
                                      .size = 96,
                                      .device = "cpu",
                                      .precision = nsky_encoder_defaults().precision,
                                      .seconds = 10};
}

typedef struct bench {
    const nsky_train_speed_options *options;
    const nsky_train_ops *ops;
    nsky_train_graph *graph;
    uint32_t batch;
    float *images;    /* of both views, or of one */
    uint32_t *labels; /* [batch], or NULL */
} bench;

static uint32_t cores(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);

    return count < 1 ? 1 : count > THREADS_MAX ? THREADS_MAX : (uint32_t)count;
}

/* What was not asked for. */
static void settle(bench *b, nsky_train_speed *out)
{
    const nsky_train_speed_options *o = b->options;
    const uint32_t parts = b->ops->card ? PARTS_ON_CARD : PARTS_A_THREAD;

    out->device = b->ops->name;
    out->threads = b->ops->workers ? b->ops->workers : o->threads ? o->threads : cores();
    out->sub_batch = o->sub_batch ? o->sub_batch : b->ops->card ? SUB_BATCH_ON_CARD : SUB_BATCH;
    b->batch = parts * out->threads * out->sub_batch;
}

static nsky_status make(bench *b, nsky_error *err)
{
    const nsky_train_speed_options *o = b->options;
    const size_t views = o->labels ? 1 : 2;
    const size_t floats = views * b->batch * 3 * o->size * o->size;
    nsky_rng rng = nsky_rng_at(1, 0, 0);

    if (!(b->graph = nsky_alloc_zero(1, sizeof *b->graph, err)) ||
        !(b->images = nsky_alloc_aligned(floats, sizeof(float), err)))
        return NSKY_ENOMEM;
    nsky_rng_fill_normal(&rng, b->images, floats);
    nsky_train_graph_init(b->graph, 3, o->size);
    const uint32_t features = nsky_train_add_resnet(b->graph, o->arch, NSKY_STEM_IMAGENET);
    if (!o->labels) {
        nsky_train_add_mlp(b->graph, "projection", features, 512, DIM);
        return NSKY_OK;
    }
    nsky_train_add_linear(b->graph, "fc", features, CLASSES, true);
    if (!(b->labels = nsky_alloc(b->batch, sizeof *b->labels, err)))
        return NSKY_ENOMEM;
    for (uint32_t i = 0; i < b->batch; i++)
        b->labels[i] = i % CLASSES;
    return NSKY_OK;
}

/* A step warms up; then as many as fit the time. */
static nsky_status time_steps(const bench *b, nsky_learner *learner, nsky_train_speed *out,
                              nsky_error *err)
{
    const nsky_learner_rates rates = {.sgd = {0.01, 0.9, 1e-4}, .keep = 0.99};
    nsky_learner_result result;
    nsky_status status = nsky_learner_step(learner, b->images, b->labels, &rates, &result, err);
    double start = nsky_now_s(), cpu = nsky_process_cpu_s(), taken = 0;

    for (out->steps = 0; status == NSKY_OK && (out->steps == 0 || taken < b->options->seconds);
         out->steps++) {
        status = nsky_learner_step(learner, b->images, b->labels, &rates, &result, err);
        taken = nsky_now_s() - start;
    }
    out->pairs_per_s = (double)(out->steps * b->batch) / taken;
    out->pairs_per_cpu_s = (double)(out->steps * b->batch) / (nsky_process_cpu_s() - cpu);
    return status;
}

static nsky_status learn(const bench *b, nsky_train_speed *out, nsky_error *err)
{
    const nsky_learner_options how = {.ops = b->ops,
                                      .precision = b->options->precision,
                                      .query = b->graph,
                                      .key = b->labels ? NULL : b->graph,
                                      .batch = b->batch,
                                      .sub_batch = out->sub_batch,
                                      .threads = out->threads,
                                      .queue = QUEUE > 2 * b->batch ? QUEUE : 2 * b->batch,
                                      .temperature = 0.2f,
                                      .seed = 1};
    nsky_learner *learner;
    nsky_status status = nsky_learner_new(&learner, &how, err);

    if (status == NSKY_OK)
        status = time_steps(b, learner, out, err);
    nsky_learner_free(learner);
    return status;
}

/* The quickest of some runs: others may use the caches too. */
static nsky_status run_kernels(const bench *b, const float *params, float *vectors,
                               nsky_train_speed *out, nsky_error *err)
{
    const nsky_train_ops *ops = b->ops;
    double best = 0;
    void *state = NULL;
    nsky_status status;

    if ((status = ops->open(&state, b->graph, b->options->precision, out->sub_batch, true, err)) ==
            NSKY_OK &&
        (status = ops->load(state, params, err)) == NSKY_OK &&
        (status = ops->forward(state, b->images, vectors, err)) == NSKY_OK)
        status = ops->backward(state, vectors, err);
    for (uint32_t i = 0; i < KERNEL_RUNS && status == NSKY_OK; i++) {
        const double seconds =
            (b->labels ? 1 : 2) * ops->kernel_s(state, false) + ops->kernel_s(state, true);
        if (i == 0 || seconds < best)
            best = seconds;
    }
    if (status == NSKY_OK)
        out->kernel_pairs_per_cpu_s = out->sub_batch / best;
    ops->close(state);
    return status;
}

static nsky_status time_kernels(const bench *b, nsky_train_speed *out, nsky_error *err)
{
    const size_t outputs = out->sub_batch * nsky_train_out_floats(b->graph);
    float *params, *stats, *vectors = NULL;
    nsky_status status = NSKY_ENOMEM;

    if (!b->ops->kernel_s)
        return NSKY_OK;
    params = nsky_alloc_aligned(b->graph->param_floats, sizeof(float), err);
    stats = nsky_alloc(b->graph->stat_floats, sizeof(float), err);
    if (params && stats && (vectors = nsky_alloc_aligned(outputs, sizeof(float), err))) {
        nsky_train_graph_draw(b->graph, 1, params, stats);
        status = run_kernels(b, params, vectors, out, err);
    }
    nsky_free(params);
    nsky_free(stats);
    nsky_free(vectors);
    return status;
}

nsky_status nsky_train_speed_measure(const nsky_train_speed_options *o, nsky_train_speed *out,
                                     nsky_error *err)
{
    assert(o && o->device && out && err && o->sub_batch != 1);
    bench b = {.options = o};
    nsky_status status = nsky_registry_choose_training(&b.ops, o->device, o->precision, err);

    *out = (nsky_train_speed){.kernel_pairs_per_cpu_s = NAN};
    if (status != NSKY_OK)
        return status;
    settle(&b, out);
    if ((status = make(&b, err)) == NSKY_OK && (status = learn(&b, out, err)) == NSKY_OK)
        status = time_kernels(&b, out, err);
    nsky_free(b.images);
    nsky_free(b.labels);
    nsky_free(b.graph);
    return status;
}
