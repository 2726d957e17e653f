/* pca.c - see pca.h. */
#include "eval/pca.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "algebra/linalg.h"
#include "common/memory.h"
#include "probe/folds.h"
#include "probe/reduce.h"

#define STREAM_ROWS 0x70636172u /* "pcar" */
#define MARGIN 32       /* directions found beyond those wanted: the last ones come out better */
#define DIM_WHOLE 512   /* up to here all directions are found */
#define SPREAD_MIN 1e-7 /* of the largest deviation: below is rounding */

/* Seeded sample of the rows, centred on the mean, which is set. */
static double *sample_rows(double *mean, const nsky_features *f, uint32_t rows, uint64_t seed,
                           nsky_error *err)
{
    uint32_t *order = nsky_alloc(f->n, sizeof *order, err);
    double *x = nsky_alloc((size_t)rows * f->dim, sizeof *x, err);

    if (order && x) {
        nsky_shuffle(order, f->n, seed, STREAM_ROWS);
        memset(mean, 0, f->dim * sizeof *mean);
        for (size_t i = 0; i < rows; i++)
            for (uint32_t j = 0; j < f->dim; j++) {
                x[i * f->dim + j] = f->x[(size_t)order[i] * f->dim + j];
                mean[j] += x[i * f->dim + j] / rows;
            }
        for (size_t i = 0; i < rows; i++)
            for (uint32_t j = 0; j < f->dim; j++)
                x[i * f->dim + j] -= mean[j];
    } else {
        nsky_free(x);
        x = NULL;
    }
    nsky_free(order);
    return x;
}

/* Leading eigenvectors of x^T x, x [rows, dim]: vectors [dim, components], deviations. */
static nsky_status leading(double *vectors, double *deviation, const double *x, uint32_t rows,
                           uint32_t dim, uint32_t components, nsky_error *err)
{
    double *gram = nsky_alloc((size_t)dim * dim, sizeof *gram, err);
    double *values = nsky_alloc(dim, sizeof *values, err);
    nsky_status status = gram && values ? NSKY_OK : err->status;

    if (status == NSKY_OK) {
        nsky_gram_columns(gram, x, rows, dim);
        status = nsky_eigen(gram, values, dim, err);
    }
    for (uint32_t c = 0; c < components && status == NSKY_OK; c++) {
        const double *vector = gram + (size_t)(dim - 1 - c) * dim;
        deviation[c] = sqrt(fmax(values[dim - 1 - c], 0) / rows);
        for (uint32_t j = 0; j < dim; j++)
            vectors[(size_t)j * components + c] = vector[j];
    }
    nsky_free(gram);
    nsky_free(values);
    return status;
}

/* The same by way of the few directions that hold nearly all of the spread. */
static nsky_status leading_of_many(double *vectors, double *deviation, const double *x,
                                   uint32_t rows, uint32_t dim, uint32_t components, uint64_t seed,
                                   nsky_error *err)
{
    const uint32_t rank = components + MARGIN;
    double *basis = nsky_alloc((size_t)dim * rank, sizeof *basis, err);
    double *small = nsky_alloc((size_t)rows * rank, sizeof *small, err);
    double *turn = nsky_alloc((size_t)rank * components, sizeof *turn, err);
    nsky_status status = basis && small && turn ? NSKY_OK : err->status;

    if (status == NSKY_OK &&
        (status = nsky_reduce(basis, small, x, rows, dim, rank, seed, err)) == NSKY_OK &&
        (status = leading(turn, deviation, small, rows, rank, components, err)) == NSKY_OK)
        nsky_multiply(vectors, basis, turn, dim, rank, components);
    nsky_free(basis);
    nsky_free(small);
    nsky_free(turn);
    return status;
}

