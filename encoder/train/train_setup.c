/* train_setup.c - from options to a training that stands where it was left. Thread rule: one
 * thread.
 */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/hash.h"
#include "common/log.h"
#include "common/memory.h"
#include "encoder/registry.h"
#include "encoder/train/augment_private.h"
#include "encoder/train/trainer.h"
#include "image/stretch.h"

#define PROJECTION_MAX 4096u
#define QUEUE_MAX (1u << 20)
#define BATCH_MAX 16384u
#define BINS_MAX 4096u

nsky_train_options nsky_train_defaults(void)
{
    const float dark[3] = {0, 0, 0};
    nsky_encoder_options encoder = nsky_encoder_defaults();
    nsky_train_options o = {
        .arch = NSKY_RESNET18,
        .stem = NSKY_STEM_IMAGENET,
        .preprocess = nsky_preprocess_default,
        .hidden = 512,
        .projection = 128,
        .augment = nsky_augment_default,
        .batch = 256,
        .sub_batch = 32,
        .epochs = 100,
        .seed = 1,
        .rate = 0.06,
        .warm_epochs = 2,
        .momentum = 0.9,
        .decay = 1e-4,
        .keep = 0.99,
        .temperature = 0.2f,
        .queue = 4096,
        .symmetric = true,
        .predictor = false,
        .device = encoder.device,
        .precision = encoder.precision,
        .checkpoint_s = 300,
        .half = true,
        .label_column = "label",
        .probe_column = "label",
        .probe_epochs = 5,
    };

    /* Padding looks like sky. */
    nsky_stretch_apply(&nsky_stretch_viewer, dark, 1, o.preprocess.mean);
    return o;
}

static uint32_t cores(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);

    return count < 1 ? 1 : count > 64 ? 64 : (uint32_t)count;
}

static const char *wrong_size(const nsky_train_options *o)
{
    if (o->sub_batch < 2 || o->sub_batch > NSKY_TRAIN_BATCH_MAX)
        return "the sub-batch must be 2 to 1024 images";
    if (o->batch < o->sub_batch || o->batch > BATCH_MAX || o->batch % o->sub_batch != 0)
        return "the batch must be a multiple of the sub-batch, up to 16384";
    if (2 * (o->batch / o->sub_batch) > NSKY_LEARNER_TASKS_MAX)
        return "the batch has too many sub-batches";
    if (o->bins == 1 || o->bins > BINS_MAX)
        return "the bins must be 2 to 4096";
    if (!o->labels && (o->queue < 2 * o->batch || o->queue > QUEUE_MAX))
        return "the queue must hold at least two batches, and at most 1048576 keys";
    if (o->hidden < 8 || o->hidden > PROJECTION_MAX || o->projection < 8 ||
        o->projection > PROJECTION_MAX)
        return "the head's layers must be 8 to 4096 wide";
    if (o->threads > NSKY_LEARNER_THREADS_MAX)
        return "up to 256 threads";
    return NULL;
}

static const char *wrong_option(const nsky_train_options *o)
{
    const char *size = wrong_size(o);

    if (size)
        return size;
    if ((o->validate || o->predict || o->bins || o->heads) && !o->labels)
        return "bins, heads, validation and predictions need labels";
    if (o->heads && o->bins)
        return "bins are of one column, heads of several: give one or the other";
    if (!(o->clip >= 0 && o->clip < 1e12))
        return "gradients are cut down to a positive length";
    const char *ranks = nsky_trainer_ranks_wrong(o);
    if (ranks)
        return ranks;
    if (o->epochs < 1 || o->epochs > 1000000)
        return "the epochs must be 1 to 1000000";
    if (!(o->rate > 0 && o->rate < 1000) || !(o->warm_epochs >= 0 && o->warm_epochs < 1e6))
        return "the learning rate must be positive, and its warm-up not negative";
    if (!(o->momentum >= 0 && o->momentum < 1) || !(o->decay >= 0 && o->decay < 1) ||
        !(o->keep >= 0 && o->keep <= 1))
        return "momentum, decay and the momentum encoder's share must be within 0 and 1";
    if (!(o->temperature >= 1e-3f && o->temperature <= 100))
        return "the temperature must be 0.001 to 100";
    return NULL;
}

