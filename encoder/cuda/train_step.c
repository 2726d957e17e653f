/* train_step.c - a step of learner_step.c, on the card: keys, queries, a look at what they say, and
 * only then the update. Thread rule: see train_learner.h. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "encoder/cuda/kernels_learn.h"
#include "encoder/cuda/train_learner.h"
#include "encoder/cuda/train_private.h"

#define STATS_MOMENTUM 0.1f /* of running statistics: learner_step.c's */

/* to = from */
static nsky_status copy(nsky_card_learner *l, float *to, const float *from, size_t count,
                        nsky_error *err)
{
    nsky_fold_args args = {.in = from, .count = count, .parts = 1};

    args.out = to;
    return NSKY_TRAIN_LAUNCH(l->dev, fold, &args, err);
}

static nsky_status send_batch(nsky_card_learner *l, const float *images, const uint32_t *dealt,
                              nsky_error *err)
{
    size_t bytes = (size_t)2 * l->options.batch * l->in_floats * sizeof(float);
    size_t dealt_bytes = l->samples * sizeof *dealt;
    nsky_status status;

    assert(bytes <= l->staged_bytes);
    memcpy(l->staged, dealt, dealt_bytes);
    if ((status = nsky_dev_copy_in(l->dev, l->dealt, l->staged, dealt_bytes, NSKY_STREAM_COMPUTE,
                                   err)) != NSKY_OK ||
        (status = nsky_dev_sync(l->dev, NSKY_STREAM_COMPUTE, err)) != NSKY_OK)
        return status;
    memcpy(l->staged, images, bytes);
    return nsky_dev_copy_in(l->dev, l->images, l->staged, bytes, NSKY_STREAM_COMPUTE, err);
}

/* Task t is sub-batch t % parts of direction t / parts: keys are of the other view. */
static nsky_status make_keys(nsky_card_learner *l, uint32_t task, nsky_error *err)
{
    const nsky_learner_options *o = &l->options;
    uint32_t direction = task / l->parts, view = 1 - direction;
    size_t first = (size_t)direction * o->batch + (size_t)(task % l->parts) * o->sub_batch;
    const nsky_gather_args gather = {.in = l->images + (size_t)view * o->batch * l->in_floats,
                                     .from = l->dealt + first,
                                     .out = l->dealt_ones,
                                     .rows = o->sub_batch,
                                     .dim = l->in_floats};
    const nsky_unit_args unit = {.in = nsky_train_net_out(l->key),
                                 .out = l->keys + (size_t)direction * o->batch * l->dim,
                                 .to = l->dealt + first,
                                 .lengths = l->told.key_lengths + first,
                                 .rows = o->sub_batch,
                                 .dim = l->dim};
    nsky_status status;

    if ((status = NSKY_TRAIN_LAUNCH(l->dev, gather, &gather, err)) != NSKY_OK ||
        (status = nsky_train_net_forward(l->key, l->dealt_ones, err)) != NSKY_OK ||
        (status = NSKY_TRAIN_LAUNCH(l->dev, unit, &unit, err)) != NSKY_OK)
        return status;
    return copy(l, l->new_slow_stats + task * o->key->stat_floats, nsky_train_net_stats(l->key),
                o->key->stat_floats, err);
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

    if ((status = nsky_train_net_forward(l->query, l->images + first * l->in_floats, err)) !=
            NSKY_OK ||
        (status = nsky_card_loss_run(l->loss, &loss, err)) != NSKY_OK ||
        (status = nsky_train_net_backward(l->query, l->d_out, err)) != NSKY_OK ||
        (status = nsky_train_net_add_gradients(l->query, l->gradients, err)) != NSKY_OK)
        return status;
    return copy(l, l->new_stats + task * o->query->stat_floats, nsky_train_net_stats(l->query),
                o->query->stat_floats, err);
}

/* The gradients' length. */
static nsky_status measure(nsky_card_learner *l, nsky_error *err)
{
    size_t count = l->options.query->param_floats;
    const nsky_squares_args squares = {.in = l->gradients, .sums = l->squares, .count = count};
    const nsky_length_args length = {.sums = l->squares,
                                     .length = l->told.length,
                                     .count =
                                         (count + NSKY_SQUARES_ITEMS - 1) / NSKY_SQUARES_ITEMS};
    nsky_status status = NSKY_TRAIN_LAUNCH(l->dev, squares, &squares, err);

    return status == NSKY_OK ? NSKY_TRAIN_LAUNCH(l->dev, length, &length, err) : status;
}

static nsky_status run_batch(nsky_card_learner *l, nsky_error *err)
{
    const nsky_fill_args none = {.out = l->gradients, .count = l->options.query->param_floats};
    uint32_t tasks = l->directions * l->parts;
    nsky_status status;

    if ((status = nsky_train_net_load(l->query, l->params, err)) != NSKY_OK ||
        (status = nsky_train_net_load(l->key, l->slow_params, err)) != NSKY_OK ||
        (status = NSKY_TRAIN_LAUNCH(l->dev, fill, &none, err)) != NSKY_OK)
        return status;
    for (uint32_t t = 0; t < tasks && status == NSKY_OK; t++)
        status = make_keys(l, t, err);
    for (uint32_t t = 0; t < tasks && status == NSKY_OK; t++)
        status = learn(l, t, err);
    return status == NSKY_OK ? measure(l, err) : status;
}

