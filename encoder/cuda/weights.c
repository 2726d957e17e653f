/* weights.c - see weights.h. Padding the three colours to eight channels costs five of eight
 * multiplications of one layer, and saves cuDNN a conversion of the whole input. Thread rule: pure.
 */
#include "encoder/cuda/weights.h"

#include <assert.h>
#include <string.h>

#include "encoder/cuda/bytes.h"

uint32_t nsky_padded(uint32_t channels)
{
    return (channels + NSKY_EIGHT - 1) / NSKY_EIGHT * NSKY_EIGHT;
}

size_t nsky_weights_count(const nsky_graph *graph, const nsky_op *op)
{
    return (size_t)nsky_padded(graph->values[op->out].channels) * op->kernel * op->kernel *
           nsky_padded(graph->values[op->in].channels);
}

size_t nsky_weights_room(const nsky_graph *graph, const nsky_op *op, nsky_number number)
{
    if (number == NSKY_NUMBER_INT8)
        return nsky_bytes_room(graph, op);
    return (nsky_weights_count(graph, op) + nsky_padded(graph->values[op->out].channels)) *
           nsky_number_bytes(number);
}

void nsky_weights_put(const nsky_graph *graph, const nsky_op *op, nsky_number number, char *out)
{
    assert(graph && op && op->kind == NSKY_OP_CONV && out);
    uint32_t in = graph->values[op->in].channels, channels = graph->values[op->out].channels;
    uint32_t taps = op->kernel * op->kernel, room = nsky_padded(in);
    size_t count = nsky_weights_count(graph, op);

    if (number == NSKY_NUMBER_INT8) {
        nsky_bytes_order(graph, op, out);
        return;
    }
    memset(out, 0, nsky_weights_room(graph, op, number));
    for (size_t o = 0; o < channels; o++) {
        for (size_t c = 0; c < in; c++)
            for (size_t t = 0; t < taps; t++)
                nsky_number_put(number, out, (o * taps + t) * room + c,
                                op->weight[(o * in + c) * taps + t]);
        nsky_number_put(number, out, count + o, op->bias[o]);
    }
}

void nsky_weights_find(const nsky_graph *graph, const nsky_op *op, nsky_number number,
                       const char *at, nsky_conv_data *out)
{
    assert(graph && op && at && out);
    if (number == NSKY_NUMBER_INT8) {
        nsky_bytes_find(graph, op, at, out);
        return;
    }
    out->weight = at;
    out->bias = at + nsky_weights_count(graph, op) * nsky_number_bytes(number);
}
