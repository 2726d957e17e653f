/* calibrate.c - see calibrate.h. Pure functions: any thread. */
#include "probe/calibrate.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>

#define NEWTON_STEPS_MAX 100
#define GRADIENT_SMALL 1e-10
#define RIDGE 1e-12 /* keeps the Hessian invertible */
#define EM_STEPS_MAX 1000
#define EM_CHANGE_SMALL 1e-9

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

double nsky_prevalence_gain(const nsky_calibration *calibration, const double *scores, uint64_t n,
                            double prevalence)
{
    double up = prevalence / calibration->prevalence;
    double down = (1 - prevalence) / (1 - calibration->prevalence), gain = 0;

    for (uint64_t i = 0; i < n; i++) {
        double p = nsky_calibrated(calibration, scores[i]);
        gain += log(p * up + (1 - p) * down);
    }
    return gain;
}

double nsky_prevalence_estimate(const nsky_calibration *calibration, const double *scores,
                                uint64_t n)
{
    nsky_calibration here = *calibration;

    for (int i = 0; i < EM_STEPS_MAX && n > 0; i++) {
        double sum = 0;
        for (uint64_t k = 0; k < n; k++)
            sum += nsky_calibrated(&here, scores[k]);
        double next = sum / (double)n, before = here.prevalence;
        double floor = 0.5 / (double)n;
        next = next < floor ? floor : next > 1 - floor ? 1 - floor : next;
        nsky_calibration_shift(&here, next);
        if (fabs(next - before) < EM_CHANGE_SMALL * next)
            break;
    }
    return here.prevalence;
}