static void build_graphs(nsky_trainer *t)
{
    const nsky_train_options *o = &t->options;
    uint32_t features;

    nsky_train_graph_init(&t->query, 3, o->preprocess.size);
    features = nsky_train_add_resnet(&t->query, o->arch, o->stem);
    if (t->target)
        nsky_train_add_linear(&t->query, "fc", features, t->target->class_count, true);
    if (t->heads.count > 0)
        nsky_train_add_loose(&t->query, "fc", features, t->heads.outputs);
    if (o->labels) {
        t->key = t->query; /* the average's places */
        return;
    }
    uint32_t vector =
        nsky_train_add_mlp(&t->query, "projection", features, o->hidden, o->projection);
    t->key = t->query;
    if (o->predictor)
        nsky_train_add_mlp(&t->query, "predictor", vector, o->hidden, o->projection);
}

/* What trains; and who makes the views: a card that can, unless it was asked not to. */
static nsky_status choose(nsky_trainer *t, nsky_error *err)
{
    nsky_train_options *o = &t->options;
    nsky_status status = nsky_registry_choose_training(&t->ops, o->device, o->precision, err);

    if (status != NSKY_OK || (status = nsky_trainer_ranks_possible(t, err)) != NSKY_OK)
        return status;
    o->device = t->ops->name;
    if (t->ops->card && t->ops->card->step_views && !o->labels && !o->host_views)
        t->packing = (nsky_packing){o->preprocess, nsky_augment_margin(&o->augment)};
    return NSKY_OK;
}

static nsky_status open_learner(nsky_trainer *t, nsky_error *err)
{
    nsky_train_options *o = &t->options;
    nsky_learner_options how = {.ops = t->ops,
                                .precision = o->precision,
                                .query = &t->query,
                                .key = o->labels ? NULL : &t->key,
                                .heads = t->heads.count > 0 ? &t->heads : NULL,
                                .batch = o->batch,
                                .sub_batch = o->sub_batch,
                                .queue = o->queue,
                                .temperature = o->temperature,
                                .symmetric = o->symmetric,
                                .neighbours = o->neighbours,
                                .seed = o->seed,
                                .packing = t->packing.how.size > 0 ? &t->packing : NULL,
                                .meanwhile = nsky_trainer_stage,
                                .context = t,
                                .rank = o->rank,
                                .ranks = o->ranks};

    build_graphs(t);
    how.threads = o->threads ? o->threads : how.ops->workers ? how.ops->workers : cores();
    return nsky_learner_new(&t->learner, &how, err);
}

static nsky_status open_loader(nsky_trainer *t, nsky_error *err)
{
    const nsky_train_options *o = &t->options;
    const nsky_loader_options how = {.stores = t->stores,
                                     .store_count = t->store_count,
                                     .preprocess = o->preprocess,
                                     .augment = o->augment,
                                     .views = o->labels ? 1 : 2,
                                     .batch = o->batch,
                                     .seed = o->seed,
                                     .threads = o->loader_threads,
                                     .memory_bytes = o->memory_bytes,
                                     .packed = t->packing.how.size > 0,
                                     .part = o->rank,
                                     .parts = o->ranks};
    nsky_status status = nsky_loader_open(&t->loader, &how, err);

    if (status == NSKY_OK && o->labels)
        status = nsky_supervised_open(t, err);
    if (status != NSKY_OK)
        return status;
    t->epoch_steps = nsky_loader_steps(t->loader);
    t->steps = t->epoch_steps * o->epochs;
    return NSKY_OK;
}

static nsky_status open_probe(nsky_trainer *t, nsky_error *err)
{
    nsky_train_labels labels;
    nsky_status status;

    if (!t->options.probe_labels || !nsky_trainer_leads(t))
        return NSKY_OK;
    status = nsky_train_labels_open(&labels, t->options.probe_labels, t->options.probe_column,
                                    false, t->loader, err);
    if (status != NSKY_OK)
        return status;
    status = nsky_neighbour_check_new(&t->probe, t->loader, &labels, err);
    nsky_train_labels_close(&labels);
    return status;
}

/* --- weights to begin with --- */

static nsky_status take_tensor(const nsky_model *model, const char *name, float *out, size_t count,
                               nsky_error *err)
{
    const nsky_weight *w = nsky_model_weight(model, name);
    size_t floats = 1;

    for (uint32_t d = 0; w && d < w->dims; d++)
        floats *= w->shape[d];
    if (!w || floats != count)
        return nsky_fail(err, NSKY_EMISMATCH, "%s: %s has another shape here",
                         nsky_model_info_of(model)->name, name);
    memcpy(out, w->data, count * sizeof *out);
    return NSKY_OK;
}

