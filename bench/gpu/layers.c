/* layers.c - every layer of a network on the card against plain sums in double over what the card
 * itself gave that layer: so a layer answers for its own errors only. All values must be numbers;
 * a few thousand of each layer, drawn at random and at the corners, are computed again.
 * Thread rule: one thread. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/gpu/check.h"
#include "common/memory.h"
#include "common/rng.h"
#include "encoder/cuda/bytes.h"
#include "encoder/cuda/cuda.h"

#define SAMPLES 2000u
#define SEED 5

typedef struct run {
    const nsky_graph *graph;
    void *state;
    uint32_t batch;
    nsky_number number;
} run;

/* Half a last place of the result is rounding; as much again for an engine that rounds on the way,
 * and float32 sums in any order. The weights are rounded here as they are on the card. A tap too
 * few is some 2^-11 of the magnitude or more, and so is one of TF32's roundings: in float32 nothing
 * is left but the order of the sums. */
static double tolerance(nsky_number number, double result, double magnitude)
{
    if (number == NSKY_NUMBER_FP32)
        return magnitude * 0x1p-17 + 1e-9;
    return fabs(result) * (number == NSKY_NUMBER_FP16 ? 0x1p-10 : 0x1p-7) + magnitude * 0x1p-14 +
           1e-6;
}

static nsky_number number_of(nsky_precision precision)
{
    static const nsky_number numbers[] = {NSKY_NUMBER_FP32, NSKY_NUMBER_BF16, NSKY_NUMBER_FP16,
                                          NSKY_NUMBER_INT8};

    return numbers[precision];
}

typedef struct point {
    uint32_t n, c, y, x;
} point;

static float at(const nsky_value *v, const float *data, point p)
{
    return data[((p.n * (size_t)v->channels + p.c) * v->height + p.y) * v->width + p.x];
}

static float rounded(nsky_number number, float value)
{
    nsky_number_put(number, &value, 0, value);
    return nsky_number_get(number, &value, 0);
}

/* What the operation multiplies: bytes where what it reads are, else what the network has. */
static nsky_number number_of_op(const run *r, const nsky_op *op)
{
    return nsky_number_at(r->graph, r->number, op->in);
}

/* What a unit of an output channel's weights is worth: 1 where they are no bytes. */
static double weight_unit(const run *r, const nsky_op *op, uint32_t channel)
{
    size_t fan = (size_t)r->graph->values[op->in].channels * op->kernel * op->kernel;
    float largest = 0;

    if (number_of_op(r, op) != NSKY_NUMBER_INT8)
        return 1;
    for (size_t i = 0; i < fan; i++)
        largest = fmaxf(largest, fabsf(op->weight[channel * fan + i]));
    return largest > 0 ? (double)largest / NSKY_BYTE_MAX : 1;
}

/* The value a convolution should have; *magnitude: the sum of what was added, without signs. */
static double conv_at(const run *r, const nsky_op *op, const float *in, const float *add, point p,
                      double *magnitude)
{
    const nsky_value *from = &r->graph->values[op->in], *to = &r->graph->values[op->out];
    nsky_number number = number_of_op(r, op);
    double unit = weight_unit(r, op, p.c), sum = op->bias[p.c]; /* of int8 it is float32 */

    if (number != NSKY_NUMBER_INT8)
        sum = rounded(number, op->bias[p.c]);

    *magnitude = fabs(sum);
    if (add) {
        sum += at(to, add, p);
        *magnitude += fabs((double)at(to, add, p));
    }
    for (uint32_t c = 0; c < from->channels; c++)
        for (uint32_t ky = 0; ky < op->kernel; ky++)
            for (uint32_t kx = 0; kx < op->kernel; kx++) {
                uint32_t y = p.y * op->stride + ky - op->padding;
                uint32_t x = p.x * op->stride + kx - op->padding;
                if (y >= from->height || x >= from->width)
                    continue;
                size_t tap =
                    (((size_t)p.c * from->channels + c) * op->kernel + ky) * op->kernel + kx;
                double weight = unit * rounded(number, (float)(op->weight[tap] / unit));
                double product = weight * at(from, in, (point){p.n, c, y, x});
                sum += product;
                *magnitude += fabs(product);
            }
    return op->relu && sum < 0 ? 0 : sum;
}

static double maxpool_at(const run *r, const nsky_op *op, const float *in, point p)
{
    const nsky_value *from = &r->graph->values[op->in];
    double best = -INFINITY;

    for (uint32_t ky = 0; ky < op->kernel; ky++)
        for (uint32_t kx = 0; kx < op->kernel; kx++) {
            uint32_t y = p.y * op->stride + ky - op->padding;
            uint32_t x = p.x * op->stride + kx - op->padding;
            if (y < from->height && x < from->width)
                best = fmax(best, at(from, in, (point){p.n, p.c, y, x}));
        }
    return best;
}

static double avgpool_at(const run *r, const nsky_op *op, const float *in, point p)
{
    const nsky_value *from = &r->graph->values[op->in];
    double sum = 0;

    for (uint32_t y = 0; y < from->height; y++)
        for (uint32_t x = 0; x < from->width; x++)
            sum += at(from, in, (point){p.n, p.c, y, x});
    return sum / ((double)from->height * from->width);
}

/* Corners of the first and the last image, then anywhere. */
static point draw(nsky_rng *rng, const nsky_value *v, uint32_t batch, uint32_t sample)
{
    if (sample < 16)
        return (point){sample & 1 ? batch - 1 : 0, sample & 2 ? v->channels - 1 : 0,
                       sample & 4 ? v->height - 1 : 0, sample & 8 ? v->width - 1 : 0};
    return (point){nsky_rng_below(rng, batch), nsky_rng_below(rng, v->channels),
                   nsky_rng_below(rng, v->height), nsky_rng_below(rng, v->width)};
}

