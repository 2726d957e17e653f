/* calibrate.c - see calibrate.h. Pure functions: any thread. */
#include "probe/calibrate.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/rng.h"

#define NEWTON_STEPS_MAX 100
#define GRADIENT_SMALL 1e-10
#define RIDGE 1e-12 /* keeps the Hessian invertible */
#define BINS 1000   /* of scores: next to nothing is lost, and any number of rows is quick */
#define BISECTIONS 60
#define DRAWS 200

static double sigmoid(double t)
{
    return t >= 0 ? 1 / (1 + exp(-t)) : exp(t) / (1 + exp(t));
}

/* -log of a sigmoid, without overflow. */
static double softplus(double t)
{
    return t > 0 ? t + log1p(exp(-t)) : log1p(exp(t));
}

typedef struct evidence {
    const double *scores;
    const uint8_t *positive;
    uint32_t n;
    double target[2]; /* what 0 and 1 are to be fitted as */
    double centre, scale;
} evidence;

static double loss(const evidence *e, double slope, double offset)
{
    double sum = 0;

    for (uint32_t i = 0; i < e->n; i++) {
        double t = slope * (e->scores[i] - e->centre) / e->scale + offset;
        sum += softplus(t) - e->target[e->positive[i]] * t;
    }
    return sum;
}

static void derivatives(const evidence *e, double slope, double offset, double g[2], double h[3])
{
    g[0] = g[1] = h[1] = 0;
    h[0] = h[2] = RIDGE;
    for (uint32_t i = 0; i < e->n; i++) {
        double s = (e->scores[i] - e->centre) / e->scale;
        double p = sigmoid(slope * s + offset), d = p - e->target[e->positive[i]];
        g[0] += s * d;
        g[1] += d;
        h[0] += s * s * p * (1 - p);
        h[1] += s * p * (1 - p);
        h[2] += p * (1 - p);
    }
}

/* One damped Newton step. false: converged. */
static bool step(const evidence *e, double *slope, double *offset)
{
    double g[2], h[3];

    derivatives(e, *slope, *offset, g, h);
    if (fabs(g[0]) < GRADIENT_SMALL * e->n && fabs(g[1]) < GRADIENT_SMALL * e->n)
        return false;
    double determinant = h[0] * h[2] - h[1] * h[1];
    double d_slope = -(h[2] * g[0] - h[1] * g[1]) / determinant;
    double d_offset = -(-h[1] * g[0] + h[0] * g[1]) / determinant;
    double before = loss(e, *slope, *offset), slope_by = g[0] * d_slope + g[1] * d_offset;
    for (double size = 1; size > 1e-10; size /= 2) {
        double a = *slope + size * d_slope, b = *offset + size * d_offset;
        if (loss(e, a, b) < before + 1e-4 * size * slope_by) {
            *slope = a;
            *offset = b;
            return true;
        }
    }
    return false;
}

/* The inverse of the Hessian, in the units of scores as they are. */
static void put_covariance(const evidence *e, double slope, double offset, nsky_calibration *out)
{
    double g[2], h[3];

    derivatives(e, slope, offset, g, h);
    double determinant = h[0] * h[2] - h[1] * h[1];
    double ss = h[2] / determinant, so = -h[1] / determinant, oo = h[0] / determinant;
    double shift = e->centre / e->scale; /* offset' = offset - slope shift */
    out->covariance[0] = ss / (e->scale * e->scale);
    out->covariance[1] = (so - shift * ss) / e->scale;
    out->covariance[2] = oo - 2 * shift * so + shift * shift * ss;
}

nsky_status nsky_calibrate(nsky_calibration *out, const double *scores, const uint8_t *positive,
                           uint32_t n, nsky_error *err)
{
    assert(out && err && (n == 0 || (scores && positive)));
    evidence e = {scores, positive, n, {0, 0}, 0, 0};
    double positives = 0;

    for (uint32_t i = 0; i < n; i++) {
        if (!isfinite(scores[i]))
            return nsky_fail(err, NSKY_EINVAL, "calibration: score %u is not finite", i);
        positives += positive[i];
        e.centre += scores[i] / n;
    }
    if (positives == 0 || positives == n)
        return nsky_fail(err, NSKY_EINVAL, "calibration: labels of one class only");
    for (uint32_t i = 0; i < n; i++)
        e.scale += (scores[i] - e.centre) * (scores[i] - e.centre) / n;
    e.scale = e.scale > 0 ? sqrt(e.scale) : 1;
    /* Not 0 and 1: with few labels the sigmoid would claim certainty. */
    e.target[1] = (positives + 1) / (positives + 2);
    e.target[0] = 1 / (n - positives + 2);
    double slope = 0, offset = log((positives + 1) / (n - positives + 1));
    for (int i = 0; i < NEWTON_STEPS_MAX && step(&e, &slope, &offset); i++) {
    }
    if (!(slope > 0)) {
        slope = 0;
        offset = log(positives / (n - positives));
    }
    out->slope = slope / e.scale;
    out->offset = offset - slope * e.centre / e.scale;
    out->prevalence = positives / n;
    put_covariance(&e, slope, offset, out);
    return NSKY_OK;
}

