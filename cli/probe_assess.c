/* probe_assess.c - see probe_assess.h. */
#include "cli/probe_assess.h"

#include <assert.h>
#include <string.h>

#include "common/memory.h"
#include "probe/classifier.h"
#include "probe/metrics_json.h"

#define REPLICATES 1000

typedef struct assessment {
    const nsky_probe *probe;
    const nsky_labels *labels;
    const double *scores; /* [labels->count, outputs] */
} assessment;

uint32_t nsky_cli_probe_output(const nsky_probe *probe, const double *scores)
{
    const nsky_classifier shape = {.outputs = probe->outputs};

    return probe->outputs == 1 ? 0 : nsky_classifier_guess(&shape, scores);
}

static bool learned_from(const nsky_probe *probe, uint64_t id)
{
    for (uint32_t i = 0; i < probe->label_count; i++)
        if (probe->labels[i].id == id)
            return true;
    return false;
}

static nsky_status assess_binary(const assessment *s, const uint32_t *which, uint32_t n,
                                 nsky_json *into, nsky_error *err)
{
    double *scores = nsky_alloc(n, sizeof *scores, err);
    double *probability = nsky_alloc(n, sizeof *probability, err);
    uint8_t *positive = nsky_alloc(n, 1, err);
    nsky_ranking_metrics m;
    nsky_status status = scores && probability && positive ? NSKY_OK : err->status;

    for (uint32_t k = 0; status == NSKY_OK && k < n; k++) {
        scores[k] = s->scores[which[k]];
        positive[k] =
            strcmp(s->labels->names[s->labels->items[which[k]].class], s->probe->names[1]) == 0;
        probability[k] = nsky_probe_probability(s->probe, 0, scores[k]);
    }
    if (status == NSKY_OK)
        status = nsky_measure_ranking(&m, scores, positive, n, REPLICATES, 1, err);
    if (status == NSKY_OK) {
        nsky_ranking_put(into, &m);
        if (s->probe->calibration)
            nsky_json_put_fixed(into, "calibration_error",
                                nsky_calibration_error(probability, positive, n), 6);
    }
    nsky_free(scores);
    nsky_free(probability);
    nsky_free(positive);
    return status;
}

static nsky_status assess_classes(const assessment *s, const uint32_t *which, uint32_t n,
                                  nsky_json *into, nsky_error *err)
{
    uint32_t *truth = nsky_alloc(n, sizeof *truth, err), *guess = nsky_alloc(n, sizeof *guess, err);
    uint32_t kept = 0;
    nsky_class_metrics m;
    nsky_status status = truth && guess ? NSKY_OK : err->status;

    for (uint32_t k = 0; status == NSKY_OK && k < n; k++) {
        const char *name = s->labels->names[s->labels->items[which[k]].class];
        for (uint32_t c = 0; c < s->probe->classes; c++)
            if (strcmp(name, s->probe->names[c]) == 0) {
                truth[kept] = c;
                guess[kept++] = nsky_cli_probe_output(s->probe, s->scores + (size_t)which[k] *
                                                                                s->probe->outputs);
                break;
            }
    }
    if (status == NSKY_OK)
        status = nsky_measure_classes(&m, truth, guess, kept, s->probe->classes, err);
    if (status == NSKY_OK) {
        nsky_json_put_integer(into, "n", kept);
        nsky_json_put(into, "accuracy", nsky_interval_json(m.accuracy));
        nsky_json_put_fixed(into, "macro_f1", m.macro_f1, 6);
    }
    nsky_free(truth);
    nsky_free(guess);
    return status;
}

static nsky_status assess_numbers(const assessment *s, const uint32_t *which, uint32_t n,
                                  nsky_json *into, nsky_error *err)
{
    double *truth = nsky_alloc(n, sizeof *truth, err), *guess = nsky_alloc(n, sizeof *guess, err);
    nsky_regression_metrics m;
    nsky_status status = truth && guess ? NSKY_OK : err->status;

    for (uint32_t k = 0; status == NSKY_OK && k < n; k++) {
        truth[k] = s->labels->items[which[k]].value;
        guess[k] = s->scores[which[k]];
    }
    if (status == NSKY_OK)
        status = nsky_measure_regression(&m, truth, guess, n, REPLICATES, 1, err);
    if (status == NSKY_OK) {
        nsky_json_put_integer(into, "n", m.n);
        nsky_json_put(into, "sigma_mad", nsky_interval_json(m.sigma_mad));
        nsky_json_put(into, "bias", nsky_interval_json(m.bias));
        nsky_json_put(into, "outliers_05", nsky_interval_json(m.outliers_05));
        nsky_json_put(into, "outliers_15", nsky_interval_json(m.outliers_15));
        nsky_json_put(into, "r2", nsky_interval_json(m.r2));
    }
    nsky_free(truth);
    nsky_free(guess);
    return status;
}

nsky_status nsky_cli_probe_assess(const nsky_probe *probe, const nsky_labels *labels,
                                  const double *scores, nsky_json *into, nsky_error *err)
{
    assert(probe && labels && scores && into && err);
    const assessment s = {probe, labels, scores};
    uint32_t *which = nsky_alloc(labels->count, sizeof *which, err), n = 0;
    nsky_status status = which ? NSKY_OK : err->status;

    for (uint32_t i = 0; status == NSKY_OK && i < labels->count; i++)
        if (!learned_from(probe, labels->items[i].id))
            which[n++] = i;
    nsky_json_put_integer(into, "learned_from_and_left_out", labels->count - n);
    if (status == NSKY_OK && n >= 2)
        status = probe->kind == NSKY_PROBE_BINARY    ? assess_binary(&s, which, n, into, err)
                 : probe->kind == NSKY_PROBE_CLASSES ? assess_classes(&s, which, n, into, err)
                                                     : assess_numbers(&s, which, n, into, err);
    nsky_free(which);
    return status;
}
