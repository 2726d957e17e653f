/* train.c - a training from its options to its model file. Thread rule: see train.h. */
#include "encoder/train/train.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"
#include "common/memory.h"
#include "encoder/model_private.h"
#include "encoder/train/trainer.h"
#include "image/stretch.h"

#define PROJECTION_MAX 4096u
#define QUEUE_MAX (1u << 20)
#define BATCH_MAX 16384u

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double nsky_trainer_seconds(const nsky_trainer *t)
{
    return t->seconds_before + now_s() - t->start_s;
}

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
        .probe_column = "label",
        .probe_epochs = 5,
    };

    /* Padding looks like sky. */
    nsky_stretch_apply(&nsky_stretch_viewer, dark, 1, o.preprocess.mean);
    return o;
}

/* --- setting up --- */

static uint32_t cores(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);

    return count < 1 ? 1 : count > 64 ? 64 : (uint32_t)count;
}

static const char *wrong_option(const nsky_train_options *o)
{
    if (o->sub_batch < 2 || o->sub_batch > NSKY_TRAIN_BATCH_MAX)
        return "the sub-batch must be 2 to 1024 images";
    if (o->batch < o->sub_batch || o->batch > BATCH_MAX || o->batch % o->sub_batch != 0)
        return "the batch must be a multiple of the sub-batch, up to 16384";
    if (2 * (o->batch / o->sub_batch) > NSKY_LEARNER_TASKS_MAX)
        return "the batch has too many sub-batches";
    if (o->queue < 2 * o->batch || o->queue > QUEUE_MAX)
        return "the queue must hold at least two batches, and at most 1048576 keys";
    if (o->hidden < 8 || o->hidden > PROJECTION_MAX || o->projection < 8 ||
        o->projection > PROJECTION_MAX)
        return "the head's layers must be 8 to 4096 wide";
    if (o->epochs < 1 || o->epochs > 1000000)
        return "the epochs must be 1 to 1000000";
    if (!(o->rate > 0 && o->rate < 1000) || !(o->warm_epochs >= 0 && o->warm_epochs < 1e6))
        return "the learning rate must be positive, and its warm-up not negative";
    if (!(o->momentum >= 0 && o->momentum < 1) || !(o->decay >= 0 && o->decay < 1) ||
        !(o->keep >= 0 && o->keep <= 1))
        return "momentum, decay and the momentum encoder's share must be within 0 and 1";
    if (!(o->temperature >= 1e-3f && o->temperature <= 100))
        return "the temperature must be 0.001 to 100";
    if (o->threads > NSKY_LEARNER_THREADS_MAX)
        return "up to 256 threads";
    return NULL;
}

static nsky_status choose_ops(nsky_trainer *t, const nsky_train_ops **out, nsky_error *err)
{
    nsky_train_options *o = &t->options;
    const nsky_train_ops *all[] = {&nsky_train_cpu, &nsky_train_ref};
    bool any = strcmp(o->device, "auto") == 0;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if ((any || strcmp(o->device, all[i]->name) == 0) && all[i]->available(o->precision)) {
            *out = all[i];
            o->device = all[i]->name;
            return NSKY_OK;
        }
    return nsky_fail(err, NSKY_EDEVICE,
                     "no device \"%s\" trains in %s here; there are: cpu (fp32, and bf16 where the "
                     "CPU has it), ref (fp32)",
                     o->device, nsky_precision_name(o->precision));
}

static void build_graphs(nsky_trainer *t)
{
    const nsky_train_options *o = &t->options;
    uint32_t features;

    nsky_train_graph_init(&t->query, 3, o->preprocess.size);
    features = nsky_train_add_resnet(&t->query, o->arch, o->stem);
    uint32_t vector =
        nsky_train_add_mlp(&t->query, "projection", features, o->hidden, o->projection);
    t->key = t->query;
    if (o->predictor)
        nsky_train_add_mlp(&t->query, "predictor", vector, o->hidden, o->projection);
}

static nsky_status open_learner(nsky_trainer *t, nsky_error *err)
{
    const nsky_train_options *o = &t->options;
    nsky_learner_options how = {.precision = o->precision,
                                .query = &t->query,
                                .key = &t->key,
                                .batch = o->batch,
                                .sub_batch = o->sub_batch,
                                .threads = o->threads ? o->threads : cores(),
                                .queue = o->queue,
                                .temperature = o->temperature,
                                .symmetric = o->symmetric,
                                .neighbours = o->neighbours,
                                .seed = o->seed};
    nsky_status status = choose_ops(t, &how.ops, err);

    build_graphs(t);
    return status == NSKY_OK ? nsky_learner_new(&t->learner, &how, err) : status;
}

static nsky_status open_loader(nsky_trainer *t, nsky_error *err)
{
    const nsky_train_options *o = &t->options;
    const nsky_loader_options how = {.stores = t->stores,
                                     .store_count = t->store_count,
                                     .preprocess = o->preprocess,
                                     .augment = o->augment,
                                     .views = 2,
                                     .batch = o->batch,
                                     .seed = o->seed,
                                     .threads = o->loader_threads,
                                     .memory_bytes = o->memory_bytes};
    nsky_status status = nsky_loader_open(&t->loader, &how, err);

    if (status != NSKY_OK)
        return status;
    t->epoch_steps = nsky_loader_steps(t->loader);
    t->steps = t->epoch_steps * o->epochs;
    return NSKY_OK;
}

