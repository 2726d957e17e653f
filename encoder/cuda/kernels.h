/* kernels.h (private) - nearsky's own kernels: what they take, and how they are started.
 *
 * Activations are [image, y, x, channel] in nsky_number, channels padded to a multiple of eight;
 * what pads is zero. Every launch returns a cudaError_t as an int, 0 for success; the
 * tests have the same functions as loops over host memory (tests/encoder/cuda_host/). Pointers are
 * the device's. Thread rule: a stream's order.
 */
#ifndef NSKY_CUDA_KERNELS_H
#define NSKY_CUDA_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "encoder/cuda/number.h"
#include "encoder/encoder.h"
#include "encoder/preprocess_pixel.h"

#define NSKY_FINISH_LANES 128u
#define NSKY_FEATURES_MAX 2048u /* ResNet-50's */

/* A stamp on the bus: float16 of pixel * 2^exponent, the part that the network sees, row 0 south.
 */
typedef struct nsky_wire {
    uint64_t at; /* first pixel in the slot's pixels; [3, height, width] */
    uint32_t width, height;
    double ratio;                   /* size of a network pixel in its own; exactly 1 for the same */
    float scale_first, scale_after; /* 2^-exponent, in two steps: it may be no float itself */
} nsky_wire;

/* Stamps to the network's input: crop or resample, view, stretch, order, normalise, eight channels.
 * Image i is view i % views of stamp i / views; images behind the last stamp's are zero. */
typedef struct nsky_prepare_args {
    const nsky_wire *wires; /* [stamps] */
    const uint16_t *pixels;
    void *out; /* [images, size, size, 8] */
    uint32_t stamps, images, views, size;
    nsky_number number;
    nsky_look look;
    float gain; /* int8 only: what the values are multiplied with */
} nsky_prepare_args;

/* Prepared images [images, 3, size, size] float32 to the same layout. */
typedef struct nsky_pack_args {
    const float *in;
    void *out;                                /* [images, size, size, 8] */
    uint32_t images, channels, height, width; /* channels <= 8 */
    nsky_number number;
    float gain; /* int8 only: what the values are multiplied with */
} nsky_pack_args;

/* 3x3, stride 2, padding 1; pixels outside take no part; NaN wins. */
typedef struct nsky_maxpool_args {
    const void *in; /* [images, in_height, in_width, eights] */
    void *out;      /* [images, out_height, out_width, eights] */
    uint32_t images, eights, in_height, in_width, out_height, out_width;
    nsky_number number; /* of both, but that: */
    bool to_bytes;      /* out is int8, of the values times gain */
    float gain;
} nsky_maxpool_args;

/* The mean over pixels, float32; channels beyond dim are padding and left out. */
typedef struct nsky_avgpool_args {
    const void *in; /* [images, pixels, eights] */
    float *out;     /* [images, dim] */
    uint32_t images, pixels, eights, dim;
    nsky_number number;
} nsky_avgpool_args;

/* Features of a stamp's views to one unit vector: NSKY_ROW_* say what became of it. */
typedef struct nsky_finish_args {
    const float *features;       /* [stamps, views, dim] */
    uint16_t *vectors;           /* [stamps, dim] float16 */
    uint8_t *faults;             /* [stamps] */
    uint32_t stamps, views, dim; /* dim <= NSKY_FEATURES_MAX */
} nsky_finish_args;

/* Numbers between -1 and 1 that look random, to time on: zeros run faster than anything real. */
typedef struct nsky_noise_args {
    void *out;
    size_t count;
    nsky_number number;
} nsky_noise_args;

#ifdef __cplusplus
extern "C" {
#endif
int nsky_launch_prepare(const nsky_prepare_args *args, void *stream);
int nsky_launch_pack(const nsky_pack_args *args, void *stream);
int nsky_launch_maxpool(const nsky_maxpool_args *args, void *stream);
int nsky_launch_avgpool(const nsky_avgpool_args *args, void *stream);
int nsky_launch_finish(const nsky_finish_args *args, void *stream);
int nsky_launch_noise(const nsky_noise_args *args, void *stream);
#ifdef __cplusplus
}
#endif

#endif
