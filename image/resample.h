/* resample.h - the same sky on another pixel grid. */
#ifndef NSKY_RESAMPLE_H
#define NSKY_RESAMPLE_H

#include "image/stamp.h"

#define NSKY_RESAMPLE_SIDE_MAX 4096 /* pixels asked for */

/*
 * `size` x `size` pixels of `scale_arcsec_px` around the stamp's centre, so that flux in
 * nanomaggies a pixel scales with pixel area. Equal scale is a copy without interpolation (the
 * centre of an even grid stays between pixels: odd to even shifts by half a pixel, bilinear); finer
 * is bilinear; coarser averages the area covered. Rotating or flipping the input by 90 degrees
 * rotates or flips the output exactly. Missing pixels and sky outside the stamp are NaN where less
 * than half of the weight is known, else the known part decides. out [3, size, size] caller-owned.
 * NSKY_ELIMIT   size is 0 or above NSKY_RESAMPLE_SIDE_MAX
 * NSKY_EINVAL   the scale is not a positive number
 * NSKY_ENOMEM
 */
NSKY_MUST_CHECK nsky_status nsky_resample(const nsky_stamp *stamp, uint32_t size,
                                          float scale_arcsec_px, float *out, nsky_error *err);

#endif
