/* makers.h - features of the labelled stamps: a model's, or what needs no learning.
 * Thread rule: each call blocks and uses as many threads as the source says; the same numbers for
 * any number of them. */
#ifndef NSKY_EVAL_MAKERS_H
#define NSKY_EVAL_MAKERS_H

#include "encoder/encoder.h"
#include "eval/features.h"
#include "eval/stamps.h"

/* model: as nsky_model_load takes it. views: 0 for the model's own, else the mean over that many
 * (1..8) turned and flipped copies. */
NSKY_MUST_CHECK nsky_status nsky_features_of_model(nsky_features **out,
                                                   const nsky_stamp_source *source,
                                                   const char *model,
                                                   const nsky_encoder_options *encoder,
                                                   uint32_t views, nsky_error *err);
/* Adds to a model's features (of its own number of views being 1) what it makes of `sample` of the
 * objects, drawn by seed, turned by any angle, with noise 1.5 times their own, and as if seen
 * through 1.3 times the survey's median seeing. */
NSKY_MUST_CHECK nsky_status nsky_features_change(nsky_features *features,
                                                 const nsky_stamp_source *source, const char *model,
                                                 const nsky_encoder_options *encoder,
                                                 uint32_t sample, uint64_t seed, nsky_error *err);
/* Colours and magnitudes of the labels, else of the store; standardised. NSKY_ENOTFOUND: neither
 * has any. */
NSKY_MUST_CHECK nsky_status nsky_features_catalogue(nsky_features **out, const nsky_truth *truth,
                                                    nsky_error *err);
/* Principal components of the stamps as the default preprocessing makes them, fitted on the
 * labelled stamps themselves, without their labels. Not white: that makes redshifts from
 * neighbours half as bad again. */
NSKY_MUST_CHECK nsky_status nsky_features_pixels(nsky_features **out,
                                                 const nsky_stamp_source *source,
                                                 uint32_t components, uint64_t seed,
                                                 nsky_error *err);
/* What people measure on galaxies, some 350 numbers that do not change when the stamp is turned or
 * mirrored (see portrait.h), standardised. */
NSKY_MUST_CHECK nsky_status nsky_features_handmade(nsky_features **out,
                                                   const nsky_stamp_source *source,
                                                   nsky_error *err);

#endif
