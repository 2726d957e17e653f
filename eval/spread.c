/* spread.c - see spread.h. */
#include "eval/spread.h"

#include <assert.h>
#include <math.h>

#include "common/memory.h"
#include "probe/tasks.h"

typedef struct work {
    const nsky_spread *spread;
    double *samples; /* [width, replicates + 1]; the last is the sample as it is */
} work;

/* The mean over the draws, of those where the number is defined. */
static void average(const nsky_spread *s, uint32_t replicate, double *mean)
{
    double sum[NSKY_SPREAD_WIDTH_MAX] = {0}, one[NSKY_SPREAD_WIDTH_MAX];
    uint32_t count[NSKY_SPREAD_WIDTH_MAX] = {0};

    for (uint32_t slot = 0; slot < s->draws; slot++) {
        s->measure(s->payload, nsky_bootstrap_draw(s->bootstrap, replicate, s->draws, slot),
                   replicate, one);
        for (uint32_t v = 0; v < s->width; v++)
            if (!isnan(one[v])) {
                sum[v] += one[v];
                count[v]++;
            }
    }
    for (uint32_t v = 0; v < s->width; v++)
        mean[v] = count[v] ? sum[v] / count[v] : NAN;
}

static nsky_status run(void *payload, uint32_t sample, nsky_error *err)
{
    const work *w = payload;
    const uint32_t replicates = w->spread->bootstrap->replicates;
    double mean[NSKY_SPREAD_WIDTH_MAX];

    (void)err;
    average(w->spread, sample == replicates ? UINT32_MAX : sample, mean);
    for (uint32_t v = 0; v < w->spread->width; v++)
        w->samples[(size_t)v * (replicates + 1) + sample] = mean[v];
    return NSKY_OK;
}

nsky_status nsky_spread_measure(nsky_interval *out, const nsky_spread *spread, nsky_error *err)
{
    assert(out && spread && err && spread->draws > 0);
    assert(spread->width > 0 && spread->width <= NSKY_SPREAD_WIDTH_MAX);
    const uint32_t replicates = spread->bootstrap->replicates;
    work w = {spread, nsky_alloc((size_t)spread->width * (replicates + 1), sizeof(double), err)};

    if (!w.samples)
        return err->status;
    nsky_status status = nsky_tasks_run(replicates + 1, spread->threads, run, &w, err);
    for (uint32_t v = 0; v < spread->width && status == NSKY_OK; v++) {
        double *samples = w.samples + (size_t)v * (replicates + 1);
        out[v] = nsky_bootstrap_interval(samples[replicates], samples, replicates);
    }
    nsky_free(w.samples);
    return status;
}
