/* ranking.c - metrics.h: ROC, precision and recall, one pass over rows sorted once.
 * Pure functions: any thread. */
#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/rng.h"
#include "probe/metrics.h"
#include "probe/metrics_private.h"

const double nsky_fprs[NSKY_FPRS] = {1e-2, 1e-3, 1e-4};

enum { AUROC, AVERAGE_PRECISION, TPR, VALUES = TPR + NSKY_FPRS };

typedef struct entry {
    double score;
    uint32_t positive, group; /* group: equal for equal scores, ascending */
} entry;

static int best_first(const void *a, const void *b)
{
    double x = ((const entry *)a)->score, y = ((const entry *)b)->score;

    return x > y ? -1 : x < y;
}

static nsky_status sorted(entry **out, const double *scores, const uint8_t *positive, uint32_t n,
                          nsky_error *err)
{
    entry *entries = nsky_alloc(n, sizeof *entries, err);

    *out = NULL;
    if (!entries)
        return err->status;
    for (uint32_t i = 0; i < n; i++) {
        entries[i] = (entry){scores[i], positive[i] != 0, 0};
        if (isnan(scores[i])) {
            nsky_free(entries);
            return nsky_fail(err, NSKY_EDATA, "score %u is not a number", i);
        }
    }
    qsort(entries, n, sizeof *entries, best_first);
    for (uint32_t i = 1; i < n; i++)
        entries[i].group = entries[i - 1].group + (entries[i].score != entries[i - 1].score);
    *out = entries;
    return NSKY_OK;
}

/* All values with row i counted weights[i] times (NULL: once). */
static void measure(const entry *entries, uint32_t n, const uint32_t *weights, double out[VALUES])
{
    double totals[2] = {0, 0}, seen[2] = {0, 0}, area = 0, precision = 0;
    double best[NSKY_FPRS] = {0};

    for (uint32_t i = 0; i < n; i++)
        totals[entries[i].positive] += weights ? weights[i] : 1;
    for (uint32_t i = 0; i < n;) {
        double group[2] = {0, 0};
        uint32_t end = i;
        for (; end < n && entries[end].group == entries[i].group; end++)
            group[entries[end].positive] += weights ? weights[end] : 1;
        area += group[0] * (seen[1] + 0.5 * group[1]);
        seen[0] += group[0];
        seen[1] += group[1];
        if (seen[0] + seen[1] > 0)
            precision += group[1] * seen[1] / (seen[0] + seen[1]);
        for (int f = 0; f < NSKY_FPRS; f++)
            if (seen[0] <= nsky_fprs[f] * totals[0])
                best[f] = seen[1];
        i = end;
    }
    out[AUROC] = area / (totals[0] * totals[1]);
    out[AVERAGE_PRECISION] = precision / totals[1];
    for (int f = 0; f < NSKY_FPRS; f++)
        out[TPR + f] = best[f] / totals[1];
}

/* Rows drawn anew within each class. */
static void draw(uint32_t n, const uint32_t *members[2], const uint32_t counts[2], nsky_rng *rng,
                 uint32_t *weights)
{
    assert(members[0] && members[1] && weights);
    memset(weights, 0, n * sizeof *weights);
    for (int class = 0; class < 2; class ++)
        for (uint32_t i = 0; i < counts[class]; i++)
            weights[members[class][nsky_rng_below(rng, counts[class])]]++;
}

/* samples [VALUES, replicates] */
static nsky_status bootstrap(const entry *entries, uint32_t n, const uint32_t counts[2],
                             uint32_t replicates, uint64_t seed, double *samples, nsky_error *err)
{
    uint32_t *members = nsky_alloc(n, sizeof *members, err);
    uint32_t *weights = nsky_alloc(n, sizeof *weights, err);
    nsky_status status = members && weights ? NSKY_OK : err->status;

    if (status == NSKY_OK) {
        const uint32_t *of[2] = {members, members + counts[0]};
        uint32_t next[2] = {0, counts[0]};
        for (uint32_t i = 0; i < n; i++)
            members[next[entries[i].positive]++] = i;
        for (uint32_t r = 0; r < replicates; r++) {
            nsky_rng rng = nsky_rng_at(seed, 0x626f6f74, r); /* "boot" */
            double values[VALUES];
            draw(n, of, counts, &rng, weights);
            measure(entries, n, weights, values);
            for (int v = 0; v < VALUES; v++)
                samples[(size_t)v * replicates + r] = values[v];
        }
    }
    nsky_free(members);
    nsky_free(weights);
    return status;
}

/* Variance of an area theta from m and n rows (Newcombe 2006, method 5: exponential scores, the
 * two sizes levelled out). */
static double area_variance(double theta, double m, double n)
{
    double level = (m + n) / 2 - 1;

    return theta * (1 - theta) *
           (1 + level * (1 - theta) / (2 - theta) + level * theta / (1 + theta)) / (m * n);
}

