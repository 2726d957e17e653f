/* ref.c - the oracle: each operation as a plain loop in float32, every value kept.
 *
 * Images run one after another, so an image cannot feel its neighbours. The one liberty is the
 * order of weights: sixteen output channels side by side, which lets the compiler vectorise the
 * innermost loop without changing the order in which anything is summed. Thread rule: a state
 * belongs to one thread.
 */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/memory.h"
#include "encoder/backend.h"

#define TILE 16u /* output channels summed at once */
#define BATCH 1u /* nothing is gained by more */
#define BATCH_MAX 256u

typedef struct ref_state {
    const nsky_graph *graph;
    uint32_t batch;
    float **values;  /* [value_count] -> [batch, c, h, w]; 0 is unused: the input is the caller's */
    float **weights; /* [op_count] -> [out / TILE, in k k, TILE], or NULL */
    const float *images;
} ref_state;

static size_t value_floats(const nsky_value *v)
{
    return (size_t)v->channels * v->height * v->width;
}

static bool ref_available(nsky_precision precision)
{
    return precision == NSKY_FP32;
}

static void ref_describe(char *out, size_t bytes)
{
    snprintf(out, bytes, "plain C: fp32");
}

static void ref_close(void *opaque)
{
    ref_state *s = opaque;

    if (!s)
        return;
    for (uint32_t i = 0; s->values && i < s->graph->value_count; i++)
        nsky_free(s->values[i]);
    for (uint32_t i = 0; s->weights && i < s->graph->op_count; i++)
        nsky_free(s->weights[i]);
    nsky_free(s->values);
    nsky_free(s->weights);
    nsky_free(s);
}

/* Tiles of output channels; a last one that is not full is padded with zeros. */
static nsky_status tile_weights(ref_state *s, uint32_t number, nsky_error *err)
{
    const nsky_op *op = &s->graph->ops[number];
    uint32_t channels = s->graph->values[op->out].channels;
    size_t taps = (size_t)s->graph->values[op->in].channels * op->kernel * op->kernel;
    uint32_t tiles = (channels + TILE - 1) / TILE;
    float *tiled = nsky_alloc_aligned(tiles * taps, TILE * sizeof(float), err);

    if (!tiled)
        return err->status;
    for (uint32_t o = 0; o < tiles * TILE; o++)
        for (size_t t = 0; t < taps; t++)
            tiled[(o / TILE * taps + t) * TILE + o % TILE] =
                o < channels ? op->weight[o * taps + t] : 0.0f;
    s->weights[number] = tiled;
    return NSKY_OK;
}

static nsky_status ref_open(void **state, const nsky_graph *graph, nsky_precision precision,
                            uint32_t *batch, nsky_error *err)
{
    assert(state && graph && batch && err);
    ref_state *s;
    nsky_status status = NSKY_OK;

    *state = NULL;
    if (precision != NSKY_FP32)
        return nsky_fail(err, NSKY_EDEVICE, "ref runs in fp32 only");
    if (*batch > BATCH_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "batch of %u; ref takes up to %u", *batch, BATCH_MAX);
    if (!(s = nsky_alloc_zero(1, sizeof *s, err)))
        return err->status;
    s->graph = graph;
    s->batch = *batch > 0 ? *batch : BATCH;
    if (!(s->values = nsky_alloc_zero(graph->value_count, sizeof *s->values, err)) ||
        !(s->weights = nsky_alloc_zero(graph->op_count, sizeof *s->weights, err)))
        status = err->status;
    for (uint32_t i = 1; i < graph->value_count && status == NSKY_OK; i++)
        if (!(s->values[i] = nsky_alloc_aligned(
                  s->batch, value_floats(&graph->values[i]) * sizeof(float), err)))
            status = err->status;
    for (uint32_t i = 0; i < graph->op_count && status == NSKY_OK; i++)
        if (graph->ops[i].kind == NSKY_OP_CONV)
            status = tile_weights(s, i, err);
    if (status != NSKY_OK) {
        ref_close(s);
        return status;
    }
    *batch = s->batch;
    *state = s;
    return NSKY_OK;
}

/* Sums of one output pixel, TILE channels: acc += in window . weights. (y, x): the window's corner,
 * which may lie outside; what is outside is zero. */
static void conv_pixel(const nsky_op *op, const nsky_value *in, const float *input, int32_t y,
                       int32_t x, const float *weights, float acc[TILE])
{
    int32_t k = (int32_t)op->kernel, height = (int32_t)in->height, width = (int32_t)in->width;
    int32_t ky_first = y < 0 ? -y : 0, ky_end = y + k > height ? height - y : k;
    int32_t kx_first = x < 0 ? -x : 0, kx_end = x + k > width ? width - x : k;

    for (uint32_t c = 0; c < in->channels; c++) {
        const float *plane = input + (size_t)c * in->height * in->width;
        for (int32_t ky = ky_first; ky < ky_end; ky++) {
            const float *row = plane + (size_t)(y + ky) * in->width;
            for (int32_t kx = kx_first; kx < kx_end; kx++) {
                const float *w = weights + (size_t)(ky * k + kx) * TILE;
                float value = row[x + kx];
                for (uint32_t o = 0; o < TILE; o++)
                    acc[o] += value * w[o];
            }
        }
        weights += (size_t)k * (uint32_t)k * TILE;
    }
}

