/* augment.h - views of a stamp for contrastive training: what may change without it being another
 * galaxy (dust, orientation, apparent size, seeing, depth, centring).
 *
 * After Stein et al. 2021 (arXiv 2110.00023), in their order: reddening; flips and rotation; size;
 * blur to another seeing; jitter and crop; noise to another depth; stretch. Seeing and depth are
 * differences in quadrature: a stamp that is blurrier or noisier than what was drawn stays as it
 * is. Orientation, size and jitter are one resampling (cubic, Keys 1981), straight onto the grid of
 * the network. Missing pixels are sky.
 *
 * Every random number is a function of (seed, epoch, sample, view), and each augmentation has
 * numbers of its own: switching one off leaves the others as they were.
 * Thread rule: any thread, with a scratch of its own.
 */
#ifndef NSKY_AUGMENT_H
#define NSKY_AUGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/json.h"
#include "encoder/preprocess.h"
#include "image/stamp.h"

typedef enum nsky_draw_kind {
    NSKY_DRAW_OFF,
    NSKY_DRAW_UNIFORM,   /* U(low, high) */
    NSKY_DRAW_LOGNORMAL, /* shift + scale exp(sigma N(0, 1)) */
    NSKY_DRAW_TIMES,     /* the stamp's own value times U(low, high) */
    NSKY_DRAW_AROUND,    /* the stamp's own value plus U(low, high), at least 0 */
} nsky_draw_kind;

typedef struct nsky_draw {
    nsky_draw_kind kind;
    float low, high;
    float scale, sigma, shift;
} nsky_draw;

/* Bands are blue to red. Seeing is the sigma of a Gaussian in pixels of 0.262 arcsec on the sky;
 * noise is the sigma of a pixel of the network's size in nanomaggies. */
typedef struct nsky_augment {
    nsky_draw reddening;     /* E(B-V) to redden to; off: colours stay */
    nsky_draw reddening_own; /* E(B-V) of the stamp, where the catalogue is not asked or silent */
    bool reddening_catalogue;
    bool flips, rotation;
    float zoom_low, zoom_high; /* 1 and 1 for none; both axes alike */
    bool zoom_keeps_flux;      /* else surface brightness stays, and the sky's noise with it */
    nsky_draw blur[3], blur_own[3];
    float jitter_px; /* U(-jitter, jitter) on either axis, in pixels of the network */
    nsky_draw noise[3], noise_own[3]; /* noise_own off: measured on the stamp itself */
    bool fill;                        /* sky where nothing was observed gets the stamp's noise */
} nsky_augment;

extern const nsky_augment nsky_augment_default; /* what we recommend: docs/training.md */
extern const nsky_augment nsky_augment_stein;   /* as published */
extern const nsky_augment nsky_augment_none;    /* a view is the plain crop */

/* A stamp's own properties; NaN where unknown. */
typedef struct nsky_augment_own {
    float ebv;
    float noise[3]; /* in pixels of the network's size */
} nsky_augment_own;

/* Of the stamp's own pixels. Robust (median absolute difference of neighbours), so that objects
 * don't count; 0 for a band that is constant or missing, which then gets no noise. */
void nsky_augment_measure_noise(const nsky_stamp *stamp, float noise[3]);

typedef struct nsky_augment_scratch nsky_augment_scratch;

/* Memory for views of `size` pixels from stamps of any size; a few MB. */
NSKY_MUST_CHECK nsky_status nsky_augment_scratch_new(nsky_augment_scratch **out,
                                                     const nsky_augment *augment,
                                                     const nsky_preprocess *how, nsky_error *err);
void nsky_augment_scratch_free(nsky_augment_scratch *scratch); /* NULL is a no-op */

/*
 * out [3, size, size] float32, finite, as nsky_preprocess_run lays it out. own may be NULL: noise
 * is measured, the reddening unknown. augment and how are those the scratch was made with.
 * NSKY_ENOMEM   a stamp larger than those before
 */
NSKY_MUST_CHECK nsky_status nsky_augment_view(const nsky_augment *augment,
                                              const nsky_preprocess *how, const nsky_stamp *stamp,
                                              const nsky_augment_own *own, uint64_t seed,
                                              uint32_t epoch, uint64_t sample, uint32_t view,
                                              float *out, nsky_augment_scratch *scratch,
                                              nsky_error *err);

/* --- written down --- */
nsky_json *nsky_augment_describe(const nsky_augment *augment);
/* All keys or NSKY_EDATA, naming the one that is wrong. */
NSKY_MUST_CHECK nsky_status nsky_augment_parse(nsky_augment *out, const nsky_json *object,
                                               const char *what, nsky_error *err);
/*
 * "NAME=VALUE[,NAME=VALUE...]", applied in order, on top of what is there:
 *   all=default|stein|off   reddening=off|stein|MAX|around:WIDTH   flips=on|off   rotation=on|off
 *   zoom=off|FRACTION   zoom_keeps=brightness|flux   blur=off|lognormal|uniform|TIMES
 *   jitter=off|PIXELS   noise=off|lognormal|uniform|TIMES   fill=on|off
 * NSKY_EINVAL names the word that makes no sense; *augment is then as it was.
 */
NSKY_MUST_CHECK nsky_status nsky_augment_set(nsky_augment *augment, const char *words,
                                             nsky_error *err);
extern const char nsky_augment_set_help[]; /* the above, for --help */

#endif
