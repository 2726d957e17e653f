/* ranked.c - see ranked.h. */
#include "eval/ranked.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

static int best_first(const void *a, const void *b)
{
    const nsky_ranked_entry *x = a, *y = b;

    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return (x->object > y->object) - (x->object < y->object);
}

void nsky_ranked_init(nsky_ranked *out, nsky_ranked_entry *entries, uint32_t count)
{
    *out = (nsky_ranked){.entries = entries, .count = count};
    for (uint32_t i = 0; i < count; i++) {
        assert(!isnan(entries[i].score) && entries[i].positive <= 1);
        out->positives += entries[i].positive;
    }
    out->negatives = count - out->positives;
    qsort(entries, count, sizeof *entries, best_first);
}

void nsky_ranked_clear(nsky_ranked *ranked)
{
    nsky_free(ranked->entries);
    memset(ranked, 0, sizeof *ranked);
}

static void totals(const nsky_ranked *ranked, const nsky_bootstrap *b, uint32_t replicate,
                   double total[2])
{
    total[0] = total[1] = 0;
    for (uint32_t i = 0; i < ranked->count; i++)
        total[ranked->entries[i].positive] +=
            nsky_bootstrap_weight(b, replicate, ranked->entries[i].object);
}

void nsky_ranked_measure(nsky_ranked_measures *out, const nsky_ranked *ranked,
                         const nsky_bootstrap *b, uint32_t replicate)
{
    double total[2], above[2] = {0, 0}, pairs = 0;
    bool open[NSKY_FPRS];

    totals(ranked, b, replicate, total);
    for (int f = 0; f < NSKY_FPRS; f++) {
        open[f] = ranked->negatives * nsky_fprs[f] >= 1 - 1e-9;
        out->tpr[f] = open[f] && total[1] > 0 ? 0 : NAN;
        out->floor[f] = ranked->count > 0 ? ranked->entries[0].score : 0;
    }
    for (uint32_t i = 0; i < ranked->count;) {
        const double score = ranked->entries[i].score;
        double step[2] = {0, 0};
        for (; i < ranked->count && ranked->entries[i].score == score; i++)
            step[ranked->entries[i].positive] +=
                nsky_bootstrap_weight(b, replicate, ranked->entries[i].object);
        pairs += step[0] * (above[1] + step[1] / 2);
        above[0] += step[0];
        above[1] += step[1];
        for (int f = 0; f < NSKY_FPRS; f++) {
            open[f] = open[f] && above[0] <= total[0] * nsky_fprs[f] * (1 + 1e-12);
            if (open[f] && total[1] > 0)
                out->tpr[f] = above[1] / total[1];
            if (open[f])
                out->floor[f] = i < ranked->count ? ranked->entries[i].score : -INFINITY;
        }
    }
    out->auroc = total[0] > 0 && total[1] > 0 ? pairs / (total[0] * total[1]) : NAN;
}
