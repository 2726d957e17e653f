/* layer.h (private) - the images of single bands that a FITS file holds, and which three we take.
 * Thread rule: as the files they lie in. */
#ifndef NSKY_INGEST_LAYER_H
#define NSKY_INGEST_LAYER_H

#include "fits/fits.h"
#include "image/stamp.h"

typedef struct nsky_layer {
    nsky_fits *fits; /* borrowed */
    uint32_t hdu;
    uint64_t plane, width, height;
    char band;       /* u g r i z y; 0: another, or not said */
    char filter[24]; /* as the header calls it, for messages; "" when it does not */
} nsky_layer;

#define NSKY_LAYERS_MAX 128
#define NSKY_IMAGE_SIDE_MIN 8 /* pixels; less is no picture of a galaxy */

typedef struct nsky_layers {
    nsky_layer list[NSKY_LAYERS_MAX];
    uint32_t count;
    bool cube;  /* some came as planes of one cube */
    bool table; /* a table was met */
} nsky_layers;

/*
 * Appends what a file holds. Weights, masks and models are passed over. hint: the band that the
 * file's name tells, for images whose header does not say; or 0.
 * NSKY_EDATA   a header contradicts itself
 * NSKY_ELIMIT  more than NSKY_LAYERS_MAX images
 */
NSKY_MUST_CHECK nsky_status nsky_layers_find(nsky_layers *layers, nsky_fits *fits, char hint,
                                             nsky_error *err);

/*
 * g, r and z, or i where there is no z; the largest of each. bands becomes "grz" or "gri".
 * NSKY_EDATA says what is missing and what to do; `what` names the source.
 */
NSKY_MUST_CHECK nsky_status nsky_layers_choose(const nsky_layers *layers, const char *what,
                                               const nsky_layer *out[NSKY_STAMP_BANDS],
                                               char bands[NSKY_STAMP_BANDS + 1], nsky_error *err);

/* A keyword of the current HDU, else of the first one. Leaves `hdu` current. */
bool nsky_layer_string(nsky_fits *fits, uint32_t hdu, const char *key, char *out, size_t bytes);
bool nsky_layer_double(nsky_fits *fits, uint32_t hdu, const char *key, double *out);

#endif
