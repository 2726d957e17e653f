/* learner.c - what a learner is made of. Thread rule: see learner.h. */
#include <assert.h>
#include <string.h>

#include "common/memory.h"
#include "common/rng.h"
#include "encoder/train/learner_private.h"

#define STREAM 0x71756575u /* "queu": apart from other uses of a seed */

static float *floats(size_t count, nsky_error *err)
{
    float *out = nsky_alloc_aligned(count, sizeof(float), err);

    if (out)
        memset(out, 0, count * sizeof(float));
    return out;
}

static nsky_status alloc_state(nsky_learner *l, nsky_error *err)
{
    const nsky_train_graph *query = l->options.query, *key = l->options.key;
    const nsky_train_graph *slow = key ? key : query;
    nsky_learner_state *s = &l->state;

    if (!(s->params = floats(query->param_floats, err)) ||
        !(s->velocity = floats(query->param_floats, err)) ||
        !(s->stats = floats(query->stat_floats, err)) ||
        !(s->slow_params = floats(slow->param_floats, err)) ||
        !(s->slow_stats = floats(slow->stat_floats, err)) ||
        !(l->gradients = floats(query->param_floats, err)))
        return NSKY_ENOMEM;
    if (key && !(s->queue = floats((size_t)l->options.queue * l->dim, err)))
        return NSKY_ENOMEM;
    return NSKY_OK;
}

/* Learned is where the network is. */
static bool is_on_card(const nsky_learner_options *o)
{
    return o->ops->card;
}

static nsky_status alloc_step(nsky_learner *l, nsky_error *err)
{
    const nsky_learner_options *o = &l->options;
    size_t tasks = (size_t)l->directions * l->parts, samples = (size_t)l->directions * o->batch;

    if (o->key && !(l->dealt = nsky_alloc_zero(samples, sizeof *l->dealt, err)))
        return NSKY_ENOMEM;
    if (is_on_card(o)) /* the rest is there */
        return NSKY_OK;
    if (!(l->stats = floats(tasks * o->query->stat_floats, err)) ||
        !(l->results = nsky_alloc_zero(tasks, sizeof *l->results, err)))
        return NSKY_ENOMEM;
    if (o->heads && !(l->said = nsky_alloc_zero(tasks, sizeof *l->said, err)))
        return NSKY_ENOMEM;
    if (o->key && (!(l->slow_stats = floats(tasks * o->key->stat_floats, err)) ||
                   !(l->keys = floats(samples * l->dim, err))))
        return NSKY_ENOMEM;
    return NSKY_OK;
}

static nsky_status open_worker(nsky_learner *l, nsky_learner_worker *w, nsky_error *err)
{
    const nsky_learner_options *o = &l->options;
    size_t outputs = o->sub_batch * nsky_train_out_floats(o->query);
    nsky_status status;

    if (!(w->out = floats(outputs, err)) || !(w->d_out = floats(outputs, err)) ||
        !(w->images = floats(o->sub_batch * l->in_floats, err)))
        return NSKY_ENOMEM;
    status = o->ops->open(&w->query, o->query, o->precision, o->sub_batch, true, err);
    if (status == NSKY_OK && o->heads)
        status = nsky_heads_loss_new(&w->heads, o->heads, o->ops, o->sub_batch, l->dim, err);
    if (status != NSKY_OK || !o->key)
        return status;
    if ((status = o->ops->open(&w->key, o->key, o->precision, o->sub_batch, false, err)) != NSKY_OK)
        return status;
    return nsky_contrast_new(&w->contrast, o->ops, o->sub_batch, l->dim, o->queue, o->temperature,
                             err);
}

static nsky_status open_workers(nsky_learner *l, nsky_error *err)
{
    const nsky_learner_options *o = &l->options;
    nsky_status status = NSKY_OK;

    if (is_on_card(o))
        return o->ops->card->open(&l->card, o, err);
    for (uint32_t i = 0; i < o->threads && status == NSKY_OK; i++)
        status = open_worker(l, &l->workers[i], err);
    return status;
}

static nsky_status draw(nsky_learner *l, nsky_error *err)
{
    nsky_learner_state *s = &l->state;
    nsky_rng rng = nsky_rng_at(l->options.seed, STREAM, 0);

    nsky_train_graph_draw(l->options.query, l->options.seed, s->params, s->stats);
    const nsky_train_graph *slow = l->options.key ? l->options.key : l->options.query;
    memcpy(s->slow_params, s->params, slow->param_floats * sizeof(float));
    memcpy(s->slow_stats, s->stats, slow->stat_floats * sizeof(float));
    if (!l->options.key)
        return NSKY_OK;
    nsky_rng_fill_normal(&rng, s->queue, (uint64_t)l->options.queue * l->dim);
    return nsky_unit_rows(s->queue, l->options.queue, l->dim, err);
}

