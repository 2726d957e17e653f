/* newton.c - see newton.h. Matrices of several problems are [values, problems]: a row holds the
 * same value of each. */
#include "probe/newton.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "algebra/linalg.h"
#include "common/memory.h"
#include "probe/tasks.h"

#define STEPS_MAX 100
#define CG_MAX 60
#define CG_TOLERANCE 0.1
#define BATCH_VALUES (1u << 22) /* n * problems of one batch */
#define BATCH_MAX 40
#define HALVINGS_MAX 30
#define ARMIJO 1e-4

/* Some problems under way. dim is that of the weights: one more than the rows', for the bias. */
typedef struct batch {
    const nsky_newton_rows *rows;
    const nsky_newton_problem *problems;
    uint32_t count, dim;
    double *weight;           /* [n, count]: of a row; 0 where it is left out; times C */
    double *score;            /* [n, count]: x w + bias */
    double *w, *gradient;     /* [dim, count] */
    double *step, *r, *y, *p; /* [dim, count]: of the conjugate gradients */
    double *curve;            /* [n, count]: the loss's second derivative */
    double *along;            /* [n, count]: scores of p, then of the step */
    double *coordinates;      /* [rank, count] */
    double goal[BATCH_MAX];   /* the gradient's length to have arrived */
    double mean_curve[BATCH_MAX];
    bool arrived[BATCH_MAX];
} batch;

static void batch_clear(batch *b)
{
    double *const all[] = {b->weight, b->score, b->w,     b->gradient, b->step,       b->r,
                           b->y,      b->p,     b->curve, b->along,    b->coordinates};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        nsky_free(all[i]);
}

static nsky_status batch_init(batch *b, nsky_error *err)
{
    const size_t by_row = (size_t)b->rows->n * b->count, by_weight = (size_t)b->dim * b->count;
    double **const long_ones[] = {&b->weight, &b->score, &b->curve, &b->along};
    double **const short_ones[] = {&b->w, &b->gradient, &b->step, &b->r, &b->y, &b->p};

    for (size_t i = 0; i < sizeof long_ones / sizeof *long_ones; i++)
        if (!(*long_ones[i] = nsky_alloc(by_row, sizeof(double), err)))
            return err->status;
    for (size_t i = 0; i < sizeof short_ones / sizeof *short_ones; i++)
        if (!(*short_ones[i] = nsky_alloc_zero(by_weight, sizeof(double), err)))
            return err->status;
    b->coordinates = nsky_alloc((size_t)b->rows->rank * b->count + 1, sizeof(double), err);
    return b->coordinates ? NSKY_OK : err->status;
}

/* out [n, count] = x v + the bias of v [dim, count] */
static void scores_of(const batch *b, const double *v, double *out)
{
    const nsky_newton_rows *rows = b->rows;
    const double *bias = v + (size_t)rows->dim * b->count;

    nsky_multiply(out, rows->x, v, rows->n, rows->dim, b->count);
    for (size_t i = 0; i < rows->n; i++)
        for (uint32_t k = 0; k < b->count; k++)
            out[i * b->count + k] += bias[k];
}

/* out [dim, count] = base + x^T v of v [n, count] */
static void back_of(const batch *b, const double *v, const double *base, double *out)
{
    const nsky_newton_rows *rows = b->rows;
    double *bias = out + (size_t)rows->dim * b->count;

    nsky_multiply_transposed(out, rows->x, v, rows->n, rows->dim, b->count);
    memset(bias, 0, b->count * sizeof *bias);
    for (size_t i = 0; i < rows->n; i++)
        for (uint32_t k = 0; k < b->count; k++)
            bias[k] += v[i * b->count + k];
    for (size_t j = 0; j < (size_t)b->dim * b->count; j++)
        out[j] += base[j];
}

/* sums [count] = column by column */
static void dots(const batch *b, const double *u, const double *v, double *sums)
{
    memset(sums, 0, b->count * sizeof *sums);
    for (size_t j = 0; j < b->dim; j++)
        for (uint32_t k = 0; k < b->count; k++)
            sums[k] += u[j * b->count + k] * v[j * b->count + k];
}

static double sign_of(const batch *b, uint32_t k, size_t i)
{
    return b->problems[k].positive[i] ? 1 : -1;
}

/* Weights of the rows, and the goal: LIBLINEAR's share of the gradient at nought. */
static void weigh(batch *b, double tolerance)
{
    const uint32_t n = b->rows->n, count = b->count;
    double lengths[BATCH_MAX];

    for (uint32_t k = 0; k < count; k++) {
        const nsky_newton_problem *problem = &b->problems[k];
        uint32_t counts[2] = {0, 0};
        for (uint32_t i = 0; i < n; i++)
            if (problem->fold[i] != problem->out_of)
                counts[problem->positive[i] != 0]++;
        assert(counts[0] > 0 && counts[1] > 0);
        double all = (double)counts[0] + counts[1];
        for (uint32_t i = 0; i < n; i++) {
            bool used = problem->fold[i] != problem->out_of;
            double weight = all / (2.0 * counts[problem->positive[i] != 0]);
            b->weight[(size_t)i * count + k] = used ? problem->c * weight : 0;
            b->curve[(size_t)i * count + k] =
                -0.5 * b->weight[(size_t)i * count + k] * sign_of(b, k, i);
        }
        b->goal[k] = tolerance * (counts[0] < counts[1] ? counts[0] : counts[1]) / all;
    }
    back_of(b, b->curve, b->p, b->gradient); /* p is nought still */
    dots(b, b->gradient, b->gradient, lengths);
    for (uint32_t k = 0; k < count; k++)
        b->goal[k] *= sqrt(lengths[k]);
}

