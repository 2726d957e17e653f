/* speed.c - a learner on random images. CPU time is what is compared: the cores may have other
 * things to do. Thread rule: see speed.h. */
#include "encoder/train/speed.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/memory.h"
#include "common/rng.h"
#include "encoder/train/learner.h"

#define PARTS_A_THREAD 4u
#define QUEUE 4096u
#define DIM 128u
#define KERNEL_RUNS 5u

nsky_train_speed_options nsky_train_speed_defaults(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    return (nsky_train_speed_options){.arch = NSKY_RESNET18,
                                      .size = 96,
                                      .sub_batch = 32,
                                      .threads = cores < 1    ? 1
                                                 : cores > 64 ? 64
                                                              : (uint32_t)cores,
                                      .precision = nsky_encoder_defaults().precision,
                                      .seconds = 10};
}

/* A step warms up; then as many as fit the time. */
static nsky_status time_steps(nsky_learner *learner, const float *views, uint32_t batch,
                              double seconds, nsky_train_speed *out, nsky_error *err)
{
    const nsky_learner_rates rates = {.sgd = {0.01, 0.9, 1e-4}, .keep = 0.99};
    nsky_learner_result result;
    nsky_status status = nsky_learner_step(learner, views, NULL, &rates, &result, err);
    double start = nsky_now_s(), cpu = nsky_process_cpu_s(), taken = 0;

    for (out->steps = 0; status == NSKY_OK && (out->steps == 0 || taken < seconds); out->steps++) {
        status = nsky_learner_step(learner, views, NULL, &rates, &result, err);
        taken = nsky_now_s() - start;
    }
    out->pairs_per_s = (double)(out->steps * batch) / taken;
    out->pairs_per_cpu_s = (double)(out->steps * batch) / (nsky_process_cpu_s() - cpu);
    return status;
}

/* The quickest of some runs: others may use the caches too. */
static nsky_status time_kernels(const nsky_train_speed_options *o, const nsky_train_graph *graph,
                                const float *views, nsky_train_speed *out, nsky_error *err)
{
    size_t outputs = o->sub_batch * nsky_train_out_floats(graph);
    float *params = nsky_alloc_aligned(graph->param_floats, sizeof(float), err);
    float *stats = nsky_alloc(graph->stat_floats, sizeof(float), err);
    float *vectors = nsky_alloc_aligned(outputs, sizeof(float), err);
    double best = 0;
    void *state = NULL;
    nsky_status status = params && stats && vectors ? NSKY_OK : NSKY_ENOMEM;

    if (status == NSKY_OK)
        nsky_train_graph_draw(graph, 1, params, stats);
    if (status == NSKY_OK &&
        (status = nsky_train_cpu.open(&state, graph, o->precision, o->sub_batch, true, err)) ==
            NSKY_OK &&
        (status = nsky_train_cpu.load(state, params, err)) == NSKY_OK)
        status = nsky_train_cpu.forward(state, views, vectors, err);
    if (status == NSKY_OK)
        status = nsky_train_cpu.backward(state, vectors, err);
    for (uint32_t i = 0; i < KERNEL_RUNS && status == NSKY_OK; i++) {
        double seconds =
            2 * nsky_train_cpu.kernel_s(state, false) + nsky_train_cpu.kernel_s(state, true);
        if (i == 0 || seconds < best)
            best = seconds;
    }
    if (status == NSKY_OK)
        out->kernel_pairs_per_cpu_s = o->sub_batch / best;
    nsky_train_cpu.close(state);
    nsky_free(params);
    nsky_free(stats);
    nsky_free(vectors);
    return status;
}

nsky_status nsky_train_speed_measure(const nsky_train_speed_options *o, nsky_train_speed *out,
                                     nsky_error *err)
{
    assert(o && out && err && o->sub_batch > 1 && o->threads > 0);
    nsky_train_graph *graph = nsky_alloc_zero(1, sizeof *graph, err);
    nsky_learner *learner = NULL;
    float *views = NULL;
    nsky_rng rng = nsky_rng_at(1, 0, 0);
    uint32_t batch = PARTS_A_THREAD * o->threads * o->sub_batch;
    size_t floats = (size_t)2 * batch * 3 * o->size * o->size;
    nsky_status status = NSKY_ENOMEM;

    *out = (nsky_train_speed){0, 0, 0, 0};
    if (!graph || !(views = nsky_alloc_aligned(floats, sizeof(float), err)))
        goto done;
    nsky_rng_fill_normal(&rng, views, floats);
    nsky_train_graph_init(graph, 3, o->size);
    uint32_t features = nsky_train_add_resnet(graph, o->arch, NSKY_STEM_IMAGENET);
    nsky_train_add_mlp(graph, "projection", features, 512, DIM);
    const nsky_learner_options how = {.ops = &nsky_train_cpu,
                                      .precision = o->precision,
                                      .query = graph,
                                      .key = graph,
                                      .batch = batch,
                                      .sub_batch = o->sub_batch,
                                      .threads = o->threads,
                                      .queue = QUEUE > 2 * batch ? QUEUE : 2 * batch,
                                      .temperature = 0.2f,
                                      .seed = 1};
    if ((status = nsky_learner_new(&learner, &how, err)) == NSKY_OK &&
        (status = time_steps(learner, views, batch, o->seconds, out, err)) == NSKY_OK)
        status = time_kernels(o, graph, views, out, err);
done:
    nsky_learner_free(learner);
    nsky_free(views);
    nsky_free(graph);
    return status;
}
