/* train_layers.c - every layer of a network that learns on the card against plain sums in double
 * over what the card itself had: outputs, derivatives by inputs and by parameters, so that a layer
 * answers for its own errors only. Some hundreds of each, at the corners and at random, are
 * computed again. Thread rule: one thread. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/gpu/train_check.h"
#include "common/memory.h"
#include "common/rng.h"
#include "encoder/cuda/number.h"
#include "encoder/cuda/train_private.h"

#define SAMPLES 200u
#define SEED 6
/* Half a last place of bf16 for each rounding, as much again for an engine that rounds on the way;
 * and float32 sums in any order. */
#define ROUNDED 0x1p-7
#define SUMMED 0x1p-13

/* What should be there, and the sum of what was added, without signs. */
typedef struct want {
    double value, size;
} want;

static void add(want *w, double term)
{
    w->value += term;
    w->size += fabs(term);
}

/* In tolerances. exact: float32. */
static double off(double got, want w, bool exact)
{
    double allowed = (exact ? 1e-5 : ROUNDED) * fabs(w.value) + (exact ? 1e-5 : SUMMED) * w.size;

    return fabs(got - w.value) / (allowed + 1e-7);
}

typedef struct point {
    uint32_t n, c, y, x;
} point;

static size_t place(const nsky_train_value *v, point p)
{
    return ((p.n * (size_t)v->channels + p.c) * v->height + p.y) * v->width + p.x;
}

static point draw(nsky_rng *rng, const nsky_train_value *v, uint32_t batch, uint32_t sample)
{
    if (sample < 16)
        return (point){sample & 1 ? batch - 1 : 0, sample & 2 ? v->channels - 1 : 0,
                       sample & 4 ? v->height - 1 : 0, sample & 8 ? v->width - 1 : 0};
    return (point){nsky_rng_below(rng, batch), nsky_rng_below(rng, v->channels),
                   nsky_rng_below(rng, v->height), nsky_rng_below(rng, v->width)};
}

/* The weight as the card multiplies by it. */
static double weight_of(const check_train *t, const nsky_train_op *op, size_t tap)
{
    float w = t->params[t->graph->params[op->weight].offset + tap];

    return t->graph->values[op->in].exact
               ? w
               : nsky_float_of(NSKY_NUMBER_BF16, nsky_number_of(NSKY_NUMBER_BF16, w));
}

static double param_of(const check_train *t, uint32_t which, uint32_t c)
{
    return which == NSKY_TRAIN_NONE ? 0 : t->params[t->graph->params[which].offset + c];
}

static bool from_pixel(const nsky_train_op *op, const nsky_train_value *in, point out, uint32_t ky,
                       uint32_t kx, point *p)
{
    p->n = out.n;
    p->y = out.y * op->stride + ky - op->padding;
    p->x = out.x * op->stride + kx - op->padding;
    return p->y < in->height && p->x < in->width; /* wraps when below zero */
}

/* --- forwards --- */

static want conv_at(const check_train *t, const nsky_train_op *op, point p)
{
    const nsky_train_value *in = &t->graph->values[op->in];
    want w = {0, 0};
    point from;

    add(&w, param_of(t, op->bias, p.c));
    for (uint32_t c = 0; c < in->channels; c++)
        for (uint32_t ky = 0; ky < op->kernel; ky++)
            for (uint32_t kx = 0; kx < op->kernel; kx++) {
                size_t tap = (((size_t)p.c * in->channels + c) * op->kernel + ky) * op->kernel + kx;
                if (!from_pixel(op, in, p, ky, kx, &from))
                    continue;
                from.c = c;
                add(&w, weight_of(t, op, tap) * t->values[op->in][place(in, from)]);
            }
    return w;
}

/* Mean and 1 / sigma of a channel. */
static void moments(const check_train *t, const nsky_train_op *op, uint32_t c, double *mean,
                    double *inverse)
{
    const nsky_train_value *v = &t->graph->values[op->in];
    double sum = 0, squares = 0, count = (double)t->batch * v->height * v->width;

    for (int pass = 0; pass < 2; pass++)
        for (uint32_t n = 0; n < t->batch; n++)
            for (size_t i = 0; i < (size_t)v->height * v->width; i++) {
                double x = t->values[op->in][place(v, (point){n, c, 0, 0}) + i];
                sum += pass ? 0 : x;
                squares += pass ? (x - sum / count) * (x - sum / count) : 0;
            }
    *mean = sum / count;
    *inverse = 1 / sqrt(squares / count + NSKY_TRAIN_EPSILON);
}

static want norm_at(const check_train *t, uint32_t i, point p)
{
    const nsky_train_op *op = &t->graph->ops[i];
    const nsky_train_value *v = &t->graph->values[op->in];
    uint32_t sum = t->net->sum_of[i];
    double mean, inverse;
    want w = {0, 0};

    moments(t, op, p.c, &mean, &inverse);
    add(&w, (t->values[op->in][place(v, p)] - mean) * inverse * param_of(t, op->weight, p.c));
    add(&w, param_of(t, op->bias, p.c));
    if (sum != NSKY_TRAIN_NONE)
        add(&w, t->values[t->graph->ops[sum].add][place(v, p)]);
    w.size += fabs(mean * inverse);
    if ((op->relu || sum != NSKY_TRAIN_NONE) && w.value < 0)
        w.value = 0;
    return w;
}

