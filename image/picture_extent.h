/* picture_extent.h (private) - how large the object in the middle of a picture is. */
#ifndef NSKY_PICTURE_EXTENT_H
#define NSKY_PICTURE_EXTENT_H

#include "image/codec.h"

/*
 * Pixels: the radius of a circle of the area that hangs together with the middle and is brighter
 * than the picture's frame by 12 of 255 (or three times the frame's noise, if that is more). 0:
 * nothing is. On a grid of at most 256 cells a side, averaged over seven
 * pixels or three cells.
 */
NSKY_MUST_CHECK nsky_status nsky_picture_radius(double *radius, const nsky_picture *picture,
                                                nsky_error *err);

#endif