/* The trunk's parameters and statistics; heads are drawn as ever. */
static nsky_status take_trunk(nsky_trainer *t, const nsky_model *model, nsky_error *err)
{
    nsky_learner_state *s = nsky_learner_state_of(t->learner);
    const nsky_train_graph *g = &t->query;
    char name[NSKY_TRAIN_NAME_BYTES + 16];
    nsky_status status = NSKY_OK;

    for (uint32_t i = 0; i < g->param_count && status == NSKY_OK; i++)
        if (!nsky_trainer_is_head(g->params[i].name))
            status = take_tensor(model, g->params[i].name, s->params + g->params[i].offset,
                                 g->params[i].count, err);
    for (uint32_t i = 0; i < 2 * g->norm_count && status == NSKY_OK; i++) {
        const nsky_train_norm *n = &g->norms[i / 2];
        snprintf(name, sizeof name, "%s.%s", n->name, i % 2 ? "running_var" : "running_mean");
        if (!nsky_trainer_is_head(n->name))
            status = take_tensor(model, name, s->stats + n->offset + (size_t)(i % 2) * n->channels,
                                 n->channels, err);
    }
    if (status == NSKY_OK && s->slow_params) {
        memcpy(s->slow_params, s->params, t->key.param_floats * sizeof(float));
        memcpy(s->slow_stats, s->stats, t->key.stat_floats * sizeof(float));
    }
    return status;
}

static nsky_status take_initial(nsky_trainer *t, nsky_error *err)
{
    const nsky_train_options *o = &t->options;
    nsky_model *model;
    nsky_status status;

    if (!o->init)
        return NSKY_OK;
    if ((status = nsky_model_open(&model, o->init, err)) != NSKY_OK)
        return status;
    const nsky_model_info *info = nsky_model_info_of(model);
    if (info->arch != o->arch || info->stem != o->stem)
        status = nsky_fail(err, NSKY_EMISMATCH, "%s is a %s with another stem or depth than asked",
                           o->init, nsky_arch_name(info->arch));
    else
        status = take_trunk(t, model, err);
    snprintf(t->init_sha256, sizeof t->init_sha256, "%s", info->sha256);
    nsky_model_close(model);
    return status;
}

static nsky_status make_paths(nsky_trainer *t, nsky_error *err)
{
    if (!(t->folder = nsky_format(err, "%s.train", t->path)) ||
        !(t->checkpoint = nsky_format(err, "%s/checkpoint.safetensors", t->folder)) ||
        !(t->log = nsky_format(err, "%s/log.jsonl", t->folder)))
        return NSKY_ENOMEM;
    return nsky_make_directories(t->folder, err);
}

static nsky_status take_up(nsky_trainer *t, nsky_error *err)
{
    nsky_status status = t->options.fresh ? NSKY_ENOTFOUND : nsky_checkpoint_read(t, err);

    if (status == NSKY_ENOTFOUND) {
        t->step = 0;
        status = NSKY_OK;
    } else if (status == NSKY_OK && nsky_trainer_leads(t)) {
        nsky_log_info("%s: going on from step %llu of %llu", t->checkpoint,
                      (unsigned long long)t->step, (unsigned long long)t->steps);
    }
    if (status == NSKY_OK && nsky_trainer_leads(t))
        status = nsky_train_log_rewind(t, err);
    if (status != NSKY_OK)
        return status;
    return nsky_loader_seek(t->loader, (uint32_t)(t->step / t->epoch_steps),
                            t->step % t->epoch_steps, err);
}

nsky_status nsky_trainer_set_up(nsky_trainer *t, nsky_error *err)
{
    const char *wrong = wrong_option(&t->options);
    nsky_status status;

    if (wrong)
        return nsky_fail(err, NSKY_EINVAL, "%s", wrong);
    if ((status = choose(t, err)) != NSKY_OK || (status = open_loader(t, err)) != NSKY_OK ||
        (status = open_learner(t, err)) != NSKY_OK || (status = open_probe(t, err)) != NSKY_OK ||
        (status = take_initial(t, err)) != NSKY_OK || (status = make_paths(t, err)) != NSKY_OK)
        return status;
    if (!(t->identity = nsky_trainer_identity(t, err)))
        return err->status;
    status = take_up(t, err);
    return status == NSKY_OK ? nsky_trainer_meet(t, err) : status;
}