/* The largest of a window, and where. */
static point largest(const check_train *t, const nsky_train_op *op, point p)
{
    const nsky_train_value *in = &t->graph->values[op->in];
    const float *x = t->values[op->in];
    point best = {0, UINT32_MAX, 0, 0}, from;

    for (uint32_t ky = 0; ky < 3; ky++)
        for (uint32_t kx = 0; kx < 3; kx++) {
            if (!from_pixel(op, in, p, ky, kx, &from))
                continue;
            from.c = p.c;
            if (best.c == UINT32_MAX || x[place(in, from)] > x[place(in, best)])
                best = from;
        }
    return best;
}

static want pool_at(const check_train *t, const nsky_train_op *op, point p)
{
    const nsky_train_value *in = &t->graph->values[op->in];
    size_t pixels = (size_t)in->height * in->width;
    want w = {0, 0};

    if (op->kind == NSKY_TRAIN_MAXPOOL) {
        w.value = t->values[op->in][place(in, largest(t, op, p))];
        return w;
    }
    for (size_t i = 0; i < pixels; i++)
        add(&w, t->values[op->in][place(in, (point){p.n, p.c, 0, 0}) + i] / (double)pixels);
    return w;
}

static want output_at(const check_train *t, uint32_t i, point p)
{
    const nsky_train_op *op = &t->graph->ops[i];

    switch (op->kind) {
    case NSKY_TRAIN_CONV:
        return conv_at(t, op, p);
    case NSKY_TRAIN_NORM:
        return norm_at(t, i, p);
    default:
        return pool_at(t, op, p);
    }
}

/* --- backwards: the share that an op has in the derivative by one of its inputs --- */

static void conv_share(const check_train *t, const nsky_train_op *op, point p, want *w)
{
    const nsky_train_value *in = &t->graph->values[op->in], *out = &t->graph->values[op->out];

    for (uint32_t o = 0; o < out->channels; o++)
        for (uint32_t ky = 0; ky < op->kernel; ky++)
            for (uint32_t kx = 0; kx < op->kernel; kx++) {
                uint32_t y = p.y + op->padding - ky, x = p.x + op->padding - kx;
                size_t tap = (((size_t)o * in->channels + p.c) * op->kernel + ky) * op->kernel + kx;
                if (y % op->stride || x % op->stride || y / op->stride >= out->height ||
                    x / op->stride >= out->width)
                    continue;
                point to = {p.n, o, y / op->stride, x / op->stride};
                add(w, weight_of(t, op, tap) * t->gradients[op->out][place(out, to)]);
            }
}

/* What comes through a relu whose output is the value. */
static double through(const check_train *t, uint32_t value, bool relu, size_t at)
{
    return relu && t->values[value][at] <= 0 ? 0 : t->gradients[value][at];
}

static void norm_share(const check_train *t, uint32_t i, uint32_t value, point p, want *w)
{
    const nsky_train_op *op = &t->graph->ops[i];
    const nsky_train_value *v = &t->graph->values[op->in];
    uint32_t out = nsky_train_norm_out(t->net, i);
    bool relu = op->relu || t->net->sum_of[i] != NSKY_TRAIN_NONE;
    double mean, inverse, d = through(t, out, relu, place(v, p));
    double count = (double)t->batch * v->height * v->width;

    if (value != op->in) { /* the residual's */
        add(w, d);
        return;
    }
    moments(t, op, p.c, &mean, &inverse);
    double normal = (t->values[op->in][place(v, p)] - mean) * inverse;
    double factor = param_of(t, op->weight, p.c) * inverse;
    add(w, factor * d);
    add(w, -factor * t->d_params[t->graph->params[op->bias].offset + p.c] / count);
    add(w, -factor * normal * t->d_params[t->graph->params[op->weight].offset + p.c] / count);
}

static void pool_share(const check_train *t, const nsky_train_op *op, point p, want *w)
{
    const nsky_train_value *in = &t->graph->values[op->in], *out = &t->graph->values[op->out];

    if (op->kind == NSKY_TRAIN_AVGPOOL) {
        add(w, t->gradients[op->out][p.n * (size_t)out->channels + p.c] /
                   ((double)in->height * in->width));
        return;
    }
    for (uint32_t y = p.y / 2; y <= (p.y + 1) / 2 && y < out->height; y++)
        for (uint32_t x = p.x / 2; x <= (p.x + 1) / 2 && x < out->width; x++) {
            const point to = {p.n, p.c, y, x}, best = largest(t, op, to);
            if (place(in, best) == place(in, p))
                add(w, t->gradients[op->out][place(out, to)]);
        }
}

/* The shares of all that read the value. Each is rounded before it is added to the others, and they
 * may cancel. */