static nsky_status open_probe(nsky_trainer *t, nsky_error *err)
{
    nsky_labels labels;
    nsky_status status;

    if (!t->options.probe_labels)
        return NSKY_OK;
    status =
        nsky_labels_open(&labels, t->options.probe_labels, t->options.probe_column, t->loader, err);
    if (status != NSKY_OK)
        return status;
    status = nsky_probe_new(&t->probe, t->loader, &labels, err);
    nsky_labels_close(&labels);
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
    } else if (status == NSKY_OK) {
        nsky_log_info("%s: going on from step %llu of %llu", t->checkpoint,
                      (unsigned long long)t->step, (unsigned long long)t->steps);
    }
    if (status != NSKY_OK || (status = nsky_train_log_rewind(t, err)) != NSKY_OK)
        return status;
    return nsky_loader_seek(t->loader, (uint32_t)(t->step / t->epoch_steps),
                            t->step % t->epoch_steps, err);
}

static nsky_status set_up(nsky_trainer *t, nsky_error *err)
{
    const char *wrong = wrong_option(&t->options);
    nsky_status status;

    if (wrong)
        return nsky_fail(err, NSKY_EINVAL, "%s", wrong);
    if ((status = open_loader(t, err)) != NSKY_OK || (status = open_learner(t, err)) != NSKY_OK ||
        (status = open_probe(t, err)) != NSKY_OK || (status = make_paths(t, err)) != NSKY_OK)
        return status;
    if (!(t->identity = nsky_trainer_identity(t, err)))
        return err->status;
    return take_up(t, err);
}

/* --- under way --- */

static nsky_learner_rates rates_at(const nsky_trainer *t)
{
    const nsky_train_options *o = &t->options;
    uint64_t warm = (uint64_t)(o->warm_epochs * (double)t->epoch_steps);

    return (nsky_learner_rates){.sgd = {nsky_rate_at(o->rate * o->batch / 256, t->step,
                                                     warm < t->steps ? warm : 0, t->steps),
                                        o->momentum, o->decay},
                                .keep = nsky_keep_at(o->keep, t->step, t->steps),
                                .step = t->step};
}

static nsky_status run_probe(nsky_trainer *t, nsky_json *line, nsky_error *err)
{
    const nsky_encoder_options how = {t->options.device, t->options.precision, 0};
    nsky_probe_result result;
    nsky_model *model = NULL;
    nsky_error why = NSKY_ERROR_INIT;
    void *image;
    size_t bytes;
    nsky_status status = nsky_trainer_image(t, false, &image, &bytes, err);

    if (status != NSKY_OK ||
        (status = nsky_model_adopt(&model, image, bytes, t->path, err)) != NSKY_OK)
        return status;
    if (nsky_probe_run(t->probe, model, &how, &result, &why) == NSKY_OK) {
        nsky_json *object = nsky_json_object();
        t->report.knn_accuracy = result.knn_accuracy;
        t->report.precision_at_10 = result.precision_at_10;
        nsky_json_put_fixed(object, "knn_accuracy", result.knn_accuracy, 4);
        nsky_json_put_fixed(object, "precision_at_10", result.precision_at_10, 4);
        nsky_json_put_integer(object, "rows", result.rows);
        nsky_json_put_integer(object, "classes", result.classes);
        nsky_json_put(line, "probe", object);
    } else {
        nsky_log_warn("no probe this time: %s", why.text);
    }
    nsky_model_close(model);
    return NSKY_OK;
}

/* What came of a step; at an epoch's end the averages too, and the probe when it is due. */
static nsky_status note(nsky_trainer *t, const nsky_learner_rates *rates,
                        const nsky_learner_result *result, double pairs_per_s, nsky_error *err)
{
    uint64_t epoch = (t->step - 1) / t->epoch_steps;
    bool ends = t->step % t->epoch_steps == 0;
    nsky_json *line = nsky_json_object();
    nsky_status status = NSKY_OK;

    nsky_json_put_integer(line, "step", (int64_t)t->step);
    nsky_json_put_integer(line, "epoch", (int64_t)epoch);
    nsky_json_put_number(line, "loss", result->loss);
    nsky_json_put_fixed(line, "accuracy", result->accuracy, 4);
    nsky_json_put_number(line, "lr", rates->sgd.rate);
    nsky_json_put_number(line, "momentum", rates->keep);
    nsky_json_put_fixed(line, "pairs_per_s", pairs_per_s, 1);
    nsky_json_put_fixed(line, "seconds", nsky_trainer_seconds(t), 1);
    if (ends) {
        t->report.loss = t->epoch_loss / (double)t->epoch_steps;
        t->report.accuracy = t->epoch_accuracy / (double)t->epoch_steps;
        nsky_json_put_number(line, "epoch_loss", t->report.loss);
        nsky_json_put_fixed(line, "epoch_accuracy", t->report.accuracy, 4);
        t->epoch_loss = t->epoch_accuracy = 0;
    }
    bool due = (epoch + 1) % t->options.probe_epochs == 0 || t->step == t->steps;
    if (ends && t->probe && due)
        status = run_probe(t, line, err);
    if (status != NSKY_OK) {
        nsky_json_free(line);
        return status;
    }
    return nsky_train_log_add(t, line, err);
}

