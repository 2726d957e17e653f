/* device.h (private) - what the back end asks of a card: memory, copies, order, convolutions.
 *
 * device.c and device_conv.c do it with the CUDA runtime and cuDNN; the tests with host memory and
 * plain loops (tests/encoder/host_device.c), so that everything above this line runs without a
 * card. Three streams, so that copying in, computing and copying out overlap; within one there is
 * order. Every failure is NSKY_EDEVICE, once described; what a lost card says is kept by the
 * caller. Thread rule: calls on one stream one thread at a time; waiting for an event any thread.
 */
#ifndef NSKY_CUDA_DEVICE_H
#define NSKY_CUDA_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "encoder/cuda/number.h"

typedef enum nsky_stream { NSKY_STREAM_IN, NSKY_STREAM_COMPUTE, NSKY_STREAM_OUT } nsky_stream;
#define NSKY_STREAMS 3

typedef struct nsky_dev nsky_dev;
typedef struct nsky_dev_event nsky_dev_event;
typedef struct nsky_dev_graph nsky_dev_graph;
typedef struct nsky_dev_conv nsky_dev_conv;

/* Driver, card, memory: NSKY_EDEVICE with the remedy. Describes the card: "NVIDIA H100,
 * cuDNN 9.19". */
NSKY_MUST_CHECK nsky_status nsky_dev_probe(char *described, size_t bytes, nsky_error *err);

NSKY_MUST_CHECK nsky_status nsky_dev_open(nsky_dev **out, nsky_error *err);
void nsky_dev_close(nsky_dev *dev); /* NULL is a no-op */
/* The runtime's handle, for launches of kernels.h. */
void *nsky_dev_stream(const nsky_dev *dev, nsky_stream stream);
/* NSKY_OK for 0, else what the launch of `what` returned, in words. */
NSKY_MUST_CHECK nsky_status nsky_dev_check(const nsky_dev *dev, int code, const char *what,
                                           nsky_error *err);

/* Device memory, and host memory that copies straight from and to the card. what: for the message
 * when there is too little. Freeing NULL is a no-op. */
NSKY_MUST_CHECK nsky_status nsky_dev_alloc(nsky_dev *dev, void **out, size_t bytes,
                                           const char *what, nsky_error *err);
void nsky_dev_free(nsky_dev *dev, void *block);
NSKY_MUST_CHECK nsky_status nsky_dev_pin(nsky_dev *dev, void **out, size_t bytes, nsky_error *err);
void nsky_dev_unpin(nsky_dev *dev, void *block);

/* Either way, in the stream's order. From or to pinned memory it returns at once. */
NSKY_MUST_CHECK nsky_status nsky_dev_copy_in(nsky_dev *dev, void *to, const void *from,
                                             size_t bytes, nsky_stream stream, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_dev_copy_out(nsky_dev *dev, void *to, const void *from,
                                              size_t bytes, nsky_stream stream, nsky_error *err);
/* Until all that the stream was given is done. */
NSKY_MUST_CHECK nsky_status nsky_dev_sync(nsky_dev *dev, nsky_stream stream, nsky_error *err);

/* Points in the streams' work. */
NSKY_MUST_CHECK nsky_status nsky_dev_event_new(nsky_dev *dev, nsky_dev_event **out,
                                               nsky_error *err);
void nsky_dev_event_free(nsky_dev *dev, nsky_dev_event *event);
NSKY_MUST_CHECK nsky_status nsky_dev_record(nsky_dev *dev, nsky_dev_event *event,
                                            nsky_stream stream, nsky_error *err);
/* The stream goes on only behind the event. */
NSKY_MUST_CHECK nsky_status nsky_dev_follow(nsky_dev *dev, nsky_stream stream,
                                            nsky_dev_event *event, nsky_error *err);
/* The calling thread sleeps until the event. */
NSKY_MUST_CHECK nsky_status nsky_dev_wait(nsky_dev *dev, nsky_dev_event *event, nsky_error *err);
/* Seconds between two that have happened. */
NSKY_MUST_CHECK nsky_status nsky_dev_between(nsky_dev *dev, nsky_dev_event *from,
                                             nsky_dev_event *to, double *seconds, nsky_error *err);

/* What the compute stream is given between the two becomes one launch. */
NSKY_MUST_CHECK nsky_status nsky_dev_capture(nsky_dev *dev, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_dev_captured(nsky_dev *dev, nsky_dev_graph **out, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_dev_launch(nsky_dev *dev, nsky_dev_graph *graph, nsky_error *err);
void nsky_dev_graph_free(nsky_dev *dev, nsky_dev_graph *graph);

/* What of a convolution is computed; as dnn.h has them. */
typedef enum nsky_conv_task {
    NSKY_CONV_FUSED,       /* y = relu?(conv(x) [+ add] + bias) */
    NSKY_CONV_DATA_BACK,   /* d_x, the derivative by x */
    NSKY_CONV_WEIGHT_BACK, /* d_weight */
    NSKY_CONV_PLAIN,       /* y = conv(x) */
} nsky_conv_task;

/* Channels are multiples of eight, all numbers of one type. */
typedef struct nsky_conv_shape {
    uint32_t batch, in_channels, in_height, in_width;
    uint32_t out_channels, out_height, out_width;
    uint32_t kernel, stride, padding;
    bool relu, add;     /* of FUSED */
    nsky_number number; /* of all numbers; INT8, of FUSED: of x, weight, add and y */
    nsky_conv_task task;
    bool widen; /* INT8: y is bf16 */
} nsky_conv_shape;

/* x [batch, h, w, in], weight [out, kernel, kernel, in], bias [out], add and y [batch, h', w',
 * out]; derivatives have the same orders. What the task does not name is NULL, and add where the
 * shape has none. */
typedef struct nsky_conv_data {
    const void *x, *weight, *bias, *add, *d_y;
    void *y, *d_x, *d_weight;
    const float *scale, *rescale; /* INT8; rescale is NULL where add is */
} nsky_conv_data;

/* INT8: y = relu?(conv(x) scale [+ add] + bias) [rescale], rounded to the nearest whole number and
 * cut off at the largest. Sums are exact, in 32 bits; what follows is float32. scale and bias
 * [out], rescale [1] float32, above 0; bias and what scale makes of the sum are in units of add, or
 * of y where there is no add.
 *
 * Finds the ways there are to compute it: none but those that give the same bits every time. */
NSKY_MUST_CHECK nsky_status nsky_dev_conv_new(nsky_dev *dev, nsky_dev_conv **out,
                                              const nsky_conv_shape *shape, nsky_error *err);
/* Of the way that needs most. */
size_t nsky_dev_conv_workspace(const nsky_dev_conv *conv);
/* Binds the convolution to its data and workspace [that many bytes, may be shared by all that run
 * in one stream], and settles on the quickest way, by trying them or by what was written down
 * before; what it computes is overwritten. */
NSKY_MUST_CHECK nsky_status nsky_dev_conv_bind(nsky_dev *dev, nsky_dev_conv *conv,
                                               const nsky_conv_data *data, void *workspace,
                                               nsky_error *err);
/* In the compute stream. */
NSKY_MUST_CHECK nsky_status nsky_dev_conv_run(nsky_dev *dev, nsky_dev_conv *conv, nsky_error *err);
void nsky_dev_conv_free(nsky_dev *dev, nsky_dev_conv *conv); /* NULL is a no-op */
/* Writes down what bind settled on since open, for the next start; a failure to is not one of the
 * device's, and only logged. */
void nsky_dev_keep_choices(nsky_dev *dev);

#endif
