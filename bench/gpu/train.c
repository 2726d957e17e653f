/* train.c - training on the card: a step whose every layer is looked at (train_layers.c), and pairs
 * a second with all of a training's state there. Thread rule: one thread. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/gpu/check.h"
#include "bench/gpu/train_check.h"
#include "common/clock.h"
#include "common/memory.h"
#include "common/rng.h"
#include "encoder/arch.h"
#include "encoder/cuda/train.h"
#include "encoder/cuda/train_private.h"
#include "encoder/train/learner.h"

#define HIDDEN 512u
#define DIM 128u
#define QUEUE 65536u
#define SEED 9

void check_train_graph(nsky_train_graph *g, const check_args *args)
{
    nsky_train_graph_init(g, 3, args->size);
    nsky_train_add_mlp(g, "projection", nsky_train_add_resnet(g, args->arch, NSKY_STEM_IMAGENET),
                       HIDDEN, DIM);
}

/* --- layers --- */

static nsky_status copy_in(check_train *t, float **out, const float *from, size_t count,
                           nsky_error *err)
{
    void *block = NULL;
    nsky_status status = nsky_dev_alloc(t->dev, &block, count * sizeof(float), "the check", err);

    *out = block;
    if (status == NSKY_OK)
        status =
            nsky_dev_copy_in(t->dev, block, from, count * sizeof(float), NSKY_STREAM_COMPUTE, err);
    return status == NSKY_OK ? nsky_dev_sync(t->dev, NSKY_STREAM_COMPUTE, err) : status;
}

static nsky_status copy_out(check_train *t, float *to, const float *from, size_t count,
                            nsky_error *err)
{
    nsky_status status =
        nsky_dev_copy_out(t->dev, to, from, count * sizeof(float), NSKY_STREAM_COMPUTE, err);

    return status == NSKY_OK ? nsky_dev_sync(t->dev, NSKY_STREAM_COMPUTE, err) : status;
}

/* Rows to a block of [batch, c, h, w] here; room: on the card, as large as the largest. */
static nsky_status fetch(check_train *t, const nsky_rows *rows, uint32_t value, float *room,
                         float **out, nsky_error *err)
{
    const nsky_train_value *v = &t->graph->values[value];
    const nsky_unorder_args args = {.in = *rows, .out = room, .pixels = v->height * v->width};
    size_t count = t->batch * nsky_train_value_floats(v);
    nsky_status status;

    *out = NULL;
    if (!rows->at)
        return NSKY_OK;
    if (!(*out = nsky_alloc(count, sizeof **out, err)))
        return err->status;
    status = NSKY_TRAIN_LAUNCH(t->dev, unorder, &args, err);
    return status == NSKY_OK ? copy_out(t, *out, room, count, err) : status;
}

static nsky_status fetch_all(check_train *t, nsky_error *err)
{
    const nsky_train_graph *g = t->graph;
    size_t most = 0;
    void *room = NULL;
    nsky_status status;

    for (uint32_t v = 0; v < g->value_count; v++) {
        size_t count = t->batch * nsky_train_value_floats(&g->values[v]);
        most = count > most ? count : most;
    }
    status = nsky_dev_alloc(t->dev, &room, most * sizeof(float), "the check", err);
    for (uint32_t v = 0; v < g->value_count && status == NSKY_OK; v++) {
        status = fetch(t, &t->net->values[v], v, room, &t->values[v], err);
        if (status == NSKY_OK)
            status = fetch(t, &t->net->gradients[v], v, room, &t->gradients[v], err);
    }
    nsky_dev_free(t->dev, room);
    return status;
}

