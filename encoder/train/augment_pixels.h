/* augment_pixels.h (private) - the memory a view is made in, and how its steps share it.
 * Thread rule: a scratch belongs to one thread. */
#ifndef NSKY_AUGMENT_PIXELS_H
#define NSKY_AUGMENT_PIXELS_H

#include "encoder/train/augment_private.h"

#define NSKY_AUGMENT_LANES 4 /* floats a pixel */
/* Empty pixels around the stamp, so that taps need no test of their own. */
#define NSKY_AUGMENT_PAD_LOW 3
#define NSKY_AUGMENT_PAD_HIGH 4

struct nsky_augment_scratch {
    nsky_preprocess how;
    uint32_t margin_max;
    uint32_t width, height; /* of the stamp taken */
    float scale_arcsec_px;
    bool missing;         /* some of its pixels are */
    size_t padded_count;  /* pixels there is room for in pixels and mask */
    float *pixels, *mask; /* [height + pads, width + pads, 4] */
    float *flux;          /* [3, side, side], side = size + 2 margin_max */
    float *known;         /* [3, side, side] */
    float *columns;       /* [size, side] */
    float *noise;         /* [3, side, side] */
};

/* Where the view's pixels lie on the stamp: (x, y) = origin + column right + row down. */
typedef struct nsky_augment_grid {
    float origin[2], right[2], down[2];
    double step; /* stamp pixels a view pixel */
    double area; /* of a view pixel in stamp pixels, for fluxes */
    bool exact;  /* all fall on stamp pixels */
} nsky_augment_grid;

/* Of a stamp of width x height pixels of that scale. */
nsky_augment_grid nsky_augment_grid_of(const nsky_preprocess *how, uint32_t width, uint32_t height,
                                       float scale_arcsec_px, const nsky_augment_numbers *n,
                                       uint32_t side);

/* out [3, side, side] from s->pixels or s->mask; inside [side, side] or NULL: how much of each
 * pixel's weight lies on the stamp. */
void nsky_augment_resample(const nsky_augment_scratch *s, const float *pixels,
                           const nsky_augment_recipe *g, uint32_t side, float *out, float *inside);

#endif
