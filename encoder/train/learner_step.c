/* learner_step.c - load, keys, queries, update: each a round of tasks for the pool.
 * Thread rule: see learner.h. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/rng.h"
#include "encoder/train/learner_private.h"

#define STREAM 0x6465616Cu  /* "deal": apart from other uses of a seed */
#define STATS_MOMENTUM 0.1f /* of running statistics: torchvision's */
#define RANGE_FLOATS 65536u /* of parameters updated at once: they stay in the cache */

static nsky_status load(void *context, uint32_t worker, uint32_t task, nsky_error *err)
{
    nsky_learner *l = context;
    nsky_learner_worker *w = &l->workers[task]; /* each state once, whoever does it */
    nsky_status status = l->options.ops->load(w->query, l->state.params, err);

    (void)worker;
    if (status == NSKY_OK && w->key)
        status = l->options.ops->load(w->key, l->state.slow_params, err);
    return status;
}

/* A permutation of the batch for each direction. */
static void deal(nsky_learner *l)
{
    uint32_t batch = l->options.batch;

    for (uint32_t d = 0; d < l->directions; d++) {
        nsky_rng rng = nsky_rng_at(l->options.seed, STREAM + d, (uint32_t)l->rates->step);
        uint32_t *dealt = l->dealt + (size_t)d * batch;
        for (uint32_t i = 0; i < batch; i++)
            dealt[i] = i;
        for (uint32_t i = batch; i > 1 && !l->options.same_company; i--) {
            uint32_t j = nsky_rng_below(&rng, i), kept = dealt[i - 1];
            dealt[i - 1] = dealt[j];
            dealt[j] = kept;
        }
    }
}

/* Task t is sub-batch t % parts of direction t / parts: keys are of the other view. */
static nsky_status make_keys(void *context, uint32_t worker, uint32_t task, nsky_error *err)
{
    nsky_learner *l = context;
    nsky_learner_worker *w = &l->workers[worker];
    const nsky_learner_options *o = &l->options;
    uint32_t direction = task / l->parts, view = 1 - direction;
    const uint32_t *dealt =
        l->dealt + (size_t)direction * o->batch + (size_t)(task % l->parts) * o->sub_batch;
    nsky_status status;

    for (uint32_t i = 0; i < o->sub_batch; i++)
        memcpy(w->images + i * l->in_floats,
               l->images + ((size_t)view * o->batch + dealt[i]) * l->in_floats,
               l->in_floats * sizeof(float));
    if ((status = o->ops->forward(w->key, w->images, w->out, err)) != NSKY_OK ||
        (status = nsky_unit_rows(w->out, o->sub_batch, l->dim, err)) != NSKY_OK)
        return status;
    for (uint32_t i = 0; i < o->sub_batch; i++)
        memcpy(l->keys + ((size_t)direction * o->batch + dealt[i]) * l->dim,
               w->out + (size_t)i * l->dim, l->dim * sizeof(float));
    o->ops->stats(w->key, l->slow_stats + task * o->key->stat_floats);
    return NSKY_OK;
}

static nsky_status judge_heads(nsky_learner *l, nsky_learner_worker *w, uint32_t task, double scale,
                               nsky_error *err)
{
    const uint32_t *which =
        l->labels + (size_t)task * l->options.sub_batch * l->options.heads->count;
    nsky_heads_result *said = &l->said[task];
    nsky_status status =
        nsky_heads_loss_run(w->heads, w->out, l->state.params + l->fc_weight,
                            l->state.params + l->fc_bias, which, scale, w->d_out, said, err);

    l->results[task] = (nsky_contrast_result){said->loss, said->right};
    return status;
}

static nsky_status judge(nsky_learner *l, nsky_learner_worker *w, uint32_t task, nsky_error *err)
{
    const nsky_learner_options *o = &l->options;
    uint32_t first = task % l->parts * o->sub_batch, direction = task / l->parts;
    double scale = 1.0 / ((double)l->directions * o->batch);

    if (o->key)
        return nsky_contrast_run(
            w->contrast, w->out, l->keys + ((size_t)direction * o->batch + first) * l->dim,
            l->state.queue, o->neighbours, scale, w->d_out, &l->results[task], err);
    if (o->heads)
        return judge_heads(l, w, task, scale, err);
    nsky_cross_entropy(w->out, l->labels + first, o->sub_batch, l->dim, scale, w->d_out,
                       &l->results[task]);
    return NSKY_OK;
}

