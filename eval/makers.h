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

#endif