/* The areas from which the observed one is just within reach, by bisection. */
static nsky_interval area_interval(double theta, double m, double n)
{
    nsky_interval interval = {theta, 0, 1};

    for (int side = 0; side < 2; side++) {
        double inside = theta, outside = side;
        for (int i = 0; i < 60; i++) {
            double middle = (inside + outside) / 2;
            bool reach = fabs(theta - middle) <= NSKY_Z95 * sqrt(area_variance(middle, m, n));
            *(reach ? &inside : &outside) = middle;
        }
        *(side ? &interval.high : &interval.low) = outside;
    }
    return interval;
}

nsky_status nsky_measure_ranking(nsky_ranking_metrics *out, const double *scores,
                                 const uint8_t *positive, uint32_t n, uint32_t replicates,
                                 uint64_t seed, nsky_error *err)
{
    assert(out && err && (n == 0 || (scores && positive)));
    uint32_t counts[2] = {0, 0};
    double values[VALUES], *samples = NULL;
    entry *entries;
    nsky_status status = sorted(&entries, scores, positive, n, err);

    memset(out, 0, sizeof *out);
    if (status != NSKY_OK)
        return status;
    for (uint32_t i = 0; i < n; i++)
        counts[entries[i].positive]++;
    out->positives = counts[1];
    out->negatives = counts[0];
    measure(entries, n, NULL, values);
    if (counts[0] > 0 && counts[1] > 0 && replicates > 0) {
        samples = nsky_alloc((size_t)VALUES * replicates, sizeof *samples, err);
        status =
            samples ? bootstrap(entries, n, counts, replicates, seed, samples, err) : err->status;
    }
    nsky_interval *const results[VALUES] = {&out->auroc, &out->average_precision, &out->tpr[0],
                                            &out->tpr[1], &out->tpr[2]};
    for (int v = 0; v < VALUES && status == NSKY_OK; v++) {
        *results[v] = (nsky_interval){values[v], NAN, NAN};
        if (samples)
            nsky_percentiles(results[v], samples + (size_t)v * replicates, replicates);
        if (v != AVERAGE_PRECISION)
            nsky_widen(results[v], v == AUROC ? area_interval(values[v], counts[1], counts[0])
                                              : nsky_wilson(values[v] * counts[1], counts[1]));
    }
    for (int f = 0; f < NSKY_FPRS; f++)
        if (counts[0] * nsky_fprs[f] <
            1) /* no negative may pass: the rate is below what they tell */
            out->tpr[f] = (nsky_interval){NAN, NAN, NAN};
    nsky_free(samples);
    nsky_free(entries);
    return status;
}

nsky_status nsky_precision_at(nsky_interval *out, const double *scores, const uint8_t *positive,
                              uint32_t n, uint32_t count, nsky_error *err)
{
    assert(out && err);
    double found = 0;
    entry *entries;
    nsky_status status = sorted(&entries, scores, positive, n, err);

    if (status != NSKY_OK)
        return status;
    count = count < n ? count : n;
    for (uint32_t i = 0; i < count;) {
        uint32_t end = i, positives = 0;
        for (; end < n && entries[end].group == entries[i].group; end++)
            positives += entries[end].positive;
        uint32_t taken = (end < count ? end : count) - i;
        found += (double)positives * taken / (end - i);
        i = end;
    }
    *out = nsky_wilson(found, count);
    nsky_free(entries);
    return NSKY_OK;
}

static void fill_point(nsky_operating_point *point, const double seen[2], const uint32_t counts[2],
                       double prevalence)
{
    point->selected = (uint32_t)(seen[0] + seen[1]);
    point->completeness = nsky_wilson(seen[1], counts[1]);
    point->false_positive_rate = nsky_wilson(seen[0], counts[0]);
    const nsky_interval t = point->completeness, f = point->false_positive_rate;
    double p = prevalence, q = 1 - prevalence;
    point->purity = p * t.value / (p * t.value + q * f.value);
    point->purity_low = p * t.low / (p * t.low + q * f.high);
    point->purity_high = p * t.high / (p * t.high + q * f.low);
}

nsky_status nsky_measure_curve(nsky_operating_point *out, uint32_t points, const double *scores,
                               const uint8_t *positive, uint32_t n, double prevalence,
                               nsky_error *err)
{
    assert(out && points > 0 && err && prevalence > 0 && prevalence < 1);
    uint32_t counts[2] = {0, 0}, point = 0;
    double seen[2] = {0, 0};
    entry *entries;
    nsky_status status = sorted(&entries, scores, positive, n, err);

    if (status != NSKY_OK)
        return status;
    for (uint32_t i = 0; i < n; i++)
        counts[entries[i].positive]++;
    if (counts[0] == 0 || counts[1] == 0) {
        nsky_free(entries);
        return nsky_fail(err, NSKY_EINVAL, "a curve needs positives and negatives");
    }
    for (uint32_t i = 0; i < n && point < points;) {
        uint32_t end = i;
        for (; end < n && entries[end].group == entries[i].group; end++)
            seen[entries[end].positive]++;
        while (point < points && seen[1] * points >= (double)(point + 1) * counts[1]) {
            out[point].threshold = entries[i].score;
            fill_point(&out[point++], seen, counts, prevalence);
        }
        i = end;
    }
    nsky_free(entries);
    return NSKY_OK;
}
