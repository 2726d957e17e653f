/* train_state.c - see train_state.h. */
#include "encoder/cuda/train_state.h"

#include <assert.h>
#include <string.h>

#include "common/memory.h"
#include "encoder/cuda/kernels_learn.h"
#include "encoder/cuda/train_private.h"

#define STATS_MOMENTUM 0.1f /* of running statistics: learner_step.c's */

static size_t part_count(const nsky_card_state *s)
{
    return (s->graph->param_floats + NSKY_SQUARES_ITEMS - 1) / NSKY_SQUARES_ITEMS;
}

nsky_status nsky_card_state_send(nsky_card_state *s, void *to, const void *from, size_t bytes,
                                 nsky_error *err)
{
    assert(s && err && bytes <= s->staged_bytes);
    memcpy(s->staged, from, bytes);
    nsky_status status = nsky_dev_copy_in(s->dev, to, s->staged, bytes, NSKY_STREAM_COMPUTE, err);

    return status == NSKY_OK ? nsky_dev_sync(s->dev, NSKY_STREAM_COMPUTE, err) : status;
}

nsky_status nsky_card_state_fetch(nsky_card_state *s, void *to, const void *from, size_t bytes,
                                  nsky_error *err)
{
    assert(s && err && bytes <= s->staged_bytes);
    nsky_status status =
        nsky_dev_copy_out(s->dev, s->staged, from, bytes, NSKY_STREAM_COMPUTE, err);

    if (status == NSKY_OK)
        status = nsky_dev_sync(s->dev, NSKY_STREAM_COMPUTE, err);
    if (status == NSKY_OK)
        memcpy(to, s->staged, bytes);
    return status;
}

/* Which parameters decay, a byte each. */
static nsky_status send_decays(nsky_card_state *s, nsky_error *err)
{
    const nsky_train_graph *g = s->graph;
    uint8_t *decays = nsky_alloc_zero(g->param_floats, 1, err);
    nsky_status status = NSKY_ENOMEM;

    if (decays) {
        for (uint32_t i = 0; i < g->param_count; i++)
            memset(decays + g->params[i].offset, g->params[i].decays, g->params[i].count);
        status = nsky_card_state_send(s, s->decays, decays, g->param_floats, err);
    }
    nsky_free(decays);
    return status;
}

nsky_status nsky_card_state_new(nsky_card_state *out, nsky_dev *dev, const nsky_train_graph *graph,
                                const nsky_train_graph *slow, size_t staged_bytes, nsky_error *err)
{
    assert(out && dev && graph && slow && err);
    nsky_card_state *s = out;
    const size_t params = graph->param_floats * sizeof(float);
    const size_t stats = graph->stat_floats * sizeof(float);
    const size_t slow_params = slow->param_floats * sizeof(float);
    const size_t slow_stats = slow->stat_floats * sizeof(float);

    *s = (nsky_card_state){.dev = dev, .graph = graph, .slow = slow, .staged_bytes = staged_bytes};
    const struct {
        void **to;
        size_t bytes;
    } blocks[] = {{(void **)&s->params, params},
                  {(void **)&s->velocity, params},
                  {(void **)&s->stats, stats},
                  {(void **)&s->slow_params, slow_params},
                  {(void **)&s->slow_stats, slow_stats},
                  {(void **)&s->decays, graph->param_floats},
                  {(void **)&s->gradients, params},
                  {(void **)&s->squares, part_count(s) * sizeof(double)}};
    nsky_status status = NSKY_OK;
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks && status == NSKY_OK; i++) {
        const size_t bytes = blocks[i].bytes > 0 ? blocks[i].bytes : 1;
        status = nsky_dev_alloc(dev, blocks[i].to, bytes, "the training's state", err);
        if (bytes > s->staged_bytes)
            s->staged_bytes = bytes;
    }
    if (status == NSKY_OK)
        status = nsky_dev_pin(dev, &s->staged, s->staged_bytes, err);
    return status == NSKY_OK ? send_decays(s, err) : status;
}

void nsky_card_state_free(nsky_card_state *s)
{
    assert(s);
    void *blocks[] = {s->params,     s->velocity, s->stats,     s->slow_params,
                      s->slow_stats, s->decays,   s->gradients, s->squares};

    if (!s->dev)
        return;
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        nsky_dev_free(s->dev, blocks[i]);
    nsky_dev_unpin(s->dev, s->staged);
    *s = (nsky_card_state){0};
}

/* --- there and back --- */

typedef struct place {
    float *card, *host;
    size_t count;
} place;

#define PLACES 5

static void places_of(const nsky_card_state *s, const nsky_learner_state *host, place out[PLACES])
{
    const size_t params = s->graph->param_floats, stats = s->graph->stat_floats;
    const place all[PLACES] = {{s->params, host->params, params},
                               {s->velocity, host->velocity, params},
                               {s->stats, host->stats, stats},
                               {s->slow_params, host->slow_params, s->slow->param_floats},
                               {s->slow_stats, host->slow_stats, s->slow->stat_floats}};

    memcpy(out, all, sizeof all);
}

