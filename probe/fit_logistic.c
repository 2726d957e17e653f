/* fit_logistic.c - see fit.h: which strength is best, then the fits that are kept.
 *
 * All outputs and folds are fitted at once (newton.h), which is what takes the time; what is kept
 * LIBLINEAR has judged, and moved where it was not there yet.
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
#include "probe/newton.h"
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
    nsky_newton_rows rows, trial_rows; /* of x; of small, or x */
    nsky_newton_problem *problems;     /* [outputs * (folds + 1)] */
    uint8_t *positive;                 /* [outputs, n] */
    double c[STRENGTHS];
    uint32_t count; /* of strengths */
    uint32_t now, chosen;
    double *w;      /* [count, outputs, folds, trial_dim + 1] */
    double *scores; /* [outputs, n]: of rows held out, by the trial fits of `now` */
    double *kept;   /* [outputs, dim + 1]: of all rows */
    nsky_design *design;
} trials;

static double *weights_at(const trials *t, uint32_t strength)
{
    return t->w + (size_t)strength * t->fit->outputs * t->fit->folds * (t->trial_rows.dim + 1);
}

static double dot(const double *w, const double *x, uint32_t dim)
{
    double sum = w[dim];

    for (uint32_t j = 0; j < dim; j++)
        sum += w[j] * x[j];
    return sum;
}

/* One problem for each output and each of folds_wanted folds held out (fit->folds: none is), from
 * w [outputs, folds_wanted, dim + 1] on. */
static void set_problems(const trials *t, nsky_newton_problem *problems, uint32_t first_fold,
                         uint32_t folds_wanted, uint32_t dim, double c, double *w)
{
    const nsky_fit *fit = t->fit;

    for (uint32_t o = 0; o < fit->outputs; o++)
        for (uint32_t f = 0; f < folds_wanted; f++) {
            size_t index = (size_t)o * folds_wanted + f;
            bool all = first_fold + f == fit->folds;
            problems[index] = (nsky_newton_problem){.positive = t->positive + (size_t)o * fit->n,
                                                    .fold = fit->fold,
                                                    .out_of = all ? UINT32_MAX : first_fold + f,
                                                    .c = c};
            problems[index].w = w + index * (dim + 1);
        }
}

/* out [output * step_output + i * step_row]: the scores of the rows that each fit had not seen. */
static void score_held_out(const nsky_fit *fit, const double *x, uint32_t dim, const double *w,
                           double *out, size_t step_output, size_t step_row)
{
    for (uint32_t o = 0; o < fit->outputs; o++)
        for (uint32_t i = 0; i < fit->n; i++)
            out[o * step_output + i * step_row] = dot(
                w + ((size_t)o * fit->folds + fit->fold[i]) * (dim + 1), x + (size_t)i * dim, dim);
}