/* Rows of one tile of output channels. add and out are [channels, h, w]; add may be NULL. */
static void conv_tile(const nsky_op *op, const nsky_value *in, const nsky_value *out,
                      const float *input, const float *weights, uint32_t first, const float *add,
                      float *output)
{
    uint32_t count = out->channels - first < TILE ? out->channels - first : TILE;
    size_t plane = (size_t)out->height * out->width;

    for (uint32_t y = 0; y < out->height; y++)
        for (uint32_t x = 0; x < out->width; x++) {
            float acc[TILE] = {0};
            size_t at = (size_t)y * out->width + x;
            conv_pixel(op, in, input, (int32_t)(y * op->stride) - (int32_t)op->padding,
                       (int32_t)(x * op->stride) - (int32_t)op->padding, weights, acc);
            for (uint32_t o = 0; o < count; o++) {
                size_t to = (first + o) * plane + at;
                float value = acc[o] + op->bias[first + o] + (add ? add[to] : 0.0f);
                output[to] = op->relu && !(value > 0) && !isnan(value) ? 0.0f : value;
            }
        }
}

static void run_conv(const nsky_op *op, const nsky_value *in, const nsky_value *out,
                     const float *input, const float *weights, const float *add, float *output)
{
    size_t tile = (size_t)in->channels * op->kernel * op->kernel * TILE;

    for (uint32_t first = 0; first < out->channels; first += TILE)
        conv_tile(op, in, out, input, weights + first / TILE * tile, first, add, output);
}

/* Pixels outside the image take no part (they are not zeros). */
static void run_maxpool(const nsky_op *op, const nsky_value *in, const nsky_value *out,
                        const float *input, float *output)
{
    for (uint32_t c = 0; c < out->channels; c++)
        for (uint32_t y = 0; y < out->height; y++)
            for (uint32_t x = 0; x < out->width; x++) {
                float best = -INFINITY;
                for (uint32_t ky = 0; ky < op->kernel; ky++)
                    for (uint32_t kx = 0; kx < op->kernel; kx++) {
                        uint32_t sy = y * op->stride + ky - op->padding;
                        uint32_t sx = x * op->stride + kx - op->padding;
                        if (sy >= in->height || sx >= in->width) /* wraps when below zero */
                            continue;
                        float value = input[((size_t)c * in->height + sy) * in->width + sx];
                        if (value > best || isnan(value))
                            best = value;
                    }
                *output++ = best;
            }
}

static void run_avgpool(const nsky_value *in, const float *input, float *output)
{
    size_t plane = (size_t)in->height * in->width;

    for (uint32_t c = 0; c < in->channels; c++) {
        double sum = 0;
        for (size_t i = 0; i < plane; i++)
            sum += input[c * plane + i];
        output[c] = (float)(sum / (double)plane);
    }
}

/* Where image n of a value lies. */
static float *at_image(const ref_state *s, uint32_t value, uint32_t n)
{
    return s->values[value] + n * value_floats(&s->graph->values[value]);
}

static void run_image(ref_state *s, uint32_t n)
{
    const nsky_graph *graph = s->graph;

    for (uint32_t i = 0; i < graph->op_count; i++) {
        const nsky_op *op = &graph->ops[i];
        const nsky_value *in = &graph->values[op->in], *out = &graph->values[op->out];
        const float *input =
            op->in > 0 ? at_image(s, op->in, n) : s->images + n * value_floats(&graph->values[0]);
        const float *add = op->add >= 0 ? at_image(s, (uint32_t)op->add, n) : NULL;
        float *output = at_image(s, op->out, n);
        switch (op->kind) {
        case NSKY_OP_CONV:
            run_conv(op, in, out, input, s->weights[i], add, output);
            break;
        case NSKY_OP_MAXPOOL:
            run_maxpool(op, in, out, input, output);
            break;
        case NSKY_OP_AVGPOOL:
            run_avgpool(in, input, output);
            break;
        }
    }
}

static nsky_status ref_run(void *opaque, const float *images, float *out, nsky_error *err)
{
    assert(opaque && images && out && err);
    ref_state *s = opaque;
    uint32_t last = s->graph->ops[s->graph->op_count - 1].out;

    s->images = images;
    for (uint32_t n = 0; n < s->batch; n++)
        run_image(s, n);
    memcpy(out, s->values[last], (size_t)s->batch * s->graph->dim * sizeof *out);
    return NSKY_OK;
}

static nsky_status ref_value(void *opaque, uint32_t value, float *out, nsky_error *err)
{
    assert(opaque && out && err);
    ref_state *s = opaque;

    if (value == 0 || value >= s->graph->value_count)
        return nsky_fail(err, NSKY_ENOTFOUND, "ref keeps no value %u", value);
    memcpy(out, s->values[value], s->batch * value_floats(&s->graph->values[value]) * sizeof *out);
    return NSKY_OK;
}

const nsky_backend_ops nsky_backend_ref = {
    .name = "ref",
    .available = ref_available,
    .describe = ref_describe,
    .open = ref_open,
    .run = ref_run,
    .value = ref_value,
    .close = ref_close,
};