/* log(1 + exp(-m)) */
static double loss_of(double margin)
{
    return margin > 0 ? log1p(exp(-margin)) : log1p(exp(margin)) - margin;
}

/* Gradients, second derivatives, who has arrived. */
static bool look(batch *b)
{
    const size_t n = b->rows->n;
    double lengths[BATCH_MAX];
    bool all = true;

    memset(b->mean_curve, 0, sizeof b->mean_curve);
    for (size_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < b->count; k++) {
            size_t at = i * b->count + k;
            double sign = sign_of(b, k, i), p = 1 / (1 + exp(-sign * b->score[at]));
            b->along[at] = b->weight[at] * (p - 1) * sign;
            b->curve[at] = b->weight[at] * p * (1 - p);
            b->mean_curve[k] += b->curve[at] / (double)n;
        }
    back_of(b, b->along, b->w, b->gradient);
    dots(b, b->gradient, b->gradient, lengths);
    for (uint32_t k = 0; k < b->count; k++) {
        b->arrived[k] = b->arrived[k] || sqrt(lengths[k]) <= b->goal[k];
        all = all && b->arrived[k];
    }
    return all;
}

/* y = what r would be if the second derivatives were the same for all rows. */
static void precondition(const batch *b)
{
    const nsky_newton_rows *rows = b->rows;
    const uint32_t count = b->count;
    const size_t bias = (size_t)rows->dim * count;

    for (uint32_t k = 0; k < count; k++)
        b->y[bias + k] = b->r[bias + k] / (1 + b->mean_curve[k] * rows->n);
    if (!rows->basis) {
        for (size_t j = 0; j < rows->dim; j++)
            for (uint32_t k = 0; k < count; k++)
                b->y[j * count + k] =
                    b->r[j * count + k] / (1 + b->mean_curve[k] * rows->spectrum[j]);
        return;
    }
    nsky_multiply_transposed(b->coordinates, rows->basis, b->r, rows->dim, rows->rank, count);
    for (size_t j = 0; j < rows->rank; j++)
        for (uint32_t k = 0; k < count; k++)
            b->coordinates[j * count + k] *= 1 / (1 + b->mean_curve[k] * rows->spectrum[j]) -
                                             1 / (1 + b->mean_curve[k] * rows->rest);
    nsky_multiply(b->y, rows->basis, b->coordinates, rows->dim, rows->rank, count);
    for (size_t j = 0; j < rows->dim; j++)
        for (uint32_t k = 0; k < count; k++)
            b->y[j * count + k] += b->r[j * count + k] / (1 + b->mean_curve[k] * rows->rest);
}

/* r -= a (second derivatives times p), step += a p, for those that still go on. */
static void advance(batch *b, const double *rho, bool *going)
{
    const size_t n = b->rows->n;
    double bend[BATCH_MAX], a[BATCH_MAX];

    scores_of(b, b->p, b->along);
    for (size_t at = 0; at < n * b->count; at++)
        b->along[at] *= b->curve[at];
    back_of(b, b->along, b->p, b->y);
    dots(b, b->p, b->y, bend);
    for (uint32_t k = 0; k < b->count; k++) {
        going[k] = going[k] && bend[k] > 0;
        a[k] = going[k] ? rho[k] / bend[k] : 0;
    }
    for (size_t j = 0; j < b->dim; j++)
        for (uint32_t k = 0; k < b->count; k++) {
            b->step[j * b->count + k] += a[k] * b->p[j * b->count + k];
            b->r[j * b->count + k] -= a[k] * b->y[j * b->count + k];
        }
}

