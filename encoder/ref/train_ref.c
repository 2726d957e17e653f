/* train_ref.c - the oracle of training: each operation and its derivative as a plain loop in
 * double.
 *
 * Slow on purpose: what it computes can be read off the page, and finite differences of its forward
 * run are good to eight digits, which is how its own backward run is proven. Thread rule: a state
 * belongs to one thread.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "encoder/train/ops.h"

typedef struct ref_train {
    const nsky_train_graph *graph;
    uint32_t batch;
    double *params, *gradients;
    double *values[NSKY_TRAIN_OPS_MAX + 1], *derivatives[NSKY_TRAIN_OPS_MAX + 1]; /* [batch, ...] */
    double *means, *variances; /* [stat_floats] each, biased; at a norm's offset */
} ref_train;

/* One op with its ends. */
typedef struct ends {
    const nsky_train_op *op;
    const nsky_train_value *in, *out;
    double *x, *y, *dx, *dy;
    double *w, *b, *dw, *db; /* NULL: has none */
} ends;

static bool ref_available(nsky_precision precision)
{
    return precision == NSKY_FP32;
}

static void ref_close(void *opened)
{
    ref_train *r = opened;

    if (!r)
        return;
    for (uint32_t v = 0; v < r->graph->value_count; v++) {
        nsky_free(r->values[v]);
        nsky_free(r->derivatives[v]);
    }
    nsky_free(r->params);
    nsky_free(r->gradients);
    nsky_free(r->means);
    nsky_free(r->variances);
    nsky_free(r);
}

static nsky_status alloc_values(ref_train *r, nsky_error *err)
{
    for (uint32_t v = 0; v < r->graph->value_count; v++) {
        size_t floats = r->batch * nsky_train_value_floats(&r->graph->values[v]);
        if (!(r->values[v] = nsky_alloc_zero(floats, sizeof(double), err)) ||
            !(r->derivatives[v] = nsky_alloc_zero(floats, sizeof(double), err)))
            return NSKY_ENOMEM;
    }
    if (!(r->params = nsky_alloc_zero(r->graph->param_floats, sizeof(double), err)) ||
        !(r->gradients = nsky_alloc_zero(r->graph->param_floats, sizeof(double), err)) ||
        !(r->means = nsky_alloc_zero(r->graph->stat_floats, sizeof(double), err)) ||
        !(r->variances = nsky_alloc_zero(r->graph->stat_floats, sizeof(double), err)))
        return NSKY_ENOMEM;
    return NSKY_OK;
}

static nsky_status ref_open(void **out, const nsky_train_graph *graph, nsky_precision precision,
                            uint32_t batch, bool learns, nsky_error *err)
{
    assert(out && graph && batch > 0 && batch <= NSKY_TRAIN_BATCH_MAX && err);
    ref_train *r;

    (void)learns; /* memory is of no concern here */
    *out = NULL;
    if (precision != NSKY_FP32)
        return nsky_fail(err, NSKY_EDEVICE, "ref trains in fp32 only");
    if (!(r = nsky_alloc_zero(1, sizeof *r, err)))
        return NSKY_ENOMEM;
    r->graph = graph;
    r->batch = batch;
    if (alloc_values(r, err) != NSKY_OK) {
        ref_close(r);
        return NSKY_ENOMEM;
    }
    *out = r;
    return NSKY_OK;
}

static nsky_status ref_load(void *opened, const float *params, nsky_error *err)
{
    assert(opened && params && err);
    ref_train *r = opened;

    for (size_t i = 0; i < r->graph->param_floats; i++)
        r->params[i] = params[i];
    return NSKY_OK;
}

