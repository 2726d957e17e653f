/* preprocess.h - from a stamp to what the network sees: one function for training, bulk embedding
 * and uploads. Thread rule: any thread. */
#ifndef NSKY_PREPROCESS_H
#define NSKY_PREPROCESS_H

#include <stdint.h>

#include "common/error.h"
#include "common/hash.h"
#include "common/json.h"
#include "image/stamp.h"

typedef enum nsky_stretch_kind {
    NSKY_STRETCH_VIEWER, /* image/stretch.h */
    NSKY_STRETCH_STEIN,  /* x (s + m f / I), as the public training code of Stein et al. computes it
                          */
} nsky_stretch_kind;

typedef struct nsky_preprocess {
    uint32_t size;         /* pixels a side of the crop, 96 */
    float scale_arcsec_px; /* 0.262 */
    nsky_stretch_kind stretch;
    uint32_t channel[3]; /* network channel c is band channel[c], 0 = bluest: {0,1,2} = g r z */
    float mean[3], deviation[3]; /* per network channel, after the stretch; 0 and 1 for none */
    uint32_t views; /* 1, or 8: vectors are averaged over rotations by 90 degrees and flips */
} nsky_preprocess;

extern const nsky_preprocess nsky_preprocess_default;

/* out [3, size, size]; missing pixels are sky (0 flux). */
NSKY_MUST_CHECK nsky_status nsky_preprocess_run(const nsky_preprocess *how, const nsky_stamp *stamp,
                                                float *out, nsky_error *err);
/* The last step alone, in place: fluxes [3, size, size] on the network's grid, blue to red and
 * finite or NaN, become what the network sees. */
void nsky_preprocess_finish(const nsky_preprocess *how, float *image);
/* View v (0..7) of [3, size, size]: v & 3 quarter turns, then a flip for v >= 4. in != out. */
void nsky_preprocess_view(const float *in, uint32_t size, uint32_t view, float *out);

/* {size, scale_arcsec_px, stretch, channel, mean, deviation, views}: in weights files and
 * manifests. Parsing takes all keys or none: NSKY_EDATA names the one that is wrong. */
nsky_json *nsky_preprocess_describe(const nsky_preprocess *how);
NSKY_MUST_CHECK nsky_status nsky_preprocess_parse(nsky_preprocess *out, const nsky_json *object,
                                                  const char *what, nsky_error *err);
/* Changes whenever the same stamp would come out otherwise. */
NSKY_MUST_CHECK nsky_status nsky_preprocess_hash(const nsky_preprocess *how,
                                                 char out[NSKY_SHA256_HEX_BYTES], nsky_error *err);

#endif
