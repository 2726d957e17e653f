/* ridge.c - see ridge.h. Whichever of n x n and dim x dim is smaller is taken apart; any thread. */
#include "probe/ridge.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "algebra/linalg.h"
#include "common/memory.h"
#include "probe/classifier.h"

#define ALPHAS 25
#define BLOCK_ROWS 1024
#define TOO_SURE 1e-10 /* 1 - leverage below this: the row determines its own fit */

/* Xc = U diag(sqrt(values)) V^T, by rows of U or of V. */
typedef struct spectrum {
    uint32_t n, dim, rank_max; /* rank_max: min(n, dim) */
    bool dual;                 /* vectors are U's [n, n], else V's [dim, dim] */
    double *vectors, *values;
    double *x; /* [n, dim], centred */
    double *mean;
    double *y; /* [n], centred */
    double y_mean;
    double *image; /* [rank_max]: (U^T y), of the dual; sqrt(values) U^T y = V^T Xc^T y otherwise */
} spectrum;

static void spectrum_clear(spectrum *s)
{
    nsky_free(s->vectors);
    nsky_free(s->values);
    nsky_free(s->x);
    nsky_free(s->mean);
    nsky_free(s->y);
    nsky_free(s->image);
}

static nsky_status check(const float *x, uint32_t n, uint32_t dim, const double *y, nsky_error *err)
{
    if (n < 3 || dim < 1)
        return nsky_fail(err, NSKY_EINVAL, "a regression needs 3 labels or more, not %u", n);
    if (n > NSKY_LABELS_MAX || (uint64_t)n * dim > NSKY_LABEL_VALUES_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "%u labels of %u numbers are more than fit; %llu do", n,
                         dim, (unsigned long long)(NSKY_LABEL_VALUES_MAX / dim));
    bool alike = true;
    for (uint32_t i = 0; i < n; i++) {
        if (!isfinite(y[i]))
            return nsky_fail(err, NSKY_EDATA, "the value of row %u is not finite", i);
        for (uint32_t j = 0; j < dim; j++)
            if (!isfinite(x[(size_t)i * dim + j]))
                return nsky_fail(err, NSKY_EDATA, "the vector of row %u is not finite", i);
        alike = alike && y[i] == y[0];
    }
    return alike ? nsky_fail(err, NSKY_EINVAL, "all values are alike: nothing to learn") : NSKY_OK;
}

static nsky_status spectrum_centre(spectrum *s, const float *x, const double *y, nsky_error *err)
{
    const uint32_t n = s->n, dim = s->dim;

    s->x = nsky_alloc((size_t)n * dim, sizeof *s->x, err);
    s->mean = nsky_alloc_zero(dim, sizeof *s->mean, err);
    s->y = nsky_alloc(n, sizeof *s->y, err);
    if (!s->x || !s->mean || !s->y)
        return err->status;
    for (size_t i = 0; i < n; i++) {
        for (uint32_t j = 0; j < dim; j++)
            s->mean[j] += x[i * dim + j];
        s->y_mean += y[i] / n;
    }
    for (uint32_t j = 0; j < dim; j++)
        s->mean[j] /= n;
    for (size_t i = 0; i < n; i++) {
        for (uint32_t j = 0; j < dim; j++)
            s->x[i * dim + j] = x[i * dim + j] - s->mean[j];
        s->y[i] = y[i] - s->y_mean;
    }
    return NSKY_OK;
}

