/* judge.c - see judge.h. */
#include "probe/judge.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "probe/metrics_json.h"
#include "probe/metrics_private.h"
#include "probe/sample.h"

#define REPLICATES_DEFAULT 1000
#define CURVE_POINTS 20
#define SPREAD_FLOOR                                                            \
    0.05 /* of the mean spread: a number that never moved must not decide alone \
          */
#define NOVELTY_SHARE 0.99
#define BELIEF_LOG_ODDS 1.5 /* standard deviation: a factor of 4.5 */

static nsky_json *json_curve(const nsky_operating_point *points,
                             const nsky_calibration *calibration)
{
    nsky_json *curve = nsky_json_array();

    for (int i = 0; i < CURVE_POINTS; i++) {
        const nsky_operating_point *p = &points[i];
        nsky_json *point = nsky_json_object();
        nsky_json_put_number(point, "score", p->threshold);
        nsky_json_put_fixed(point, "probability", nsky_calibrated(calibration, p->threshold), 6);
        nsky_json_put_integer(point, "selected", p->selected);
        nsky_json_put(point, "completeness", nsky_interval_json(p->completeness));
        nsky_json_put(point, "false_positive_rate", nsky_interval_json(p->false_positive_rate));
        nsky_json_put(
            point, "purity",
            nsky_interval_json((nsky_interval){p->purity, p->purity_low, p->purity_high}));
        nsky_json_append(curve, point);
    }
    return curve;
}

static int by_row(const void *key, const void *item)
{
    uint64_t row = *(const uint64_t *)key, other = ((const nsky_label *)item)->row;

    return row < other ? -1 : row > other;
}

/* The fit flatters the rows it learned from. */
static bool learned_from(const nsky_probe *probe, uint64_t row)
{
    return probe->rows_known &&
           bsearch(&row, probe->labels, probe->label_count, sizeof *probe->labels, by_row) != NULL;
}

typedef struct scored_sample {
    const nsky_probe *probe;
    double *scores; /* [n]; NaN: no vector */
} scored_sample;

static void score_one(uint64_t i, const float *x, void *payload)
{
    const scored_sample *s = payload;
    double sum = (double)s->probe->bias[0];
    bool blank = true;

    for (uint32_t j = 0; j < s->probe->dim; j++) {
        sum += (double)s->probe->weights[j] * (double)x[j];
        blank = blank && x[j] == 0;
    }
    s->scores[i] = blank ? NAN : sum;
}

/* Scores of rows that stand for the survey; blank and labelled ones left out. */
static nsky_status sample_scores(const nsky_probe *probe, const nsky_search *search, double **out,
                                 uint64_t *count, nsky_error *err)
{
    scored_sample s = {.probe = probe};
    uint32_t *rows = NULL, sampled = 0;
    nsky_status status = nsky_sample_rows(&rows, &sampled, nsky_search_rows(search), NULL,
                                          NSKY_PREVALENCE_ROWS, err);

    *count = 0;
    if (status == NSKY_OK && !(s.scores = nsky_alloc(sampled, sizeof *s.scores, err)))
        status = err->status;
    if (status == NSKY_OK)
        status = nsky_search_vectors(search, rows, sampled, score_one, &s, err);
    for (uint32_t i = 0; i < sampled && status == NSKY_OK; i++)
        if (!isnan(s.scores[i]) && !learned_from(probe, rows[i]))
            s.scores[(*count)++] = s.scores[i];
    nsky_free(rows);
    if (status == NSKY_OK)
        *out = s.scores;
    else
        nsky_free(s.scores);
    return status;
}

/* Of all rows, labelled ones included, whose class is known: in a small survey they count. */
static double share_of_all(const nsky_probe *probe, uint64_t rows, double of_the_rest)
{
    double positives = 0, rest = (double)rows;

    for (uint32_t i = 0; i < probe->label_count && probe->rows_known; i++) {
        positives += probe->labels[i].class == 1;
        rest--;
    }
    double share = (positives + of_the_rest * rest) / (double)rows;
    return fmin(fmax(share, 0.5 / (double)rows), 1 - 0.5 / (double)rows);
}

static uint32_t positives_of(const nsky_probe *probe)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < probe->label_count; i++)
        count += probe->labels[i].class == 1;
    return count;
}

static double log_odds(double p)
{
    return log(p / (1 - p));
}

/* What was believed and what the scores say, by their errors in log-odds. Labels are rarely a fair
 * sample; that their share is right within a factor of a few is what is believed of it. */
static double weigh(double believed, const nsky_prevalence *estimate)
{
    double error = (log_odds(estimate->high) - log_odds(estimate->low)) / (2 * NSKY_Z95);
    double a = 1 / (BELIEF_LOG_ODDS * BELIEF_LOG_ODDS), b = 1 / fmax(error * error, 1e-6);
    double middle = (a * log_odds(believed) + b * log_odds(estimate->value)) / (a + b);
    return 1 / (1 + exp(-middle));
}