/* A loss that is none is not learned from: the parameters stay what they were. */
static nsky_status check_loss(const nsky_contrast_result *result, nsky_error *err)
{
    return isfinite(result->loss)
               ? NSKY_OK
               : nsky_fail(err, NSKY_EDATA, NSKY_DIVERGED_LOSS_TEXT, result->loss);
}

static nsky_status learn(void *context, uint32_t worker, uint32_t task, nsky_error *err)
{
    nsky_learner *l = context;
    nsky_learner_worker *w = &l->workers[worker];
    const nsky_learner_options *o = &l->options;
    uint32_t first = task % l->parts * o->sub_batch, view = task / l->parts;
    const float *images = l->images + ((size_t)view * o->batch + first) * l->in_floats;
    nsky_status status;

    if ((status = o->ops->forward(w->query, images, w->out, err)) != NSKY_OK ||
        (status = judge(l, w, task, err)) != NSKY_OK ||
        (status = check_loss(&l->results[task], err)) != NSKY_OK ||
        (status = o->ops->backward(w->query, w->d_out, err)) != NSKY_OK)
        return status;
    o->ops->stats(w->query, l->stats + task * o->query->stat_floats);
    if (!nsky_pool_begin_turn(l->pool, task))
        return nsky_fail(err, NSKY_ECANCELLED, "another sub-batch failed");
    status = o->ops->add_gradients(w->query, l->gradients, err);
    if (status == NSKY_OK && o->heads)
        nsky_heads_loss_collect(w->heads, l->gradients + l->fc_weight, l->gradients + l->fc_bias);
    if (status == NSKY_OK)
        nsky_pool_end_turn(l->pool, task);
    return status;
}

/* Cuts gradients down to the length of clip; their length before. The sum is in their order: the
 * same for any number of threads. */
static double clip(nsky_learner *l)
{
    size_t count = l->options.query->param_floats;
    double square = 0;

    if (!(l->rates->clip > 0))
        return NAN;
    for (size_t i = 0; i < count; i++)
        square += (double)l->gradients[i] * l->gradients[i];
    double length = sqrt(square);
    if (length > l->rates->clip)
        for (size_t i = 0; i < count; i++)
            l->gradients[i] = (float)(l->gradients[i] * (l->rates->clip / length));
    return length;
}

static nsky_status update(void *context, uint32_t worker, uint32_t task, nsky_error *err)
{
    nsky_learner *l = context;
    const nsky_train_graph *query = l->options.query, *key = l->options.key;
    size_t first = (size_t)task * RANGE_FLOATS, end = first + RANGE_FLOATS;

    (void)worker;
    (void)err;
    if (end > query->param_floats)
        end = query->param_floats;
    nsky_sgd_step(query, &l->rates->sgd, first, end, l->state.params, l->state.velocity,
                  l->gradients);
    const nsky_train_graph *slow = key ? key : query;
    if (end > slow->param_floats)
        end = slow->param_floats;
    if (first < end)
        nsky_ema_step(l->rates->keep, first, end, l->state.slow_params, l->state.params);
    return NSKY_OK;
}

/* running += momentum (mean over sub-batches - running). */
static void follow_stats(float *running, const float *parts, uint32_t count, size_t floats)
{
    for (size_t i = 0; i < floats; i++) {
        double sum = 0;
        for (uint32_t p = 0; p < count; p++)
            sum += parts[p * floats + i];
        running[i] += STATS_MOMENTUM * ((float)(sum / count) - running[i]);
    }
}

static void enqueue(nsky_learner *l)
{
    nsky_learner_state *s = &l->state;

    for (uint32_t i = 0; i < l->directions * l->options.batch; i++) {
        memcpy(s->queue + (size_t)s->queue_at * l->dim, l->keys + (size_t)i * l->dim,
               l->dim * sizeof(float));
        s->queue_at = (s->queue_at + 1) % l->options.queue;
    }
}