/* Forwards and backwards on noise, with batch norms away from one and zero. */
static nsky_status run_step(check_train *t, nsky_error *err)
{
    const nsky_train_graph *g = t->graph;
    size_t ins = t->batch * nsky_train_in_floats(g), outs = t->batch * nsky_train_out_floats(g);
    float *noise = nsky_alloc(ins + outs, sizeof *noise, err), *params = NULL, *in = NULL;
    float *stats = nsky_alloc(g->stat_floats, sizeof *stats, err), *d_out = NULL;
    nsky_rng rng = nsky_rng_at(SEED, 1, 0);
    nsky_status status = noise && stats ? NSKY_OK : NSKY_ENOMEM;

    if (status != NSKY_OK)
        goto done;
    nsky_rng_fill_normal(&rng, noise, ins + outs);
    nsky_train_graph_draw(g, SEED, t->params, stats);
    for (uint32_t i = 0; i < g->param_count; i++)
        for (size_t k = 0; k < g->params[i].count && g->params[i].fan_in == 0; k++)
            t->params[g->params[i].offset + k] += 0.2f * (float)nsky_rng_normal(&rng);
    if ((status = copy_in(t, &params, t->params, g->param_floats, err)) == NSKY_OK &&
        (status = copy_in(t, &in, noise, ins, err)) == NSKY_OK &&
        (status = copy_in(t, &d_out, noise + ins, outs, err)) == NSKY_OK &&
        (status = nsky_train_net_load(t->net, params, err)) == NSKY_OK &&
        (status = nsky_train_net_forward(t->net, in, err)) == NSKY_OK &&
        (status = nsky_train_net_backward(t->net, d_out, err)) == NSKY_OK)
        status = copy_out(t, t->d_params, t->net->d_params, g->param_floats, err);
done:
    nsky_dev_free(t->dev, params);
    nsky_dev_free(t->dev, in);
    nsky_dev_free(t->dev, d_out);
    nsky_free(noise);
    nsky_free(stats);
    return status;
}

static nsky_status look(check_train *t, const check_args *args, nsky_error *err)
{
    const nsky_train_graph *g = t->graph;
    double worst = 0;
    const char *where = "";
    nsky_status status;

    if (!(t->params = nsky_alloc(g->param_floats, sizeof(float), err)) ||
        !(t->d_params = nsky_alloc(g->param_floats, sizeof(float), err)))
        return err->status;
    if ((status = run_step(t, err)) != NSKY_OK || (status = fetch_all(t, err)) != NSKY_OK)
        return status;
    for (uint32_t i = 0; i < g->op_count; i++) {
        double off = check_train_op(t, i);
        if (!(off <= worst)) {
            worst = isfinite(off) ? off : 1e30;
            where = g->ops[i].name;
        }
    }
    printf("{\"check\": \"train\", \"arch\": \"%s\", \"size\": %u, \"batch\": %u, \"layers\": %u, "
           "\"worst\": %.3f, \"where\": \"%s\"}\n",
           nsky_arch_name(args->arch), args->size, t->batch, g->op_count, worst, where);
    return worst <= 1
               ? NSKY_OK
               : nsky_fail(err, NSKY_EMISMATCH, "%s is off by %.2f tolerances", where, worst);
}

nsky_status check_train_layers(const check_args *args, nsky_error *err)
{
    nsky_train_graph *graph = nsky_alloc_zero(1, sizeof *graph, err);
    check_train t = {.graph = graph, .batch = args->batch > 0 ? args->batch : 32};
    nsky_status status;

    if (!graph)
        return err->status;
    check_train_graph(graph, args);
    setenv("NSKY_KEEP_VALUES", "1", 1);
    if ((status = nsky_dev_open(&t.dev, err)) == NSKY_OK)
        status = nsky_train_net_new(&t.net, t.dev, graph, t.batch, true, err);
    unsetenv("NSKY_KEEP_VALUES");
    if (status == NSKY_OK)
        status = look(&t, args, err);
    for (uint32_t v = 0; v < graph->value_count; v++) {
        nsky_free(t.values[v]);
        nsky_free(t.gradients[v]);
    }
    nsky_free(t.params);
    nsky_free(t.d_params);
    nsky_train_net_free(t.net);
    nsky_dev_close(t.dev);
    nsky_free(graph);
    return status;
}

/* --- speed --- */

