/* augment_private.h (private) - the numbers of one view, and the pixels made with them.
 * Thread rule: a scratch belongs to one thread. */
#ifndef NSKY_AUGMENT_PRIVATE_H
#define NSKY_AUGMENT_PRIVATE_H

#include "common/rng.h"
#include "encoder/train/augment.h"
#include "encoder/train/augment_pixel.h"

/* A stamp coarser than this many of its own pixels to one of the network is averaged down first. */
#define NSKY_AUGMENT_RATIO_MAX 1.25
#define NSKY_AUGMENT_BLUR_MAX_PX 6.0 /* of an added blur */

/* What was drawn for one view. */
typedef struct nsky_augment_numbers {
    double gain[3];   /* of reddening */
    bool flip[2];     /* x, y */
    double angle_deg; /* the view's (x, y) shows the stamp's, turned counter-clockwise by this */
    double zoom;      /* > 1: looks larger */
    double jitter_px[2];
    double blur_own[3], blur[3];   /* sigma in pixels of 0.262 arcsec; blur 0: none */
    double noise_own[3], noise[3]; /* as in nsky_augment; noise 0: none */
    bool keep_flux, fill;
    nsky_rng rng; /* where the pixels' noise begins */
} nsky_augment_numbers;

/* own as nsky_augment_view; its noise must be measured. red_is_i: the
 * stamp's third band is i. */
void nsky_augment_draw(const nsky_augment *augment, const nsky_augment_own *own, bool red_is_i,
                       uint64_t seed, uint32_t epoch, uint64_t sample, uint32_t view,
                       nsky_augment_numbers *out);

/* The largest margin that a recipe may have: 0 where nothing is blurred. */
uint32_t nsky_augment_margin(const nsky_augment *augment);
/* Pixels from the middle of the network's crop that a view can reach, in pixels of the network. */
double nsky_augment_reach(const nsky_augment *augment, const nsky_preprocess *how);

/*
 * The part of a stamp that views can reach, averaged down first where its pixels are much finer
 * than the network's (see NSKY_AUGMENT_RATIO_MAX); *out NULL where that is the stamp itself.
 */
NSKY_MUST_CHECK nsky_status nsky_augment_prepare(nsky_stamp **out, const nsky_stamp *stamp,
                                                 const nsky_augment *augment,
                                                 const nsky_preprocess *how, nsky_error *err);
/* Measures the noise of a prepared stamp, per pixel of the network's size. */
void nsky_augment_know_noise(const nsky_stamp *prepared, const nsky_preprocess *how,
                             float noise[3]);
/* Makes the stamp ready for views; it is not needed afterwards. */
NSKY_MUST_CHECK nsky_status nsky_augment_take(nsky_augment_scratch *scratch,
                                              const nsky_stamp *stamp, nsky_error *err);
/* All that the pixels of a view are made by. The stamp is `width` x `height` pixels of that scale.
 */
void nsky_augment_recipe_of(const nsky_preprocess *how, uint32_t width, uint32_t height,
                            float scale_arcsec_px, const nsky_augment_numbers *numbers,
                            nsky_augment_recipe *out);
/* One view of the stamp taken last, as fluxes [3, size, size]. */
void nsky_augment_flux(nsky_augment_scratch *scratch, const nsky_augment_numbers *numbers,
                       float *out);
/* The same as the network sees it. */
void nsky_augment_make(nsky_augment_scratch *scratch, const nsky_augment_numbers *numbers,
                       float *out);

/* --- steps, on their own for tests and timings --- */

/*
 * A Gaussian of variance sigma_px^2 on the pixel grid (Lindeberg's discrete one, whose variance is
 * exact and adds up): taps [radius + 1] from the middle out, sum 1 with both sides. Returns the
 * radius; 0 when there is nothing to blur.
 */
uint32_t nsky_augment_kernel(double sigma_px, float taps[NSKY_AUGMENT_RADIUS_MAX + 1]);

/* in [rows, columns] with a margin all round -> out [size, size]; radius <= margin. */
void nsky_augment_blur(const float *in, uint32_t size, uint32_t margin, const float *taps,
                       uint32_t radius, float *columns, float *out);

/* How much of white noise's variance the interpolation and a blur leave, along one axis: step is
 * stamp pixels a view pixel; exact: no interpolation between pixels took place. */
double nsky_augment_noise_left(const float *taps, uint32_t radius, double step, bool exact);

#endif
