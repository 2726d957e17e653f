/* discriminant.c - see fit.h: linear discriminants, covariance shrunk as Ledoit and Wolf (2004)
 * say. With so few labels nothing can be tuned, and this needs no tuning. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "algebra/linalg.h"
#include "common/memory.h"
#include "probe/fit.h"
#include "probe/tasks.h"

#define SHRINKAGE_MIN 1e-6 /* keeps what is to be inverted positive */

/* One fit, over the rows of other folds than out_of. */
typedef struct discriminant {
    const nsky_fit *fit;
    const double *x; /* [n, dim] of the space it works in */
    uint32_t dim, out_of;
    uint32_t count;   /* of rows taken */
    double *residual; /* [count, dim]: rows less their class's mean */
    double *means;    /* [classes, dim] */
    uint32_t counts[NSKY_CLASSES_MAX];
    double *w;    /* [outputs, dim] */
    double *bias; /* [outputs] */
    double shrinkage;
} discriminant;

static void find_means(discriminant *d)
{
    const nsky_fit *fit = d->fit;

    memset(d->means, 0, (size_t)fit->classes * d->dim * sizeof *d->means);
    memset(d->counts, 0, sizeof d->counts);
    for (uint32_t i = 0; i < fit->n; i++) {
        if (fit->fold[i] == d->out_of)
            continue;
        double *mean = d->means + (size_t)fit->label[i] * d->dim;
        d->counts[fit->label[i]]++;
        for (uint32_t j = 0; j < d->dim; j++)
            mean[j] += d->x[(size_t)i * d->dim + j];
    }
    for (uint32_t c = 0; c < fit->classes; c++)
        for (uint32_t j = 0; j < d->dim; j++)
            d->means[(size_t)c * d->dim + j] /= d->counts[c] ? d->counts[c] : 1;
    d->count = 0;
    for (uint32_t i = 0; i < fit->n; i++) {
        if (fit->fold[i] == d->out_of)
            continue;
        double *row = d->residual + (size_t)d->count++ * d->dim;
        for (uint32_t j = 0; j < d->dim; j++)
            row[j] = d->x[(size_t)i * d->dim + j] - d->means[(size_t)fit->label[i] * d->dim + j];
    }
}

/* Means of the class and of all other rows, their difference in w, the middle in the bias's place.
 */
static void find_directions(discriminant *d, double *middles)
{
    const nsky_fit *fit = d->fit;

    for (uint32_t o = 0; o < fit->outputs; o++) {
        uint32_t own = fit->outputs == 1 ? 1 : o;
        double rest = (double)d->count - d->counts[own];
        for (uint32_t j = 0; j < d->dim; j++) {
            double other = 0, mine = d->means[(size_t)own * d->dim + j];
            for (uint32_t c = 0; c < fit->classes; c++)
                other += c == own ? 0 : d->means[(size_t)c * d->dim + j] * d->counts[c] / rest;
            d->w[(size_t)o * d->dim + j] = mine - other;
            middles[(size_t)o * d->dim + j] = (mine + other) / 2;
        }
    }
}

/* Shrinkage towards the mean variance; gram is either way round, [m, m]. */
static double find_shrinkage(const discriminant *d, const double *gram, uint32_t m, double *mu)
{
    double n = d->count, dim = d->dim, trace = 0, fourth = 0, square = 0;

    for (uint32_t i = 0; i < d->count; i++) {
        double length = 0;
        for (uint32_t j = 0; j < d->dim; j++)
            length += d->residual[(size_t)i * d->dim + j] * d->residual[(size_t)i * d->dim + j];
        trace += length / n;
        fourth += length * length;
    }
    for (size_t i = 0; i < (size_t)m * m; i++)
        square += gram[i] * gram[i];
    square /= n * n;
    *mu = trace / dim;
    double beta = (fourth / n - square) / (dim * n);
    double delta = (square - 2 * *mu * trace + dim * *mu * *mu) / dim;
    double shrinkage = delta > 0 ? fmin(beta, delta) / delta : 1;
    return fmin(1, fmax(shrinkage, SHRINKAGE_MIN));
}