static nsky_status spectrum_find(spectrum *s, nsky_error *err)
{
    const uint32_t m = s->rank_max;

    s->vectors = nsky_alloc((size_t)m * m, sizeof *s->vectors, err);
    s->values = nsky_alloc(m, sizeof *s->values, err);
    s->image = nsky_alloc(m, sizeof *s->image, err);
    double *projected = nsky_alloc(m, sizeof *projected, err);
    nsky_status status = NSKY_OK;
    if (!s->vectors || !s->values || !s->image || !projected) {
        status = err->status;
        goto done;
    }
    if (s->dual) {
        nsky_gram(s->vectors, s->x, s->n, s->dim);
        memcpy(projected, s->y, m * sizeof *projected);
    } else {
        nsky_gram_columns(s->vectors, s->x, s->n, s->dim);
        nsky_multiply(projected, s->y, s->x, 1, s->n, s->dim);
    }
    if ((status = nsky_eigen(s->vectors, s->values, m, err)) != NSKY_OK)
        goto done;
    for (uint32_t i = 0; i < m; i++) /* rounding leaves the smallest a little below zero */
        s->values[i] = fmax(s->values[i], 0);
    nsky_multiply(s->image, s->vectors, projected, m, m, 1);
done:
    nsky_free(projected);
    return status;
}

/* rows [count, rank_max]: the rows `first`... of U (dual) or of Xc V. */
static void spectrum_rows(const spectrum *s, uint32_t first, uint32_t count, double *rows,
                          double *scratch)
{
    const uint32_t m = s->rank_max;

    if (s->dual) {
        for (uint32_t i = 0; i < count; i++)
            for (uint32_t k = 0; k < m; k++)
                rows[(size_t)i * m + k] = s->vectors[(size_t)k * m + first + i];
        return;
    }
    nsky_multiply(rows, s->x + (size_t)first * s->dim, scratch, count, m, m);
}

/* The estimate of a row that was left out, for one alpha. */
static double leave_out(const spectrum *s, const double *row, uint32_t i, double alpha)
{
    double fit = 0, leverage = 1.0 / s->n;

    for (uint32_t k = 0; k < s->rank_max; k++) {
        double value = s->values[k],
               shrink = s->dual ? value / (value + alpha) : 1 / (value + alpha);
        fit += row[k] * s->image[k] * shrink;
        leverage += row[k] * row[k] * shrink;
    }
    double residual = s->y[i] - fit, rest = fmax(1 - leverage, TOO_SURE);
    return s->y[i] - residual / rest;
}

/* errors [count] sums of squares; estimates [n] for alphas[0] where not NULL. */
static nsky_status leave_all_out(const spectrum *s, const double *alphas, uint32_t count,
                                 double *errors, double *estimates, nsky_error *err)
{
    const uint32_t m = s->rank_max;
    double *rows = nsky_alloc((size_t)BLOCK_ROWS * m, sizeof *rows, err);
    double *scratch = s->dual ? NULL : nsky_alloc((size_t)m * m, sizeof *scratch, err);
    nsky_status status = rows && (s->dual || scratch) ? NSKY_OK : err->status;

    for (uint32_t i = 0; i < m && scratch; i++)
        for (uint32_t j = 0; j < m; j++)
            scratch[(size_t)j * m + i] = s->vectors[(size_t)i * m + j];
    for (uint32_t first = 0; first < s->n && status == NSKY_OK; first += BLOCK_ROWS) {
        uint32_t block = s->n - first < BLOCK_ROWS ? s->n - first : BLOCK_ROWS;
        spectrum_rows(s, first, block, rows, scratch);
        for (uint32_t i = 0; i < block; i++)
            for (uint32_t a = 0; a < count; a++) {
                double estimate = leave_out(s, rows + (size_t)i * m, first + i, alphas[a]);
                double off = s->y[first + i] - estimate;
                errors[a] += off * off;
                if (estimates)
                    estimates[first + i] = estimate + s->y_mean;
            }
    }
    nsky_free(rows);
    nsky_free(scratch);
    return status;
}