double nsky_calibrated(const nsky_calibration *calibration, double score)
{
    return sigmoid(calibration->slope * score + calibration->offset);
}

void nsky_calibration_shift(nsky_calibration *calibration, double prevalence)
{
    assert(prevalence > 0 && prevalence < 1);
    double from = calibration->prevalence;

    calibration->offset += log(prevalence / (1 - prevalence)) - log(from / (1 - from));
    calibration->prevalence = prevalence;
}

/* Rows by score, in equal steps; each stands at the mean of its own. */
typedef struct histogram {
    double score[BINS], rows[BINS];
    double total;
} histogram;

static void fill(histogram *h, const double *scores, uint64_t n)
{
    double low = INFINITY, high = -INFINITY;

    memset(h, 0, sizeof *h);
    for (uint64_t i = 0; i < n; i++) {
        low = fmin(low, scores[i]);
        high = fmax(high, scores[i]);
    }
    double step = high > low ? (high - low) / BINS : 1;
    for (uint64_t i = 0; i < n; i++) {
        int bin = (int)((scores[i] - low) / step);
        bin = bin < BINS ? bin : BINS - 1;
        h->score[bin] += scores[i];
        h->rows[bin]++;
    }
    for (int b = 0; b < BINS; b++)
        h->score[b] /= h->rows[b] > 0 ? h->rows[b] : 1;
    h->total = (double)n;
}

/* The log likelihood is concave in the prevalence: where its slope is zero. up and down are how
 * much likelier a row is, per unit of prevalence, as a positive and as a negative. */
static double most_likely(const histogram *h, const nsky_calibration *calibration)
{
    const double own = calibration->prevalence;
    double low = 0.5 / h->total, high = 1 - low;

    for (int i = 0; i < BISECTIONS; i++) {
        double middle = (low + high) / 2, slope = 0;
        for (int b = 0; b < BINS; b++) {
            if (h->rows[b] == 0)
                continue;
            double p = nsky_calibrated(calibration, h->score[b]);
            double up = p / own, down = (1 - p) / (1 - own);
            slope += h->rows[b] * (up - down) / (middle * up + (1 - middle) * down);
        }
        *(slope > 0 ? &low : &high) = middle;
    }
    return (low + high) / 2;
}

/* A calibration that fits the labels as well as this one might have, drawn from its error. */
static nsky_calibration drawn(const nsky_calibration *from, uint32_t number)
{
    const double *c = from->covariance;
    nsky_rng rng = nsky_rng_at(1, 0x70726576, number); /* "prev" */
    nsky_calibration out = *from;
    double a = sqrt(fmax(c[0], 0)), b = a > 0 ? c[1] / a : 0;
    double x = nsky_rng_normal(&rng), y = nsky_rng_normal(&rng);

    out.slope = fmax(0, from->slope + a * x);
    out.offset = from->offset + b * x + sqrt(fmax(c[2] - b * b, 0)) * y;
    return out;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

nsky_status nsky_prevalence_estimate(nsky_prevalence *out, const nsky_calibration *calibration,
                                     const double *scores, uint64_t n, nsky_error *err)
{
    assert(out && calibration && (scores || n == 0) && err);
    double draws[DRAWS];

    *out = (nsky_prevalence){calibration->prevalence, 0, 1};
    if (n == 0)
        return NSKY_OK;
    histogram *h = nsky_alloc(1, sizeof *h, err);
    if (!h)
        return err->status;
    fill(h, scores, n);
    for (uint32_t i = 0; i < DRAWS; i++) {
        nsky_calibration c = drawn(calibration, i);
        draws[i] = most_likely(h, &c);
    }
    qsort(draws, DRAWS, sizeof *draws, ascending);
    *out = (nsky_prevalence){most_likely(h, calibration), draws[DRAWS / 40],
                             draws[DRAWS - 1 - DRAWS / 40]};
    nsky_free(h);
    return NSKY_OK;
}
