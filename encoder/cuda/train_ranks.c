/* train_ranks.c - one batch by several cards: each makes the views, keys and gradients of its own
 * sub-batches, and all then know what one card would. Images go to all, for keys are dealt out over
 * the whole batch; so do keys, which are everybody's queue, statistics, and what a step tells. Only
 * the sum of gradients is in another order than one card's. Thread rule: see train_learner.h. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "encoder/cuda/train_learner.h"

static void *stream_of(const nsky_card_learner *l)
{
    return nsky_dev_stream(l->dev, NSKY_STREAM_COMPUTE);
}

/* Of each direction (or view) an array over the batch, `bytes` for a whole one. */
static nsky_status gather(nsky_card_learner *l, void *array, uint32_t directions, size_t bytes,
                          nsky_error *err)
{
    nsky_status status = NSKY_OK;

    for (uint32_t d = 0; d < directions && status == NSKY_OK; d++)
        status = nsky_ranks_gather(l->joined, (char *)array + d * bytes, bytes / l->ranks,
                                   stream_of(l), err);
    return status;
}

nsky_status nsky_card_share_images(nsky_card_learner *l, nsky_error *err)
{
    return l->joined
               ? gather(l, l->images, 2, l->options.batch * l->in_floats * sizeof *l->images, err)
               : NSKY_OK;
}

nsky_status nsky_card_share_keys(nsky_card_learner *l, nsky_error *err)
{
    const nsky_learner_options *o = &l->options;
    nsky_status status;

    if (!l->joined)
        return NSKY_OK;
    if ((status = gather(l, l->placed, l->directions, (size_t)o->batch * l->dim * sizeof(float),
                         err)) != NSKY_OK ||
        (status = gather(l, l->new_slow_stats, l->directions,
                         l->parts * o->key->stat_floats * sizeof(float), err)) != NSKY_OK)
        return status;
    return gather(l, l->told.key_lengths, l->directions, o->batch * sizeof(double), err);
}

nsky_status nsky_card_share_learned(nsky_card_learner *l, nsky_error *err)
{
    const nsky_learner_options *o = &l->options;
    nsky_status status;

    if (!l->joined)
        return NSKY_OK;
    if ((status = nsky_ranks_sum(l->joined, l->state.gradients, o->query->param_floats,
                                 stream_of(l), err)) != NSKY_OK ||
        (status = gather(l, l->new_stats, l->directions,
                         l->parts * o->query->stat_floats * sizeof(float), err)) != NSKY_OK ||
        (status = gather(l, l->told.lengths, l->directions, o->batch * sizeof(double), err)) !=
            NSKY_OK ||
        (status = gather(l, l->told.losses, l->directions, o->batch * sizeof(double), err)) !=
            NSKY_OK)
        return status;
    return gather(l, l->told.correct, l->directions, o->batch * sizeof(uint32_t), err);
}

/* And who is asked to stop. */
nsky_status nsky_card_share_lengths(nsky_card_learner *l, nsky_error *err)
{
    nsky_status status;

    if (!l->joined)
        return NSKY_OK;
    if ((status = nsky_dev_copy_in(l->dev, l->told.stops + l->rank, l->given.stop, sizeof(double),
                                   NSKY_STREAM_COMPUTE, err)) != NSKY_OK ||
        (status = gather(l, l->told.length, 1, l->ranks * sizeof(double), err)) != NSKY_OK)
        return status;
    return gather(l, l->told.stops, 1, l->ranks * sizeof(double), err);
}

/* Sums that differ would lead the ranks apart, step by step. */
nsky_status nsky_card_check_ranks(nsky_card_learner *l, nsky_error *err)
{
    nsky_status status = l->joined ? nsky_ranks_check(l->joined, err) : NSKY_OK;

    for (uint32_t r = 1; r < l->ranks && status == NSKY_OK; r++)
        if (l->said.length[r] != l->said.length[0] &&
            !(isnan(l->said.length[r]) && isnan(l->said.length[0])))
            status =
                nsky_fail(err, NSKY_EDEVICE,
                          "the cards of rank %u/%u and rank 1/%u had different sums; start all "
                          "ranks again with the same words: they go on from the last "
                          "checkpoint",
                          r + 1, l->ranks, l->ranks);
    return status;
}

/* --- meeting --- */

/* Through memory that every card has: keys', which no step has written yet. */
static nsky_status compare(nsky_card_learner *l, const uint8_t same[32], nsky_error *err)
{
    uint8_t *mine = l->state.staged, *all = mine + 32;
    char *card = (char *)l->placed;
    nsky_status status;

    assert((size_t)l->ranks * 32 <= (size_t)l->samples * l->dim * sizeof(float));
    assert((size_t)(l->ranks + 1) * 32 <= l->state.staged_bytes);
    memcpy(mine, same, 32);
    if ((status = nsky_dev_copy_in(l->dev, card + (size_t)32 * l->rank, mine, 32,
                                   NSKY_STREAM_COMPUTE, err)) != NSKY_OK ||
        (status = nsky_ranks_gather(l->joined, card, 32, stream_of(l), err)) != NSKY_OK ||
        (status = nsky_dev_copy_out(l->dev, all, card, (size_t)32 * l->ranks, NSKY_STREAM_COMPUTE,
                                    err)) != NSKY_OK ||
        (status = nsky_dev_sync(l->dev, NSKY_STREAM_COMPUTE, err)) != NSKY_OK ||
        (status = nsky_ranks_check(l->joined, err)) != NSKY_OK)
        return status;
    for (uint32_t r = 1; r < l->ranks; r++)
        if (memcmp(all + (size_t)32 * r, all, 32) != 0)
            return nsky_fail(err, NSKY_EMISMATCH,
                             "rank %u/%u and rank 1/%u are not of one training, or not at one step "
                             "of it: give all the same words (--fresh, too), stores and files",
                             r + 1, l->ranks, l->ranks);
    return NSKY_OK;
}

nsky_status nsky_card_learner_join(void *opened, const nsky_train_meeting *meeting, nsky_error *err)
{
    assert(opened && meeting && err);
    nsky_card_learner *l = opened;
    const nsky_ranks_options how = {.folder = meeting->folder,
                                    .rank = l->rank,
                                    .count = l->ranks,
                                    .timeout_s = meeting->timeout_s,
                                    .stop = meeting->stop};
    nsky_status status = nsky_ranks_join(&l->joined, &how, err);

    return status == NSKY_OK ? compare(l, meeting->same, err) : status;
}

/* The last update may still be under way; NCCL has no part in it. */
void nsky_card_learner_leave(void *opened)
{
    assert(opened);
    nsky_card_learner *l = opened;

    nsky_ranks_leave(l->joined, true);
    l->joined = NULL;
}