/* Every output and fold at the strength of `now`, from where the next weaker one ended. */
static nsky_status try_strength(trials *t, nsky_error *err)
{
    const nsky_fit *fit = t->fit;
    const uint32_t dim = t->trial_rows.dim;
    double *w = weights_at(t, t->now);

    if (t->now > 0)
        memcpy(w, weights_at(t, t->now - 1),
               (size_t)fit->outputs * fit->folds * (dim + 1) * sizeof *w);
    set_problems(t, t->problems, 0, fit->folds, dim, t->c[t->now], w);
    nsky_status status = nsky_newton_fit(&t->trial_rows, t->problems, fit->outputs * fit->folds,
                                         TOLERANCE_TRIAL, fit->threads, err);
    if (status == NSKY_OK)
        score_held_out(fit, t->trial_rows.x, dim, w, t->scores, fit->n, 1);
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
        nsky_status status = try_strength(t, err);
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
static void lift(const nsky_fit *fit, const double *from, double *w)
{
    if (fit->small) {
        nsky_multiply(w, fit->basis, from, fit->dim, fit->rank, 1);
        w[fit->dim] = from[fit->rank];
    } else {
        memcpy(w, from, (fit->dim + 1) * sizeof *w);
    }
}

/* The scores of rows held out, by fits on every number. */
static nsky_status hold_out(trials *t, nsky_error *err)
{
    const nsky_fit *fit = t->fit;
    const size_t stride = (size_t)fit->dim + 1, count = (size_t)fit->outputs * fit->folds;
    double *w = nsky_alloc_zero(count * stride, sizeof *w, err);

    if (!w)
        return err->status;
    for (size_t i = 0; i < count && t->w; i++)
        lift(fit, weights_at(t, t->chosen) + i * (t->trial_rows.dim + 1), w + i * stride);
    set_problems(t, t->problems, 0, fit->folds, fit->dim, t->c[t->chosen], w);
    nsky_status status = nsky_newton_fit(&t->rows, t->problems, (uint32_t)count, TOLERANCE_HELD_OUT,
                                         fit->threads, err);
    if (status == NSKY_OK)
        score_held_out(fit, fit->x, fit->dim, w, t->out->held_out, 1, fit->outputs);
    for (uint32_t o = 0; o < fit->outputs; o++) /* any fold is a fair start for all rows */
        memcpy(t->kept + o * stride, w + (size_t)o * fit->folds * stride, stride * sizeof *w);
    nsky_free(w);
    return status;
}

/* LIBLINEAR has the last word on each output; mostly it finds that it need not move. */
static nsky_status finish(void *payload, uint32_t output, nsky_error *err)
{
    trials *t = payload;
    const nsky_fit *fit = t->fit;
    double *w = t->kept + (size_t)output * (fit->dim + 1);
    nsky_status status =
        nsky_logistic_fit(t->design, t->positive + (size_t)output * fit->n, fit->fold, UINT32_MAX,
                          t->c[t->chosen], TOLERANCE_KEPT, w, err);

    memcpy(t->out->weights + (size_t)output * fit->dim, w, fit->dim * sizeof *w);
    t->out->bias[output] = w[fit->dim];
    return status;
}

static nsky_status keep(trials *t, nsky_error *err)
{
    const nsky_fit *fit = t->fit;
    nsky_status status = NSKY_OK;

    t->kept = nsky_alloc_zero((size_t)fit->outputs * (fit->dim + 1), sizeof *t->kept, err);
    if (!t->kept)
        return err->status;
    if (fit->folds > 0 && (status = hold_out(t, err)) != NSKY_OK)
        return status;
    set_problems(t, t->problems, fit->folds, 1, fit->dim, t->c[t->chosen], t->kept);
    if ((status = nsky_newton_fit(&t->rows, t->problems, fit->outputs, TOLERANCE_KEPT / 2,
                                  fit->threads, err)) != NSKY_OK ||
        (status = nsky_design_new(&t->design, fit->x, fit->n, fit->dim, err)) != NSKY_OK)
        return status;
    return nsky_tasks_run(fit->outputs, fit->threads, finish, t, err);
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

    t->w = nsky_alloc_zero((size_t)fit->outputs * fit->folds * t->count * (t->trial_rows.dim + 1),
                           sizeof *t->w, err);
    t->scores = nsky_alloc((size_t)fit->outputs * fit->n, sizeof *t->scores, err);
    return t->w && t->scores ? choose_strength(t, err) : err->status;
}

static nsky_status make_ready(trials *t, nsky_error *err)
{
    const nsky_fit *fit = t->fit;

    t->rows = (nsky_newton_rows){.x = fit->x,
                                 .n = fit->n,
                                 .dim = fit->dim,
                                 .basis = fit->basis,
                                 .spectrum = fit->spectrum,
                                 .rank = fit->rank,
                                 .rest = fit->rest};
    t->trial_rows = t->rows;
    if (fit->small) /* its own axes are those of the spectrum */
        t->trial_rows = (nsky_newton_rows){
            .x = fit->small, .n = fit->n, .dim = fit->rank, .spectrum = fit->spectrum};
    t->positive = nsky_alloc((size_t)fit->outputs * fit->n, 1, err);
    t->problems = nsky_alloc((size_t)fit->outputs * (fit->folds + 1), sizeof *t->problems, err);
    if (!t->positive || !t->problems)
        return err->status;
    for (uint32_t o = 0; o < fit->outputs; o++)
        for (uint32_t i = 0; i < fit->n; i++)
            t->positive[(size_t)o * fit->n + i] = nsky_fit_positive(fit, o, i);
    return NSKY_OK;
}

nsky_status nsky_fit_logistic(const nsky_fit *fit, double c_wish, nsky_classifier *out,
                              nsky_error *err)
{
    trials t = {.fit = fit, .out = out};
    nsky_status status = make_ready(&t, err);

    set_strengths(&t, c_wish);
    if (status == NSKY_OK && t.count > 1)
        status = run_trials(&t, err);
    if (status == NSKY_OK)
        status = keep(&t, err);
    out->c = t.c[t.chosen];
    nsky_free(t.positive);
    nsky_free(t.problems);
    nsky_free(t.w);
    nsky_free(t.scores);
    nsky_free(t.kept);
    nsky_design_free(t.design);
    return status;
}
