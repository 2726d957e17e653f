/* train.c - see train.h: from labels to a fit; what it is worth is in judge.c. */
#include "probe/train.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/memory.h"
#include "common/version.h"
#include "probe/judge.h"
#include "probe/ridge.h"

typedef struct training {
    const nsky_search *search;
    nsky_labels *labels;
    const nsky_train_options *options;
    uint32_t n, dim;
    float *x;        /* [n, dim] */
    uint32_t *class; /* [n] */
    double *value;   /* [n] */
    nsky_probe *probe;
} training;

static void take_vector(uint64_t i, const float *x, void *payload)
{
    const training *t = payload;

    memcpy(t->x + i * t->dim, x, t->dim * sizeof *x);
}

/* The vectors of labels [count], whose rows have one. */
static nsky_status read_vectors(training *t, uint32_t count, nsky_error *err)
{
    uint32_t *rows = nsky_alloc(count, sizeof *rows, err);

    if (!rows)
        return err->status;
    for (uint32_t i = 0; i < count; i++)
        rows[i] = (uint32_t)t->labels->items[i].row;
    nsky_status status = nsky_search_vectors(t->search, rows, count, take_vector, t, err);
    nsky_free(rows);
    return status;
}

/* Labels of rows that the generation has. */
static void drop_later(nsky_labels *labels, uint64_t rows)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < labels->count; i++)
        if (labels->items[i].row < rows)
            labels->items[kept++] = labels->items[i];
    labels->count = kept;
}

/* Labels of rows that have a vector, and the vectors. */
static nsky_status gather(training *t, nsky_error *err)
{
    nsky_labels *labels = t->labels;
    uint32_t kept = 0;

    t->dim = nsky_search_dim(t->search);
    if ((uint64_t)labels->count * t->dim > NSKY_LABEL_VALUES_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "%u labels of %u numbers are more than fit; %llu do",
                         labels->count, t->dim,
                         (unsigned long long)(NSKY_LABEL_VALUES_MAX / t->dim));
    drop_later(labels, nsky_search_rows(t->search));
    t->x = nsky_alloc((size_t)labels->count * t->dim, sizeof *t->x, err);
    t->class = nsky_alloc(labels->count, sizeof *t->class, err);
    t->value = nsky_alloc(labels->count, sizeof *t->value, err);
    if (!t->x || !t->class || !t->value)
        return err->status;
    nsky_status status = read_vectors(t, labels->count, err);
    for (uint32_t i = 0; i < labels->count && status == NSKY_OK; i++) {
        const float *x = t->x + (size_t)i * t->dim;
        bool blank = true;
        for (uint32_t j = 0; j < t->dim; j++)
            blank = blank && x[j] == 0;
        if (blank)
            continue;
        memmove(t->x + (size_t)kept * t->dim, x, t->dim * sizeof *x);
        t->class[kept] = labels->items[i].class;
        t->value[kept] = labels->items[i].value;
        labels->items[kept++] = labels->items[i];
    }
    labels->count = t->n = kept;
    return status;
}

/* A file that names one class only becomes that class against drawn rows. */
static void make_room_for_background(nsky_labels *labels)
{
    if (labels->classes != 1)
        return;
    memcpy(labels->names[1], labels->names[0], NSKY_CLASS_BYTES);
    memcpy(labels->names[0], NSKY_NEGATIVE, sizeof NSKY_NEGATIVE);
    labels->classes = 2;
    for (uint32_t i = 0; i < labels->count; i++)
        labels->items[i].class = 1;
}

static nsky_status check_classes(const training *t, nsky_error *err)
{
    uint32_t counts[NSKY_CLASSES_MAX] = {0};
    const nsky_labels *labels = t->labels;

    if (t->n == 0)
        return nsky_fail(err, NSKY_EINVAL,
                         "none of the labelled objects has a vector; run "
                         "`nearsky embed` first");
    for (uint32_t i = 0; i < t->n; i++)
        counts[t->class[i]]++;
    for (uint32_t c = 0; c < labels->classes && !t->options->regression; c++)
        if (counts[c] == 0)
            return nsky_fail(err, NSKY_EINVAL,
                             "no label says \"%s\": label some, or draw negatives from the survey "
                             "(--background N)",
                             labels->names[c]);
    if (labels->classes < 2 && !t->options->regression)
        return nsky_fail(err, NSKY_EINVAL,
                         "all labels say \"%s\": there must be others, or negatives drawn from the "
                         "survey (--background N)",
                         labels->names[0]);
    return NSKY_OK;
}

static void take_weights(nsky_probe *probe, const double *weights, const double *bias)
{
    for (size_t i = 0; i < (size_t)probe->outputs * probe->dim; i++)
        probe->weights[i] = (float)weights[i];
    for (uint32_t o = 0; o < probe->outputs; o++)
        probe->bias[o] = (float)bias[o];
}

