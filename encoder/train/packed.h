/* packed.h (private) - a batch of views as the stamps and the numbers that they are made of: what a
 * card that makes them itself is sent. Thread rule: plain data. */
#ifndef NSKY_TRAIN_PACKED_H
#define NSKY_TRAIN_PACKED_H

#include "encoder/preprocess.h"
#include "encoder/train/augment_pixel.h"

/* One view to make. */
typedef struct nsky_view {
    nsky_augment_recipe recipe;
    uint64_t
        at; /* first pixel of its stamp; [3, height, width] float16, not finite where missing */
    uint32_t width, height;
} nsky_view;

/* All views of `count` stamps, whose pixels follow one another in this order. */
typedef struct nsky_packed {
    const nsky_view *views;        /* [views, count] */
    const uint16_t *const *pixels; /* [count] float16 of each stamp, wherever they lie */
    size_t pixel_count;            /* of all stamps together */
} nsky_packed;

/* What a card must know before the first batch. */
typedef struct nsky_packing {
    nsky_preprocess how;
    uint32_t margin; /* the largest that a recipe may have (nsky_augment_margin) */
} nsky_packing;

#endif