/* step [dim, count]: towards where the quadratic that touches here is least. */
static void find_step(batch *b)
{
    const size_t values = (size_t)b->dim * b->count;
    double rho[BATCH_MAX], next[BATCH_MAX], length[BATCH_MAX], first[BATCH_MAX];
    bool going[BATCH_MAX], any = true;

    memset(b->step, 0, values * sizeof *b->step);
    for (size_t j = 0; j < values; j++)
        b->r[j] = -b->gradient[j];
    dots(b, b->r, b->r, first);
    precondition(b);
    memcpy(b->p, b->y, values * sizeof *b->p);
    dots(b, b->r, b->y, rho);
    for (uint32_t k = 0; k < b->count; k++)
        going[k] = !b->arrived[k];
    for (int pass = 0; pass < CG_MAX && any; pass++) {
        advance(b, rho, going);
        precondition(b);
        dots(b, b->r, b->y, next);
        dots(b, b->r, b->r, length);
        any = false;
        for (uint32_t k = 0; k < b->count; k++) {
            going[k] =
                going[k] && length[k] > CG_TOLERANCE * CG_TOLERANCE * first[k] && next[k] > 0;
            any = any || going[k];
            next[k] = going[k] ? next[k] : 0;
        }
        for (size_t j = 0; j < b->dim; j++)
            for (uint32_t k = 0; k < b->count; k++)
                b->p[j * b->count + k] =
                    going[k] ? b->y[j * b->count + k] + next[k] / rho[k] * b->p[j * b->count + k]
                             : 0;
        memcpy(rho, next, sizeof rho);
    }
}

/* What a step of t costs more than none, for one problem: ww, ws and ss are products of weights and
 * step. */
static double rise(const batch *b, uint32_t k, double t, double ws, double ss)
{
    double sum = t * ws + t * t * ss / 2;

    for (size_t i = 0; i < b->rows->n; i++) {
        size_t at = i * b->count + k;
        double sign = sign_of(b, k, i);
        if (b->weight[at] > 0)
            sum += b->weight[at] * (loss_of(sign * (b->score[at] + t * b->along[at])) -
                                    loss_of(sign * b->score[at]));
    }
    return sum;
}

/* Half the step until the objective has fallen enough; those that cannot are where they end. */
static void take_step(batch *b)
{
    double slope[BATCH_MAX], ws[BATCH_MAX], ss[BATCH_MAX], t[BATCH_MAX] = {0};

    scores_of(b, b->step, b->along);
    dots(b, b->gradient, b->step, slope);
    dots(b, b->w, b->step, ws);
    dots(b, b->step, b->step, ss);
    for (uint32_t k = 0; k < b->count; k++) {
        int halvings = 0;
        t[k] = b->arrived[k] || !(slope[k] < 0) ? 0 : 1;
        while (t[k] > 0 && rise(b, k, t[k], ws[k], ss[k]) > ARMIJO * t[k] * slope[k])
            t[k] = ++halvings > HALVINGS_MAX ? 0 : t[k] / 2;
        b->arrived[k] = b->arrived[k] || t[k] == 0;
    }
    for (size_t j = 0; j < b->dim; j++)
        for (uint32_t k = 0; k < b->count; k++)
            b->w[j * b->count + k] += t[k] * b->step[j * b->count + k];
    for (size_t i = 0; i < b->rows->n; i++)
        for (uint32_t k = 0; k < b->count; k++)
            b->score[i * b->count + k] += t[k] * b->along[i * b->count + k];
}

static nsky_status fit_batch(const nsky_newton_rows *rows, const nsky_newton_problem *problems,
                             uint32_t count, double tolerance, nsky_error *err)
{
    batch b = {.rows = rows, .problems = problems, .count = count, .dim = rows->dim + 1};
    nsky_status status = batch_init(&b, err);

    if (status == NSKY_OK) {
        weigh(&b, tolerance);
        for (size_t j = 0; j < b.dim; j++)
            for (uint32_t k = 0; k < count; k++)
                b.w[j * count + k] = problems[k].w[j];
        scores_of(&b, b.w, b.score);
        for (int step = 0; step < STEPS_MAX && !look(&b); step++) {
            find_step(&b);
            take_step(&b);
        }
        for (size_t j = 0; j < b.dim; j++)
            for (uint32_t k = 0; k < count; k++)
                problems[k].w[j] = b.w[j * count + k];
    }
    batch_clear(&b);
    return status;
}

typedef struct batches {
    const nsky_newton_rows *rows;
    const nsky_newton_problem *problems;
    uint32_t count, each;
    double tolerance;
} batches;

static nsky_status fit_one_batch(void *payload, uint32_t task, nsky_error *err)
{
    const batches *all = payload;
    const uint32_t first = task * all->each, left = all->count - first;

    return fit_batch(all->rows, all->problems + first, left < all->each ? left : all->each,
                     all->tolerance, err);
}

/* The batches are the same for any number of threads, so the results are. */
nsky_status nsky_newton_fit(const nsky_newton_rows *rows, const nsky_newton_problem *problems,
                            uint32_t count, double tolerance, uint32_t threads, nsky_error *err)
{
    assert(rows && problems && rows->n > 0 && rows->dim > 0 && tolerance > 0 && err);
    uint32_t most = BATCH_VALUES / rows->n;
    batches all = {.rows = rows, .problems = problems, .count = count, .tolerance = tolerance};

    all.each = most < 1 ? 1 : most > BATCH_MAX ? BATCH_MAX : most;
    nsky_blas_alone();
    nsky_status status =
        nsky_tasks_run((count + all.each - 1) / all.each, threads, fit_one_batch, &all, err);
    nsky_blas_again();
    return status;
}