static nsky_status time_steps(void *card, const float *images, const uint32_t *dealt,
                              const check_args *args, uint32_t batch, nsky_error *err)
{
    const nsky_learner_rates rates = {.sgd = {0.01, 0.9, 1e-4}, .keep = 0.99};
    nsky_learner_result result = {.loss = NAN};
    uint32_t steps = 0;
    double start = 0, taken = 0;
    nsky_status status = NSKY_OK;

    for (uint32_t warm = 0; warm < 3 && status == NSKY_OK; warm++)
        status = nsky_train_cuda.card->step(card, images, NULL, dealt, &rates, &result, err);
    for (start = nsky_now_s(); status == NSKY_OK && (steps == 0 || taken < args->seconds);
         steps++) {
        status = nsky_train_cuda.card->step(card, images, NULL, dealt, &rates, &result, err);
        taken = nsky_now_s() - start;
    }
    if (status == NSKY_OK)
        printf("{\"check\": \"train-speed\", \"arch\": \"%s\", \"size\": %u, \"batch\": %u, "
               "\"queue\": %u, \"steps\": %u, \"loss\": %.4f, \"pairs_per_s\": %.1f}\n",
               nsky_arch_name(args->arch), args->size, batch, QUEUE, steps, result.loss,
               (double)steps * batch / taken);
    return status;
}

nsky_status check_state_new(check_state *out, const nsky_train_graph *g, uint32_t queue,
                            nsky_error *err)
{
    size_t params = g->param_floats, stats = g->stat_floats;
    float *block =
        nsky_alloc_zero(4 * params + 2 * stats + (size_t)queue * DIM, sizeof *block, err);
    nsky_rng rng = nsky_rng_at(SEED, 2, 0);

    *out = (check_state){.block = block};
    if (!block)
        return err->status;
    out->s = (nsky_learner_state){.params = block,
                                  .velocity = block + params,
                                  .slow_params = block + 2 * params,
                                  .stats = block + 4 * params,
                                  .slow_stats = block + 4 * params + stats,
                                  .queue = block + 4 * params + 2 * stats};
    out->gradients = block + 3 * params;
    nsky_train_graph_draw(g, SEED, out->s.params, out->s.stats);
    memcpy(out->s.slow_params, out->s.params, params * sizeof(float));
    memcpy(out->s.slow_stats, out->s.stats, stats * sizeof(float));
    for (size_t i = 0; i < (size_t)queue * DIM; i++)
        out->s.queue[i] = (float)(nsky_rng_normal(&rng) / sqrt(DIM));
    return NSKY_OK;
}

void check_state_free(check_state *state)
{
    nsky_free(state->block);
}

static nsky_status put_state(void *card, const nsky_train_graph *g, nsky_error *err)
{
    check_state state;
    nsky_status status = check_state_new(&state, g, QUEUE, err);

    if (status == NSKY_OK)
        status = nsky_train_cuda.card->put(card, &state.s, err);
    check_state_free(&state);
    return status;
}

/* One view a query, the other its key: what a pair costs. */
nsky_status check_train_speed(const check_args *args, nsky_error *err)
{
    uint32_t batch = args->batch > 0 ? args->batch : 256;
    nsky_train_graph *graph = nsky_alloc_zero(1, sizeof *graph, err);
    size_t floats = (size_t)2 * batch * 3 * args->size * args->size;
    float *images = nsky_alloc(floats, sizeof *images, err);
    uint32_t *dealt = nsky_alloc(batch, sizeof *dealt, err);
    nsky_rng rng = nsky_rng_at(SEED, 3, 0);
    void *card = NULL;
    nsky_status status = graph && images && dealt ? NSKY_OK : NSKY_ENOMEM;

    if (status != NSKY_OK)
        goto done;
    check_train_graph(graph, args);
    nsky_rng_fill_normal(&rng, images, floats);
    for (uint32_t i = 0; i < batch; i++)
        dealt[i] = batch - 1 - i;
    const nsky_learner_options how = {.ops = &nsky_train_cuda,
                                      .precision = NSKY_BF16,
                                      .query = graph,
                                      .key = graph,
                                      .batch = batch,
                                      .sub_batch = batch,
                                      .threads = 1,
                                      .queue = QUEUE,
                                      .temperature = 0.2f};
    if ((status = nsky_train_cuda.card->open(&card, &how, err)) == NSKY_OK &&
        (status = put_state(card, graph, err)) == NSKY_OK)
        status = time_steps(card, images, dealt, args, batch, err);
done:
    nsky_train_cuda.card->close(card);
    nsky_free(graph);
    nsky_free(images);
    nsky_free(dealt);
    return status;
}
