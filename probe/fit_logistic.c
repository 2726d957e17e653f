/* fit_logistic.c - see fit.h: which strength is best, then the fits that are kept.
 *
 * Strengths are tried on the leading directions where rows are many: the discarded ones hold next
 * to nothing, and the fits that are kept start from there but use every number. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "algebra/linalg.h"
#include "common/memory.h"
#include "probe/calibrate.h"
#include "probe/fit.h"
#include "probe/logistic.h"
#include "probe/tasks.h"

#define STRENGTHS 6
#define STRENGTH_FIRST 10.0 /* of C n, so that the grid suits any number of labels */
#define STRENGTH_DECADES 5.0
#define PATIENCE 2
#define TOLERANCE_TRIAL 0.05
#define TOLERANCE_HELD_OUT 0.02 /* an estimate of how well it works needs no more */
#define TOLERANCE_KEPT 1e-4

typedef struct trials {
    const nsky_fit *fit;
    nsky_classifier *out;
    const nsky_design *trial, *kept; /* of small (or x), of x */
    uint32_t trial_dim;
    uint8_t *positive; /* [outputs, n] */
    double c[STRENGTHS];
    uint32_t count; /* of strengths */
    uint32_t now, chosen;
    double *w;      /* [outputs, folds + 1, count, trial_dim + 1] */
    double *scores; /* [outputs, n]: of rows held out, by the trial fits of `now` */
} trials;

static double *weights_at(const trials *t, uint32_t output, uint32_t fold, uint32_t strength)
{
    size_t index = ((size_t)output * (t->fit->folds + 1) + fold) * t->count + strength;

    return t->w + index * (t->trial_dim + 1);
}

static double dot(const double *w, const double *x, uint32_t dim)
{
    double sum = w[dim];

    for (uint32_t j = 0; j < dim; j++)
        sum += w[j] * x[j];
    return sum;
}

/* One output, one fold held out, one strength: from where the next weaker one ended. */
static nsky_status try_strength(void *payload, uint32_t task, nsky_error *err)
{
    trials *t = payload;
    const nsky_fit *fit = t->fit;
    const uint32_t output = task / fit->folds, fold = task % fit->folds, dim = t->trial_dim;
    const double *x = fit->small ? fit->small : fit->x;
    double *w = weights_at(t, output, fold, t->now);

    if (t->now > 0)
        memcpy(w, weights_at(t, output, fold, t->now - 1), (dim + 1) * sizeof *w);
    nsky_status status = nsky_logistic_fit(t->trial, t->positive + (size_t)output * fit->n,
                                           fit->fold, fold, t->c[t->now], TOLERANCE_TRIAL, w, err);
    double *scores = t->scores + (size_t)output * fit->n;
    for (uint32_t i = 0; status == NSKY_OK && i < fit->n; i++)
        if (fit->fold[i] == fold)
            scores[i] = dot(w, x + (size_t)i * dim, dim);
    return status;
}

/* How much of the labels the scores leave open, once calibrated: -log likelihood a row, each class
 * weighing the same. A strength that only makes scores larger gains nothing. */
static nsky_status open_question(const nsky_fit *fit, const uint8_t *positive, const double *scores,
                                 double *loss, nsky_error *err)
{
    nsky_calibration calibration;
    double sums[2] = {0, 0};
    uint32_t counts[2] = {0, 0};
    nsky_status status = nsky_calibrate(&calibration, scores, positive, fit->n, err);

    if (status != NSKY_OK)
        return status;
    nsky_calibration_shift(&calibration, 0.5);
    for (uint32_t i = 0; i < fit->n; i++) {
        double p = nsky_calibrated(&calibration, scores[i]);
        counts[positive[i]]++;
        sums[positive[i]] -= log(fmax(positive[i] ? p : 1 - p, 1e-12));
    }
    *loss += sums[0] / counts[0] + sums[1] / counts[1];
    return NSKY_OK;
}

/* Weak to strong, until two in a row have been worse than the best: strong fits take longest. */
static nsky_status choose_strength(trials *t, nsky_error *err)
{
    const nsky_fit *fit = t->fit;
    double best = INFINITY;

    for (t->now = 0; t->now < t->count && t->now <= t->chosen + PATIENCE; t->now++) {
        double loss = 0;
        nsky_status status =
            nsky_tasks_run(fit->outputs * fit->folds, fit->threads, try_strength, t, err);
        for (uint32_t o = 0; o < fit->outputs && status == NSKY_OK; o++)
            status = open_question(fit, t->positive + (size_t)o * fit->n,
                                   t->scores + (size_t)o * fit->n, &loss, err);
        if (status != NSKY_OK)
            return status;
        if (loss < best) { /* ties: the weaker one */
            best = loss;
            t->chosen = t->now;
        }
    }
    return NSKY_OK;
}

