/* invariance.c - a stamp turned, noisier or blurrier: is its own object still the nearest? */
#include <assert.h>
#include <math.h>

#include "common/memory.h"
#include "eval/spread.h"
#include "eval/task.h"
#include "probe/tasks.h"

static const char *const names[NSKY_CHANGES] = {"rotation", "noise", "seeing"};

/* Of one changed object. */
typedef struct outcome {
    double cosine, next; /* to the object itself; to the nearest other one */
    uint32_t rank;       /* 1: nothing is nearer; 0: it has no vector */
} outcome;

enum { COSINE, NEXT, FIRST, AMONG_10, NUMBERS };

typedef struct work {
    const nsky_task *task;
    const nsky_features *features;
    int change;
    outcome *outcomes; /* [changed->count] */
} work;

static double dot(const float *a, const float *b, uint32_t dim)
{
    double sum = 0;

    for (uint32_t j = 0; j < dim; j++)
        sum += (double)a[j] * b[j];
    return sum;
}

static nsky_status look(void *payload, uint32_t which, nsky_error *err)
{
    const work *w = payload;
    const nsky_features *f = w->features;
    const float *changed = f->changed->x[w->change] + (size_t)which * f->dim;
    const uint32_t self = f->changed->objects[which];
    const float *own = f->x + (size_t)self * f->dim;
    double length = sqrt(dot(changed, changed, f->dim)), length_own = sqrt(dot(own, own, f->dim));
    outcome *o = &w->outcomes[which];

    (void)err;
    *o = (outcome){NAN, NAN, 0};
    if (!(length > 0 && length_own > 0))
        return NSKY_OK;
    *o = (outcome){dot(changed, own, f->dim) / length, -1, 1};
    for (uint32_t i = 0; i < f->n; i++) {
        double cosine = dot(changed, f->x + (size_t)i * f->dim, f->dim) / length;
        if (i == self)
            continue;
        o->rank += cosine >= o->cosine; /* the worse place of equals */
        o->next = fmax(o->next, cosine);
    }
    return NSKY_OK;
}

static void measure(const void *payload, uint32_t draw, uint32_t replicate, double *out)
{
    const work *w = payload;
    const nsky_changed *changed = w->features->changed;
    double all = 0;

    (void)draw;
    for (int k = 0; k < NUMBERS; k++)
        out[k] = 0;
    for (uint32_t i = 0; i < changed->count; i++) {
        const outcome *o = &w->outcomes[i];
        double weight = nsky_bootstrap_weight(w->task->bootstrap, replicate, changed->objects[i]);
        if (o->rank == 0)
            continue;
        all += weight;
        out[COSINE] += weight * o->cosine;
        out[NEXT] += weight * o->next;
        out[FIRST] += o->rank == 1 ? weight : 0;
        out[AMONG_10] += o->rank <= 10 ? weight : 0;
    }
    for (int k = 0; k < NUMBERS; k++)
        out[k] = all > 0 ? out[k] / all : NAN;
}

static nsky_status add_scores(nsky_scores *scores, const work *w, nsky_error *err)
{
    static const char *const keys[NUMBERS] = {"cosine", "cosine_of_next", "first", "among_10"};
    const nsky_spread spread = {w->task->bootstrap, 1, NUMBERS, w->task->threads, measure, w};
    nsky_interval numbers[NUMBERS];
    uint32_t count = 0;
    nsky_status status = nsky_spread_measure(numbers, &spread, err);

    for (uint32_t i = 0; i < w->features->changed->count; i++)
        count += w->outcomes[i].rank > 0;
    for (int k = 0; k < NUMBERS && status == NSKY_OK && count > 0; k++) {
        if (k >= FIRST)
            numbers[k] =
                nsky_interval_widest(numbers[k], nsky_wilson(numbers[k].value * count, count));
        status = nsky_scores_add(scores, numbers[k], count, err, "invariance.%s.%s",
                                 names[w->change], keys[k]);
    }
    return status;
}

nsky_status nsky_task_invariance(nsky_scores *scores, const nsky_task *task,
                                 const nsky_features *features, nsky_error *err)
{
    assert(scores && task && features && err);
    work w = {task, features, 0, NULL};
    nsky_status status = NSKY_OK;

    if (!features->changed)
        return NSKY_OK;
    if (!(w.outcomes = nsky_alloc(features->changed->count, sizeof *w.outcomes, err)))
        return err->status;
    for (; w.change < NSKY_CHANGES && status == NSKY_OK; w.change++) {
        status = nsky_tasks_run(features->changed->count, task->threads, look, &w, err);
        if (status == NSKY_OK)
            status = add_scores(scores, &w, err);
    }
    nsky_free(w.outcomes);
    return status;
}