static nsky_status fit_classes(training *t, nsky_error *err)
{
    const nsky_train_options *o = t->options;
    const nsky_classifier_options options = {
        .method = o->method, .c = o->c, .folds = o->folds, .seed = o->seed, .threads = o->threads};
    nsky_classifier *c = NULL;
    nsky_status status =
        nsky_classifier_fit(&c, t->x, t->n, t->dim, t->class, t->labels->classes, &options, err);

    if (status != NSKY_OK)
        return status;
    take_weights(t->probe, c->weights, c->bias);
    nsky_json *method = nsky_json_object();
    bool logistic = c->method == NSKY_PROBE_LOGISTIC;
    nsky_json_put_string(method, "name",
                         logistic ? "L2 logistic regression, classes weighing the same (LIBLINEAR)"
                                  : "linear discriminant, covariance shrunk (Ledoit-Wolf)");
    nsky_json_put_number(method, logistic ? "c" : "shrinkage", logistic ? c->c : c->shrinkage);
    nsky_json_put_integer(method, "folds", c->folds);
    nsky_json_put_integer(method, "seed", (int64_t)o->seed);
    nsky_json_put_integer(method, "background", o->background);
    nsky_json_put_bool(method, "background_matched", o->match_background);
    t->probe->method = method;
    if (c->folds > 0)
        status = nsky_judge_classes(t->probe, t->search, c->held_out, t->class, t->n, o, err);
    nsky_classifier_free(c);
    return status;
}

static nsky_status fit_numbers(training *t, nsky_error *err)
{
    nsky_ridge *r = NULL;
    nsky_status status = nsky_ridge_fit(&r, t->x, t->n, t->dim, t->value, NULL, 0, err);

    if (status != NSKY_OK)
        return status;
    take_weights(t->probe, r->weights, &r->bias);
    nsky_json *method = nsky_json_object();
    nsky_json_put_string(method, "name", "ridge regression, strength by leave-one-out");
    nsky_json_put_number(method, "alpha", r->alpha);
    t->probe->method = method;
    status = nsky_judge_numbers(t->probe, r->held_out, t->value, t->n, t->options, err);
    nsky_ridge_free(r);
    return status;
}

static nsky_status describe(training *t, nsky_error *err)
{
    const nsky_json *manifest = nsky_search_manifest(t->search);
    const nsky_json *model = nsky_json_get(manifest, "model");
    const char *name = nsky_json_get_string(model, "name");
    const char *sha256 = nsky_json_get_string(model, "sha256");
    const char *preprocess = nsky_json_get_string(manifest, "preprocess_sha256");
    nsky_probe *probe = t->probe;

    if (!sha256 || !preprocess)
        return nsky_fail(err, NSKY_EDATA,
                         "the manifest of generation %u does not say whose vectors they are; run "
                         "`nearsky embed` again",
                         nsky_search_generation(t->search));
    snprintf(probe->name, sizeof probe->name, "%s", t->options->name);
    snprintf(probe->target, sizeof probe->target, "%s", t->options->target);
    snprintf(probe->model_name, sizeof probe->model_name, "%s", name ? name : "");
    snprintf(probe->model_sha256, sizeof probe->model_sha256, "%s", sha256);
    snprintf(probe->preprocess_sha256, sizeof probe->preprocess_sha256, "%s", preprocess);
    snprintf(probe->created_by, sizeof probe->created_by, "nearsky %s (%s)", nsky_version(),
             nsky_commit());
    probe->generation = nsky_search_generation(t->search);
    memcpy(probe->names, t->labels->names, probe->classes * sizeof *probe->names);
    probe->labels = nsky_alloc(t->n, sizeof *probe->labels, err);
    if (!probe->labels)
        return err->status;
    memcpy(probe->labels, t->labels->items, t->n * sizeof *probe->labels);
    probe->label_count = t->n;
    probe->rows_known = true;
    probe->background = t->options->background;
    return NSKY_OK;
}

nsky_status nsky_probe_train(nsky_probe **out, const nsky_search *search, nsky_survey *survey,
                             nsky_labels *labels, const nsky_train_options *options,
                             nsky_error *err)
{
    assert(out && search && survey && labels && options && options->name && options->target && err);
    training t = {.search = search, .labels = labels, .options = options};
    nsky_status status = NSKY_OK;

    *out = NULL;
    if (options->background > 0 && !options->regression) {
        make_room_for_background(labels);
        status = nsky_background_draw(labels, search, survey, options, err);
    }
    if (status == NSKY_OK && (status = gather(&t, err)) == NSKY_OK &&
        (status = check_classes(&t, err)) == NSKY_OK) {
        nsky_probe_kind kind = options->regression    ? NSKY_PROBE_REGRESSION
                               : labels->classes == 2 ? NSKY_PROBE_BINARY
                                                      : NSKY_PROBE_CLASSES;
        status = nsky_probe_new(&t.probe, kind, t.dim, labels->classes, err);
    }
    if (status == NSKY_OK && (status = describe(&t, err)) == NSKY_OK &&
        (status = nsky_judge_novelty(t.probe, t.x, t.n, err)) == NSKY_OK)
        status = options->regression ? fit_numbers(&t, err) : fit_classes(&t, err);
    nsky_free(t.x);
    nsky_free(t.class);
    nsky_free(t.value);
    if (status == NSKY_OK)
        *out = t.probe;
    else
        nsky_probe_free(t.probe);
    return status;
}
