/* train_step.c - a step of learner_step.c, on the card: keys, queries, a look at what they say, and
 * only then the update. Thread rule: see train_learner.h. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "encoder/cuda/train_learner.h"
#include "encoder/cuda/train_private.h"

/* What is pinned is free: every step waits for the card before it ends. */
static nsky_status send_orders(nsky_card_learner *l, const uint32_t *dealt,
                               const nsky_learner_rates *rates, nsky_error *err)
{
    size_t bytes = (size_t)((char *)(l->given.place + l->samples) - (char *)l->given_block);

    *l->given.numbers = (nsky_step_numbers){.clip = rates->clip,
                                            .rate = (float)rates->sgd.rate,
                                            .momentum = (float)rates->sgd.momentum,
                                            .decay = (float)rates->sgd.decay,
                                            .old_share = (float)rates->keep,
                                            .new_share = (float)(1 - rates->keep),
                                            .first = l->queue_at};
    *l->given.stop = rates->stop;
    memcpy(l->given.dealt, dealt, l->samples * sizeof *dealt);
    for (uint32_t n = 0; n < l->samples; n++) {
        uint32_t batch = l->options.batch, direction = n / batch;
        assert(dealt[n] < batch);
        l->given.place[direction * batch + dealt[n]] = n % batch;
    }
    return nsky_dev_copy_in(l->dev, l->orders_block, l->given_block, bytes, NSKY_STREAM_COMPUTE,
                            err);
}

/* images [2, share, in] to where they belong in the batch. */
static nsky_status send_images(nsky_card_learner *l, const float *images, nsky_error *err)
{
    size_t each = l->share * l->in_floats;
    nsky_status status = NSKY_OK;

    assert(!l->views && 2 * each * sizeof(float) <= l->state.staged_bytes);
    memcpy(l->state.staged, images, 2 * each * sizeof(float));
    for (size_t view = 0; view < 2 && status == NSKY_OK; view++)
        status = nsky_dev_copy_in(l->dev,
                                  l->images + (view * l->options.batch + l->first) * l->in_floats,
                                  (const float *)l->state.staged + view * each,
                                  each * sizeof(float), NSKY_STREAM_COMPUTE, err);
    return status;
}

/* Stamps, wherever they lie, to pinned memory and on; and views where the batch has them, behind
 * what the stream was given before: the step under way still reads the last ones. */
nsky_status nsky_card_learner_stage(void *opened, const nsky_packed *batch, nsky_error *err)
{
    assert(opened && batch && err);
    nsky_card_learner *l = opened;
    uint32_t count = 2 * l->share;
    size_t each = l->share * l->in_floats;
    const float *images;
    uint16_t *pixels;
    nsky_view *views;
    nsky_status status = nsky_views_room(l->views, count, batch->pixel_count, &views, &pixels, err);

    l->has_views = false;
    if (status != NSKY_OK)
        return status;
    memcpy(views, batch->views, count * sizeof *views);
    for (uint32_t i = 0; i < l->share; i++) {
        size_t pixel_count = (size_t)3 * views[i].width * views[i].height;
        assert(views[i].at + pixel_count <= batch->pixel_count);
        memcpy(pixels + views[i].at, batch->pixels[i], pixel_count * sizeof *pixels);
    }
    status = nsky_views_start(l->views, count, batch->pixel_count, &images, err);
    for (size_t view = 0; view < 2 && status == NSKY_OK && images != l->seen; view++)
        status =
            nsky_card_copy(l->dev, l->images + (view * l->options.batch + l->first) * l->in_floats,
                           images + view * each, each, err);
    l->has_views = status == NSKY_OK;
    return status;
}

static nsky_status run_batch(nsky_card_learner *l, nsky_error *err)
{
    nsky_status status;

    if ((status = nsky_card_share_images(l, err)) != NSKY_OK ||
        (status = nsky_card_play(l, NSKY_CARD_KEYS, err)) != NSKY_OK ||
        (status = nsky_card_share_keys(l, err)) != NSKY_OK ||
        (status = nsky_card_play(l, NSKY_CARD_LEARN, err)) != NSKY_OK ||
        (status = nsky_card_share_learned(l, err)) != NSKY_OK ||
        (status = nsky_card_state_measure(&l->state, l->told.length + l->rank, err)) != NSKY_OK)
        return status;
    return nsky_card_share_lengths(l, err);
}

/* What the step said, into result: ranks hear the same, and come to the same. */
static nsky_status listen(nsky_card_learner *l, const nsky_learner_rates *rates,
                          nsky_learner_result *result, nsky_error *err)
{
    size_t bytes = (size_t)((char *)(l->told.correct + l->samples) - (char *)l->told_block);
    double loss = 0, correct = 0;
    nsky_status status;

    if ((status = nsky_dev_copy_out(l->dev, l->said_block, l->told_block, bytes,
                                    NSKY_STREAM_COMPUTE, err)) != NSKY_OK)
        return status;
    if (l->options.meanwhile)
        l->options.meanwhile(l->options.context);
    if ((status = nsky_dev_sync(l->dev, NSKY_STREAM_COMPUTE, err)) != NSKY_OK ||
        (status = nsky_card_check_ranks(l, err)) != NSKY_OK)
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
    if (rates->clip > 0 && !isfinite(result->length))
        return nsky_fail(err, NSKY_EDATA, NSKY_DIVERGED_GRADIENTS_TEXT, result->length);
    result->stop = rates->stop;
    for (uint32_t r = 0; r < l->ranks && l->joined; r++)
        result->stop = result->stop || l->said.stops[r] > 0;
    return NSKY_OK;
}

/* The update is left to the card: the next step, or whoever fetches the state, waits for it. */
static nsky_status finish(nsky_card_learner *l, const nsky_learner_rates *rates,
                          nsky_learner_result *result, nsky_error *err)
{
    nsky_status status;

    assert(l->ranks == 1 || l->joined);
    if ((status = run_batch(l, err)) != NSKY_OK ||
        (status = listen(l, rates, result, err)) != NSKY_OK ||
        (status = nsky_card_play(l, NSKY_CARD_UPDATE, err)) != NSKY_OK)
        return status;
    l->queue_at = (l->queue_at + l->samples) % l->options.queue;
    return NSKY_OK;
}

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
    if ((status = send_orders(l, dealt, rates, err)) != NSKY_OK ||
        (status = send_images(l, images, err)) != NSKY_OK)
        return status;
    return finish(l, rates, result, err);
}

nsky_status nsky_card_learner_step_views(void *opened, const nsky_packed *batch,
                                         const uint32_t *dealt, const nsky_learner_rates *rates,
                                         nsky_learner_result *result, nsky_error *err)
{
    assert(opened && dealt && rates && result && err);
    nsky_card_learner *l = opened;
    nsky_status status;

    if ((status = send_orders(l, dealt, rates, err)) != NSKY_OK ||
        (batch && (status = nsky_card_learner_stage(l, batch, err)) != NSKY_OK))
        return status;
    assert(l->has_views);
    l->has_views = false; /* meanwhile may stage the next */
    return finish(l, rates, result, err);
}