nsky_status nsky_probe_estimate_prevalence(nsky_probe *probe, const nsky_search *search,
                                           nsky_error *err)
{
    nsky_calibration *calibration = probe->calibration;
    nsky_prevalence estimate;
    double *scores = NULL;
    uint64_t count = 0;

    if (probe->kind != NSKY_PROBE_BINARY || !calibration ||
        positives_of(probe) < NSKY_PREVALENCE_POSITIVES)
        return NSKY_OK;
    nsky_status status = sample_scores(probe, search, &scores, &count, err);
    if (status == NSKY_OK)
        status = nsky_prevalence_estimate(&estimate, calibration, scores, count, err);
    nsky_free(scores);
    if (status == NSKY_OK && count > 0) {
        double weighed = weigh(calibration->prevalence, &estimate);
        nsky_calibration_shift(calibration, share_of_all(probe, nsky_search_rows(search), weighed));
        snprintf(probe->prevalence_source, sizeof probe->prevalence_source, "estimated");
    }
    return status;
}

void nsky_probe_state_prevalence(nsky_probe *probe, double prevalence)
{
    if (probe->kind != NSKY_PROBE_BINARY || !probe->calibration)
        return;
    nsky_calibration_shift(probe->calibration, prevalence);
    snprintf(probe->prevalence_source, sizeof probe->prevalence_source, "stated");
}

/* Several classes keep the shares that the labels have. */
static nsky_status set_prevalence(nsky_probe *probe, const nsky_search *search, double wish,
                                  nsky_error *err)
{
    snprintf(probe->prevalence_source, sizeof probe->prevalence_source, "labels");
    if (wish > 0)
        nsky_probe_state_prevalence(probe, wish);
    return wish == 0 ? nsky_probe_estimate_prevalence(probe, search, err) : NSKY_OK;
}

typedef struct output_view {
    double *scores;    /* [n] */
    uint8_t *positive; /* [n] */
} output_view;

static void view_output(const nsky_probe *probe, uint32_t output, const double *held_out,
                        const uint32_t *class, uint32_t n, output_view *view)
{
    uint32_t own = probe->outputs == 1 ? 1 : output;

    assert(view->scores && view->positive);
    for (uint32_t i = 0; i < n; i++) {
        view->scores[i] = held_out[(size_t)i * probe->outputs + output];
        view->positive[i] = class[i] == own;
    }
}

/* Calibration error before any shift: at the share of positives that the labels have. */
static nsky_status judge_output(nsky_probe *probe, uint32_t output, const output_view *view,
                                uint32_t n, const nsky_train_options *options, nsky_json **out,
                                nsky_error *err)
{
    nsky_ranking_metrics metrics;
    nsky_calibration *calibration = &probe->calibration[output];
    uint32_t replicates = options->replicates ? options->replicates : REPLICATES_DEFAULT;
    nsky_status status = nsky_measure_ranking(&metrics, view->scores, view->positive, n, replicates,
                                              options->seed, err);
    double *probability = nsky_alloc(n, sizeof *probability, err);

    if (!probability)
        status = err->status;
    if (status == NSKY_OK)
        status = nsky_calibrate(calibration, view->scores, view->positive, n, err);
    if (status == NSKY_OK) {
        for (uint32_t i = 0; i < n; i++)
            probability[i] = nsky_calibrated(calibration, view->scores[i]);
        *out = nsky_json_object();
        nsky_ranking_put(*out, &metrics);
        nsky_json_put_string(*out, "class", probe->names[probe->outputs == 1 ? 1 : output]);
        nsky_json_put_fixed(*out, "calibration_error",
                            nsky_calibration_error(probability, view->positive, n), 6);
        nsky_json_put_fixed(*out, "label_prevalence", calibration->prevalence, 6);
    }
    nsky_free(probability);
    return status;
}

static nsky_status judge_guesses(const nsky_probe *probe, const double *held_out,
                                 const uint32_t *class, uint32_t n, nsky_json *into,
                                 nsky_error *err)
{
    const nsky_classifier shape = {.outputs = probe->outputs, .classes = probe->classes};
    nsky_class_metrics metrics;
    uint32_t *guess = nsky_alloc(n, sizeof *guess, err);

    if (!guess)
        return err->status;
    for (uint32_t i = 0; i < n; i++)
        guess[i] = nsky_classifier_guess(&shape, held_out + (size_t)i * probe->outputs);
    nsky_status status = nsky_measure_classes(&metrics, class, guess, n, probe->classes, err);
    if (status == NSKY_OK) {
        nsky_json_put(into, "accuracy", nsky_interval_json(metrics.accuracy));
        nsky_json_put_fixed(into, "macro_f1", metrics.macro_f1, 6);
    }
    nsky_free(guess);
    return status;
}

