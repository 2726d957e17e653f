/* weights.c - see weights.h. Padding the three colours to eight channels costs five of eight
 * multiplications of one layer, and saves cuDNN a conversion of the whole input. Thread rule: pure.
 */
#include "encoder/cuda/weights.h"

#include <assert.h>
#include <string.h>

uint32_t nsky_padded(uint32_t channels)
{
    return (channels + NSKY_EIGHT - 1) / NSKY_EIGHT * NSKY_EIGHT;
}

size_t nsky_weights_count(const nsky_graph *graph, const nsky_op *op)
{
    return (size_t)nsky_padded(graph->values[op->out].channels) * op->kernel * op->kernel *
           nsky_padded(graph->values[op->in].channels);
}

void nsky_weights_order(const nsky_graph *graph, const nsky_op *op, nsky_number number, void *out)
{
    assert(graph && op && op->kind == NSKY_OP_CONV && out);
    uint32_t in = graph->values[op->in].channels, channels = graph->values[op->out].channels;
    uint32_t taps = op->kernel * op->kernel, room = nsky_padded(in);

    memset(out, 0, nsky_weights_count(graph, op) * nsky_number_bytes(number));
    for (size_t o = 0; o < channels; o++)
        for (size_t c = 0; c < in; c++)
            for (size_t t = 0; t < taps; t++)
                nsky_number_put(number, out, (o * taps + t) * room + c,
                                op->weight[(o * in + c) * taps + t]);
}

void nsky_bias_order(const nsky_graph *graph, const nsky_op *op, nsky_number number, void *out)
{
    assert(graph && op && op->kind == NSKY_OP_CONV && out);
    uint32_t channels = graph->values[op->out].channels;

    memset(out, 0, nsky_padded(channels) * nsky_number_bytes(number));
    for (uint32_t o = 0; o < channels; o++)
        nsky_number_put(number, out, o, op->bias[o]);
}