/* w [dim + 1] in all numbers from trial weights. */
static void lift(const trials *t, const double *from, double *w)
{
    const nsky_fit *fit = t->fit;

    if (fit->small) {
        nsky_multiply(w, fit->basis, from, fit->dim, fit->rank, 1);
        w[fit->dim] = from[fit->rank];
    } else {
        memcpy(w, from, (fit->dim + 1) * sizeof *w);
    }
}

/* The fits that are kept: one for each fold held out, and (fold = folds) the classifier itself. */
static nsky_status keep(void *payload, uint32_t task, nsky_error *err)
{
    trials *t = payload;
    const nsky_fit *fit = t->fit;
    const uint32_t output = task / (fit->folds + 1), fold = task % (fit->folds + 1);
    const uint32_t dim = fit->dim;
    const bool all = fold == fit->folds;
    double *w = nsky_alloc_zero(dim + 1, sizeof *w, err);

    if (!w)
        return err->status;
    if (fit->folds > 0 && t->w) /* any fold is a fair start for the fit on all rows */
        lift(t, weights_at(t, output, all ? 0 : fold, t->chosen), w);
    nsky_status status = nsky_logistic_fit(t->kept, t->positive + (size_t)output * fit->n,
                                           fit->fold, all ? UINT32_MAX : fold, t->c[t->chosen],
                                           all ? TOLERANCE_KEPT : TOLERANCE_HELD_OUT, w, err);
    for (uint32_t i = 0; status == NSKY_OK && !all && i < fit->n; i++)
        if (fit->fold[i] == fold)
            t->out->held_out[(size_t)i * fit->outputs + output] =
                dot(w, fit->x + (size_t)i * dim, dim);
    if (status == NSKY_OK && all) {
        memcpy(t->out->weights + (size_t)output * dim, w, dim * sizeof *w);
        t->out->bias[output] = w[dim];
    }
    nsky_free(w);
    return status;
}

static void set_strengths(trials *t, double wish)
{
    t->count = wish > 0 || t->fit->folds == 0 ? 1 : STRENGTHS;
    t->c[0] = wish > 0 ? wish : 1;
    for (uint32_t s = 0; t->count > 1 && s < t->count; s++)
        t->c[s] = STRENGTH_FIRST * pow(10, STRENGTH_DECADES * s / (STRENGTHS - 1)) / t->fit->n;
}

static nsky_status run_trials(trials *t, nsky_error *err)
{
    const nsky_fit *fit = t->fit;
    nsky_design *small = NULL;
    nsky_status status = NSKY_OK;

    t->trial_dim = fit->small ? fit->rank : fit->dim;
    t->trial = t->kept;
    if (fit->small) {
        if ((status = nsky_design_new(&small, fit->small, fit->n, fit->rank, err)) != NSKY_OK)
            return status;
        t->trial = small;
    }
    t->w = nsky_alloc_zero((size_t)fit->outputs * (fit->folds + 1) * t->count * (t->trial_dim + 1),
                           sizeof *t->w, err);
    t->scores = nsky_alloc((size_t)fit->outputs * fit->n, sizeof *t->scores, err);
    status = t->w && t->scores ? choose_strength(t, err) : err->status;
    nsky_design_free(small);
    return status;
}

nsky_status nsky_fit_logistic(const nsky_fit *fit, double c_wish, nsky_classifier *out,
                              nsky_error *err)
{
    trials t = {.fit = fit, .out = out};
    nsky_design *kept = NULL;
    nsky_status status = nsky_design_new(&kept, fit->x, fit->n, fit->dim, err);

    if (status != NSKY_OK)
        return status;
    t.kept = kept;
    set_strengths(&t, c_wish);
    t.positive = nsky_alloc((size_t)fit->outputs * fit->n, 1, err);
    if (!t.positive) {
        status = err->status;
        goto done;
    }
    for (uint32_t o = 0; o < fit->outputs; o++)
        for (uint32_t i = 0; i < fit->n; i++)
            t.positive[(size_t)o * fit->n + i] = nsky_fit_positive(fit, o, i);
    if (t.count > 1 && (status = run_trials(&t, err)) != NSKY_OK)
        goto done;
    out->c = t.c[t.chosen];
    status = nsky_tasks_run(fit->outputs * (fit->folds + 1), fit->threads, keep, &t, err);
done:
    nsky_free(t.positive);
    nsky_free(t.w);
    nsky_free(t.scores);
    nsky_design_free(kept);
    return status;
}
