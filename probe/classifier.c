/* classifier.c - see classifier.h: checks, the rows made ready, weights for vectors as given. */
#include "probe/classifier.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "probe/fit.h"
#include "probe/reduce.h"

#define FOLDS_DEFAULT 5
#define REDUCE_FROM_VALUES (1ull << 20) /* n * dim beyond which it pays */

static nsky_status check(const float *x, uint32_t n, uint32_t dim, const uint32_t *label,
                         uint32_t classes, uint32_t *smallest, nsky_error *err)
{
    uint32_t counts[NSKY_CLASSES_MAX] = {0};

    if (n == 0 || dim == 0 || classes < 2 || classes > NSKY_CLASSES_MAX)
        return nsky_fail(
            err, NSKY_EINVAL,
            "%u labels of %u classes on %u numbers: a classifier needs 2 to %d classes "
            "and a label of each",
            n, classes, dim, NSKY_CLASSES_MAX);
    if (n > NSKY_LABELS_MAX || (uint64_t)n * dim > NSKY_LABEL_VALUES_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "%u labels of %u numbers are more than fit; %llu do", n,
                         dim, (unsigned long long)(NSKY_LABEL_VALUES_MAX / dim));
    for (uint32_t i = 0; i < n; i++) {
        assert(label[i] < classes);
        counts[label[i]]++;
        for (uint32_t j = 0; j < dim; j++)
            if (!isfinite(x[(size_t)i * dim + j]))
                return nsky_fail(err, NSKY_EDATA, "the vector of row %u is not finite", i);
    }
    *smallest = n;
    for (uint32_t c = 0; c < classes; c++) {
        if (counts[c] == 0)
            return nsky_fail(err, NSKY_EINVAL, "class %u has no label: nothing to learn it from",
                             c);
        *smallest = counts[c] < *smallest ? counts[c] : *smallest;
    }
    return NSKY_OK;
}

static nsky_status centre(nsky_fit *fit, const float *x, nsky_error *err)
{
    const uint32_t n = fit->n, dim = fit->dim;
    double square = 0;

    fit->x = nsky_alloc((size_t)n * dim, sizeof *fit->x, err);
    fit->mean = nsky_alloc_zero(dim, sizeof *fit->mean, err);
    if (!fit->x || !fit->mean)
        return err->status;
    for (size_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < dim; j++)
            fit->mean[j] += x[i * dim + j];
    for (uint32_t j = 0; j < dim; j++)
        fit->mean[j] /= n;
    for (size_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < dim; j++) {
            double value = x[i * dim + j] - fit->mean[j];
            fit->x[i * dim + j] = value;
            square += value * value;
        }
    fit->scale = square > 0 ? sqrt(n / square) : 1;
    for (size_t i = 0; i < (size_t)n * dim; i++)
        fit->x[i] *= fit->scale;
    return NSKY_OK;
}

static nsky_status reduce(nsky_fit *fit, uint64_t seed, nsky_error *err)
{
    if ((uint64_t)fit->n * fit->dim < REDUCE_FROM_VALUES || fit->n < 2 * NSKY_REDUCED_RANK ||
        fit->dim < 2 * NSKY_REDUCED_RANK)
        return NSKY_OK;
    fit->rank = NSKY_REDUCED_RANK;
    fit->basis = nsky_alloc((size_t)fit->dim * fit->rank, sizeof *fit->basis, err);
    fit->small = nsky_alloc((size_t)fit->n * fit->rank, sizeof *fit->small, err);
    if (!fit->basis || !fit->small)
        return err->status;
    nsky_error why = NSKY_ERROR_INIT;
    nsky_status status =
        nsky_reduce(fit->basis, fit->small, fit->x, fit->n, fit->dim, fit->rank, seed, &why);
    if (status == NSKY_EDATA) { /* many rows alike: do without */
        nsky_free(fit->basis);
        nsky_free(fit->small);
        fit->basis = fit->small = NULL;
        fit->rank = 0;
        return NSKY_OK;
    }
    if (status != NSKY_OK)
        *err = why;
    return status;
}

static nsky_status find_spectrum(nsky_fit *fit, nsky_error *err)
{
    const uint32_t n = fit->n, dim = fit->dim;

    if (!(fit->spectrum = nsky_alloc_zero(dim, sizeof *fit->spectrum, err)))
        return err->status;
    if (fit->small) {
        fit->rest = (double)n / (dim - fit->rank); /* n in all: x has mean square length 1 */
        nsky_status status =
            nsky_align(fit->basis, fit->small, fit->spectrum, n, dim, fit->rank, err);
        for (uint32_t k = 0; k < fit->rank; k++)
            fit->rest -= fit->spectrum[k] / (dim - fit->rank);
        fit->rest = fit->rest > 0 ? fit->rest : 0; /* rounding */
        return status;
    }
    for (size_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < dim; j++)
            fit->spectrum[j] += fit->x[i * dim + j] * fit->x[i * dim + j];
    return NSKY_OK;
}

