/* wire.h (private) - a stamp as it goes over the bus: float16, only what the network sees of it.
 * Thread rule: pure. */
#ifndef NSKY_CUDA_WIRE_H
#define NSKY_CUDA_WIRE_H

#include "encoder/cuda/kernels.h"
#include "image/stamp.h"

/* Size of a pixel of the network's in pixels of the stamp; exactly 1 where they are as good as
 * equal.
 */
double nsky_wire_ratio(const nsky_preprocess *how, const nsky_stamp *stamp);
/* Of `side` pixels, those kept: the same number is cut off at both ends, so the middle stays. */
uint32_t nsky_wire_side(const nsky_preprocess *how, double ratio, uint32_t side);
/* Pixels that a stamp takes. */
size_t nsky_wire_count(const nsky_preprocess *how, const nsky_stamp *stamp);

/* Fills *wire but for `at`, and pixels [nsky_wire_count]. NSKY_EDATA: an infinite pixel where
 * pixels are taken as they are; where they are resampled it is a missing one, as on the CPU. */
NSKY_MUST_CHECK nsky_status nsky_wire_put(const nsky_preprocess *how, const nsky_stamp *stamp,
                                          nsky_wire *wire, uint16_t *pixels, nsky_error *err);

#endif
