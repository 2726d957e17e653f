/* stamp.h - the picture of one object: calibrated pixels and how large they are on the sky. */
#ifndef NSKY_STAMP_H
#define NSKY_STAMP_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define NSKY_STAMP_BANDS 3
#define NSKY_STAMP_SIDE_MAX 512 /* pixels; larger images are cut to their centre on the way in */

/* The scale that networks see and bricks have, DESI Legacy Imaging Surveys. */
#define NSKY_SCALE_ARCSEC_PX 0.262
/* Pixels of a stamp cut from a brick. */
#define NSKY_STAMP_SIDE 152

enum {
    NSKY_STAMP_FROM_PICTURE = 1u << 0,  /* JPEG or PNG: fluxes recovered from a stretched picture */
    NSKY_STAMP_SCALE_ASSUMED = 1u << 1, /* the file did not say its pixel scale */
    NSKY_STAMP_CROPPED = 1u << 2,       /* the file showed more sky than the stamp keeps */
    NSKY_STAMP_HAS_NAN = 1u << 3,       /* missing pixels */
    NSKY_STAMP_BAND_REPLACED = 1u << 4, /* i stands in for z: see `bands` */
    NSKY_STAMP_UNITS_ASSUMED = 1u << 5, /* no zero point in the header: taken as nanomaggies */
    NSKY_STAMP_EDGE = 1u << 6,          /* reaches over the edge of its brick; the rest is NaN */
};

/* Owned by whoever made it. Plain data: no thread rule. */
typedef struct nsky_stamp {
    float *pixels; /* [3, height, width] nanomaggies, row 0 south, column 0 east; NaN = missing */
    uint32_t width, height;
    float scale_arcsec_px;
    char bands[NSKY_STAMP_BANDS + 1]; /* "grz", or "gri" where i replaces z: blue to red */
    uint32_t flags;
} nsky_stamp;

/* Pixels are NaN, bands "grz". NSKY_ELIMIT when a side is 0 or above NSKY_STAMP_SIDE_MAX,
 * NSKY_EINVAL when the scale is not a positive number. */
NSKY_MUST_CHECK nsky_status nsky_stamp_new(nsky_stamp **out, uint32_t width, uint32_t height,
                                           float scale_arcsec_px, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_stamp_copy(nsky_stamp **out, const nsky_stamp *from,
                                            nsky_error *err);
void nsky_stamp_free(nsky_stamp *stamp);

/* [height, width] of one band, 0 = bluest. */
float *nsky_stamp_band(const nsky_stamp *stamp, uint32_t band);

/* "recovered from a picture; pixel scale assumed": the flags in words, "" for none. */
void nsky_stamp_describe_flags(uint32_t flags, char *out, size_t bytes);

#endif
