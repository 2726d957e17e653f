/* lenses.c - how well a few labels tell lenses from everything else, and from what resembles them.
 */
#include <assert.h>
#include <math.h>

#include "common/memory.h"
#include "eval/lens_draws.h"
#include "eval/spread.h"

#define NUMBERS (1 + NSKY_FPRS) /* AUROC and recalls */

typedef struct rankings {
    const nsky_ranked *draws;
    const nsky_bootstrap *bootstrap;
} rankings;

static void measure(const void *payload, uint32_t draw, uint32_t replicate, double *out)
{
    const rankings *r = payload;
    nsky_ranked_measures measures;

    nsky_ranked_measure(&measures, &r->draws[draw], r->bootstrap, replicate);
    out[0] = measures.auroc;
    for (int f = 0; f < NSKY_FPRS; f++)
        out[1 + f] = measures.tpr[f];
}

/* What the formulas say of the draws, on average: a bootstrap alone claims certainty where every
 * lens was found, or none. out [NUMBERS]. */
static nsky_status by_formula(nsky_interval *out, const nsky_ranked *draws, uint32_t count,
                              nsky_error *err)
{
    for (int v = 0; v < NUMBERS; v++)
        out[v] = (nsky_interval){0, 0, 0};
    for (uint32_t d = 0; d < count; d++) {
        const nsky_ranked *ranked = &draws[d];
        nsky_ranking_metrics m;
        double *scores = nsky_alloc(ranked->count, sizeof *scores, err);
        uint8_t *positive = nsky_alloc(ranked->count, 1, err);
        nsky_status status = scores && positive ? NSKY_OK : err->status;
        for (uint32_t i = 0; i < ranked->count && status == NSKY_OK; i++) {
            scores[i] = ranked->entries[i].score;
            positive[i] = (uint8_t)ranked->entries[i].positive;
        }
        if (status == NSKY_OK)
            status = nsky_measure_ranking(&m, scores, positive, ranked->count, 0, 0, err);
        nsky_free(scores);
        nsky_free(positive);
        if (status != NSKY_OK)
            return status;
        for (int v = 0; v < NUMBERS; v++) {
            const nsky_interval *one = v == 0 ? &m.auroc : &m.tpr[v - 1];
            out[v].low += one->low / count;
            out[v].high += one->high / count;
        }
    }
    return NSKY_OK;
}

static nsky_status add_ranking(nsky_scores *scores, const nsky_task *task, const nsky_ranked *draws,
                               uint32_t labels, const char *negatives, nsky_error *err)
{
    static const char *const names[NUMBERS] = {"auroc", "tpr_at_1e-2", "tpr_at_1e-3",
                                               "tpr_at_1e-4"};
    const rankings payload = {draws, task->bootstrap};
    const nsky_spread spread = {task->bootstrap, task->draws, NUMBERS,
                                task->threads,   measure,     &payload};
    nsky_interval numbers[NUMBERS], formula[NUMBERS];
    nsky_status status = nsky_spread_measure(numbers, &spread, err);

    if (status == NSKY_OK)
        status = by_formula(formula, draws, task->draws, err);
    for (int v = 0; v < NUMBERS && status == NSKY_OK; v++)
        if (!isnan(numbers[v].value))
            status = nsky_scores_add(scores, nsky_interval_widest(numbers[v], formula[v]),
                                     v == 0 ? draws[0].count : draws[0].positives, err,
                                     "lens.%u.%s.%s", labels, negatives, names[v]);
    return status;
}

nsky_status nsky_task_lenses(nsky_scores *scores, const nsky_task *task,
                             const nsky_features *features, nsky_error *err)
{
    assert(scores && task && features && err);
    nsky_status status = NSKY_OK;

    for (uint32_t b = 0; b < task->lens_budgets && status == NSKY_OK; b++) {
        nsky_lens_draws *draws = NULL;
        const uint32_t labels = task->lens_labels[b];
        status = nsky_lens_draws_new(&draws, task, features, labels, err);
        if (status == NSKY_ENOTFOUND && b > 0)
            return NSKY_OK; /* too few lenses for more labels than these */
        if (status == NSKY_OK)
            status = add_ranking(scores, task, draws->all, labels, "all", err);
        if (status == NSKY_OK && draws->matched[0].negatives > 0)
            status = add_ranking(scores, task, draws->matched, labels, "matched", err);
        if (status == NSKY_OK && b + 1 == task->lens_budgets)
            status = nsky_lens_completeness(scores, task, draws, err);
        nsky_lens_draws_free(draws);
    }
    return status;
}
