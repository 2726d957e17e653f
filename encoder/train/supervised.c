/* supervised.c - what a training from labels has that one from pairs has not. Thread rule: one
 * thread. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/memory.h"
#include "encoder/train/judge.h"
#include "encoder/train/trainer.h"

/* The rows that have labels to learn, ascending. */
static nsky_status labelled(const nsky_trainer *t, const nsky_heads *heads,
                            const nsky_target *target, uint64_t **rows, uint64_t *count,
                            nsky_error *err)
{
    if (t->heads.count > 0)
        return nsky_heads_rows(heads, rows, count, err);
    *count = target->labels.count;
    if (!(*rows = nsky_alloc(*count, sizeof **rows, err)))
        return NSKY_ENOMEM;
    for (uint64_t i = 0; i < *count; i++)
        (*rows)[i] = target->labels.labels[i].row;
    return NSKY_OK;
}

/* What is trained on proves nothing. */
static nsky_status check_disjoint(const nsky_trainer *t, const uint64_t *a, uint64_t a_count,
                                  const uint64_t *b, uint64_t b_count, nsky_error *err)
{
    uint64_t i = 0, k = 0;

    while (i < a_count && k < b_count) {
        uint64_t x = a[i], y = b[k];
        if (x == y)
            return nsky_fail(err, NSKY_EINVAL,
                             "%s: row %llu of the stores is among the labels to train on too",
                             t->options.validate, (unsigned long long)x);
        i += x < y;
        k += y < x;
    }
    return NSKY_OK;
}

/* Batches are of labelled rows alone; what is measured on must be others. */
static nsky_status restrict_rows(nsky_trainer *t, nsky_error *err)
{
    uint64_t *rows = NULL, *others = NULL, count, other_count;
    nsky_status status = labelled(t, &t->heads, t->target, &rows, &count, err);

    if (status == NSKY_OK)
        status = nsky_loader_restrict(t->loader, rows, count, err);
    if (status == NSKY_OK && t->options.validate &&
        (status = labelled(t, &t->heads_validation, t->validation, &others, &other_count, err)) ==
            NSKY_OK)
        status = check_disjoint(t, rows, count, others, other_count, err);
    nsky_free(rows);
    nsky_free(others);
    return status;
}

/* One column. */
static nsky_status open_targets(nsky_trainer *t, nsky_error *err)
{
    const nsky_train_options *o = &t->options;
    nsky_target_how how = {o->label_column, o->bins ? NSKY_TARGET_BINS : NSKY_TARGET_CLASSES,
                           o->bins, NULL};
    nsky_status status = nsky_target_open(&t->target, o->labels, &how, t->loader, err);

    how.like = t->target;
    return status == NSKY_OK && o->validate
               ? nsky_target_open(&t->validation, o->validate, &how, t->loader, err)
               : status;
}

static nsky_status open_heads(nsky_trainer *t, nsky_error *err)
{
    const nsky_train_options *o = &t->options;
    nsky_status status = nsky_heads_parse(&t->heads, o->heads, err);

    if (status == NSKY_OK)
        status = nsky_heads_open(&t->heads, o->labels, NULL, t->loader, err);
    if (status != NSKY_OK || !o->validate ||
        (status = nsky_heads_parse(&t->heads_validation, o->heads, err)) != NSKY_OK)
        return status;
    return nsky_heads_open(&t->heads_validation, o->validate, &t->heads, t->loader, err);
}

nsky_status nsky_supervised_open(nsky_trainer *t, nsky_error *err)
{
    assert(t && t->loader && t->options.labels && err);
    nsky_status status = t->options.heads ? open_heads(t, err) : open_targets(t, err);
    uint32_t each = t->options.heads ? t->heads.count : 1;

    if (status != NSKY_OK || (status = restrict_rows(t, err)) != NSKY_OK)
        return status;
    t->classes = nsky_alloc_zero((size_t)t->options.batch * each, sizeof *t->classes, err);
    return t->classes ? NSKY_OK : NSKY_ENOMEM;
}

void nsky_supervised_labels(nsky_trainer *t, const uint64_t *rows)
{
    assert(t && rows && t->classes);
    for (uint32_t i = 0; i < t->options.batch; i++)
        if (t->target)
            t->classes[i] = nsky_target_class(t->target, rows[i]);
        else
            nsky_heads_find(&t->heads, rows[i], t->classes + (size_t)i * t->heads.count);
}

