/* resample_tap.h - how much of an input pixel goes into an output pixel, along one axis: what
 * resample.h and a card's own resampling share. Thread rule: pure functions. */
#ifndef NSKY_RESAMPLE_TAP_H
#define NSKY_RESAMPLE_TAP_H

#include <math.h>

#include "common/device.h"

#define NSKY_SAME_SCALE 1e-4      /* relative: 0.03 pixels at the edge of the largest stamp */
#define NSKY_KNOWN_ENOUGH 0.49999 /* half of the weight, give or take rounding */

/* Input pixels farther than this from an output pixel's centre have no part in it. ratio: size of
 * an output pixel in input pixels. */
NSKY_ON_DEVICE static inline double nsky_tap_reach(double ratio)
{
    return ratio > 1 ? ratio / 2 + 0.5 : 1;
}

/* Weight of the input pixel centred at u for an output pixel centred at d, both measured from the
 * middle of the stamp in input pixels, where mirroring is exactly a change of sign. */
NSKY_ON_DEVICE static inline double nsky_tap_weight(double u, double d, double ratio)
{
    if (ratio > 1) { /* the share of the output pixel that the input pixel covers */
        double high = fmin(u + 0.5, d + ratio / 2), low = fmax(u - 0.5, d - ratio / 2);
        return fmax(0.0, high - low) / ratio;
    }
    return fmax(0.0, 1 - fabs(u - d)); /* linear interpolation */
}

#endif