nsky_status nsky_learner_new(nsky_learner **out, const nsky_learner_options *options,
                             nsky_error *err)
{
    assert(out && options && options->query && err);
    assert(options->sub_batch > 0 && options->batch % options->sub_batch == 0);
    assert(options->threads > 0 && options->threads <= NSKY_LEARNER_THREADS_MAX);
    nsky_learner *l = nsky_alloc_zero(1, sizeof *l, err);
    nsky_status status = NSKY_ENOMEM;

    *out = NULL;
    if (!l)
        return status;
    l->options = *options;
    l->dim = (uint32_t)nsky_train_out_floats(options->query);
    assert(!options->key || nsky_train_out_floats(options->key) == l->dim);
    l->directions = options->key && options->symmetric ? 2 : 1;
    l->parts = options->batch / options->sub_batch;
    assert(l->directions * l->parts <= NSKY_LEARNER_TASKS_MAX);
    l->in_floats = nsky_train_in_floats(options->query);
    assert(!options->heads || !options->key);
    assert((!options->packing && options->ranks < 2) || is_on_card(options));
    assert(options->ranks < 2 || l->parts % options->ranks == 0);
    if (options->heads)
        nsky_train_heads_at(options->query, options->heads->outputs, l->dim, &l->fc_weight,
                            &l->fc_bias);
    if (!(l->workers = nsky_alloc_zero(options->threads, sizeof *l->workers, err)) ||
        (status = alloc_state(l, err)) != NSKY_OK || (status = alloc_step(l, err)) != NSKY_OK)
        goto failed;
    if ((status = open_workers(l, err)) != NSKY_OK ||
        (status = nsky_pool_new(&l->pool, options->threads, err)) != NSKY_OK ||
        (status = draw(l, err)) != NSKY_OK)
        goto failed;
    l->card_is_behind = true;
    *out = l;
    return NSKY_OK;
failed:
    nsky_learner_free(l);
    return status;
}

static void close_worker(const nsky_learner *l, nsky_learner_worker *w)
{
    l->options.ops->close(w->query);
    l->options.ops->close(w->key);
    nsky_contrast_free(w->contrast);
    nsky_heads_loss_free(w->heads);
    nsky_free(w->images);
    nsky_free(w->out);
    nsky_free(w->d_out);
}

void nsky_learner_free(nsky_learner *l)
{
    if (!l)
        return;
    nsky_pool_free(l->pool);
    if (l->card)
        l->options.ops->card->close(l->card);
    for (uint32_t i = 0; l->workers && i < l->options.threads; i++)
        close_worker(l, &l->workers[i]);
    nsky_free(l->workers);
    nsky_free(l->state.params);
    nsky_free(l->state.velocity);
    nsky_free(l->state.stats);
    nsky_free(l->state.slow_params);
    nsky_free(l->state.slow_stats);
    nsky_free(l->state.queue);
    nsky_free(l->gradients);
    nsky_free(l->keys);
    nsky_free(l->dealt);
    nsky_free(l->stats);
    nsky_free(l->slow_stats);
    nsky_free(l->results);
    nsky_free(l->said);
    nsky_free(l);
}

nsky_status nsky_learner_join(nsky_learner *l, const nsky_train_meeting *meeting, nsky_error *err)
{
    assert(l && l->card && l->options.ranks > 1 && meeting && err);
    return l->options.ops->card->join(l->card, meeting, err);
}

void nsky_learner_leave(nsky_learner *l)
{
    assert(l);
    if (l->card && l->options.ranks > 1)
        l->options.ops->card->leave(l->card);
}

nsky_status nsky_learner_fetch(nsky_learner *l, nsky_error *err)
{
    assert(l && err);
    nsky_status status = l->card_is_ahead
                             ? l->options.ops->card->get(l->card, &l->state, l->gradients, err)
                             : NSKY_OK;

    if (status == NSKY_OK)
        l->card_is_ahead = false;
    return status;
}

nsky_learner_state *nsky_learner_state_of(nsky_learner *l)
{
    assert(l && !l->card_is_ahead);
    l->card_is_behind = true;
    return &l->state;
}

const float *nsky_learner_gradients(const nsky_learner *l)
{
    assert(l);
    return l->gradients;
}
