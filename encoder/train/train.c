/* train.c - a training from its options to its model file. Thread rule: see train.h. */
#include "encoder/train/train.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "common/memory.h"
#include "encoder/model_private.h"
#include "encoder/train/plot.h"
#include "encoder/train/trainer.h"

double nsky_trainer_seconds(const nsky_trainer *t)
{
    return t->seconds_before + nsky_now_s() - t->start_s;
}

/* --- under way --- */

static nsky_learner_rates rates_at(const nsky_trainer *t)
{
    const nsky_train_options *o = &t->options;
    uint64_t warm = (uint64_t)(o->warm_epochs * (double)t->epoch_steps);

    return (nsky_learner_rates){.sgd = {nsky_rate_at(o->rate * o->batch / 256, t->step,
                                                     warm < t->steps ? warm : 0, t->steps),
                                        o->momentum, o->decay},
                                .keep =
                                    o->labels ? o->keep : nsky_keep_at(o->keep, t->step, t->steps),
                                .clip = o->clip,
                                .step = t->step,
                                .stop = o->stop && atomic_load(o->stop)};
}

/* Neighbours of labelled objects; a degenerate network has none, which is no reason to stop. */
static void run_probe(nsky_trainer *t, const nsky_model *model, nsky_json *line)
{
    const nsky_encoder_options how = {t->options.device, t->options.precision, 0};
    nsky_neighbour_check_result result;
    nsky_error why = NSKY_ERROR_INIT;
    nsky_json *object;

    if (nsky_neighbour_check_run(t->probe, model, &how, &result, &why) != NSKY_OK) {
        nsky_log_warn("no probe this time: %s", why.text);
        return;
    }
    t->report.knn_accuracy = result.knn_accuracy;
    t->report.precision_at_10 = result.precision_at_10;
    object = nsky_json_object();
    nsky_json_put_fixed(object, "knn_accuracy", result.knn_accuracy, 4);
    nsky_json_put_fixed(object, "precision_at_10", result.precision_at_10, 4);
    nsky_json_put_integer(object, "rows", result.rows);
    nsky_json_put_integer(object, "classes", result.classes);
    nsky_json_put(line, "probe", object);
}

/* What it is worth now, by the model it would be. */
static nsky_status measure(nsky_trainer *t, nsky_json *line, nsky_error *err)
{
    nsky_model *model = NULL;
    void *image;
    size_t bytes;
    nsky_status status = nsky_trainer_image(t, false, &image, &bytes, err);

    if (status != NSKY_OK ||
        (status = nsky_model_adopt(&model, image, bytes, t->path, err)) != NSKY_OK)
        return status;
    if (t->probe)
        run_probe(t, model, line);
    if (t->options.validate)
        status = nsky_supervised_measure(t, model, line, err);
    nsky_model_close(model);
    return status;
}

/* null: nothing of this batch has such a label. */
static nsky_json *head_losses(const nsky_trainer *t, const nsky_learner_result *result)
{
    nsky_json *array = nsky_json_array();

    for (uint32_t h = 0; h < t->heads.count; h++)
        nsky_json_append_number(array, result->heads[h]);
    return array;
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
    if (isfinite(result->length))
        nsky_json_put_number(line, "gradient", result->length);
    if (t->heads.count > 0)
        nsky_json_put(line, "heads", head_losses(t, result));
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
    if (ends && due && (t->probe || t->options.validate))
        status = measure(t, line, err);
    if (status != NSKY_OK) {
        nsky_json_free(line);
        return status;
    }
    if (nsky_trainer_leads(t))
        return nsky_train_log_add(t, line, err);
    nsky_json_free(line);
    return NSKY_OK;
}

static nsky_status stage(nsky_trainer *t, nsky_error *err)
{
    const uint64_t *rows;
    nsky_packed batch;
    nsky_status status = nsky_loader_next_packed(t->loader, &batch, &rows, err);

    return status == NSKY_OK ? nsky_learner_stage(t->learner, &batch, err) : status;
}

void nsky_trainer_stage(void *trainer)
{
    nsky_trainer *t = trainer;

    if (t->packing.how.size > 0 && t->step + 1 < t->steps)
        t->staged = stage(t, &t->not_staged) == NSKY_OK;
}

static nsky_status learn_packed(nsky_trainer *t, const nsky_learner_rates *rates,
                                nsky_learner_result *result, nsky_error *err)
{
    nsky_status status = t->not_staged.status;

    if (status != NSKY_OK)
        *err = t->not_staged;
    else if (!t->staged)
        status = stage(t, err);
    t->staged = false;
    return status == NSKY_OK ? nsky_learner_step_packed(t->learner, NULL, rates, result, err)
                             : status;
}

/* The next batch, learned from. */
static nsky_status learn(nsky_trainer *t, const nsky_learner_rates *rates,
                         nsky_learner_result *result, nsky_error *err)
{
    const uint64_t *rows;
    const float *images;
    nsky_status status;

    if (t->packing.how.size > 0)
        return learn_packed(t, rates, result, err);
    if ((status = nsky_loader_next(t->loader, &images, &rows, err)) != NSKY_OK)
        return status;
    if (t->classes)
        nsky_supervised_labels(t, rows);
    return nsky_learner_step(t->learner, images, t->classes, rates, result, err);
}

