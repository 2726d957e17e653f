/* train_labels.c - what a learner from labels on the card is made of. Thread rule: see
 * train_labels.h. */
#include "encoder/cuda/train_labels.h"

#include <assert.h>

#include "common/memory.h"

static size_t label_count(const nsky_card_labels *l)
{
    return (size_t)l->options.batch * l->heads;
}

static size_t told_bytes(const nsky_card_labels *l)
{
    return (label_count(l) + 1 + l->options.batch) * sizeof(double) +
           label_count(l) * sizeof(uint32_t);
}

static nsky_labels_told tell_in(const nsky_card_labels *l, void *block)
{
    double *numbers = block, *behind = numbers + label_count(l) + 1 + l->options.batch;

    return (nsky_labels_told){.losses = numbers,
                              .length = numbers + label_count(l),
                              .lengths = numbers + label_count(l) + 1,
                              .judged = (uint32_t *)(void *)behind};
}

/* Sizes are within bounds: batches of 16384, 16 heads. */
static nsky_status alloc_all(nsky_card_labels *l, nsky_error *err)
{
    const nsky_learner_options *o = &l->options;
    const struct {
        void **to;
        size_t bytes;
    } blocks[] = {
        {(void **)&l->images, o->batch * l->in_floats * sizeof(float)},
        {(void **)&l->goals, label_count(l) * sizeof(double)},
        {(void **)&l->classes, label_count(l) * sizeof(uint32_t)},
        {(void **)&l->d_out, (size_t)o->sub_batch * l->dim * sizeof(float)},
        {(void **)&l->new_stats, (l->parts * o->query->stat_floats + 1) * sizeof(float)},
        {&l->told_block, told_bytes(l)},
    };
    nsky_status status = NSKY_OK;

    for (size_t i = 0; i < sizeof blocks / sizeof *blocks && status == NSKY_OK; i++)
        status = nsky_dev_alloc(l->dev, blocks[i].to, blocks[i].bytes, "the batch", err);
    if (status == NSKY_OK)
        status = nsky_dev_pin(l->dev, &l->said_block, told_bytes(l), err);
    l->told = tell_in(l, l->told_block);
    l->said = tell_in(l, l->said_block);
    return status;
}

static nsky_status open_all(nsky_card_labels *l, nsky_error *err)
{
    const nsky_learner_options *o = &l->options;
    const size_t staged = o->batch * l->in_floats * sizeof(float) +
                          label_count(l) * (sizeof(double) + sizeof(uint32_t));
    nsky_status status;

    if ((status = nsky_dev_open(&l->dev, err)) != NSKY_OK ||
        (status = nsky_train_net_new(&l->net, l->dev, o->query, o->sub_batch, true, err)) !=
            NSKY_OK ||
        (status = nsky_card_heads_new(&l->loss, l->dev, o->heads, o->sub_batch, l->dim, err)) !=
            NSKY_OK ||
        (status = nsky_card_state_new(&l->state, l->dev, o->query, o->query, staged, err)) !=
            NSKY_OK)
        return status;
    return alloc_all(l, err);
}

nsky_status nsky_card_labels_open(nsky_card_labels **out, const nsky_learner_options *options,
                                  nsky_error *err)
{
    assert(out && options && !options->key && err);
    const nsky_train_value *first = &options->query->values[0];
    const nsky_train_value *last = &options->query->values[options->query->value_count - 1];
    nsky_card_labels *l = nsky_alloc_zero(1, sizeof *l, err);
    nsky_status status;

    *out = NULL;
    if (!l)
        return NSKY_ENOMEM;
    l->options = *options;
    l->dim = last->channels * last->height * last->width;
    l->parts = options->batch / options->sub_batch;
    l->heads = options->heads ? options->heads->count : 1;
    l->in_floats = (size_t)first->channels * first->height * first->width;
    if (options->heads)
        nsky_train_heads_at(options->query, options->heads->outputs, l->dim, &l->fc_weight,
                            &l->fc_bias);
    if ((status = open_all(l, err)) != NSKY_OK) {
        nsky_card_labels_close(l);
        return status;
    }
    *out = l;
    return NSKY_OK;
}

void nsky_card_labels_close(nsky_card_labels *l)
{
    if (!l)
        return;
    nsky_train_net_free(l->net);
    nsky_card_heads_free(l->loss);
    nsky_card_state_free(&l->state);
    if (l->dev) {
        void *blocks[] = {l->images, l->goals, l->classes, l->d_out, l->new_stats, l->told_block};
        for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
            nsky_dev_free(l->dev, blocks[i]);
        nsky_dev_unpin(l->dev, l->said_block);
    }
    nsky_dev_close(l->dev);
    nsky_free(l);
}
