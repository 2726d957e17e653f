/* morphology.c - the classes of galaxies from a few labels of each. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "eval/split.h"
#include "eval/spread.h"
#include "eval/task.h"
#include "probe/classifier.h"
#include "probe/tasks.h"

/* What a probe said of the objects it was tested on. */
typedef struct answers {
    nsky_split split;
    uint32_t *guess; /* [split.test_count] */
} answers;

typedef struct work {
    const nsky_task *task;
    const nsky_features *features;
    uint32_t *kind; /* [n]: the class, of those that occur, or NSKY_SPLIT_LEAVE */
    const char *names[NSKY_EVAL_CLASSES_MAX];
    uint32_t count[NSKY_EVAL_CLASSES_MAX], quota[NSKY_EVAL_CLASSES_MAX];
    uint32_t classes;
    answers *draws;
} work;

/* Classes with fewer than two objects cannot be learned and judged. */
static nsky_status find_kinds(work *w, nsky_error *err)
{
    const nsky_truth *truth = w->task->truth;

    if (!(w->kind = nsky_alloc(truth->n, sizeof *w->kind, err)))
        return err->status;
    for (uint32_t i = 0; i < truth->n; i++)
        w->kind[i] = NSKY_SPLIT_LEAVE;
    for (uint32_t c = 0; c < w->task->class_count; c++) {
        uint32_t class = nsky_truth_class(truth, w->task->classes[c]), count = 0;
        for (uint32_t i = 0; i < truth->n && class != NSKY_TRUTH_NONE; i++)
            count += truth->objects[i].class == class;
        if (count < 2)
            continue;
        for (uint32_t i = 0; i < truth->n; i++)
            if (truth->objects[i].class == class)
                w->kind[i] = w->classes;
        w->names[w->classes] = w->task->classes[c];
        w->count[w->classes++] = count;
    }
    return w->classes >= 2
               ? NSKY_OK
               : nsky_fail(err, NSKY_ENOTFOUND, "fewer than two of the classes asked for occur");
}

static nsky_status guess(const work *w, answers *a, const nsky_classifier *classifier,
                         nsky_error *err)
{
    const uint32_t n = a->split.test_count, outputs = classifier->outputs;
    float *rows = nsky_split_rows(w->features->x, w->features->dim, a->split.test, n, err);
    double *scores = nsky_alloc((size_t)n * outputs, sizeof *scores, err);
    nsky_status status = NSKY_OK;

    a->guess = nsky_alloc(n, sizeof *a->guess, err);
    if (!rows || !scores || !a->guess)
        status = err->status;
    else {
        nsky_classifier_score(classifier, rows, n, scores);
        for (uint32_t i = 0; i < n; i++)
            a->guess[i] = nsky_classifier_guess(classifier, scores + (size_t)i * outputs);
    }
    nsky_free(rows);
    nsky_free(scores);
    return status;
}

static nsky_status run_draw(void *payload, uint32_t draw, nsky_error *err)
{
    const work *w = payload;
    answers *a = &w->draws[draw];
    nsky_classifier *classifier = NULL;
    nsky_status status = nsky_split_draw(&a->split, w->task->truth, w->kind, w->classes, w->quota,
                                         NSKY_TEST_HALF, w->task->seed, draw, err);

    if (status == NSKY_OK &&
        (status = nsky_split_fit(&classifier, &a->split, w->features, w->kind, w->classes,
                                 w->task->seed + draw, err)) == NSKY_OK)
        status = guess(w, a, classifier, err);
    nsky_classifier_free(classifier);
    return status;
}

