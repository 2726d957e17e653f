/* train_parts.c - what a step puts into the stream, in parts that are recorded once (as network.c
 * does) and then started as a whole: thousands of launches become three. What changes from step to
 * step is read from device memory. Thread rule: see train_learner.h. */
#include <assert.h>

#include "common/log.h"
#include "encoder/cuda/train_learner.h"
#include "encoder/cuda/train_private.h"

#define LAUNCHES_MAX 100000u /* of a recording: more would take more memory than they are worth */
#define LAUNCHES_OF_OP 8u    /* at most, of one layer forwards and back */

/* Task t is sub-batch t % parts of direction t / parts: keys are of the other view. */
static nsky_status make_keys(nsky_card_learner *l, uint32_t task, nsky_error *err)
{
    const nsky_learner_options *o = &l->options;
    uint32_t direction = task / l->parts, view = 1 - direction;
    size_t first = (size_t)direction * o->batch + (size_t)(task % l->parts) * o->sub_batch;
    const nsky_gather_args gather = {.in = l->seen + (size_t)view * o->batch * l->in_floats,
                                     .from = l->orders.dealt + first,
                                     .out = l->dealt_ones,
                                     .rows = o->sub_batch,
                                     .dim = l->in_floats};
    const nsky_unit_args unit = {.in = nsky_train_net_out(l->key),
                                 .out = l->placed + first * l->dim,
                                 .lengths = l->told.key_lengths + first,
                                 .rows = o->sub_batch,
                                 .dim = l->dim};
    nsky_status status;

    if ((status = NSKY_TRAIN_LAUNCH(l->dev, gather, &gather, err)) != NSKY_OK ||
        (status = nsky_train_net_forward(l->key, l->dealt_ones, err)) != NSKY_OK ||
        (status = NSKY_TRAIN_LAUNCH(l->dev, unit, &unit, err)) != NSKY_OK)
        return status;
    return nsky_card_copy(l->dev, l->new_slow_stats + task * o->key->stat_floats,
                          nsky_train_net_stats(l->key), o->key->stat_floats, err);
}

static nsky_status learn(nsky_card_learner *l, uint32_t task, nsky_error *err)
{
    const nsky_learner_options *o = &l->options;
    /* Of the samples, and of the images of both views: direction is the queries' view. */
    size_t first = (size_t)(task / l->parts) * o->batch + (size_t)(task % l->parts) * o->sub_batch;
    const nsky_card_loss_args loss = {.queries = nsky_train_net_out(l->query),
                                      .keys = l->keys + first * l->dim,
                                      .queue = l->queue,
                                      .neighbours = o->neighbours,
                                      .scale = 1.0 / l->samples,
                                      .d_queries = l->d_out,
                                      .lengths = l->told.lengths + first,
                                      .losses = l->told.losses + first,
                                      .correct = l->told.correct + first};
    nsky_status status;

    if ((status = nsky_train_net_forward(l->query, l->seen + first * l->in_floats, err)) !=
            NSKY_OK ||
        (status = nsky_card_loss_run(l->loss, &loss, err)) != NSKY_OK ||
        (status = nsky_train_net_backward(l->query, l->d_out, err)) != NSKY_OK ||
        (status = nsky_train_net_add_gradients(l->query, l->state.gradients, err)) != NSKY_OK)
        return status;
    return nsky_card_copy(l->dev, l->new_stats + task * o->query->stat_floats,
                          nsky_train_net_stats(l->query), o->query->stat_floats, err);
}

/* This rank's sub-batches, one direction after the other. */
static nsky_status each_task(nsky_card_learner *l,
                             nsky_status (*task)(nsky_card_learner *, uint32_t, nsky_error *),
                             nsky_error *err)
{
    nsky_status status = NSKY_OK;

    for (uint32_t direction = 0; direction < l->directions; direction++)
        for (uint32_t part = 0; part < l->own_parts && status == NSKY_OK; part++)
            status = task(l, direction * l->parts + l->first_part + part, err);
    return status;
}