static nsky_status weights_of(const spectrum *s, nsky_ridge *ridge, nsky_error *err)
{
    const uint32_t m = s->rank_max;
    double *shrunk = nsky_alloc(m, sizeof *shrunk, err), *back = nsky_alloc(m, sizeof *back, err);

    if (!shrunk || !back) {
        nsky_free(shrunk);
        nsky_free(back);
        return err->status;
    }
    for (uint32_t k = 0; k < m; k++)
        shrunk[k] = s->image[k] / (s->values[k] + ridge->alpha);
    nsky_multiply(back, shrunk, s->vectors, 1, m, m);
    if (s->dual)
        nsky_multiply(ridge->weights, back, s->x, 1, s->n, s->dim);
    else
        memcpy(ridge->weights, back, m * sizeof *back);
    ridge->bias = s->y_mean;
    for (uint32_t j = 0; j < s->dim; j++)
        ridge->bias -= ridge->weights[j] * s->mean[j];
    nsky_free(shrunk);
    nsky_free(back);
    return NSKY_OK;
}

/* The alpha with the least error; ties go to the stronger one. */
static nsky_status choose_alpha(const spectrum *s, const double *alphas, uint32_t count,
                                double *chosen, nsky_error *err)
{
    double own[ALPHAS], square = 0;

    if (!alphas) {
        for (size_t i = 0; i < (size_t)s->n * s->dim; i++)
            square += s->x[i] * s->x[i];
        square = square > 0 ? square / s->n : 1;
        for (int i = 0; i < ALPHAS; i++)
            own[i] = square * pow(10, -6 + 10.0 * i / (ALPHAS - 1));
        alphas = own;
        count = ALPHAS;
    }
    double *errors = nsky_alloc_zero(count, sizeof *errors, err);
    if (!errors)
        return err->status;
    nsky_status status = leave_all_out(s, alphas, count, errors, NULL, err);
    uint32_t best = 0;
    for (uint32_t a = 1; a < count; a++)
        if (errors[a] < errors[best] || (errors[a] == errors[best] && alphas[a] > alphas[best]))
            best = a;
    *chosen = alphas[best];
    nsky_free(errors);
    return status;
}

nsky_status nsky_ridge_fit(nsky_ridge **out, const float *x, uint32_t n, uint32_t dim,
                           const double *y, const double *alphas, uint32_t count, nsky_error *err)
{
    assert(out && x && y && err && (!alphas || count > 0));
    double ignored = 0;

    *out = NULL;
    nsky_status status = check(x, n, dim, y, err);
    if (status != NSKY_OK)
        return status;
    spectrum s = {.n = n, .dim = dim, .rank_max = n < dim ? n : dim, .dual = n < dim};
    nsky_ridge *ridge = nsky_alloc_zero(1, sizeof *ridge, err);
    if (!ridge)
        return err->status;
    ridge->dim = dim;
    ridge->weights = nsky_alloc(dim, sizeof *ridge->weights, err);
    ridge->held_out = nsky_alloc(n, sizeof *ridge->held_out, err);
    if (!ridge->weights || !ridge->held_out)
        status = err->status;
    if (status == NSKY_OK && (status = spectrum_centre(&s, x, y, err)) == NSKY_OK &&
        (status = spectrum_find(&s, err)) == NSKY_OK &&
        (status = choose_alpha(&s, alphas, count, &ridge->alpha, err)) == NSKY_OK &&
        (status = leave_all_out(&s, &ridge->alpha, 1, &ignored, ridge->held_out, err)) == NSKY_OK)
        status = weights_of(&s, ridge, err);
    spectrum_clear(&s);
    if (status == NSKY_OK)
        *out = ridge;
    else
        nsky_ridge_free(ridge);
    return status;
}

void nsky_ridge_free(nsky_ridge *ridge)
{
    if (!ridge)
        return;
    nsky_free(ridge->weights);
    nsky_free(ridge->held_out);
    nsky_free(ridge);
}

double nsky_ridge_estimate(const nsky_ridge *ridge, const float *x)
{
    double sum = ridge->bias;

    for (uint32_t j = 0; j < ridge->dim; j++)
        sum += ridge->weights[j] * x[j];
    return sum;
}