static nsky_status one_step(nsky_trainer *t, nsky_error *err)
{
    nsky_learner_rates rates = rates_at(t);
    nsky_learner_result result;
    const float *images;
    const uint64_t *rows;
    double start = now_s();
    nsky_status status;

    if ((status = nsky_loader_next(t->loader, &images, &rows, err)) != NSKY_OK ||
        (status = nsky_learner_step(t->learner, images, NULL, &rates, &result, err)) != NSKY_OK)
        return status;
    if (!isfinite(result.loss))
        return nsky_fail(err, NSKY_EDATA,
                         "the loss of step %llu is not finite: the training has diverged; begin "
                         "again (--fresh) with a smaller --lr",
                         (unsigned long long)t->step);
    t->step++;
    t->epoch_loss += result.loss;
    t->epoch_accuracy += result.accuracy;
    t->report.pairs_per_s = t->options.batch / (now_s() - start);
    return note(t, &rates, &result, t->report.pairs_per_s, err);
}

static void show(const nsky_trainer *t, nsky_progress *progress)
{
    uint64_t steps = t->step % t->epoch_steps;
    double loss = steps > 0 ? t->epoch_loss / (double)steps : t->report.loss;
    char text[96];
    int used = snprintf(text, sizeof text, "loss %.3f", loss);

    if (isfinite(t->report.knn_accuracy))
        snprintf(text + used, sizeof text - (size_t)used, "  kNN %.3f", t->report.knn_accuracy);
    nsky_progress_note(progress, text);
    nsky_progress_add(progress, t->options.batch);
}

static bool stopped(const nsky_trainer *t)
{
    return t->options.stop && atomic_load(t->options.stop);
}

static nsky_status run(nsky_trainer *t, nsky_error *err)
{
    nsky_progress *progress =
        nsky_progress_start("train", "stamps", (t->steps - t->step) * t->options.batch);
    double saved = now_s();
    nsky_status status = NSKY_OK;

    while (t->step < t->steps && status == NSKY_OK) {
        bool stop = stopped(t);
        if (!stop && (status = one_step(t, err)) != NSKY_OK)
            break;
        show(t, progress);
        if (stop || t->step % t->epoch_steps == 0 || now_s() - saved >= t->options.checkpoint_s) {
            status = nsky_checkpoint_write(t, err);
            saved = now_s();
        }
        if (stop && status == NSKY_OK)
            status = nsky_fail(err, NSKY_ECANCELLED,
                               "stopped at step %llu of %llu; run the same command to go on",
                               (unsigned long long)t->step, (unsigned long long)t->steps);
    }
    nsky_progress_end(progress);
    return status;
}

/* Opened as anyone else would open it before it is written. */
static nsky_status write_model(const nsky_trainer *t, nsky_error *err)
{
    nsky_model *model = NULL;
    void *image;
    size_t bytes;
    nsky_status status = nsky_trainer_image(t, t->options.half, &image, &bytes, err);

    if (status != NSKY_OK ||
        (status = nsky_model_adopt(&model, image, bytes, t->path, err)) != NSKY_OK)
        return status;
    status = nsky_model_write(model, t->path, err);
    nsky_model_close(model);
    return status;
}

static void tear_down(nsky_trainer *t)
{
    nsky_probe_free(t->probe);
    nsky_loader_close(t->loader);
    nsky_learner_free(t->learner);
    nsky_free(t->folder);
    nsky_free(t->checkpoint);
    nsky_free(t->log);
    nsky_free(t->identity);
    nsky_free(t);
}

nsky_status nsky_train_survey(const char *const *stores, uint32_t store_count, const char *path,
                              const nsky_train_options *options, nsky_train_report *report,
                              nsky_error *err)
{
    assert(stores && path && options && report && err);
    nsky_trainer *t = nsky_alloc_zero(1, sizeof *t, err);
    nsky_status status;

    if (!t)
        return NSKY_ENOMEM;
    t->options = *options;
    t->stores = stores;
    t->store_count = store_count;
    t->path = path;
    t->start_s = now_s();
    t->report = (nsky_train_report){.loss = NAN,
                                    .accuracy = NAN,
                                    .knn_accuracy = NAN,
                                    .precision_at_10 = NAN,
                                    .pairs_per_s = NAN};
    if ((status = set_up(t, err)) == NSKY_OK && (status = run(t, err)) == NSKY_OK)
        status = write_model(t, err);
    if (t->loader)
        t->report.rows = nsky_loader_rows(t->loader);
    t->report.steps = t->step;
    t->report.seconds = nsky_trainer_seconds(t);
    *report = t->report;
    tear_down(t);
    return status;
}
