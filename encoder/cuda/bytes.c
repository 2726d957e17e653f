/* bytes.c - see bytes.h. The largest weight of a channel becomes 127: no weight is cut off, and
 * channels that batch norms made small lose no digits to others. Thread rule: pure. */
#include "encoder/cuda/bytes.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "encoder/cuda/weights.h"

#define RESCALE_FLOATS 4u /* one counts; sixteen bytes keep what follows aligned */

nsky_number nsky_number_at(const nsky_graph *graph, nsky_number number, uint32_t value)
{
    if (number == NSKY_NUMBER_INT8 && !(graph->values[value].largest > 0))
        return NSKY_NUMBER_BF16;
    return number;
}

double nsky_bytes_unit(const nsky_graph *graph, uint32_t value)
{
    float largest = graph->values[value].largest;

    return largest > 0 ? (double)largest / NSKY_BYTE_MAX : 1;
}

static bool is_bytes(const nsky_graph *graph, uint32_t value)
{
    return graph->values[value].largest > 0;
}

nsky_status nsky_bytes_check(const nsky_graph *graph, nsky_error *err)
{
    assert(graph && err);
    bool any = false;

    for (uint32_t v = 0; v < graph->value_count; v++)
        any = any || is_bytes(graph, v);
    if (!any)
        return nsky_fail(err, NSKY_EINVAL,
                         "the network has no scales for int8; run nearsky calibrate");
    for (uint32_t i = 0; i < graph->op_count; i++) {
        const nsky_op *op = &graph->ops[i];
        bool in = is_bytes(graph, op->in), add = op->add >= 0, sound = true;
        if (op->kind == NSKY_OP_CONV)
            sound = (!add || is_bytes(graph, (uint32_t)op->add) == in) &&
                    (in || !is_bytes(graph, op->out));
        else if (op->kind == NSKY_OP_MAXPOOL)
            sound = !in;
        else
            sound = !in && !is_bytes(graph, op->out);
        if (!sound)
            return nsky_fail(
                err, NSKY_EINVAL,
                "the int8 scales around %s do not belong together; run nearsky calibrate "
                "again",
                op->name);
    }
    return NSKY_OK;
}

size_t nsky_bytes_room(const nsky_graph *graph, const nsky_op *op)
{
    return nsky_weights_count(graph, op) +
           (2 * (size_t)nsky_padded(graph->values[op->out].channels) + RESCALE_FLOATS) *
               sizeof(float);
}

/* One output channel's weights; returns what one of their units is worth. */
static double order_channel(const nsky_op *op, uint32_t in, size_t channel, size_t room,
                            int8_t *out)
{
    size_t taps = (size_t)op->kernel * op->kernel;
    const float *from = op->weight + channel * in * taps;
    float largest = 0;

    for (size_t i = 0; i < in * taps; i++)
        largest = fmaxf(largest, fabsf(from[i]));
    double unit = (double)largest / NSKY_BYTE_MAX;
    for (size_t c = 0; c < in; c++)
        for (size_t t = 0; t < taps; t++)
            out[t * room + c] = largest > 0 ? nsky_byte_of((float)(from[c * taps + t] / unit)) : 0;
    return unit;
}

void nsky_bytes_order(const nsky_graph *graph, const nsky_op *op, char *out)
{
    assert(graph && op && op->kind == NSKY_OP_CONV && out);
    uint32_t in = graph->values[op->in].channels, channels = graph->values[op->out].channels;
    size_t room = nsky_padded(in), filter = room * op->kernel * op->kernel;
    double from = nsky_bytes_unit(graph, op->in), to = nsky_bytes_unit(graph, op->out);
    double unit = op->add >= 0 ? nsky_bytes_unit(graph, (uint32_t)op->add) : to;
    float *scale = (float *)(void *)(out + nsky_weights_count(graph, op));
    float *bias = scale + nsky_padded(channels), *rescale = bias + nsky_padded(channels);

    memset(out, 0, nsky_bytes_room(graph, op));
    for (size_t o = 0; o < channels; o++) {
        double worth = order_channel(op, in, o, room, (int8_t *)(void *)(out + o * filter));
        scale[o] = (float)(worth * from / unit);
        bias[o] = (float)(op->bias[o] / unit);
    }
    rescale[0] = (float)(unit / to);
}

void nsky_bytes_find(const nsky_graph *graph, const nsky_op *op, const char *at,
                     nsky_conv_data *out)
{
    const float *scale = (const float *)(const void *)(at + nsky_weights_count(graph, op));

    out->weight = at;
    out->scale = scale;
    out->bias = scale + nsky_padded(graph->values[op->out].channels);
    out->rescale =
        op->add >= 0 ? scale + 2 * (size_t)nsky_padded(graph->values[op->out].channels) : NULL;
}