static ends ends_of(ref_train *r, const nsky_train_op *op)
{
    const nsky_train_graph *g = r->graph;
    bool weight = op->weight != NSKY_TRAIN_NONE, bias = op->bias != NSKY_TRAIN_NONE;

    return (ends){.op = op,
                  .in = &g->values[op->in],
                  .out = &g->values[op->out],
                  .x = r->values[op->in],
                  .y = r->values[op->out],
                  .dx = r->derivatives[op->in],
                  .dy = r->derivatives[op->out],
                  .w = weight ? r->params + g->params[op->weight].offset : NULL,
                  .b = bias ? r->params + g->params[op->bias].offset : NULL,
                  .dw = weight ? r->gradients + g->params[op->weight].offset : NULL,
                  .db = bias ? r->gradients + g->params[op->bias].offset : NULL};
}

/* --- convolution --- */

/* Calls for every pair of an input pixel and the output pixel it takes part in. */
static void conv_pixel(const ends *e, size_t n, uint32_t o, uint32_t y, uint32_t x, bool back)
{
    const nsky_train_op *op = e->op;
    size_t to = ((n * e->out->channels + o) * e->out->height + y) * e->out->width + x;
    double sum = e->b ? e->b[o] : 0, dy = e->dy[to];

    assert(e->w && e->dw);
    if (back && e->db)
        e->db[o] += dy;
    for (uint32_t c = 0; c < e->in->channels; c++)
        for (uint32_t ky = 0; ky < op->kernel; ky++)
            for (uint32_t kx = 0; kx < op->kernel; kx++) {
                uint32_t sy = y * op->stride + ky - op->padding;
                uint32_t sx = x * op->stride + kx - op->padding;
                if (sy >= e->in->height || sx >= e->in->width) /* wraps when below zero */
                    continue;
                size_t from = ((n * e->in->channels + c) * e->in->height + sy) * e->in->width + sx;
                size_t tap =
                    ((o * (size_t)e->in->channels + c) * op->kernel + ky) * op->kernel + kx;
                if (back) {
                    e->dw[tap] += dy * e->x[from];
                    e->dx[from] += dy * e->w[tap];
                } else {
                    sum += e->w[tap] * e->x[from];
                }
            }
    if (!back)
        e->y[to] = sum;
}

static void conv(const ends *e, uint32_t batch, bool back)
{
    for (uint32_t n = 0; n < batch; n++)
        for (uint32_t o = 0; o < e->out->channels; o++)
            for (uint32_t y = 0; y < e->out->height; y++)
                for (uint32_t x = 0; x < e->out->width; x++)
                    conv_pixel(e, n, o, y, x, back);
}

/* --- batch norm --- */

static size_t at(const nsky_train_value *v, size_t n, uint32_t c, size_t pixel)
{
    return (n * v->channels + c) * v->height * v->width + pixel;
}

static void norm_channel(const ends *e, uint32_t batch, uint32_t c, double *mean, double *variance)
{
    size_t plane = (size_t)e->in->height * e->in->width;
    double sum = 0, squares = 0, count = (double)batch * (double)plane;

    for (uint32_t n = 0; n < batch; n++)
        for (size_t p = 0; p < plane; p++)
            sum += e->x[at(e->in, n, c, p)];
    *mean = sum / count;
    for (uint32_t n = 0; n < batch; n++)
        for (size_t p = 0; p < plane; p++) {
            double off = e->x[at(e->in, n, c, p)] - *mean;
            squares += off * off;
        }
    *variance = squares / count;
    for (uint32_t n = 0; n < batch; n++)
        for (size_t p = 0; p < plane; p++) {
            size_t i = at(e->in, n, c, p);
            double y = (e->x[i] - *mean) / sqrt(*variance + NSKY_TRAIN_EPSILON) * e->w[c] + e->b[c];
            e->y[i] = e->op->relu && y < 0 ? 0 : y;
        }
}

