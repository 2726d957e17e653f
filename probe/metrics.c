/* metrics.c - intervals, calibration, classes and numbers; rankings are in ranking.c.
 * Pure functions: any thread. */
#include "probe/metrics.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/rng.h"
#include "probe/folds.h"
#include "probe/metrics_private.h"

#define CALIBRATION_BINS 10

nsky_interval nsky_wilson(double successes, double trials)
{
    const double z = NSKY_Z95;

    if (!(trials > 0))
        return (nsky_interval){NAN, 0, 1};
    double share = successes / trials, scale = 1 + z * z / trials;
    double centre = (share + z * z / (2 * trials)) / scale;
    double half = z / scale * sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials));
    return (nsky_interval){share, fmax(0, fmin(share, centre - half)),
                           fmin(1, fmax(share, centre + half))};
}

int nsky_compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

void nsky_percentiles(nsky_interval *interval, double *samples, uint32_t count)
{
    uint32_t good = 0;

    for (uint32_t i = 0; i < count; i++)
        if (!isnan(samples[i]))
            samples[good++] = samples[i];
    interval->low = interval->high = NAN;
    if (good == 0)
        return;
    qsort(samples, good, sizeof *samples, nsky_compare_doubles);
    interval->low = samples[(uint32_t)(0.025 * (good - 1))];
    interval->high = samples[(uint32_t)ceil(0.975 * (good - 1))];
}

void nsky_widen(nsky_interval *interval, nsky_interval other)
{
    interval->low = fmin(interval->low, other.low); /* fmin passes over a NaN */
    interval->high = fmax(interval->high, other.high);
}

double nsky_calibration_error(const double *probability, const uint8_t *positive, uint32_t n)
{
    double sum[CALIBRATION_BINS] = {0}, hits[CALIBRATION_BINS] = {0}, error = 0;

    for (uint32_t i = 0; i < n; i++) {
        int bin = (int)(probability[i] * CALIBRATION_BINS);
        bin = bin < 0 ? 0 : bin >= CALIBRATION_BINS ? CALIBRATION_BINS - 1 : bin;
        sum[bin] += probability[i];
        hits[bin] += positive[i] != 0;
    }
    for (int b = 0; b < CALIBRATION_BINS; b++)
        error += fabs(sum[b] - hits[b]);
    return n > 0 ? error / n : NAN;
}

nsky_status nsky_measure_classes(nsky_class_metrics *out, const uint32_t *truth,
                                 const uint32_t *guess, uint32_t n, uint32_t classes,
                                 nsky_error *err)
{
    assert(out && err && classes > 0 && classes <= NSKY_CLASSES_MAX);
    uint32_t *counts = nsky_alloc_zero((size_t)classes * 3, sizeof *counts, err);
    double f1 = 0, right_sum = 0;
    uint32_t seen = 0;

    if (!counts)
        return err->status;
    uint32_t *right = counts, *true_count = counts + classes,
             *guess_count = counts + (size_t)2 * classes;
    for (uint32_t i = 0; i < n; i++) {
        assert(truth[i] < classes && guess[i] < classes);
        true_count[truth[i]]++;
        guess_count[guess[i]]++;
        right[truth[i]] += truth[i] == guess[i];
    }
    for (uint32_t c = 0; c < classes; c++) {
        if (true_count[c] + guess_count[c] == 0)
            continue;
        seen++;
        f1 += 2.0 * right[c] / (true_count[c] + guess_count[c]);
        right_sum += right[c];
    }
    out->accuracy = nsky_wilson(right_sum, n);
    out->macro_f1 = seen > 0 ? f1 / seen : NAN;
    nsky_free(counts);
    return NSKY_OK;
}

enum { RMSE, R2, BIAS, SIGMA_MAD, OUTLIERS_05, OUTLIERS_15, VALUES };

static double median(double *values, uint32_t n)
{
    qsort(values, n, sizeof *values, nsky_compare_doubles);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* rows [n]: which rows, repeats allowed; scratch [n]. */
static void measure(const double *truth, const double *estimate, const uint32_t *rows, uint32_t n,
                    double *scratch, double out[VALUES])
{
    double mean = 0, square = 0, spread = 0;

    memset(out, 0, VALUES * sizeof *out);
    for (uint32_t i = 0; i < n; i++)
        mean += truth[rows[i]] / n;
    for (uint32_t i = 0; i < n; i++) {
        double t = truth[rows[i]], off = estimate[rows[i]] - t, d = off / (1 + t);
        square += off * off;
        spread += (t - mean) * (t - mean);
        out[BIAS] += d / n;
        out[OUTLIERS_05] += fabs(d) > 0.05;
        out[OUTLIERS_15] += fabs(d) > 0.15;
        scratch[i] = d;
    }
    out[RMSE] = sqrt(square / n);
    out[R2] = spread > 0 ? 1 - square / spread : NAN;
    out[OUTLIERS_05] /= n;
    out[OUTLIERS_15] /= n;
    double centre = median(scratch, n);
    for (uint32_t i = 0; i < n; i++)
        scratch[i] = fabs(scratch[i] - centre);
    out[SIGMA_MAD] = 1.4826 * median(scratch, n);
}

static nsky_status check_numbers(const double *truth, const double *estimate, uint32_t n,
                                 nsky_error *err)
{
    if (n < 2)
        return nsky_fail(err, NSKY_EDATA, "%u rows are too few to judge estimates by", n);
    for (uint32_t i = 0; i < n; i++)
        if (!isfinite(truth[i]) || !isfinite(estimate[i]))
            return nsky_fail(err, NSKY_EDATA, "row %u: truth or estimate is not finite", i);
    return NSKY_OK;
}

nsky_status nsky_measure_regression(nsky_regression_metrics *out, const double *truth,
                                    const double *estimate, uint32_t n, uint32_t replicates,
                                    uint64_t seed, nsky_error *err)
{
    assert(out && truth && estimate && err);
    double values[VALUES];
    nsky_status status = check_numbers(truth, estimate, n, err);

    memset(out, 0, sizeof *out);
    if (status != NSKY_OK)
        return status;
    uint32_t *rows = nsky_alloc(n, sizeof *rows, err);
    double *scratch = nsky_alloc(n, sizeof *scratch, err);
    double *samples = nsky_alloc((size_t)VALUES * (replicates + 1), sizeof *samples, err);
    if (!rows || !scratch || !samples) {
        status = err->status;
        goto done;
    }
    nsky_interval *const results[VALUES] = {&out->rmse,      &out->r2,          &out->bias,
                                            &out->sigma_mad, &out->outliers_05, &out->outliers_15};
    for (uint32_t r = 0; r < replicates; r++) {
        nsky_rng rng = nsky_rng_at(seed, 0x626f6f74, r); /* "boot" */
        for (uint32_t i = 0; i < n; i++)
            rows[i] = nsky_rng_below(&rng, n);
        measure(truth, estimate, rows, n, scratch, values);
        for (int v = 0; v < VALUES; v++)
            samples[(size_t)v * replicates + r] = values[v];
    }
    for (uint32_t i = 0; i < n; i++)
        rows[i] = i;
    measure(truth, estimate, rows, n, scratch, values);
    for (int v = 0; v < VALUES; v++) {
        *results[v] = (nsky_interval){values[v], NAN, NAN};
        nsky_percentiles(results[v], samples + (size_t)v * replicates, replicates);
        if (v >= OUTLIERS_05)
            nsky_widen(results[v], nsky_wilson(values[v] * n, n));
    }
    out->n = n;
done:
    nsky_free(rows);
    nsky_free(scratch);
    nsky_free(samples);
    return status;
}
