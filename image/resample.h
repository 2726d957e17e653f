/* resample.h - the same sky on another pixel grid. */
#ifndef NSKY_RESAMPLE_H
#define NSKY_RESAMPLE_H

#include "image/stamp.h"

/*
 * `size` x `size` pixels of `scale_arcsec_px` around the stamp's centre; flux in nanomaggies a
 * pixel goes with pixel area. Equal scale is a copy (odd sizes to even ones shift by half a pixel,
 * bilinear); finer is bilinear; coarser averages the area covered. Rotating or flipping the input
 * by 90 degrees rotates or flips the output, to the rounding of the last bit. A pixel is NaN where
 * less than half of the sky it draws on is known; else the known part decides. out [3, size, size]
 * caller-owned.
 */
NSKY_MUST_CHECK nsky_status nsky_resample(const nsky_stamp *stamp, uint32_t size,
                                          float scale_arcsec_px, float *out, nsky_error *err);

#endif