/* With x' the normalised x: dx = w / sigma (dy - mean(dy) - x' mean(dy x')). */
static void norm_channel_back(const ends *e, uint32_t batch, uint32_t c, double mean,
                              double variance)
{
    size_t plane = (size_t)e->in->height * e->in->width;
    double sigma = sqrt(variance + NSKY_TRAIN_EPSILON), count = (double)batch * (double)plane;
    double d_shift = 0, d_scale = 0;

    assert(e->w && e->dw && e->db);
    for (uint32_t n = 0; n < batch; n++)
        for (size_t p = 0; p < plane; p++) {
            size_t i = at(e->in, n, c, p);
            double dy = e->op->relu && e->y[i] <= 0 ? 0 : e->dy[i];
            d_shift += dy;
            d_scale += dy * (e->x[i] - mean) / sigma;
        }
    for (uint32_t n = 0; n < batch; n++)
        for (size_t p = 0; p < plane; p++) {
            size_t i = at(e->in, n, c, p);
            double dy = e->op->relu && e->y[i] <= 0 ? 0 : e->dy[i];
            double normal = (e->x[i] - mean) / sigma;
            e->dx[i] += e->w[c] / sigma * (dy - d_shift / count - normal * d_scale / count);
        }
    e->dw[c] += d_scale;
    e->db[c] += d_shift;
}

static void norm(ref_train *r, const ends *e, bool back)
{
    const nsky_train_norm *stats = &r->graph->norms[e->op->norm];

    for (uint32_t c = 0; c < stats->channels; c++)
        if (back)
            norm_channel_back(e, r->batch, c, r->means[stats->offset + c],
                              r->variances[stats->offset + c]);
        else
            norm_channel(e, r->batch, c, &r->means[stats->offset + c],
                         &r->variances[stats->offset + c]);
}

/* --- residual sum and pooling --- */

static void sum(ref_train *r, const ends *e, bool back)
{
    const double *add = r->values[e->op->add];
    double *d_add = r->derivatives[e->op->add];

    for (size_t i = 0; i < r->batch * nsky_train_value_floats(e->out); i++)
        if (!back)
            e->y[i] = fmax(e->x[i] + add[i], 0);
        else if (e->y[i] > 0) {
            e->dx[i] += e->dy[i];
            d_add[i] += e->dy[i];
        }
}

/* The largest pixel of a window, the first of equals; outside the image there are none. */
static size_t largest(const ends *e, size_t plane, uint32_t y, uint32_t x)
{
    size_t best = SIZE_MAX;

    for (uint32_t ky = 0; ky < e->op->kernel; ky++)
        for (uint32_t kx = 0; kx < e->op->kernel; kx++) {
            uint32_t sy = y * e->op->stride + ky - e->op->padding;
            uint32_t sx = x * e->op->stride + kx - e->op->padding;
            size_t i = (plane * e->in->height + sy) * e->in->width + sx;
            if (sy < e->in->height && sx < e->in->width &&
                (best == SIZE_MAX || e->x[i] > e->x[best]))
                best = i;
        }
    return best;
}

static void maxpool(const ends *e, uint32_t batch, bool back)
{
    size_t to = 0;

    for (size_t plane = 0; plane < (size_t)batch * e->in->channels; plane++)
        for (uint32_t y = 0; y < e->out->height; y++)
            for (uint32_t x = 0; x < e->out->width; x++, to++) {
                size_t from = largest(e, plane, y, x);
                if (back)
                    e->dx[from] += e->dy[to];
                else
                    e->y[to] = e->x[from];
            }
}

static void avgpool(const ends *e, uint32_t batch, bool back)
{
    size_t pixels = (size_t)e->in->height * e->in->width;

    for (size_t plane = 0; plane < (size_t)batch * e->in->channels; plane++) {
        double total = 0;
        for (size_t p = 0; p < pixels; p++)
            if (back)
                e->dx[plane * pixels + p] += e->dy[plane] / (double)pixels;
            else
                total += e->x[plane * pixels + p];
        if (!back)
            e->y[plane] = total / (double)pixels;
    }
}