/* out: macro-F1, accuracy, then the F1 of each class. */
static void measure(const void *payload, uint32_t draw, uint32_t replicate, double *out)
{
    const work *w = payload;
    const answers *a = &w->draws[draw];
    double right[NSKY_EVAL_CLASSES_MAX] = {0}, truly[NSKY_EVAL_CLASSES_MAX] = {0},
           guessed[NSKY_EVAL_CLASSES_MAX] = {0}, sum = 0, all = 0, right_sum = 0;
    uint32_t met = 0;

    for (uint32_t i = 0; i < a->split.test_count; i++) {
        uint32_t object = a->split.test[i], kind = w->kind[object];
        double weight = nsky_bootstrap_weight(w->task->bootstrap, replicate, object);
        truly[kind] += weight;
        guessed[a->guess[i]] += weight;
        right[kind] += kind == a->guess[i] ? weight : 0;
    }
    for (uint32_t c = 0; c < w->classes; c++) {
        all += truly[c];
        right_sum += right[c];
        out[2 + c] = truly[c] > 0 ? 2 * right[c] / (truly[c] + guessed[c]) : NAN;
        if (truly[c] > 0) {
            sum += out[2 + c];
            met++;
        }
    }
    out[0] = met ? sum / met : NAN;
    out[1] = all > 0 ? right_sum / all : NAN;
}

static nsky_status add_scores(nsky_scores *scores, const work *w, uint32_t labels, nsky_error *err)
{
    const nsky_spread spread = {w->task->bootstrap,
                                w->task->morphology_draws,
                                2 + w->classes,
                                w->task->threads,
                                measure,
                                w};
    nsky_interval numbers[2 + NSKY_EVAL_CLASSES_MAX];
    const uint32_t n = w->draws[0].split.test_count;
    nsky_status status = nsky_spread_measure(numbers, &spread, err);

    if (status != NSKY_OK ||
        (status = nsky_scores_add(scores, numbers[0], n, err, "morphology.%u.macro_f1", labels)) !=
            NSKY_OK ||
        (status = nsky_scores_add(scores, numbers[1], n, err, "morphology.%u.accuracy", labels)) !=
            NSKY_OK)
        return status;
    for (uint32_t c = 0; c < w->classes && status == NSKY_OK; c++)
        status = nsky_scores_add(scores, numbers[2 + c], w->count[c], err, "morphology.%u.f1.%s",
                                 labels, w->names[c]);
    return status;
}

/* As many labels of each class, as long as half of the class is left to judge by. */
static void share_out(work *w, uint32_t labels)
{
    memset(w->quota, 0, sizeof w->quota);
    for (uint32_t given = 0, before = UINT32_MAX; given < labels && given != before;) {
        before = given;
        for (uint32_t c = 0; c < w->classes && given < labels; c++)
            if (w->quota[c] < w->count[c] / 2) {
                w->quota[c]++;
                given++;
            }
    }
}

static nsky_status run_budget(nsky_scores *scores, work *w, uint32_t labels, nsky_error *err)
{
    nsky_status status;

    share_out(w, labels);
    if (!(w->draws = nsky_alloc_zero(w->task->morphology_draws, sizeof *w->draws, err)))
        return err->status;
    status = nsky_tasks_run(w->task->morphology_draws, w->task->threads, run_draw, w, err);
    if (status == NSKY_OK)
        status = add_scores(scores, w, labels, err);
    for (uint32_t d = 0; d < w->task->morphology_draws; d++) {
        nsky_split_clear(&w->draws[d].split);
        nsky_free(w->draws[d].guess);
    }
    nsky_free(w->draws);
    return status;
}

nsky_status nsky_task_morphology(nsky_scores *scores, const nsky_task *task,
                                 const nsky_features *features, nsky_error *err)
{
    assert(scores && task && features && err);
    work w = {.task = task, .features = features};
    uint32_t objects = 0;
    nsky_status status = find_kinds(&w, err);

    for (uint32_t c = 0; c < w.classes; c++)
        objects += w.count[c];
    for (uint32_t b = 0; b < task->morphology_budgets && status == NSKY_OK; b++) {
        const uint32_t labels = task->morphology_labels[b];
        if (labels >= w.classes && labels <= objects / 2)
            status = run_budget(scores, &w, labels, err);
        else if (b == 0)
            status = nsky_fail(err, NSKY_ENOTFOUND, "%u labels of %u galaxies leave none to judge",
                               labels, objects);
    }
    nsky_free(w.kind);
    return status;
}
