/* sgd.c - one step of the optimiser. Thread rule: pure. */
#include "encoder/train/sgd.h"

#include <assert.h>
#include <math.h>

static void step_range(const nsky_sgd *how, double decay, size_t first, size_t end, float *params,
                       float *velocity, const float *gradients)
{
    const float rate = (float)how->rate, momentum = (float)how->momentum, shrink = (float)decay;

    for (size_t i = first; i < end; i++) {
        float v = momentum * velocity[i] + (gradients[i] + shrink * params[i]);
        velocity[i] = v;
        params[i] -= rate * v;
    }
}

void nsky_sgd_step(const nsky_train_graph *graph, const nsky_sgd *how, size_t first, size_t end,
                   float *params, float *velocity, const float *gradients)
{
    assert(graph && how && end <= graph->param_floats);
    for (uint32_t i = 0; i < graph->param_count; i++) {
        const nsky_train_param *p = &graph->params[i];
        size_t from = p->offset > first ? p->offset : first;
        size_t to = p->offset + p->count < end ? p->offset + p->count : end;
        if (from < to)
            step_range(how, p->decays ? how->decay : 0, from, to, params, velocity, gradients);
    }
}

void nsky_ema_step(double keep, size_t first, size_t end, float *slow, const float *fast)
{
    const float old = (float)keep, new = (float)(1 - keep);

    for (size_t i = first; i < end; i++)
        slow[i] = old * slow[i] + new *fast[i];
}

double nsky_rate_at(double peak, uint64_t step, uint64_t warm, uint64_t steps)
{
    if (step < warm)
        return peak * (double)(step + 1) / (double)(warm + 1);
    return steps > warm
               ? peak * 0.5 * (1 + cos(M_PI * (double)(step - warm) / (double)(steps - warm)))
               : peak;
}

double nsky_keep_at(double start, uint64_t step, uint64_t steps)
{
    return steps > 0 ? 1 - (1 - start) * 0.5 * (1 + cos(M_PI * (double)step / (double)steps))
                     : start;
}
