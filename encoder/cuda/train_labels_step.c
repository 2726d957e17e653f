/* train_labels_step.c - a step of learner_step.c from labels, on the card: a look at what they say,
 * and only then the update. Thread rule: see train_labels.h. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "encoder/cuda/train_labels.h"
#include "encoder/cuda/train_private.h"
#include "encoder/train/loss.h"

/* Places among the heads' labels to what the card judges by. */
static void look_up(const nsky_card_labels *l, const uint32_t *which, double *goals,
                    uint32_t *classes)
{
    const nsky_heads *heads = l->options.heads;

    for (size_t i = 0; i < (size_t)l->options.batch * l->heads; i++) {
        const nsky_target *t = heads ? heads->list[i % l->heads].target : NULL;
        classes[i] = which[i];
        goals[i] = 0;
        if (which[i] == NSKY_NO_LABEL)
            assert(heads);
        else if (t && t->kind == NSKY_TARGET_NUMBER)
            goals[i] = (t->values[which[i]] - t->low) / t->width;
        else if (t)
            classes[i] = t->classes[which[i]];
        assert(classes[i] == NSKY_NO_LABEL || classes[i] < (t ? t->class_count : l->dim) ||
               (t && t->kind == NSKY_TARGET_NUMBER));
    }
}

static nsky_status send_batch(nsky_card_labels *l, const float *images, const uint32_t *which,
                              nsky_error *err)
{
    const size_t count = (size_t)l->options.batch * l->heads;
    const size_t pixels = l->options.batch * l->in_floats * sizeof *images;
    double *goals = l->state.staged;
    uint32_t *classes = (uint32_t *)(void *)(goals + count);
    float *staged = (float *)(void *)(classes + count);
    nsky_status status;

    assert(count * (sizeof *goals + sizeof *classes) + pixels <= l->state.staged_bytes);
    look_up(l, which, goals, classes);
    memcpy(staged, images, pixels);
    if ((status = nsky_dev_copy_in(l->dev, l->goals, goals, count * sizeof *goals,
                                   NSKY_STREAM_COMPUTE, err)) != NSKY_OK ||
        (status = nsky_dev_copy_in(l->dev, l->classes, classes, count * sizeof *classes,
                                   NSKY_STREAM_COMPUTE, err)) != NSKY_OK)
        return status;
    return nsky_dev_copy_in(l->dev, l->images, staged, pixels, NSKY_STREAM_COMPUTE, err);
}

static nsky_status judge(nsky_card_labels *l, uint32_t part, nsky_error *err)
{
    const nsky_learner_options *o = &l->options;
    const size_t first = (size_t)part * o->sub_batch, label = first * l->heads;
    nsky_card_heads_args args = {.out = nsky_train_net_out(l->net),
                                 .classes = l->classes + label,
                                 .goals = l->goals + label,
                                 .scale = 1.0 / o->batch,
                                 .d_out = l->d_out,
                                 .losses = l->told.losses + label,
                                 .judged = l->told.judged + label};

    if (o->heads) {
        args.weight = l->state.params + l->fc_weight;
        args.bias = l->state.params + l->fc_bias;
        args.d_weight = l->state.gradients + l->fc_weight;
        args.d_bias = l->state.gradients + l->fc_bias;
        args.lengths = l->told.lengths + first;
    }
    return nsky_card_heads_run(l->loss, &args, err);
}

static nsky_status learn(nsky_card_labels *l, uint32_t part, nsky_error *err)
{
    const nsky_learner_options *o = &l->options;
    const size_t first = (size_t)part * o->sub_batch, stats = o->query->stat_floats;
    nsky_status status;

    if ((status = nsky_train_net_forward(l->net, l->images + first * l->in_floats, err)) !=
            NSKY_OK ||
        (status = judge(l, part, err)) != NSKY_OK ||
        (status = nsky_train_net_backward(l->net, l->d_out, err)) != NSKY_OK ||
        (status = nsky_train_net_add_gradients(l->net, l->state.gradients, err)) != NSKY_OK)
        return status;
    return nsky_card_copy(l->dev, l->new_stats + part * stats, nsky_train_net_stats(l->net), stats,
                          err);
}