nsky_status nsky_card_state_put(nsky_card_state *s, const nsky_learner_state *from, nsky_error *err)
{
    assert(s && from && err);
    place places[PLACES];
    nsky_status status = NSKY_OK;

    places_of(s, from, places);
    for (int i = 0; i < PLACES && status == NSKY_OK; i++)
        status = nsky_card_state_send(s, places[i].card, places[i].host,
                                      places[i].count * sizeof(float), err);
    return status;
}

nsky_status nsky_card_state_get(nsky_card_state *s, nsky_learner_state *to, float *gradients,
                                nsky_error *err)
{
    assert(s && to && err);
    place places[PLACES];
    nsky_status status = NSKY_OK;

    places_of(s, to, places);
    for (int i = 0; i < PLACES && status == NSKY_OK; i++)
        status = nsky_card_state_fetch(s, places[i].host, places[i].card,
                                       places[i].count * sizeof(float), err);
    if (status == NSKY_OK && gradients)
        status = nsky_card_state_fetch(s, gradients, s->gradients,
                                       s->graph->param_floats * sizeof(float), err);
    return status;
}

/* --- after gradients --- */

nsky_status nsky_card_state_measure(nsky_card_state *s, double *length, nsky_error *err)
{
    assert(s && length && err);
    const nsky_squares_args squares = {
        .in = s->gradients, .sums = s->squares, .count = s->graph->param_floats};
    nsky_length_args root = {.sums = s->squares, .count = part_count(s)};
    nsky_status status = NSKY_TRAIN_LAUNCH(s->dev, squares, &squares, err);

    root.length = length;
    return status == NSKY_OK ? NSKY_TRAIN_LAUNCH(s->dev, length, &root, err) : status;
}

static nsky_status average(nsky_card_state *s, nsky_ema_args args, double keep,
                           const nsky_step_numbers *now, nsky_error *err)
{
    args.old_share = (float)keep;
    args.new_share = (float)(1 - keep);
    args.now = now;
    return NSKY_TRAIN_LAUNCH(s->dev, ema, &args, err);
}

nsky_status nsky_card_state_step(nsky_card_state *s, const nsky_learner_rates *rates,
                                 const nsky_step_numbers *now, const double *length,
                                 nsky_error *err)
{
    assert(s && !rates == (now != NULL) && length && err);
    const nsky_learner_rates none = {.clip = 0}, *r = rates ? rates : &none;
    const size_t count = s->graph->param_floats;
    const nsky_shorten_args shorten = {
        .values = s->gradients, .length = length, .clip = r->clip, .count = count, .now = now};
    const nsky_sgd_args sgd = {.params = s->params,
                               .velocity = s->velocity,
                               .gradients = s->gradients,
                               .decays = s->decays,
                               .rate = (float)r->sgd.rate,
                               .momentum = (float)r->sgd.momentum,
                               .decay = (float)r->sgd.decay,
                               .count = count,
                               .now = now};
    const nsky_ema_args slow = {
        .slow = s->slow_params, .fast = s->params, .count = s->slow->param_floats};
    nsky_status status;

    if (((now || r->clip > 0) &&
         (status = NSKY_TRAIN_LAUNCH(s->dev, shorten, &shorten, err)) != NSKY_OK) ||
        (status = NSKY_TRAIN_LAUNCH(s->dev, sgd, &sgd, err)) != NSKY_OK)
        return status;
    return average(s, slow, r->keep, now, err);
}

nsky_status nsky_card_state_follow(nsky_card_state *s, bool slow, const float *parts,
                                   uint32_t count, nsky_error *err)
{
    assert(s && parts && count > 0 && err);
    const nsky_follow_args follow = {.running = slow ? s->slow_stats : s->stats,
                                     .in = parts,
                                     .share = STATS_MOMENTUM,
                                     .parts = count,
                                     .count = (slow ? s->slow : s->graph)->stat_floats};

    return NSKY_TRAIN_LAUNCH(s->dev, follow, &follow, err);
}

nsky_status nsky_card_state_average_stats(nsky_card_state *s, double keep, nsky_error *err)
{
    assert(s && s->slow == s->graph && err);
    const nsky_ema_args slow = {
        .slow = s->slow_stats, .fast = s->stats, .count = s->graph->stat_floats};

    return average(s, slow, keep, NULL, err);
}

nsky_status nsky_card_copy(nsky_dev *dev, float *to, const float *from, size_t count,
                           nsky_error *err)
{
    nsky_fold_args args = {.in = from, .count = count, .parts = 1};

    args.out = to;
    return NSKY_TRAIN_LAUNCH(dev, fold, &args, err);
}
