/* kernels_views.h (private) - augmented views of packed stamps: what the kernels take, and how they
 * are started, in this order. The numbers are drawn on the host (augment_pixel.h's recipes), from
 * the counters that the CPU's views have; the arithmetic is the CPU's, so its bits are.
 *
 * Every launch returns a cudaError_t as an int, 0 for success; on the host the same functions are
 * loops. Pointers are the device's. Thread rule: a stream's order. */
#ifndef NSKY_CUDA_KERNELS_VIEWS_H
#define NSKY_CUDA_KERNELS_VIEWS_H

#include <stddef.h>
#include <stdint.h>

#include "encoder/preprocess_pixel.h"
#include "encoder/train/packed.h"

#define NSKY_VIEW_LANES 256u /* that count a view's missing pixels */

typedef struct nsky_views_args {
    const nsky_view *views; /* [count] */
    const uint16_t *pixels;
    float *flux;        /* [count, 3, side_max, side_max], rows of a view's own side */
    uint8_t *known;     /* the same */
    float *columns;     /* [count, 3, size, side_max]: blurred along columns */
    uint64_t *noise_at; /* [count, 3] blocks behind the counter, where added noise begins */
    float *out;         /* [count, 3, size, size], as nsky_augment_view lays it out */
    uint32_t count, size, side_max;
    nsky_look look;
} nsky_views_args;

#ifdef __cplusplus
extern "C" {
#endif
/* Orientation, size and jitter; reddening. */
int nsky_launch_views_sample(const nsky_views_args *args, void *stream);
/* Sky where nothing was observed, and where each band's noise begins. */
int nsky_launch_views_fill(const nsky_views_args *args, void *stream);
/* Seeing, along columns. */
int nsky_launch_views_blur(const nsky_views_args *args, void *stream);
/* Seeing along rows, depth, stretch. */
int nsky_launch_views_end(const nsky_views_args *args, void *stream);
#ifdef __cplusplus
}
#endif

#endif