static nsky_status judge_curve(nsky_probe *probe, const output_view *view, uint32_t n,
                               nsky_json *into, nsky_error *err)
{
    nsky_operating_point points[CURVE_POINTS];
    const nsky_calibration *calibration = &probe->calibration[0];
    nsky_status status = nsky_measure_curve(points, CURVE_POINTS, view->scores, view->positive, n,
                                            calibration->prevalence, err);

    if (status == NSKY_OK) {
        nsky_json_put_number(into, "prevalence", calibration->prevalence);
        nsky_json_put(into, "curve", json_curve(points, calibration));
    }
    return status;
}

nsky_status nsky_judge_classes(nsky_probe *probe, const nsky_search *search, const double *held_out,
                               const uint32_t *class, uint32_t n, const nsky_train_options *options,
                               nsky_error *err)
{
    output_view view = {nsky_alloc(n, sizeof *view.scores, err), nsky_alloc(n, 1, err)};
    nsky_json *outputs = nsky_json_array();
    nsky_status status = view.scores && view.positive ? NSKY_OK : err->status;

    probe->metrics = nsky_json_object();
    nsky_json_put_string(probe->metrics, "measured_on", "labelled rows held out, by folds");
    nsky_json_put(probe->metrics, "outputs", outputs);
    if (status == NSKY_OK &&
        !(probe->calibration = nsky_alloc_zero(probe->outputs, sizeof *probe->calibration, err)))
        status = err->status;
    for (uint32_t o = 0; o < probe->outputs && status == NSKY_OK; o++) {
        nsky_json *output = NULL;
        view_output(probe, o, held_out, class, n, &view);
        if ((status = judge_output(probe, o, &view, n, options, &output, err)) == NSKY_OK)
            nsky_json_append(outputs, output);
    }
    if (status == NSKY_OK)
        status = set_prevalence(probe, search, options->prevalence, err);
    if (status == NSKY_OK && probe->kind == NSKY_PROBE_CLASSES)
        status = judge_guesses(probe, held_out, class, n, probe->metrics, err);
    if (status == NSKY_OK && probe->kind == NSKY_PROBE_BINARY)
        status = judge_curve(probe, &view, n, probe->metrics, err);
    nsky_free(view.scores);
    nsky_free(view.positive);
    return status;
}

nsky_status nsky_judge_numbers(nsky_probe *probe, const double *held_out, const double *value,
                               uint32_t n, const nsky_train_options *options, nsky_error *err)
{
    nsky_regression_metrics m;
    uint32_t replicates = options->replicates ? options->replicates : REPLICATES_DEFAULT;
    nsky_status status =
        nsky_measure_regression(&m, value, held_out, n, replicates, options->seed, err);

    if (status != NSKY_OK)
        return status;
    nsky_json *metrics = probe->metrics = nsky_json_object();
    nsky_json_put_string(metrics, "measured_on", "labelled rows, each left out in turn");
    nsky_json_put_integer(metrics, "n", m.n);
    nsky_json_put(metrics, "rmse", nsky_interval_json(m.rmse));
    nsky_json_put(metrics, "r2", nsky_interval_json(m.r2));
    nsky_json_put(metrics, "bias", nsky_interval_json(m.bias));
    nsky_json_put(metrics, "sigma_mad", nsky_interval_json(m.sigma_mad));
    nsky_json_put(metrics, "outliers_05", nsky_interval_json(m.outliers_05));
    nsky_json_put(metrics, "outliers_15", nsky_interval_json(m.outliers_15));
    return NSKY_OK;
}

static void find_spread(nsky_probe *probe, const float *x, uint32_t n)
{
    double all = 0;

    for (uint32_t j = 0; j < probe->dim; j++) {
        double sum = 0, square = 0;
        for (uint32_t i = 0; i < n; i++)
            sum += (double)x[(size_t)i * probe->dim + j];
        for (uint32_t i = 0; i < n; i++) {
            double off = (double)x[(size_t)i * probe->dim + j] - sum / n;
            square += off * off;
        }
        probe->mean[j] = (float)(sum / n);
        probe->spread[j] = (float)sqrt(square / n);
        all += sqrt(square / n) / probe->dim;
    }
    float floor = all > 0 ? (float)(SPREAD_FLOOR * all) : 1.0f;
    for (uint32_t j = 0; j < probe->dim; j++)
        probe->spread[j] = fmaxf(probe->spread[j], floor);
}

nsky_status nsky_judge_novelty(nsky_probe *probe, const float *x, uint32_t n, nsky_error *err)
{
    double *distances = nsky_alloc(n, sizeof *distances, err);

    if (!distances)
        return err->status;
    find_spread(probe, x, n);
    probe->novelty_unit = 1;
    for (uint32_t i = 0; i < n; i++)
        distances[i] = nsky_probe_novelty(probe, x + (size_t)i * probe->dim);
    qsort(distances, n, sizeof *distances, nsky_compare_doubles);
    double unit = distances[(uint32_t)(NOVELTY_SHARE * (n - 1))];
    probe->novelty_unit = unit > 0 ? unit : 1;
    nsky_free(distances);
    return NSKY_OK;
}