/* The largest error in tolerances. */
static double judge(const run *r, const nsky_op *op, const float *in, const float *add,
                    const float *out)
{
    const nsky_value *to = &r->graph->values[op->out];
    size_t count = (size_t)r->batch * to->channels * to->height * to->width;
    nsky_rng rng = nsky_rng_at(SEED, 2, op->out);
    nsky_number number_out = r->number == NSKY_NUMBER_INT8 ? NSKY_NUMBER_BF16 : r->number;
    double worst = 0;

    for (size_t i = 0; i < count; i++)
        if (!isfinite(out[i]))
            return INFINITY;
    for (uint32_t s = 0; s < SAMPLES; s++) {
        point p = draw(&rng, to, r->batch, s);
        double magnitude = 0, want = op->kind == NSKY_OP_CONV
                                         ? conv_at(r, op, in, add, p, &magnitude)
                                     : op->kind == NSKY_OP_MAXPOOL ? maxpool_at(r, op, in, p)
                                                                   : avgpool_at(r, op, in, p);
        if (to->largest > 0 && r->number == NSKY_NUMBER_INT8) { /* to the nearest unit */
            double unit = nsky_bytes_unit(r->graph, op->out), got = at(to, out, p);
            want = fmin(want, NSKY_BYTE_MAX * unit);
            want = fmax(want, got < -NSKY_BYTE_MAX * unit ? got : -NSKY_BYTE_MAX * unit);
            worst = fmax(worst, fabs(got - want) / (0.51 * unit));
            continue;
        }
        double allowed = op->kind == NSKY_OP_CONV      ? tolerance(number_out, want, magnitude)
                         : op->kind == NSKY_OP_MAXPOOL ? 1e-30 /* a copy */
                                                       : 1e-5 * fabs(want) + 1e-6;
        worst = fmax(worst, fabs(at(to, out, p) - want) / allowed);
    }
    return worst;
}

/* Value 0 as the card got it. */
static nsky_status fetch(const run *r, uint32_t value, const float *images, float **out,
                         nsky_error *err)
{
    const nsky_value *v = &r->graph->values[value];
    size_t count = (size_t)r->batch * v->channels * v->height * v->width;
    float *block = nsky_alloc(count, sizeof *block, err);

    *out = block;
    if (!block)
        return err->status;
    if (value > 0)
        return nsky_backend_cuda.value(r->state, value, block, err);
    for (size_t i = 0; i < count; i++)
        block[i] = rounded(nsky_number_at(r->graph, r->number, 0), images[i]);
    return NSKY_OK;
}

static nsky_status check_op(const run *r, const nsky_op *op, const float *images, double *worst,
                            nsky_error *err)
{
    float *in = NULL, *add = NULL, *out = NULL;
    nsky_status status = fetch(r, op->in, images, &in, err);

    if (status == NSKY_OK)
        status = fetch(r, op->out, images, &out, err);
    if (status == NSKY_OK && op->add >= 0)
        status = fetch(r, (uint32_t)op->add, images, &add, err);
    if (status == NSKY_OK) {
        double error = judge(r, op, in, add, out);
        fprintf(stderr, "  %-24s %.2f of the tolerance\n", op->name, error);
        *worst = fmax(*worst, error);
    }
    nsky_free(in);
    nsky_free(add);
    nsky_free(out);
    return status;
}

static nsky_status check_all(const run *r, const check_args *args, nsky_error *err)
{
    size_t count = (size_t)r->batch * 3 * r->graph->size * r->graph->size;
    float *images = nsky_alloc(count, sizeof *images, err);
    float *features = nsky_alloc(r->batch, r->graph->dim * sizeof *features, err);
    nsky_rng rng = nsky_rng_at(SEED, 1, 0);
    double worst = 0;
    nsky_status status = images && features ? NSKY_OK : err->status;

    if (status == NSKY_OK) {
        nsky_rng_fill_normal(&rng, images, count);
        status = nsky_backend_cuda.run(r->state, images, features, err);
    }
    for (uint32_t i = 0; i < r->graph->op_count && status == NSKY_OK; i++)
        status = check_op(r, &r->graph->ops[i], images, &worst, err);
    nsky_free(images);
    nsky_free(features);
    if (status != NSKY_OK)
        return status;
    printf("{\"check\": \"layers\", \"arch\": \"%s\", \"size\": %u, \"batch\": %u, \"precision\": "
           "\"%s\", \"layers\": %u, \"worst\": %.3f}\n",
           nsky_arch_name(args->arch), args->size, r->batch, check_precision_name(args->precision),
           r->graph->op_count, worst);
    return worst <= 1 ? NSKY_OK
                      : nsky_fail(err, NSKY_EMISMATCH, "a layer is off by %.2f tolerances", worst);
}

nsky_status check_layers(const nsky_graph *graph, const check_args *args, nsky_error *err)
{
    run r = {.graph = graph, .batch = args->batch, .number = number_of(args->precision)};
    nsky_status status;

    setenv("NSKY_KEEP_VALUES", "1", 1);
    status = nsky_backend_cuda.open(&r.state, graph, args->precision, &r.batch, err);
    unsetenv("NSKY_KEEP_VALUES");
    if (status != NSKY_OK)
        return status;
    status = check_all(&r, args, err);
    nsky_backend_cuda.close(r.state);
    return status;
}