static nsky_status fit(nsky_pca *pca, const nsky_features *f, uint64_t seed, nsky_error *err)
{
    const uint32_t rows = f->n < NSKY_PCA_ROWS_MAX ? f->n : NSKY_PCA_ROWS_MAX;
    const uint32_t wished = pca->components;
    double *x = sample_rows(pca->mean, f, rows, seed, err);
    nsky_status status = NSKY_OK;

    if (!x)
        return err->status;
    if (f->dim <= DIM_WHOLE || wished + MARGIN >= rows || wished + MARGIN >= f->dim)
        status = leading(pca->basis, pca->deviation, x, rows, f->dim, wished, err);
    else
        status = leading_of_many(pca->basis, pca->deviation, x, rows, f->dim, wished, seed, err);
    nsky_free(x);
    if (status == NSKY_OK && !(pca->deviation[0] > 0))
        return nsky_fail(err, NSKY_EDATA, "%s: all rows are alike", f->name);
    for (uint32_t c = 0; c < wished && status == NSKY_OK; c++)
        if (!(pca->deviation[c] > SPREAD_MIN * pca->deviation[0])) {
            for (uint32_t j = 0; j < f->dim; j++) /* close up the rows of the basis */
                memmove(pca->basis + (size_t)j * c, pca->basis + (size_t)j * wished,
                        c * sizeof *pca->basis);
            pca->components = c;
            break;
        }
    return status;
}

nsky_status nsky_pca_fit(nsky_pca **out, const nsky_features *features, uint32_t components,
                         uint64_t seed, nsky_error *err)
{
    assert(out && features && components > 0 && err);
    nsky_pca *pca = nsky_alloc_zero(1, sizeof *pca, err);
    nsky_status status = pca ? NSKY_OK : err->status;

    *out = NULL;
    if (status != NSKY_OK)
        return status;
    pca->dim = features->dim;
    pca->components = components < features->dim ? components : features->dim;
    pca->mean = nsky_alloc(pca->dim, sizeof *pca->mean, err);
    pca->basis = nsky_alloc((size_t)pca->dim * pca->components, sizeof *pca->basis, err);
    pca->deviation = nsky_alloc(pca->components, sizeof *pca->deviation, err);
    status =
        pca->mean && pca->basis && pca->deviation ? fit(pca, features, seed, err) : err->status;
    if (status == NSKY_OK)
        *out = pca;
    else
        nsky_pca_free(pca);
    return status;
}

void nsky_pca_free(nsky_pca *pca)
{
    if (!pca)
        return;
    nsky_free(pca->mean);
    nsky_free(pca->basis);
    nsky_free(pca->deviation);
    nsky_free(pca);
}

static bool is_blank(const float *row, uint32_t dim)
{
    for (uint32_t j = 0; j < dim; j++)
        if (row[j] != 0)
            return false;
    return true;
}

nsky_status nsky_pca_project(nsky_features **out, const nsky_pca *pca, const nsky_features *f,
                             bool white, bool keep_blank, nsky_error *err)
{
    assert(out && pca && f && f->dim == pca->dim && err);
    const uint32_t components = pca->components;
    nsky_features *made = NULL;
    double *centred = nsky_alloc(pca->dim, sizeof *centred, err);
    double *small = nsky_alloc(components, sizeof *small, err);
    nsky_status status =
        centred && small ? nsky_features_new(&made, f->name, f->n, components, err) : err->status;

    for (size_t i = 0; i < f->n && status == NSKY_OK; i++) {
        const float *row = f->x + i * f->dim;
        assert(made);
        if (keep_blank && is_blank(row, f->dim))
            continue;
        for (uint32_t j = 0; j < f->dim; j++)
            centred[j] = row[j] - pca->mean[j];
        nsky_multiply(small, centred, pca->basis, 1, f->dim, components);
        for (uint32_t c = 0; c < components; c++)
            made->x[i * components + c] = (float)(small[c] / pca->deviation[white ? c : 0]);
    }
    nsky_free(centred);
    nsky_free(small);
    *out = made;
    if (made && status == NSKY_OK)
        memcpy(made->about, f->about, sizeof made->about);
    return status;
}
