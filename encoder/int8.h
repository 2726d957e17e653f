/* int8.h (private) - what a network must know of itself to run in int8: for each value that is kept
 * as bytes, the magnitude that 127 stands for.
 *
 * It is measured on stamps: the largest magnitude that is met (`nearsky calibrate`). Kept as bytes
 * is what convolutions read. Three are not: where a max pool follows the first convolution, that
 * and the image before it (the sky's noise is a few of 255 levels), and the last convolution's
 * output, which is averaged into the features; these stay bf16.
 *
 * The scales travel in the weights file, in __metadata__'s "nsky.int8": {"stamps": 256, "largest":
 * {"maxpool": 1.234, "layer1.0.conv1": ...}}. So they are part of the file's hash, by which
 * generations know what made their vectors. Thread rule: one thread.
 */
#ifndef NSKY_INT8_H
#define NSKY_INT8_H

#include "encoder/backend.h"

#define NSKY_INT8_LEAST 1e-6 /* a scale, at least; at most the inverse */

/* Whether a value is kept as bytes. */
bool nsky_int8_keeps(const nsky_graph *graph, uint32_t value);
/* "input", or the name of the operation that writes it. */
const char *nsky_int8_name(const nsky_graph *graph, uint32_t value);

typedef struct nsky_int8_gauge nsky_int8_gauge;

/* Runs the network in float32 on ops, which keeps every value. graph is borrowed. Not beside other
 * threads: an environment variable tells the back end. */
NSKY_MUST_CHECK nsky_status nsky_int8_gauge_new(nsky_int8_gauge **out, const nsky_graph *graph,
                                                const nsky_backend_ops *ops, nsky_error *err);
/* An image [3, size, size], preprocessed. */
NSKY_MUST_CHECK nsky_status nsky_int8_gauge_add(nsky_int8_gauge *gauge, const float *image,
                                                nsky_error *err);
/* Writes values[].largest: what was met, rounded up to four digits, so that two machines' last bits
 * rarely make two models. NSKY_EDATA: nothing was added, or a value is not finite. */
NSKY_MUST_CHECK nsky_status nsky_int8_gauge_end(nsky_int8_gauge *gauge, nsky_graph *graph,
                                                nsky_error *err);
void nsky_int8_gauge_free(nsky_int8_gauge *gauge); /* NULL is a no-op */

/* --- int8_model.c: in the weights file --- */

/* values[].largest from the model's metadata; zeros where it has none (*found false). NSKY_EDATA:
 * not exactly this network's. */
NSKY_MUST_CHECK nsky_status nsky_int8_read(nsky_graph *graph, const nsky_model *model, bool *found,
                                           nsky_error *err);
/* The model's file with the graph's scales in its metadata. */
NSKY_MUST_CHECK nsky_status nsky_int8_write(const nsky_graph *graph, const nsky_model *model,
                                            uint64_t stamps, const char *path, nsky_error *err);

#endif