static nsky_status make_ready(nsky_fit *fit, const float *x, const nsky_classifier_options *options,
                              nsky_error *err)
{
    nsky_status status;

    fit->fold = nsky_alloc(fit->n, sizeof *fit->fold, err);
    if (!fit->fold)
        return err->status;
    if (fit->folds == 0)
        memset(fit->fold, 0, fit->n * sizeof *fit->fold);
    else if ((status = nsky_folds_stratified(fit->fold, fit->label, fit->n, fit->classes,
                                             fit->folds, options->seed, err)) != NSKY_OK)
        return status;
    if ((status = centre(fit, x, err)) != NSKY_OK)
        return status;
    if ((status = reduce(fit, options->seed, err)) != NSKY_OK)
        return status;
    return find_spectrum(fit, err);
}

static nsky_status make_room(nsky_classifier *c, uint32_t n, nsky_error *err)
{
    c->weights = nsky_alloc_zero((size_t)c->outputs * c->dim, sizeof *c->weights, err);
    c->bias = nsky_alloc_zero(c->outputs, sizeof *c->bias, err);
    c->held_out = nsky_alloc((size_t)n * c->outputs, sizeof *c->held_out, err);
    if (!c->weights || !c->bias || !c->held_out)
        return err->status;
    for (size_t i = 0; i < (size_t)n * c->outputs; i++)
        c->held_out[i] = NAN;
    return NSKY_OK;
}

/* w . scale (v - mean) + b, written as w' . v + b' */
static void as_given(nsky_classifier *c, const nsky_fit *fit)
{
    for (uint32_t o = 0; o < c->outputs; o++)
        for (uint32_t j = 0; j < c->dim; j++) {
            double *w = &c->weights[(size_t)o * c->dim + j];
            *w *= fit->scale;
            c->bias[o] -= *w * fit->mean[j];
        }
}

nsky_status nsky_classifier_fit(nsky_classifier **out, const float *x, uint32_t n, uint32_t dim,
                                const uint32_t *label, uint32_t classes,
                                const nsky_classifier_options *options, nsky_error *err)
{
    assert(out && x && label && options && err);
    uint32_t smallest = 0;

    *out = NULL;
    nsky_status status = check(x, n, dim, label, classes, &smallest, err);
    if (status != NSKY_OK)
        return status;
    nsky_classifier *c = nsky_alloc_zero(1, sizeof *c, err);
    if (!c)
        return err->status;
    c->dim = dim;
    c->classes = classes;
    c->outputs = classes == 2 ? 1 : classes;
    c->method = options->method != NSKY_PROBE_AUTO ? options->method
                : smallest < NSKY_LOGISTIC_MIN     ? NSKY_PROBE_DISCRIMINANT
                                                   : NSKY_PROBE_LOGISTIC;
    uint32_t folds = options->folds ? options->folds : FOLDS_DEFAULT;
    c->folds = smallest < 2 ? 0 : folds < smallest ? folds : smallest;
    nsky_fit fit = {.n = n,
                    .dim = dim,
                    .classes = classes,
                    .outputs = c->outputs,
                    .folds = c->folds,
                    .threads = options->threads,
                    .label = label};
    if ((status = make_room(c, n, err)) == NSKY_OK &&
        (status = make_ready(&fit, x, options, err)) == NSKY_OK)
        status = c->method == NSKY_PROBE_LOGISTIC ? nsky_fit_logistic(&fit, options->c, c, err)
                                                  : nsky_fit_discriminant(&fit, c, err);
    if (status == NSKY_OK)
        as_given(c, &fit);
    nsky_free(fit.fold);
    nsky_free(fit.x);
    nsky_free(fit.mean);
    nsky_free(fit.basis);
    nsky_free(fit.small);
    nsky_free(fit.spectrum);
    if (status == NSKY_OK)
        *out = c;
    else
        nsky_classifier_free(c);
    return status;
}

void nsky_classifier_free(nsky_classifier *classifier)
{
    if (!classifier)
        return;
    nsky_free(classifier->weights);
    nsky_free(classifier->bias);
    nsky_free(classifier->held_out);
    nsky_free(classifier);
}

void nsky_classifier_score(const nsky_classifier *classifier, const float *x, uint32_t n,
                           double *scores)
{
    const uint32_t dim = classifier->dim, outputs = classifier->outputs;

    for (uint32_t i = 0; i < n; i++)
        for (uint32_t o = 0; o < outputs; o++) {
            double sum = classifier->bias[o];
            for (uint32_t j = 0; j < dim; j++)
                sum += classifier->weights[(size_t)o * dim + j] * x[(size_t)i * dim + j];
            scores[(size_t)i * outputs + o] = sum;
        }
}

uint32_t nsky_classifier_guess(const nsky_classifier *classifier, const double *scores)
{
    uint32_t best = 0;

    if (classifier->outputs == 1)
        return scores[0] > 0;
    for (uint32_t o = 1; o < classifier->outputs; o++)
        best = scores[o] > scores[best] ? o : best;
    return best;
}