static void average_heads(const nsky_learner *l, uint32_t tasks, nsky_learner_result *result)
{
    for (uint32_t h = 0; l->said && h < l->options.heads->count; h++) {
        double sum = 0;
        uint32_t count = 0;
        for (uint32_t t = 0; t < tasks; t++) {
            sum += l->said[t].of[h];
            count += l->said[t].count[h];
        }
        result->heads[h] = count > 0 ? sum / count : NAN;
    }
}

static void finish(nsky_learner *l, nsky_learner_result *result)
{
    const nsky_learner_options *o = &l->options;
    uint32_t tasks = l->directions * l->parts, correct = 0;
    double loss = 0, samples = (double)l->directions * o->batch;

    for (uint32_t t = 0; t < tasks; t++) {
        loss += l->results[t].loss;
        correct += l->results[t].correct;
    }
    result->loss = loss / samples;
    result->accuracy = correct / samples;
    result->stop = l->rates->stop;
    average_heads(l, tasks, result);
    follow_stats(l->state.stats, l->stats, tasks, o->query->stat_floats);
    if (!o->key)
        nsky_ema_step(l->rates->keep, 0, o->query->stat_floats, l->state.slow_stats,
                      l->state.stats);
    if (!o->key)
        return;
    follow_stats(l->state.slow_stats, l->slow_stats, tasks, o->key->stat_floats);
    enqueue(l);
}

/* All of it there, but who is dealt where. images NULL: from packed stamps. */
static nsky_status step_on_card(nsky_learner *l, const float *images, const nsky_packed *batch,
                                nsky_learner_result *result, nsky_error *err)
{
    const nsky_train_card *card = l->options.ops->card;
    nsky_status status = NSKY_OK;

    if (l->card_is_behind)
        status = card->put(l->card, &l->state, err);
    if (status != NSKY_OK)
        return status;
    l->card_is_behind = false;
    if (l->options.key)
        deal(l);
    result->stop = l->rates->stop;
    status = images ? card->step(l->card, images, l->labels, l->dealt, l->rates, result, err)
                    : card->step_views(l->card, batch, l->dealt, l->rates, result, err);
    if (status == NSKY_OK)
        l->card_is_ahead = true;
    return status;
}

nsky_status nsky_learner_stage(nsky_learner *l, const nsky_packed *batch, nsky_error *err)
{
    assert(l && l->card && l->options.packing && batch && err);
    return l->options.ops->card->stage(l->card, batch, err);
}

nsky_status nsky_learner_step_packed(nsky_learner *l, const nsky_packed *batch,
                                     const nsky_learner_rates *rates, nsky_learner_result *result,
                                     nsky_error *err)
{
    assert(l && l->card && l->options.packing && rates && result && err);
    l->rates = rates;
    return step_on_card(l, NULL, batch, result, err);
}

nsky_status nsky_learner_step(nsky_learner *l, const float *images, const uint32_t *labels,
                              const nsky_learner_rates *rates, nsky_learner_result *result,
                              nsky_error *err)
{
    assert(l && images && rates && result && err && !labels == !!l->options.key);
    const nsky_learner_options *o = &l->options;
    uint32_t tasks = l->directions * l->parts;
    uint32_t ranges = (uint32_t)((o->query->param_floats + RANGE_FLOATS - 1) / RANGE_FLOATS);
    nsky_status status;

    l->images = images;
    l->labels = labels;
    l->rates = rates;
    if (l->card)
        return step_on_card(l, images, NULL, result, err);
    memset(l->gradients, 0, o->query->param_floats * sizeof(float));
    if ((status = nsky_pool_run(l->pool, load, l, o->threads, err)) != NSKY_OK)
        return status;
    if (o->key) {
        deal(l);
        if ((status = nsky_pool_run(l->pool, make_keys, l, tasks, err)) != NSKY_OK)
            return status;
    }
    if ((status = nsky_pool_run(l->pool, learn, l, tasks, err)) != NSKY_OK)
        return status;
    result->length = clip(l);
    if (rates->clip > 0 && !isfinite(result->length))
        return nsky_fail(err, NSKY_EDATA, NSKY_DIVERGED_GRADIENTS_TEXT, result->length);
    if ((status = nsky_pool_run(l->pool, update, l, ranges, err)) != NSKY_OK)
        return status;
    finish(l, result);
    return NSKY_OK;
}
