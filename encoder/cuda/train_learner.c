/* train_learner.c - what a learner on the card is made of, and its state in and out.
 * Thread rule: see train_learner.h. */
#include "encoder/cuda/train_learner.h"

#include <assert.h>

#include "common/memory.h"
#include "encoder/cuda/kernels_learn.h"

static size_t task_count(const nsky_card_learner *l)
{
    return (size_t)l->directions * l->parts;
}

static size_t told_bytes(const nsky_card_learner *l)
{
    return ((size_t)3 * l->samples + (size_t)2 * l->ranks) * sizeof(double) +
           l->samples * sizeof(uint32_t);
}

static nsky_card_told tell_in(const nsky_card_learner *l, void *block)
{
    double *numbers = block, *ranks = numbers + (size_t)3 * l->samples;

    return (nsky_card_told){.key_lengths = numbers,
                            .lengths = numbers + l->samples,
                            .losses = numbers + (size_t)2 * l->samples,
                            .length = ranks,
                            .stops = ranks + l->ranks,
                            .correct = (uint32_t *)(void *)(ranks + (size_t)2 * l->ranks)};
}

static size_t orders_bytes(const nsky_card_learner *l)
{
    return sizeof(nsky_step_numbers) + sizeof(double) + (size_t)2 * l->samples * sizeof(uint32_t);
}

static nsky_card_orders order_in(const nsky_card_learner *l, void *block)
{
    nsky_step_numbers *numbers = block;
    double *stop = (double *)(void *)(numbers + 1);
    uint32_t *dealt = (uint32_t *)(void *)(stop + 1);

    _Static_assert(sizeof *numbers % sizeof *stop == 0, "what follows is aligned");
    return (nsky_card_orders){numbers, stop, dealt, dealt + l->samples};
}

static size_t queue_bytes(const nsky_card_learner *l)
{
    return (size_t)l->options.queue * l->dim * sizeof(float);
}

/* Room for the queue, and for this rank's images where they come from the host; ranks compare
 * words of 32 bytes. */
static size_t staged_bytes(const nsky_card_learner *l)
{
    size_t images = l->views ? 0 : (size_t)2 * l->share * l->in_floats * sizeof(float);
    size_t words = ((size_t)l->ranks + 1) * 32;
    size_t most = queue_bytes(l) > images ? queue_bytes(l) : images;

    return most > words ? most : words;
}

typedef struct block {
    void **to;
    size_t bytes;
} block;

/* Sizes are within bounds: batches of 16384, vectors of 4096, queues of a million. */
static nsky_status alloc_all(nsky_card_learner *l, nsky_error *err)
{
    const nsky_learner_options *o = &l->options;
    const size_t f = sizeof(float);
    const block blocks[] = {
        {(void **)&l->queue, queue_bytes(l)},
        {(void **)&l->images, l->seen ? 0 : (size_t)2 * o->batch * l->in_floats * f},
        {(void **)&l->dealt_ones, o->sub_batch * l->in_floats * f},
        {&l->orders_block, orders_bytes(l)},
        {(void **)&l->placed, (size_t)l->samples * l->dim * f},
        {(void **)&l->keys, (size_t)l->samples * l->dim * f},
        {(void **)&l->d_out, (size_t)o->sub_batch * l->dim * f},
        {(void **)&l->new_stats, task_count(l) * o->query->stat_floats * f},
        {(void **)&l->new_slow_stats, task_count(l) * o->key->stat_floats * f},
        {&l->told_block, told_bytes(l)},
    };
    nsky_status status = NSKY_OK;

    for (size_t i = 0; i < sizeof blocks / sizeof *blocks && status == NSKY_OK; i++)
        status = nsky_dev_alloc(l->dev, blocks[i].to, blocks[i].bytes > 0 ? blocks[i].bytes : 1,
                                "the training's state", err);
    if (status == NSKY_OK)
        status = nsky_dev_pin(l->dev, &l->said_block, told_bytes(l), err);
    if (status == NSKY_OK)
        status = nsky_dev_pin(l->dev, &l->given_block, orders_bytes(l), err);
    if (status != NSKY_OK)
        return status;
    l->told = tell_in(l, l->told_block);
    l->said = tell_in(l, l->said_block);
    l->orders = order_in(l, l->orders_block);
    l->given = order_in(l, l->given_block);
    if (!l->seen)
        l->seen = l->images;
    return NSKY_OK;
}

/* Alone, what makes the views is what they are read from. */
static nsky_status open_views(nsky_card_learner *l, nsky_error *err)
{
    const nsky_packing *packing = l->options.packing;
    size_t most = (size_t)3 * NSKY_STAMP_SIDE_MAX * NSKY_STAMP_SIDE_MAX;
    nsky_status status;

    if (!packing)
        return NSKY_OK;
    assert(l->in_floats == (size_t)3 * packing->how.size * packing->how.size);
    status = nsky_views_new(&l->views, l->dev, &packing->how, 2 * l->share, l->share * most,
                            packing->margin, err);
    if (status == NSKY_OK && l->ranks == 1)
        l->seen = nsky_views_images(l->views);
    return status;
}