/* What learned a target, its outputs beginning at `first` of fc; by the weights that the model has.
 */
static nsky_judge_head head_of(const nsky_trainer *t, const nsky_target *target, uint32_t first,
                               const char *column)
{
    const nsky_train_param *weight = nsky_train_param_named(&t->query, "fc.weight");
    const nsky_train_param *bias = nsky_train_param_named(&t->query, "fc.bias");
    const nsky_learner_state *state = nsky_learner_state_of(t->learner);
    const float *params = t->options.slow ? state->slow_params : state->params;

    assert(weight && bias);
    return (nsky_judge_head){target, params + weight->offset + (size_t)first * weight->shape[1],
                             params + bias->offset + first, column};
}

static nsky_status open_judge(nsky_trainer *t, const nsky_model *model,
                              const nsky_judge_head *heads, uint32_t count, nsky_judge **out,
                              nsky_error *err)
{
    const nsky_encoder_options how = {t->options.device, t->options.precision, 0};

    return nsky_judge_open(out, model, &how, t->loader, heads, count, t->heads.count > 0, err);
}

/* How well one target does, as JSON; what is the best single number of it. */
static nsky_status measure_one(nsky_trainer *t, const nsky_model *model, const nsky_target *target,
                               uint32_t first, const nsky_target *truth, nsky_json *line,
                               const char *key, double *best, nsky_error *err)
{
    nsky_judge *judge = NULL;
    nsky_judge_result result;
    const nsky_judge_head head = head_of(t, target, first, NULL);
    nsky_status status = open_judge(t, model, &head, 1, &judge, err);

    if (status == NSKY_OK)
        status = nsky_judge_measure(judge, truth, &result, err);
    nsky_judge_close(judge);
    if (status != NSKY_OK)
        return status;
    nsky_json *object = nsky_json_object();
    nsky_json_put_integer(object, "rows", (int64_t)result.rows);
    if (target->values) {
        nsky_json_put_fixed(object, "sigma_mad", result.sigma_mad, 5);
        nsky_json_put_fixed(object, "bias", result.bias, 5);
        nsky_json_put_fixed(object, "outliers", result.outliers, 4);
    } else {
        nsky_json_put_fixed(object, "accuracy", result.accuracy, 4);
    }
    *best = target->values ? result.sigma_mad : result.accuracy;
    nsky_json_put(line, key, object);
    return NSKY_OK;
}

nsky_status nsky_supervised_measure(nsky_trainer *t, const nsky_model *model, nsky_json *line,
                                    nsky_error *err)
{
    assert(t && t->options.validate && model && line && err);
    if (t->target)
        return measure_one(t, model, t->target, 0, t->validation, line, "validation",
                           &t->report.validation, err);
    nsky_json *all = nsky_json_object();
    nsky_status status = NSKY_OK;
    for (uint32_t h = t->heads.count; h-- > 0 && status == NSKY_OK;) { /* the first is reported */
        const nsky_head *head = &t->heads.list[h];
        char key[NSKY_HEAD_COLUMN_BYTES + 16];
        if (head->near)
            continue;
        snprintf(key, sizeof key, "%u:%s", h, head->column);
        status =
            measure_one(t, model, head->target, head->first, t->heads_validation.list[h].target,
                        all, key, &t->report.validation, err);
    }
    nsky_json_put(line, "validation", all);
    return status;
}

nsky_status nsky_supervised_predict(nsky_trainer *t, const nsky_model *model, nsky_error *err)
{
    assert(t && model && err);
    nsky_judge_head heads[NSKY_HEADS_MAX];
    nsky_judge *judge = NULL;
    uint32_t count = 0;

    if (t->target)
        heads[count++] = head_of(t, t->target, 0, NULL);
    for (uint32_t h = 0; h < t->heads.count; h++) {
        const nsky_head *head = &t->heads.list[h];
        if (!head->near) /* which has nothing to say */
            heads[count++] = head_of(t, head->target, head->first, head->column);
    }
    nsky_status status = open_judge(t, model, heads, count, &judge, err);
    if (status == NSKY_OK)
        status = nsky_judge_write(judge, t->options.predict, err);
    nsky_judge_close(judge);
    return status;
}
