/* supervised.c - what a training from labels has that one from pairs has not. Thread rule: one
 * thread. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "encoder/train/judge.h"
#include "encoder/train/trainer.h"

/* Batches are of labelled rows alone. */
static nsky_status restrict_rows(nsky_trainer *t, nsky_error *err)
{
    const nsky_train_labels *labels = &t->target->labels;
    uint64_t *rows = nsky_alloc(labels->count, sizeof *rows, err);
    nsky_status status;

    if (!rows)
        return NSKY_ENOMEM;
    for (uint64_t i = 0; i < labels->count; i++)
        rows[i] = labels->labels[i].row;
    status = nsky_loader_restrict(t->loader, rows, labels->count, err);
    nsky_free(rows);
    return status;
}

/* What is trained on proves nothing. */
static nsky_status check_disjoint(const nsky_trainer *t, nsky_error *err)
{
    const nsky_train_labels *a = &t->target->labels, *b = &t->validation->labels;
    uint64_t i = 0, k = 0;

    while (i < a->count && k < b->count) {
        uint64_t x = a->labels[i].row, y = b->labels[k].row;
        if (x == y)
            return nsky_fail(err, NSKY_EINVAL,
                             "%s: row %llu of the stores is among the labels to train on too",
                             t->options.validate, (unsigned long long)x);
        i += x < y;
        k += y < x;
    }
    return NSKY_OK;
}

nsky_status nsky_supervised_open(nsky_trainer *t, nsky_error *err)
{
    assert(t && t->loader && t->options.labels && err);
    const nsky_train_options *o = &t->options;
    nsky_status status;

    if (!(t->classes = nsky_alloc_zero(o->batch, sizeof *t->classes, err)))
        return NSKY_ENOMEM;
    if ((status = nsky_target_open(&t->target, o->labels, o->label_column, o->bins, NULL, t->loader,
                                   err)) != NSKY_OK ||
        (status = restrict_rows(t, err)) != NSKY_OK || !o->validate)
        return status;
    status = nsky_target_open(&t->validation, o->validate, o->label_column, o->bins, t->target,
                              t->loader, err);
    return status == NSKY_OK ? check_disjoint(t, err) : status;
}

static nsky_status open_judge(nsky_trainer *t, const nsky_model *model, nsky_judge **out,
                              nsky_error *err)
{
    const nsky_encoder_options how = {t->options.device, t->options.precision, 0};
    const nsky_train_param *bias = &t->query.params[t->query.param_count - 1], *weight = bias - 1;
    const float *params = nsky_learner_state_of(t->learner)->params;

    assert(strcmp(weight->name, "fc.weight") == 0 && strcmp(bias->name, "fc.bias") == 0);
    return nsky_judge_open(out, model, &how, t->loader, t->target, params + weight->offset,
                           params + bias->offset, err);
}

nsky_status nsky_supervised_measure(nsky_trainer *t, const nsky_model *model, nsky_json *line,
                                    nsky_error *err)
{
    assert(t && t->validation && model && line && err);
    nsky_judge *judge = NULL;
    nsky_judge_result result;
    nsky_status status = open_judge(t, model, &judge, err);

    if (status == NSKY_OK)
        status = nsky_judge_measure(judge, t->validation, &result, err);
    nsky_judge_close(judge);
    if (status != NSKY_OK)
        return status;
    nsky_json *object = nsky_json_object();
    nsky_json_put_integer(object, "rows", (int64_t)result.rows);
    if (t->options.bins) {
        nsky_json_put_fixed(object, "sigma_mad", result.sigma_mad, 5);
        nsky_json_put_fixed(object, "bias", result.bias, 5);
        nsky_json_put_fixed(object, "outliers", result.outliers, 4);
    } else {
        nsky_json_put_fixed(object, "accuracy", result.accuracy, 4);
    }
    t->report.validation = t->options.bins ? result.sigma_mad : result.accuracy;
    nsky_json_put(line, "validation", object);
    return NSKY_OK;
}

nsky_status nsky_supervised_predict(nsky_trainer *t, const nsky_model *model, nsky_error *err)
{
    assert(t && t->target && model && err);
    nsky_judge *judge = NULL;
    nsky_status status = open_judge(t, model, &judge, err);

    if (status == NSKY_OK)
        status = nsky_judge_write(judge, t->options.predict, err);
    nsky_judge_close(judge);
    return status;
}