static want gradient_at(const check_train *t, uint32_t value, point p)
{
    const nsky_train_graph *g = t->graph;
    double before = 0, shares = 0;
    uint32_t count = 0;
    want w = {0, 0};

    for (uint32_t i = 0; i < g->op_count; i++) {
        const nsky_train_op *op = &g->ops[i];
        uint32_t sum = t->net->sum_of[i];
        if (t->net->done_before[i])
            continue;
        bool residual = sum != NSKY_TRAIN_NONE && g->ops[sum].add == value;
        if (op->kind == NSKY_TRAIN_NORM && (op->in == value || residual))
            norm_share(t, i, value, p, &w);
        else if (op->kind == NSKY_TRAIN_CONV && op->in == value)
            conv_share(t, op, p, &w);
        else if (op->kind != NSKY_TRAIN_NORM && op->in == value)
            pool_share(t, op, p, &w);
        else
            continue;
        shares += fabs(w.value - before);
        before = w.value;
        count++;
    }
    if (count > 1)
        w.size += shares * (ROUNDED / SUMMED);
    return w;
}

/* --- derivatives by parameters --- */

static want weight_gradient_at(const check_train *t, const nsky_train_op *op, size_t tap)
{
    const nsky_train_value *in = &t->graph->values[op->in], *out = &t->graph->values[op->out];
    uint32_t taps = op->kernel * op->kernel, ky = tap % taps / op->kernel, kx = tap % op->kernel;
    uint32_t c = (uint32_t)(tap / taps % in->channels), o = (uint32_t)(tap / taps / in->channels);
    want w = {0, 0};
    point from;

    for (uint32_t n = 0; n < t->batch; n++)
        for (uint32_t y = 0; y < out->height; y++)
            for (uint32_t x = 0; x < out->width; x++) {
                const point to = {n, o, y, x};
                if (!from_pixel(op, in, to, ky, kx, &from))
                    continue;
                from.c = c;
                add(&w, (double)t->gradients[op->out][place(out, to)] *
                            t->values[op->in][place(in, from)]);
            }
    return w;
}

/* Of a batch norm's weight, or of a bias. */
static want vector_gradient_at(const check_train *t, uint32_t i, uint32_t c, bool bias)
{
    const nsky_train_op *op = &t->graph->ops[i];
    bool norm = op->kind == NSKY_TRAIN_NORM;
    uint32_t out = norm ? nsky_train_norm_out(t->net, i) : op->out;
    bool relu = norm && (op->relu || t->net->sum_of[i] != NSKY_TRAIN_NONE);
    const nsky_train_value *v = &t->graph->values[out];
    double mean = 0, inverse = 0;
    want w = {0, 0};

    if (!bias)
        moments(t, op, c, &mean, &inverse);
    for (uint32_t n = 0; n < t->batch; n++)
        for (size_t k = 0; k < (size_t)v->height * v->width; k++) {
            size_t at = place(v, (point){n, c, 0, 0}) + k;
            double d = through(t, out, relu, at);
            add(&w, bias ? d : d * (t->values[op->in][at] - mean) * inverse);
        }
    return w;
}

static double judge_params(const check_train *t, uint32_t i, nsky_rng *rng)
{
    const nsky_train_op *op = &t->graph->ops[i];
    const nsky_train_param *params = t->graph->params;
    double worst = 0;

    for (uint32_t s = 0; s < 16 && op->weight != NSKY_TRAIN_NONE; s++) {
        bool conv = op->kind == NSKY_TRAIN_CONV;
        uint32_t k = s == 0 ? 0 : nsky_rng_below(rng, (uint32_t)params[op->weight].count);
        want w = conv ? weight_gradient_at(t, op, k) : vector_gradient_at(t, i, k, false);
        bool exact = !conv || t->graph->values[op->in].exact;
        worst = fmax(worst, off(t->d_params[params[op->weight].offset + k], w, exact));
        if (op->bias == NSKY_TRAIN_NONE)
            continue;
        k = nsky_rng_below(rng, (uint32_t)params[op->bias].count);
        worst = fmax(worst, off(t->d_params[params[op->bias].offset + k],
                                vector_gradient_at(t, i, k, true), true));
    }
    return worst;
}

double check_train_op(const check_train *t, uint32_t i)
{
    const nsky_train_op *op = &t->graph->ops[i];
    uint32_t out = op->kind == NSKY_TRAIN_NORM ? nsky_train_norm_out(t->net, i) : op->out;
    const nsky_train_value *from = &t->graph->values[op->in], *to = &t->graph->values[out];
    /* A batch norm's points share a few channels: each is gone through whole. */
    uint32_t samples = op->kind == NSKY_TRAIN_NORM ? 24 : SAMPLES;
    nsky_rng rng = nsky_rng_at(SEED, 3, i);
    double worst = judge_params(t, i, &rng);

    if (t->net->done_before[i])
        return 0;
    for (uint32_t s = 0; s < samples; s++) {
        point p = draw(&rng, to, t->batch, s);
        worst = fmax(worst, off(t->values[out][place(to, p)], output_at(t, i, p), to->exact));
        p = draw(&rng, from, t->batch, s);
        if (op->in > 0)
            worst = fmax(worst, off(t->gradients[op->in][place(from, p)], gradient_at(t, op->in, p),
                                    from->exact));
    }
    return worst;
}
