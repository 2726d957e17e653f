/* redshift.c - how well the redshift of a galaxy that was left out is told by those that were not.
 *
 * d = (estimate - truth) / (1 + truth); folds are whole groups of objects.
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "eval/neighbours.h"
#include "eval/split.h"
#include "eval/spread.h"
#include "eval/task.h"
#include "probe/ridge.h"

#define FOLDS 5
#define GALAXIES_MIN 50

enum number { BIAS, SIGMA_MAD, OUTLIERS_05, OUTLIERS_15, NUMBERS };

typedef struct error {
    double d;
    uint32_t object;
} error;

typedef struct work {
    const nsky_task *task;
    const nsky_features *features;
    uint32_t *objects; /* [count] with a redshift, ascending */
    uint32_t count;
    uint32_t *fold;   /* [n] */
    uint8_t *known;   /* [n] */
    double *estimate; /* [count] */
    error *errors;    /* [count], ascending by d */
} work;

static double truth_of(const work *w, uint32_t object)
{
    return w->task->truth->objects[object].z_spec;
}

static nsky_status prepare(work *w, nsky_error *err)
{
    const nsky_truth *truth = w->task->truth;

    w->objects = nsky_alloc(truth->n, sizeof *w->objects, err);
    w->fold = nsky_alloc(truth->n, sizeof *w->fold, err);
    w->known = nsky_alloc_zero(truth->n, 1, err);
    w->estimate = nsky_alloc(truth->n, sizeof *w->estimate, err);
    w->errors = nsky_alloc(truth->n, sizeof *w->errors, err);
    if (!w->objects || !w->fold || !w->known || !w->estimate || !w->errors)
        return err->status;
    for (uint32_t i = 0; i < truth->n; i++)
        if (isfinite(truth->objects[i].z_spec)) {
            w->objects[w->count++] = i;
            w->known[i] = 1;
        }
    if (w->count < GALAXIES_MIN)
        return nsky_fail(err, NSKY_ENOTFOUND, "%u objects have a redshift, fewer than %d", w->count,
                         GALAXIES_MIN);
    return nsky_split_folds(w->fold, truth, FOLDS, w->task->seed, err);
}

static nsky_status ridge_fold(work *w, uint32_t fold, nsky_error *err)
{
    const nsky_features *f = w->features;
    uint32_t *train = nsky_alloc(w->count, sizeof *train, err), count = 0;
    double *y = nsky_alloc(w->count, sizeof *y, err);
    float *rows = NULL;
    nsky_ridge *ridge = NULL;
    nsky_status status = train && y ? NSKY_OK : err->status;

    for (uint32_t i = 0; i < w->count && status == NSKY_OK; i++)
        if (w->fold[w->objects[i]] != fold) {
            train[count] = w->objects[i];
            y[count++] = truth_of(w, w->objects[i]);
        }
    if (status == NSKY_OK && !(rows = nsky_split_rows(f->x, f->dim, train, count, err)))
        status = err->status;
    if (status == NSKY_OK)
        status = nsky_ridge_fit(&ridge, rows, count, f->dim, y, NULL, 0, err);
    for (uint32_t i = 0; i < w->count && status == NSKY_OK; i++)
        if (w->fold[w->objects[i]] == fold)
            w->estimate[i] = nsky_ridge_estimate(ridge, f->x + (size_t)w->objects[i] * f->dim);
    nsky_ridge_free(ridge);
    nsky_free(rows);
    nsky_free(train);
    nsky_free(y);
    return status;
}

/* The mean redshift of the nearest of the other folds; of all of them for a blank vector. */
static nsky_status by_neighbours(work *w, nsky_error *err)
{
    const uint32_t k = w->task->neighbours;
    uint32_t *found = nsky_alloc((size_t)w->count * k, sizeof *found, err);
    double mean = 0;

    if (!found)
        return err->status;
    nsky_neighbours_query query = {.features = w->features,
                                   .queries = w->objects,
                                   .count = w->count,
                                   .k = k,
                                   .side = w->fold,
                                   .candidate = w->known,
                                   .threads = w->task->threads};
    nsky_status status = nsky_neighbours_find(found, &query, err);
    for (uint32_t i = 0; i < w->count; i++)
        mean += truth_of(w, w->objects[i]) / w->count;
    for (uint32_t i = 0; i < w->count && status == NSKY_OK; i++) {
        const uint32_t *near = found + (size_t)i * k;
        double sum = 0;
        uint32_t met = 0;
        for (; met < k && near[met] != NSKY_NEIGHBOUR_NONE; met++)
            sum += truth_of(w, near[met]);
        w->estimate[i] = met ? sum / met : mean;
    }
    nsky_free(found);
    return status;
}