/* What the step said, into result. */
static nsky_status listen(nsky_card_learner *l, const nsky_learner_rates *rates,
                          nsky_learner_result *result, nsky_error *err)
{
    size_t bytes = (size_t)((char *)(l->told.correct + l->samples) - (char *)l->told_block);
    double loss = 0, correct = 0;
    nsky_status status;

    if ((status = nsky_dev_copy_out(l->dev, l->said_block, l->told_block, bytes,
                                    NSKY_STREAM_COMPUTE, err)) != NSKY_OK ||
        (status = nsky_dev_sync(l->dev, NSKY_STREAM_COMPUTE, err)) != NSKY_OK)
        return status;
    for (uint32_t n = 0; n < 2 * l->samples; n++) { /* keys, then queries: as the host looks */
        double length = l->said.key_lengths[n];
        if (!(isfinite(length) && length > 0))
            return nsky_fail(err, NSKY_EDATA, NSKY_DIVERGED_TEXT, length);
    }
    for (uint32_t n = 0; n < l->samples; n++) {
        loss += l->said.losses[n];
        correct += l->said.correct[n];
    }
    result->loss = loss / l->samples;
    result->accuracy = correct / l->samples;
    result->length = rates->clip > 0 ? *l->said.length : (double)NAN;
    return NSKY_OK;
}

static nsky_status follow(nsky_card_learner *l, float *running, const float *parts, size_t count,
                          nsky_error *err)
{
    nsky_follow_args args = {
        .in = parts, .share = STATS_MOMENTUM, .parts = l->directions * l->parts, .count = count};

    args.running = running;
    return NSKY_TRAIN_LAUNCH(l->dev, follow, &args, err);
}

static nsky_status update(nsky_card_learner *l, const nsky_learner_rates *rates, nsky_error *err)
{
    const nsky_learner_options *o = &l->options;
    size_t count = o->query->param_floats;
    const nsky_shorten_args shorten = {
        .values = l->gradients, .length = l->told.length, .clip = rates->clip, .count = count};
    const nsky_sgd_args sgd = {.params = l->params,
                               .velocity = l->velocity,
                               .gradients = l->gradients,
                               .decays = l->decays,
                               .rate = (float)rates->sgd.rate,
                               .momentum = (float)rates->sgd.momentum,
                               .decay = (float)rates->sgd.decay,
                               .count = count};
    const nsky_ema_args ema = {.slow = l->slow_params,
                               .fast = l->params,
                               .old_share = (float)rates->keep,
                               .new_share = (float)(1 - rates->keep),
                               .count = o->key->param_floats};
    const nsky_enqueue_args enqueue = {.queue = l->queue,
                                       .keys = l->keys,
                                       .rows = l->samples,
                                       .queue_rows = o->queue,
                                       .first = l->queue_at,
                                       .dim = l->dim};
    nsky_status status;

    if ((rates->clip > 0 &&
         (status = NSKY_TRAIN_LAUNCH(l->dev, shorten, &shorten, err)) != NSKY_OK) ||
        (status = NSKY_TRAIN_LAUNCH(l->dev, sgd, &sgd, err)) != NSKY_OK ||
        (status = NSKY_TRAIN_LAUNCH(l->dev, ema, &ema, err)) != NSKY_OK ||
        (status = follow(l, l->stats, l->new_stats, o->query->stat_floats, err)) != NSKY_OK ||
        (status = follow(l, l->slow_stats, l->new_slow_stats, o->key->stat_floats, err)) != NSKY_OK)
        return status;
    return NSKY_TRAIN_LAUNCH(l->dev, enqueue, &enqueue, err);
}

/* The update is left to the card: the next step, or whoever fetches the state, waits for it. */
nsky_status nsky_card_learner_step(void *opened, const float *images, const uint32_t *labels,
                                   const uint32_t *dealt, const nsky_learner_rates *rates,
                                   nsky_learner_result *result, nsky_error *err)
{
    assert(opened && images && rates && result && err);
    nsky_card_learner *l = opened;
    nsky_status status;

    if (l->labels)
        return nsky_card_labels_step(l->labels, images, labels, rates, result, err);
    assert(dealt && !labels);
    if ((status = send_batch(l, images, dealt, err)) != NSKY_OK ||
        (status = run_batch(l, err)) != NSKY_OK ||
        (status = listen(l, rates, result, err)) != NSKY_OK ||
        (status = update(l, rates, err)) != NSKY_OK)
        return status;
    l->queue_at = (l->queue_at + l->samples) % l->options.queue;
    return NSKY_OK;
}
