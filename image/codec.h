/* codec.h - JPEG and PNG, in and out. The only place that includes TurboJPEG and libpng.
 * Thread rule: any thread; each call stands alone. */
#ifndef NSKY_CODEC_H
#define NSKY_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "image/stamp.h"
#include "image/stretch.h"

#define NSKY_PICTURE_SIDE_MAX 8192       /* of a JPEG or PNG handed to us */
#define NSKY_PICTURE_PIXELS_MAX 32000000 /* a few kilobytes may claim all of them */

/* 8-bit colour, owned by whoever made it. */
typedef struct nsky_picture {
    uint8_t *rgb; /* [height, width, 3], row 0 at the top */
    uint32_t width, height;
} nsky_picture;

NSKY_MUST_CHECK nsky_status nsky_picture_new(nsky_picture **out, uint32_t width, uint32_t height,
                                             nsky_error *err); /* black */
void nsky_picture_free(nsky_picture *picture);

/* Encoded bytes the caller frees with nsky_free. quality 1..100. */
NSKY_MUST_CHECK nsky_status nsky_picture_to_jpeg(const nsky_picture *picture, int quality,
                                                 void **out, size_t *bytes, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_picture_to_png(const nsky_picture *picture, void **out,
                                                size_t *bytes, nsky_error *err);

bool nsky_picture_is_jpeg(const void *data, size_t bytes);
bool nsky_picture_is_png(const void *data, size_t bytes);

/* By content, not by name; grey becomes colour, alpha is dropped, 16 bit becomes 8. Sizes are read
 * and refused (NSKY_ELIMIT) before anything is decoded. `what` names it in errors. */
NSKY_MUST_CHECK nsky_status nsky_picture_decode(nsky_picture **out, const void *data, size_t bytes,
                                                const char *what, nsky_error *err);

/*
 * A stamp as people see it: size x size pixels (0: its own), north up, east left, from
 * `field_arcsec` of sky around the centre (0: all of it).
 */
NSKY_MUST_CHECK nsky_status nsky_picture_of_stamp(nsky_picture **out, const nsky_stamp *stamp,
                                                  uint32_t size, double field_arcsec,
                                                  const nsky_stretch *stretch, nsky_error *err);

/* An object with a larger radius than this, in pixels, is larger than networks see at once. */
#define NSKY_PICTURE_RADIUS_MAX 36

/*
 * The way back for uploads: fluxes by the inverse of the viewer's stretch, flags set to say so. The
 * pixel scale is assumed to be NSKY_SCALE_ARCSEC_PX, or finer where the object in the middle (what
 * hangs together there and is brighter than the frame by 12 of 255) is larger than a circle of
 * NSKY_PICTURE_RADIUS_MAX pixels: then it is taken to be as large as that at
 * NSKY_SCALE_ARCSEC_PX. Squares of pixels are averaged where a picture of a large object has more
 * than NSKY_STAMP_SIDE_MAX a side; after that, the centre of at most so many is kept.
 */
NSKY_MUST_CHECK nsky_status nsky_stamp_from_picture(nsky_stamp **out, const nsky_picture *picture,
                                                    nsky_error *err);

#endif