static int by_error(const void *a, const void *b)
{
    const error *x = a, *y = b;

    if (x->d != y->d)
        return x->d < y->d ? -1 : 1;
    return (x->object > y->object) - (x->object < y->object);
}

static double weight_of(const work *w, uint32_t replicate, uint32_t i)
{
    return nsky_bootstrap_weight(w->task->bootstrap, replicate, w->errors[i].object);
}

/* The median of |d - centre|: outwards from the centre on both sides, so nothing is sorted anew. */
static double median_off(const work *w, uint32_t replicate, double centre, double half)
{
    uint32_t right = 0;
    double reached = 0;

    while (right < w->count && w->errors[right].d < centre)
        right++;
    for (uint32_t left = right;;) { /* left is one past the next on the left */
        double below = left > 0 ? centre - w->errors[left - 1].d : INFINITY;
        double above = right < w->count ? w->errors[right].d - centre : INFINITY;
        uint32_t next = below <= above ? --left : right++;
        reached += weight_of(w, replicate, next);
        if (reached >= half || (left == 0 && right == w->count))
            return fmin(below, above);
    }
}

static void measure(const void *payload, uint32_t draw, uint32_t replicate, double *out)
{
    const work *w = payload;
    double total = 0, sum = 0, off[2] = {0}, reached = 0, median = 0;

    (void)draw;
    for (uint32_t i = 0; i < w->count; i++) {
        double weight = weight_of(w, replicate, i), d = w->errors[i].d;
        total += weight;
        sum += weight * d;
        off[0] += fabs(d) > 0.05 ? weight : 0;
        off[1] += fabs(d) > 0.15 ? weight : 0;
    }
    for (uint32_t i = 0; i < w->count && reached < total / 2; i++) {
        reached += weight_of(w, replicate, i);
        median = w->errors[i].d;
    }
    out[BIAS] = total > 0 ? sum / total : NAN;
    out[SIGMA_MAD] = total > 0 ? 1.4826 * median_off(w, replicate, median, total / 2) : NAN;
    out[OUTLIERS_05] = total > 0 ? off[0] / total : NAN;
    out[OUTLIERS_15] = total > 0 ? off[1] / total : NAN;
}

static nsky_status add_scores(nsky_scores *scores, work *w, const char *method, nsky_error *err)
{
    static const char *const names[NUMBERS] = {"bias", "sigma_mad", "outliers_0.05",
                                               "outliers_0.15"};
    const nsky_spread spread = {w->task->bootstrap, 1, NUMBERS, w->task->threads, measure, w};
    nsky_interval numbers[NUMBERS];

    for (uint32_t i = 0; i < w->count; i++) {
        double z = truth_of(w, w->objects[i]);
        w->errors[i] = (error){(w->estimate[i] - z) / (1 + z), w->objects[i]};
    }
    qsort(w->errors, w->count, sizeof *w->errors, by_error);
    nsky_status status = nsky_spread_measure(numbers, &spread, err);
    for (int v = 0; v < NUMBERS && status == NSKY_OK; v++) {
        if (v >= OUTLIERS_05)
            numbers[v] = nsky_interval_widest(numbers[v],
                                              nsky_wilson(numbers[v].value * w->count, w->count));
        status =
            nsky_scores_add(scores, numbers[v], w->count, err, "redshift.%s.%s", method, names[v]);
    }
    return status;
}

nsky_status nsky_task_redshift(nsky_scores *scores, const nsky_task *task,
                               const nsky_features *features, nsky_error *err)
{
    assert(scores && task && task->neighbours > 0 && features && err);
    work w = {.task = task, .features = features};
    nsky_status status = prepare(&w, err);

    for (uint32_t fold = 0; fold < FOLDS && status == NSKY_OK; fold++)
        status = ridge_fold(&w, fold, err);
    if (status == NSKY_OK && (status = add_scores(scores, &w, "ridge", err)) == NSKY_OK &&
        (status = by_neighbours(&w, err)) == NSKY_OK)
        status = add_scores(scores, &w, "knn", err);
    nsky_free(w.objects);
    nsky_free(w.fold);
    nsky_free(w.known);
    nsky_free(w.estimate);
    nsky_free(w.errors);
    return status;
}