static nsky_status one_step(nsky_trainer *t, nsky_error *err)
{
    nsky_learner_rates rates = rates_at(t);
    nsky_learner_result result;
    double start = nsky_now_s();
    nsky_status status = learn(t, &rates, &result, err);

    if (status != NSKY_OK)
        return status;
    if (!isfinite(result.loss))
        return nsky_fail(err, NSKY_EDATA,
                         "the loss of step %llu is not finite: the training has diverged; begin "
                         "again (--fresh) with a smaller --lr",
                         (unsigned long long)t->step);
    t->step++;
    t->told_to_stop = result.stop && t->options.ranks > 1;
    if (t->told_to_stop || t->step == t->steps)
        nsky_learner_leave(t->learner); /* what follows is the first rank's, and may take long */
    t->epoch_loss += result.loss;
    t->epoch_accuracy += result.accuracy;
    t->report.pairs_per_s = t->options.batch / (nsky_now_s() - start);
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
    else if (t->options.labels)
        snprintf(text + used, sizeof text - (size_t)used, "  right %.3f", t->report.accuracy);
    nsky_progress_note(progress, text);
    nsky_progress_add(progress, t->options.batch);
}

/* Ranks stop behind one step, all of them. */
static bool stopped(const nsky_trainer *t)
{
    if (t->options.ranks > 1)
        return t->told_to_stop;
    return t->options.stop && atomic_load(t->options.stop);
}

static nsky_status snapshot(const nsky_trainer *t, nsky_error *err)
{
    void *image;
    size_t bytes;
    nsky_status status = nsky_trainer_image(t, t->options.half, &image, &bytes, err);

    if (status == NSKY_OK) {
        status = nsky_file_write(t->path, image, bytes, err);
        nsky_free(image);
    }
    return status;
}

static nsky_status keep(const nsky_trainer *t, nsky_error *err)
{
    nsky_error ignored = NSKY_ERROR_INIT; /* a log of no lines has no curves */
    nsky_status status = NSKY_OK;

    if (!nsky_trainer_leads(t))
        return NSKY_OK;
    status = nsky_checkpoint_write(t, err);
    if (status == NSKY_OK && t->options.snapshots)
        status = snapshot(t, err);
    if (status == NSKY_OK && t->options.plot &&
        nsky_train_plot(t->log, t->options.plot, NULL, NULL, &ignored) != NSKY_OK)
        nsky_log_warn("%s", ignored.text);
    return status;
}

static nsky_status run(nsky_trainer *t, nsky_error *err)
{
    uint64_t all = (t->steps - t->step) * t->options.batch;
    nsky_progress *progress =
        nsky_trainer_leads(t) ? nsky_progress_start("train", "stamps", all) : NULL;
    double saved = nsky_now_s();
    nsky_status status = NSKY_OK;

    while (t->step < t->steps && status == NSKY_OK) {
        bool stop = stopped(t);
        if (!stop && (status = one_step(t, err)) != NSKY_OK)
            break;
        show(t, progress);
        if (stop || t->step % t->epoch_steps == 0 ||
            nsky_now_s() - saved >= t->options.checkpoint_s) {
            status = keep(t, err);
            saved = nsky_now_s();
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
static nsky_status write_model(nsky_trainer *t, nsky_error *err)
{
    nsky_model *model = NULL;
    void *image;
    size_t bytes;
    nsky_status status = nsky_trainer_image(t, t->options.half, &image, &bytes, err);

    if (status != NSKY_OK ||
        (status = nsky_model_adopt(&model, image, bytes, t->path, err)) != NSKY_OK)
        return status;
    if (t->options.predict)
        status = nsky_supervised_predict(t, model, err);
    if (status == NSKY_OK)
        status = nsky_model_write(model, t->path, err);
    nsky_model_close(model);
    return status;
}

static void tear_down(nsky_trainer *t)
{
    nsky_neighbour_check_free(t->probe);
    nsky_target_close(t->validation);
    nsky_target_close(t->target);
    nsky_heads_close(&t->heads_validation);
    nsky_heads_close(&t->heads);
    nsky_free(t->classes);
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
    t->start_s = nsky_now_s();
    t->report = (nsky_train_report){.loss = NAN,
                                    .accuracy = NAN,
                                    .knn_accuracy = NAN,
                                    .precision_at_10 = NAN,
                                    .validation = NAN,
                                    .pairs_per_s = NAN};
    t->not_staged = (nsky_error)NSKY_ERROR_INIT;
    if ((status = nsky_trainer_set_up(t, err)) == NSKY_OK && (status = run(t, err)) == NSKY_OK &&
        nsky_trainer_leads(t))
        status = write_model(t, err);
    if (t->loader)
        t->report.rows = nsky_loader_rows(t->loader);
    t->report.steps = t->step;
    t->report.seconds = nsky_trainer_seconds(t);
    *report = t->report;
    tear_down(t);
    return status;
}