static nsky_status open_all(nsky_card_learner *l, nsky_error *err)
{
    const nsky_learner_options *o = &l->options;
    nsky_status status;

    if ((status = nsky_dev_open(&l->dev, err)) != NSKY_OK ||
        (status = nsky_train_net_new(&l->query, l->dev, o->query, o->sub_batch, true, err)) !=
            NSKY_OK ||
        (status = nsky_train_net_new(&l->key, l->dev, o->key, o->sub_batch, false, err)) !=
            NSKY_OK ||
        (status = nsky_card_loss_new(&l->loss, l->dev, o->sub_batch, l->dim, o->queue,
                                     o->temperature, err)) != NSKY_OK ||
        (status = open_views(l, err)) != NSKY_OK ||
        (status = nsky_card_state_new(&l->state, l->dev, o->query, o->key, staged_bytes(l), err)) !=
            NSKY_OK)
        return status;
    return alloc_all(l, err);
}

static nsky_status open_pairs(nsky_card_learner *l, const nsky_learner_options *options,
                              nsky_error *err)
{
    const nsky_train_value *first = &options->query->values[0];
    const nsky_train_value *last = &options->query->values[options->query->value_count - 1];

    l->options = *options;
    l->dim = last->channels * last->height * last->width;
    l->directions = options->symmetric ? 2 : 1;
    l->parts = options->batch / options->sub_batch;
    l->samples = l->directions * options->batch;
    l->rank = options->ranks > 1 ? options->rank : 0;
    l->ranks = options->ranks > 1 ? options->ranks : 1;
    assert(l->rank < l->ranks && l->parts % l->ranks == 0);
    l->own_parts = l->parts / l->ranks;
    l->first_part = l->rank * l->own_parts;
    l->share = l->own_parts * options->sub_batch;
    l->first = l->rank * l->share;
    l->in_floats = (size_t)first->channels * first->height * first->width;
    assert(l->samples <= options->queue);
    return open_all(l, err);
}

nsky_status nsky_card_learner_open(void **out, const nsky_learner_options *options, nsky_error *err)
{
    assert(out && options && (!options->key || !options->heads) && err);
    nsky_card_learner *l;
    nsky_status status;

    *out = NULL;
    if (options->precision != NSKY_BF16)
        return nsky_fail(err, NSKY_EDEVICE, "cuda trains in bf16 only; use --precision bf16");
    if (!(l = nsky_alloc_zero(1, sizeof *l, err)))
        return NSKY_ENOMEM;
    status = options->key ? open_pairs(l, options, err)
                          : nsky_card_labels_open(&l->labels, options, err);
    if (status != NSKY_OK) {
        nsky_card_learner_close(l);
        return status;
    }
    *out = l;
    return NSKY_OK;
}

void nsky_card_learner_close(void *opened)
{
    nsky_card_learner *l = opened;

    if (!l)
        return;
    nsky_card_labels_close(l->labels);
    nsky_train_net_free(l->query); /* which waits for what is under way, unless the card is lost */
    nsky_train_net_free(l->key);
    nsky_ranks_leave(l->joined, false);
    nsky_views_free(l->views);
    nsky_card_loss_free(l->loss);
    nsky_card_state_free(&l->state);
    if (l->dev) {
        for (int i = 0; i < NSKY_CARD_PARTS; i++)
            nsky_dev_graph_free(l->dev, l->recorded[i]);
        void *blocks[] = {l->queue, l->images, l->dealt_ones, l->orders_block,   l->placed,
                          l->keys,  l->d_out,  l->new_stats,  l->new_slow_stats, l->told_block};
        for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
            nsky_dev_free(l->dev, blocks[i]);
        nsky_dev_unpin(l->dev, l->said_block);
        nsky_dev_unpin(l->dev, l->given_block);
    }
    nsky_dev_close(l->dev);
    nsky_free(l);
}

/* --- the state --- */

nsky_status nsky_card_learner_put(void *opened, const nsky_learner_state *state, nsky_error *err)
{
    assert(opened && state && err);
    nsky_card_learner *l = opened;
    nsky_status status;

    if (l->labels)
        return nsky_card_state_put(&l->labels->state, state, err);
    if ((status = nsky_card_state_put(&l->state, state, err)) == NSKY_OK)
        status = nsky_card_state_send(&l->state, l->queue, state->queue, queue_bytes(l), err);
    l->queue_at = state->queue_at;
    return status;
}

nsky_status nsky_card_learner_get(void *opened, nsky_learner_state *state, float *gradients,
                                  nsky_error *err)
{
    assert(opened && state && err);
    nsky_card_learner *l = opened;
    nsky_status status;

    if (l->labels)
        return nsky_card_state_get(&l->labels->state, state, gradients, err);
    if ((status = nsky_card_state_get(&l->state, state, gradients, err)) == NSKY_OK)
        status = nsky_card_state_fetch(&l->state, state->queue, l->queue, queue_bytes(l), err);
    state->queue_at = l->queue_at;
    return status;
}