static void run_op(ref_train *r, const nsky_train_op *op, bool back)
{
    const ends e = ends_of(r, op);

    switch (op->kind) {
    case NSKY_TRAIN_CONV:
        conv(&e, r->batch, back);
        break;
    case NSKY_TRAIN_NORM:
        norm(r, &e, back);
        break;
    case NSKY_TRAIN_SUM:
        sum(r, &e, back);
        break;
    case NSKY_TRAIN_MAXPOOL:
        maxpool(&e, r->batch, back);
        break;
    case NSKY_TRAIN_AVGPOOL:
        avgpool(&e, r->batch, back);
        break;
    }
}

static nsky_status ref_forward(void *opened, const float *in, float *out, nsky_error *err)
{
    assert(opened && in && out && err);
    ref_train *r = opened;
    const double *last = r->values[r->graph->value_count - 1];

    for (size_t i = 0; i < r->batch * nsky_train_in_floats(r->graph); i++)
        r->values[0][i] = in[i];
    for (uint32_t i = 0; i < r->graph->op_count; i++)
        run_op(r, &r->graph->ops[i], false);
    for (size_t i = 0; i < r->batch * nsky_train_out_floats(r->graph); i++)
        out[i] = (float)last[i];
    return NSKY_OK;
}

static void ref_stats(void *opened, float *out)
{
    assert(opened && out);
    const ref_train *r = opened;

    for (uint32_t i = 0; i < r->graph->op_count; i++) {
        const nsky_train_op *op = &r->graph->ops[i];
        if (op->kind != NSKY_TRAIN_NORM)
            continue;
        const nsky_train_norm *stats = &r->graph->norms[op->norm];
        const nsky_train_value *v = &r->graph->values[op->in];
        double n = (double)r->batch * v->height * v->width;
        for (uint32_t c = 0; c < stats->channels; c++) {
            size_t i_mean = stats->offset + c;
            out[i_mean] = (float)r->means[i_mean];
            out[i_mean + stats->channels] =
                (float)(r->variances[i_mean] * (n / (n > 1 ? n - 1 : 1)));
        }
    }
}

static nsky_status ref_backward(void *opened, const float *d_out, nsky_error *err)
{
    assert(opened && d_out && err);
    ref_train *r = opened;
    uint32_t last = r->graph->value_count - 1;

    memset(r->gradients, 0, r->graph->param_floats * sizeof(double));
    for (uint32_t v = 0; v <= last; v++)
        memset(r->derivatives[v], 0,
               r->batch * nsky_train_value_floats(&r->graph->values[v]) * sizeof(double));
    for (size_t i = 0; i < r->batch * nsky_train_out_floats(r->graph); i++)
        r->derivatives[last][i] = d_out[i];
    for (uint32_t i = r->graph->op_count; i-- > 0;)
        run_op(r, &r->graph->ops[i], true);
    return NSKY_OK;
}

static nsky_status ref_add_gradients(void *opened, float *total, nsky_error *err)
{
    assert(opened && total && err);
    const ref_train *r = opened;

    for (size_t i = 0; i < r->graph->param_floats; i++)
        total[i] += (float)r->gradients[i];
    return NSKY_OK;
}

static void ref_multiply(uint32_t m, uint32_t n, uint32_t k, const float *a, const float *b,
                         bool transposed, float *out)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double total = 0;
            for (size_t l = 0; l < k; l++)
                total += (double)a[i * k + l] * (transposed ? b[j * k + l] : b[l * n + j]);
            out[i * n + j] = (float)total;
        }
}

const nsky_train_ops nsky_train_ref = {
    .name = "ref",
    .available = ref_available,
    .open = ref_open,
    .load = ref_load,
    .forward = ref_forward,
    .stats = ref_stats,
    .backward = ref_backward,
    .add_gradients = ref_add_gradients,
    .close = ref_close,
    .multiply = ref_multiply,
};
