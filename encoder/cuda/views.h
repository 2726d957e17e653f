/* views.h (private) - a batch of augmented views on the card, from packed stamps and recipes.
 *
 * The host packs stamps (as the loader keeps them: float16, not finite where missing) and draws
 * each view's numbers (nsky_augment_draw, nsky_augment_recipe_of); copying them overlaps with what
 * the compute stream is doing. The views are those of encoder/train/augment.h. Thread rule: one
 * thread at a time. */
#ifndef NSKY_CUDA_VIEWS_H
#define NSKY_CUDA_VIEWS_H

#include "encoder/cuda/device.h"
#include "encoder/cuda/kernels_views.h"

typedef struct nsky_views nsky_views;

/* Room for so many views of how->size pixels a run; for their stamps' pixels (all bands) it is made
 * as they come, up to pixels_max. margin: the largest that a recipe may have,
 * NSKY_AUGMENT_RADIUS_MAX or 0 where nothing is blurred. */
NSKY_MUST_CHECK nsky_status nsky_views_new(nsky_views **out, nsky_dev *dev,
                                           const nsky_preprocess *how, uint32_t views_max,
                                           size_t pixels_max, uint32_t margin, nsky_error *err);
void nsky_views_free(nsky_views *views); /* NULL is a no-op */

/*
 * Puts a batch into the streams; returns without waiting for it, but waits until the batch before
 * last has left the memory that this one is packed in.
 *
 * views   [count], borrowed until return; views of one stamp may share its pixels
 * pixels  [pixel_count] float16, borrowed until return
 * images  device: [count, 3, size, size] float32, in the compute stream's order until the next run
 * NSKY_ELIMIT   more than there is room for, or a view that asks for what is not there
 * NSKY_EDEVICE  the card is lost
 */
NSKY_MUST_CHECK nsky_status nsky_views_run(nsky_views *views, const nsky_view *each, uint32_t count,
                                           const uint16_t *pixels, size_t pixel_count,
                                           const float **images, nsky_error *err);

/* The same in two halves, for whoever packs stamps himself: where to put them, in pinned memory
 * that is free again, and then the batch into the streams. */
NSKY_MUST_CHECK nsky_status nsky_views_room(nsky_views *views, uint32_t count, size_t pixel_count,
                                            nsky_view **each, uint16_t **pixels, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_views_start(nsky_views *views, uint32_t count, size_t pixel_count,
                                             const float **images, nsky_error *err);
/* Where every run's images are. */
const float *nsky_views_images(const nsky_views *views);

#endif