static nsky_status run_batch(nsky_card_labels *l, nsky_error *err)
{
    const nsky_fill_args none = {.out = l->state.gradients,
                                 .count = l->options.query->param_floats};
    nsky_status status;

    if ((status = nsky_train_net_load(l->net, l->state.params, err)) != NSKY_OK ||
        (status = NSKY_TRAIN_LAUNCH(l->dev, fill, &none, err)) != NSKY_OK)
        return status;
    for (uint32_t p = 0; p < l->parts && status == NSKY_OK; p++)
        status = learn(l, p, err);
    return status == NSKY_OK ? nsky_card_state_measure(&l->state, l->told.length, err) : status;
}

static nsky_status fetch_told(nsky_card_labels *l, nsky_error *err)
{
    const uint32_t *end = l->told.judged + (size_t)l->options.batch * l->heads;
    const size_t bytes = (size_t)((const char *)end - (const char *)l->told_block);
    nsky_status status =
        nsky_dev_copy_out(l->dev, l->said_block, l->told_block, bytes, NSKY_STREAM_COMPUTE, err);

    return status == NSKY_OK ? nsky_dev_sync(l->dev, NSKY_STREAM_COMPUTE, err) : status;
}

/* A head's losses, summed over its labels. */
static nsky_contrast_result sum_head(const nsky_card_labels *l, uint32_t head, uint32_t *count)
{
    nsky_contrast_result sum = {0, 0};

    *count = 0;
    for (size_t i = head; i < (size_t)l->options.batch * l->heads; i += l->heads) {
        if (!(l->said.judged[i] & NSKY_JUDGED))
            continue;
        sum.loss += l->said.losses[i];
        sum.correct += (l->said.judged[i] & NSKY_JUDGED_RIGHT) != 0;
        ++*count;
    }
    return sum;
}

/* What the step said, into result. */
static nsky_status listen(nsky_card_labels *l, const nsky_learner_rates *rates,
                          nsky_learner_result *result, nsky_error *err)
{
    const nsky_learner_options *o = &l->options;
    double loss = 0;
    nsky_status status = fetch_told(l, err);

    if (status != NSKY_OK)
        return status;
    for (uint32_t n = 0; n < o->batch && o->heads; n++)
        if (!(isfinite(l->said.lengths[n]) && l->said.lengths[n] > 0))
            return nsky_fail(err, NSKY_EDATA, NSKY_DIVERGED_TEXT, l->said.lengths[n]);
    for (uint32_t h = 0; h < l->heads; h++) {
        uint32_t count;
        const nsky_contrast_result sum = sum_head(l, h, &count);
        loss += (o->heads ? o->heads->list[h].weight : 1) * sum.loss;
        if (h == 0)
            result->accuracy = (double)sum.correct / o->batch;
        if (o->heads)
            result->heads[h] = count > 0 ? sum.loss / count : (double)NAN;
    }
    result->loss = loss / o->batch;
    result->length = rates->clip > 0 ? *l->said.length : (double)NAN;
    if (!isfinite(result->loss))
        return nsky_fail(err, NSKY_EDATA, NSKY_DIVERGED_LOSS_TEXT, result->loss);
    if (!isfinite(*l->said.length))
        return nsky_fail(err, NSKY_EDATA, NSKY_DIVERGED_GRADIENTS_TEXT, *l->said.length);
    return NSKY_OK;
}

/* The update is left to the card: the next step, or whoever fetches the state, waits for it. */
nsky_status nsky_card_labels_step(nsky_card_labels *l, const float *images, const uint32_t *which,
                                  const nsky_learner_rates *rates, nsky_learner_result *result,
                                  nsky_error *err)
{
    assert(l && images && which && rates && result && err);
    nsky_status status;

    if ((status = send_batch(l, images, which, err)) != NSKY_OK ||
        (status = run_batch(l, err)) != NSKY_OK ||
        (status = listen(l, rates, result, err)) != NSKY_OK ||
        (status = nsky_card_state_step(&l->state, rates, NULL, l->told.length, err)) != NSKY_OK ||
        (status = nsky_card_state_follow(&l->state, false, l->new_stats, l->parts, err)) != NSKY_OK)
        return status;
    return nsky_card_state_average_stats(&l->state, rates->keep, err);
}