/* w <- covariance^-1 w, through whichever of count x count and dim x dim is smaller. */
static nsky_status apply_inverse(discriminant *d, nsky_error *err)
{
    const uint32_t outputs = d->fit->outputs, dim = d->dim;
    const bool dual = d->count < dim;
    const uint32_t m = dual ? d->count : dim;
    double mu = 0, *gram = nsky_alloc((size_t)m * m, sizeof *gram, err);
    double *right = nsky_alloc((size_t)m * outputs, sizeof *right, err);
    double *back = nsky_alloc((size_t)outputs * dim, sizeof *back, err);
    nsky_status status = gram && right && back ? NSKY_OK : err->status;

    if (status != NSKY_OK)
        goto done;
    if (dual)
        nsky_gram(gram, d->residual, d->count, dim);
    else
        nsky_gram_columns(gram, d->residual, d->count, dim);
    d->shrinkage = find_shrinkage(d, gram, m, &mu);
    if (!(mu > 0))
        goto done; /* one row a class: the direction between the means is all there is */
    double spread = (1 - d->shrinkage) / d->count, floor = d->shrinkage * mu;
    for (size_t i = 0; i < (size_t)m * m; i++)
        gram[i] *= spread;
    for (uint32_t i = 0; i < m; i++)
        gram[(size_t)i * m + i] += floor;
    for (uint32_t o = 0; o < outputs; o++) /* right [m, outputs] */
        for (uint32_t i = 0; i < m; i++) {
            double sum = dual ? 0 : d->w[(size_t)o * dim + i];
            for (uint32_t j = 0; dual && j < dim; j++)
                sum += d->residual[(size_t)i * dim + j] * d->w[(size_t)o * dim + j];
            right[(size_t)i * outputs + o] = sum;
        }
    if (!nsky_solve_positive(gram, right, m, outputs)) {
        status = nsky_fail(err, NSKY_EDATA, "the labels' vectors have no usable covariance");
        goto done;
    }
    if (dual)
        nsky_multiply_transposed(back, right, d->residual, m, outputs, dim);
    for (uint32_t o = 0; o < outputs; o++)
        for (uint32_t j = 0; j < dim; j++) {
            double *w = &d->w[(size_t)o * dim + j];
            *w = dual ? (*w - spread * back[(size_t)o * dim + j]) / floor
                      : right[(size_t)j * outputs + o];
        }
done:
    nsky_free(gram);
    nsky_free(right);
    nsky_free(back);
    return status;
}

static nsky_status solve(discriminant *d, nsky_error *err)
{
    const nsky_fit *fit = d->fit;
    double *middles = nsky_alloc((size_t)fit->outputs * d->dim, sizeof *middles, err);

    d->residual = nsky_alloc((size_t)fit->n * d->dim, sizeof *d->residual, err);
    d->means = nsky_alloc((size_t)fit->classes * d->dim, sizeof *d->means, err);
    nsky_status status = middles && d->residual && d->means ? NSKY_OK : err->status;
    if (status == NSKY_OK) {
        find_means(d);
        find_directions(d, middles);
        status = apply_inverse(d, err);
    }
    for (uint32_t o = 0; status == NSKY_OK && o < fit->outputs; o++) {
        d->bias[o] = 0;
        for (uint32_t j = 0; j < d->dim; j++)
            d->bias[o] -= d->w[(size_t)o * d->dim + j] * middles[(size_t)o * d->dim + j];
    }
    nsky_free(middles);
    nsky_free(d->residual);
    nsky_free(d->means);
    return status;
}

static void score_held_out(const discriminant *d, double *held_out)
{
    const nsky_fit *fit = d->fit;

    for (uint32_t i = 0; i < fit->n; i++) {
        if (fit->fold[i] != d->out_of)
            continue;
        for (uint32_t o = 0; o < fit->outputs; o++) {
            double sum = d->bias[o];
            for (uint32_t j = 0; j < d->dim; j++)
                sum += d->w[(size_t)o * d->dim + j] * d->x[(size_t)i * d->dim + j];
            held_out[(size_t)i * fit->outputs + o] = sum;
        }
    }
}

typedef struct all_fits {
    const nsky_fit *fit;
    nsky_classifier *out;
    double *w, *bias; /* of the fit on all rows */
    double shrinkage;
} all_fits;

/* Task `folds` is the fit on all rows. */
static nsky_status run(void *payload, uint32_t task, nsky_error *err)
{
    all_fits *all = payload;
    const nsky_fit *fit = all->fit;
    const bool last = task == fit->folds;
    discriminant d = {.fit = fit, .out_of = last ? UINT32_MAX : task};

    d.x = fit->small ? fit->small : fit->x;
    d.dim = fit->small ? fit->rank : fit->dim;
    d.w = last ? all->w : nsky_alloc((size_t)fit->outputs * d.dim, sizeof *d.w, err);
    d.bias = last ? all->bias : nsky_alloc(fit->outputs, sizeof *d.bias, err);
    nsky_status status = d.w && d.bias ? solve(&d, err) : err->status;
    if (status == NSKY_OK && !last)
        score_held_out(&d, all->out->held_out);
    if (last) {
        all->shrinkage = d.shrinkage;
    } else {
        nsky_free(d.w);
        nsky_free(d.bias);
    }
    return status;
}

nsky_status nsky_fit_discriminant(const nsky_fit *fit, nsky_classifier *out, nsky_error *err)
{
    const uint32_t dim = fit->small ? fit->rank : fit->dim;
    all_fits all = {.fit = fit, .out = out, .bias = out->bias};

    all.w = fit->small ? nsky_alloc((size_t)fit->outputs * dim, sizeof *all.w, err) : out->weights;
    if (!all.w)
        return err->status;
    nsky_status status = nsky_tasks_run(fit->folds + 1, fit->threads, run, &all, err);
    out->shrinkage = all.shrinkage;
    if (fit->small) {
        for (uint32_t o = 0; o < fit->outputs && status == NSKY_OK; o++)
            nsky_multiply(out->weights + (size_t)o * fit->dim, fit->basis, all.w + (size_t)o * dim,
                          fit->dim, dim, 1);
        nsky_free(all.w);
    }
    return status;
}