static nsky_status put_keys(nsky_card_learner *l, nsky_error *err)
{
    const nsky_fill_args none = {.out = l->state.gradients,
                                 .count = l->options.query->param_floats};
    nsky_status status;

    if ((status = nsky_train_net_load(l->query, l->state.params, err)) != NSKY_OK ||
        (status = nsky_train_net_load(l->key, l->state.slow_params, err)) != NSKY_OK ||
        (status = NSKY_TRAIN_LAUNCH(l->dev, fill, &none, err)) != NSKY_OK)
        return status;
    return each_task(l, make_keys, err);
}

static nsky_status put_learning(nsky_card_learner *l, nsky_error *err)
{
    size_t batch = l->options.batch, vectors = batch * l->dim;
    nsky_status status = NSKY_OK;

    for (size_t direction = 0; direction < l->directions && status == NSKY_OK; direction++) {
        const nsky_gather_args gather = {.in = l->placed + direction * vectors,
                                         .from = l->orders.place + direction * batch,
                                         .out = l->keys + direction * vectors,
                                         .rows = l->options.batch,
                                         .dim = l->dim};
        status = NSKY_TRAIN_LAUNCH(l->dev, gather, &gather, err);
    }
    return status == NSKY_OK ? each_task(l, learn, err) : status;
}

static nsky_status put_update(nsky_card_learner *l, nsky_error *err)
{
    const nsky_step_numbers *now = l->orders.numbers;
    const uint32_t parts = l->directions * l->parts;
    const nsky_enqueue_args enqueue = {.queue = l->queue,
                                       .keys = l->keys,
                                       .rows = l->samples,
                                       .queue_rows = l->options.queue,
                                       .dim = l->dim,
                                       .now = now};
    nsky_status status;

    if ((status = nsky_card_state_step(&l->state, NULL, now, l->told.length, err)) != NSKY_OK ||
        (status = nsky_card_state_follow(&l->state, false, l->new_stats, parts, err)) != NSKY_OK ||
        (status = nsky_card_state_follow(&l->state, true, l->new_slow_stats, parts, err)) !=
            NSKY_OK)
        return status;
    return NSKY_TRAIN_LAUNCH(l->dev, enqueue, &enqueue, err);
}

/* --- recordings --- */

typedef nsky_status put_fn(nsky_card_learner *l, nsky_error *err);

static bool is_too_long(const nsky_card_learner *l)
{
    return (uint64_t)l->directions * l->own_parts * l->options.query->op_count * LAUNCHES_OF_OP >
           LAUNCHES_MAX;
}

/* A card that does not take it (an engine that cannot be recorded, say) is asked no more; one that
 * is lost says so at the next launch. */
static void record(nsky_card_learner *l, nsky_card_part part, put_fn *put)
{
    nsky_error first = NSKY_ERROR_INIT, then = NSKY_ERROR_INIT;
    nsky_status status = nsky_dev_capture(l->dev, &first);

    if (status == NSKY_OK) {
        status = put(l, &first);
        /* Whatever happened: it must end. */
        nsky_status ended = nsky_dev_captured(l->dev, &l->recorded[part], &then);
        if (status == NSKY_OK && (status = ended) != NSKY_OK)
            first = then;
    }
    if (status == NSKY_OK)
        return;
    nsky_dev_graph_free(l->dev, l->recorded[part]);
    l->recorded[part] = NULL;
    l->unrecorded = true;
    nsky_log_info("steps are not recorded, and take a little longer to start: %s", first.text);
}

/* Once as it is, so that nothing is initialised inside a recording. */
nsky_status nsky_card_play(nsky_card_learner *l, nsky_card_part part, nsky_error *err)
{
    assert(l && part < NSKY_CARD_PARTS && err);
    static put_fn *const puts[NSKY_CARD_PARTS] = {put_keys, put_learning, put_update};

    if (l->played[part] == 0 && is_too_long(l))
        l->unrecorded = true;
    if (l->played[part] == 1 && !l->unrecorded)
        record(l, part, puts[part]);
    if (l->played[part] < 2)
        l->played[part]++;
    if (l->recorded[part])
        return nsky_dev_launch(l->dev, l->recorded[part], err);
    return puts[part](l, err);
}
