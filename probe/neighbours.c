/* neighbours.c - see neighbours.h. */
#include "probe/neighbours.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "probe/metrics_private.h"

/* Between sorted values, at a share of the way. */
static double quantile(const double *sorted, uint32_t count, double share)
{
    double place = share * (count - 1);
    uint32_t low = (uint32_t)place;

    return low + 1 < count ? sorted[low] + (place - low) * (sorted[low + 1] - sorted[low])
                           : sorted[count - 1];
}

void nsky_median_and_spread(double *values, uint32_t count, double *median, double *spread)
{
    *median = *spread = NAN;
    if (count == 0)
        return;
    qsort(values, count, sizeof *values, nsky_compare_doubles);
    *median = quantile(values, count, 0.5);
    *spread = (quantile(values, count, 0.8413) - quantile(values, count, 0.1587)) / 2;
}

static void estimate_number(nsky_estimate *out, const nsky_labels *labels, const nsky_hit *hits)
{
    double values[NSKY_NEIGHBOURS_MAX] = {0};

    for (uint32_t i = 0; i < out->neighbours; i++)
        values[i] = nsky_labels_find(labels, hits[i].row)->value;
    nsky_median_and_spread(values, out->neighbours, &out->value, &out->spread);
}

static void vote(nsky_estimate *out, const nsky_labels *labels, const nsky_hit *hits)
{
    uint32_t votes[NSKY_CLASSES_MAX] = {0};
    double likeness[NSKY_CLASSES_MAX] = {0};

    for (uint32_t i = 0; i < out->neighbours; i++) {
        uint32_t class = nsky_labels_find(labels, hits[i].row)->class;
        votes[class]++;
        likeness[class] += (double)hits[i].similarity;
    }
    for (uint32_t c = 1; c < labels->classes; c++)
        if (votes[c] > votes[out->class] ||
            (votes[c] == votes[out->class] && likeness[c] > likeness[out->class]))
            out->class = c;
    out->share = (double)votes[out->class] / out->neighbours;
}

nsky_status nsky_neighbour_estimates(nsky_estimate *out, const nsky_search *search,
                                     const nsky_labels *labels, bool numbers, const uint64_t *rows,
                                     uint64_t count, uint32_t k, nsky_progress *progress,
                                     nsky_error *err)
{
    assert(out && search && labels && (rows || count == 0) && err);
    const uint64_t total = nsky_search_rows(search);
    uint32_t counts[NSKY_NEAREST_MAX];
    nsky_status status = NSKY_OK;

    if (k < 1 || k > NSKY_NEIGHBOURS_MAX)
        return nsky_fail(err, NSKY_EINVAL, "%u neighbours; 1 to %d are possible", k,
                         NSKY_NEIGHBOURS_MAX);
    uint8_t *allowed = nsky_alloc_zero(total / 8 + 1, 1, err);
    nsky_hit *hits = nsky_alloc((size_t)NSKY_NEAREST_MAX * k, sizeof *hits, err);
    if (!allowed || !hits)
        status = err->status;
    for (uint32_t i = 0; status == NSKY_OK && i < labels->count; i++)
        if (labels->items[i].row < total)
            allowed[labels->items[i].row >> 3] |= (uint8_t)(1u << (labels->items[i].row & 7));
    for (uint64_t first = 0; first < count && status == NSKY_OK; first += NSKY_NEAREST_MAX) {
        uint32_t here =
            count - first < NSKY_NEAREST_MAX ? (uint32_t)(count - first) : NSKY_NEAREST_MAX;
        status = nsky_search_nearest(search, rows + first, here, allowed, k, hits, counts, err);
        for (uint32_t i = 0; status == NSKY_OK && i < here; i++) {
            nsky_estimate *e = &out[first + i];
            *e = (nsky_estimate){.row = rows[first + i],
                                 .neighbours = counts[i],
                                 .similarity = counts[i] ? hits[(size_t)i * k].similarity : NAN,
                                 .value = NAN,
                                 .spread = NAN};
            if (counts[i] > 0 && numbers)
                estimate_number(e, labels, hits + (size_t)i * k);
            else if (counts[i] > 0)
                vote(e, labels, hits + (size_t)i * k);
        }
        nsky_progress_add(progress, here);
    }
    nsky_free(allowed);
    nsky_free(hits);
    return status;
}
