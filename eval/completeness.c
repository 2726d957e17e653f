/* completeness.c - which lenses a probe finds: wide ones or narrow ones, bright arcs or faint. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "eval/lens_draws.h"
#include "eval/spread.h"

#define BINS 5

typedef struct axis {
    const char *name;
    double edges[BINS - 1];
    const char *labels[BINS];
} axis;

static const axis axes[2] = {
    {"theta_e", {1, 1.5, 2, 3}, {"below_1", "1_to_1.5", "1.5_to_2", "2_to_3", "above_3"}},
    {"arc_snr", {10, 20, 40, 80}, {"below_10", "10_to_20", "20_to_40", "40_to_80", "above_80"}},
};

typedef struct finding {
    const nsky_truth *truth;
    const nsky_lens_draws *draws;
    const nsky_bootstrap *bootstrap;
    int axis;
} finding;

/* BINS: not known. */
static uint32_t bin_of(const nsky_truth_object *object, int which)
{
    double value = which == 0 ? object->theta_e_arcsec : object->arc_snr;
    uint32_t bin = 0;

    if (!isfinite(value))
        return BINS;
    while (bin < BINS - 1 && value >= axes[which].edges[bin])
        bin++;
    return bin;
}

/* The threshold is found anew with the weights of the replicate. */
static void measure(const void *payload, uint32_t draw, uint32_t replicate, double *out)
{
    const finding *f = payload;
    const nsky_ranked *ranked = &f->draws->all[draw];
    nsky_ranked_measures measures;
    double found[BINS + 1] = {0}, all[BINS + 1] = {0};

    nsky_ranked_measure(&measures, ranked, f->bootstrap, replicate);
    for (uint32_t i = 0; i < ranked->count; i++) {
        const nsky_ranked_entry *entry = &ranked->entries[i];
        if (!entry->positive)
            continue;
        uint32_t bin = bin_of(&f->truth->objects[entry->object], f->axis);
        uint32_t weight = nsky_bootstrap_weight(f->bootstrap, replicate, entry->object);
        all[bin] += weight;
        found[bin] += entry->score > measures.floor[0] ? weight : 0;
    }
    for (int b = 0; b < BINS; b++)
        out[b] = all[b] > 0 && !isnan(measures.tpr[0]) ? found[b] / all[b] : NAN;
}

static uint32_t count_in(const finding *f, uint32_t bin)
{
    const nsky_ranked *ranked = &f->draws->all[0];
    uint32_t count = 0;

    for (uint32_t i = 0; i < ranked->count; i++)
        count += ranked->entries[i].positive &&
                 bin_of(&f->truth->objects[ranked->entries[i].object], f->axis) == bin;
    return count;
}

nsky_status nsky_lens_completeness(nsky_scores *scores, const nsky_task *task,
                                   const nsky_lens_draws *draws, nsky_error *err)
{
    nsky_status status = NSKY_OK;

    for (int a = 0; a < 2 && status == NSKY_OK; a++) {
        const finding f = {task->truth, draws, task->bootstrap, a};
        const nsky_spread spread = {task->bootstrap, draws->count, BINS,
                                    task->threads,   measure,      &f};
        nsky_interval numbers[BINS];
        status = nsky_spread_measure(numbers, &spread, err);
        for (uint32_t b = 0; b < BINS && status == NSKY_OK; b++) {
            uint32_t n = count_in(&f, b);
            if (n == 0 || isnan(numbers[b].value))
                continue;
            nsky_interval wilson = nsky_wilson(numbers[b].value * n, n);
            status = nsky_scores_add(scores, nsky_interval_widest(numbers[b], wilson), n, err,
                                     "completeness.%s.%s", axes[a].name, axes[a].labels[b]);
        }
    }
    return status;
}
