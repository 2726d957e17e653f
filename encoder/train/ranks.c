/* ranks.c - one training by several processes, a card each: what they must have in common, and
 * where they meet. Thread rule: see trainer.h. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/hash.h"
#include "common/memory.h"
#include "encoder/train/trainer.h"

#define MEET_S 300.0 /* from the first rank to the last */

bool nsky_trainer_leads(const nsky_trainer *t)
{
    return t->options.ranks < 2 || t->options.rank == 0;
}

const char *nsky_trainer_ranks_wrong(const nsky_train_options *o)
{
    if (o->ranks < 2)
        return NULL;
    if (o->labels)
        return "labels are learned on one card: leave out --rank, and start one process";
    if (o->rank >= o->ranks)
        return "ranks are 1/N to N/N";
    if (o->batch / o->sub_batch % o->ranks != 0)
        return "every rank needs as many sub-batches: give a --batch that is a multiple of "
               "--sub-batch times the ranks, or fewer ranks";
    return NULL;
}

nsky_status nsky_trainer_ranks_possible(const nsky_trainer *t, nsky_error *err)
{
    const nsky_train_ops *ops = t->ops;

    if (t->options.ranks < 2 || (ops->card && ops->card->join))
        return NSKY_OK;
    return nsky_fail(err, NSKY_EINVAL,
                     "several ranks need a card each, and this one would train on %s: give "
                     "--device cuda, or leave out --rank and start one process",
                     ops->name);
}

/* Options, stores' rows, step and state: 32 letters of a hash. */
static nsky_status put_same(nsky_trainer *t, uint8_t out[32], nsky_error *err)
{
    const nsky_learner_state *s = nsky_learner_state_of(t->learner);
    char sha256[NSKY_SHA256_HEX_BYTES];
    uint32_t crc = 0;

    crc = nsky_crc32(crc, s->params, t->query.param_floats * sizeof(float));
    crc = nsky_crc32(crc, s->velocity, t->query.param_floats * sizeof(float));
    crc = nsky_crc32(crc, s->slow_params, t->key.param_floats * sizeof(float));
    crc =
        nsky_crc32(crc, s->queue, (size_t)t->options.queue * t->options.projection * sizeof(float));
    char *text = nsky_format(err, "%s %" PRIu64 " %u %u", t->identity, t->step, s->queue_at, crc);
    if (!text)
        return err->status;
    nsky_sha256_hex(text, strlen(text), sha256);
    memcpy(out, sha256, 32);
    nsky_free(text);
    return NSKY_OK;
}

nsky_status nsky_trainer_meet(nsky_trainer *t, nsky_error *err)
{
    assert(t && t->learner && t->identity && err);
    nsky_train_meeting meeting = {.timeout_s = MEET_S, .stop = t->options.stop};
    nsky_status status;

    if (t->options.ranks < 2 || t->step == t->steps) /* nothing is left to do together */
        return NSKY_OK;
    if ((status = put_same(t, meeting.same, err)) != NSKY_OK)
        return status;
    char *folder = nsky_format(err, "%s/ranks", t->folder);
    if (!folder)
        return err->status;
    meeting.folder = folder;
    status = nsky_learner_join(t->learner, &meeting, err);
    nsky_free(folder);
    return status;
}
