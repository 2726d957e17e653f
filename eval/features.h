/* features.h - what a model makes of the labelled objects: a matrix, whatever it came from.
 * Thread rule: a matrix belongs to one thread while it is changed; read-only it is anybody's. */
#ifndef NSKY_EVAL_FEATURES_H
#define NSKY_EVAL_FEATURES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "eval/truth.h"

#define NSKY_FEATURES_VALUES_MAX (1ull << 30)

enum { NSKY_CHANGE_ROTATION, NSKY_CHANGE_NOISE, NSKY_CHANGE_SEEING, NSKY_CHANGES };

/* What a model makes of some of the objects when their stamps are changed. */
typedef struct nsky_changed {
    uint32_t count;
    uint32_t *objects;      /* ascending */
    float *x[NSKY_CHANGES]; /* [count, dim] each, of any length; zeros: no vector */
} nsky_changed;

void nsky_changed_free(nsky_changed *changed); /* NULL is a no-op */

typedef struct nsky_features {
    char name[64];   /* column of the table */
    char about[256]; /* one sentence for the report */
    uint32_t n, dim;
    float *x;       /* [n, dim], finite; row i is object i of the truth */
    bool euclidean; /* nearest by distance, not by cosine: for features whose length means something
                     */
    uint32_t blank; /* objects without a vector: rows of zeros, in no neighbourhood */
    double seconds; /* it took to make */
    nsky_changed *changed; /* owned; NULL: nobody looked */
} nsky_features;

/* Zeros. NSKY_ELIMIT: more than NSKY_FEATURES_VALUES_MAX numbers. */
NSKY_MUST_CHECK nsky_status nsky_features_new(nsky_features **out, const char *name, uint32_t n,
                                              uint32_t dim, nsky_error *err);
void nsky_features_free(nsky_features *features); /* NULL is a no-op */

/* Every column to mean 0 and deviation 1; a constant one to 0. For features of mixed units. */
void nsky_features_standardise(nsky_features *features);
/* Rows to unit length; rows of zeros stay, and are counted in blank. */
void nsky_features_normalise(nsky_features *features);

/* The vectors of the store's generation (0: the live one). */
NSKY_MUST_CHECK nsky_status nsky_features_of_store(nsky_features **out, const nsky_truth *truth,
                                                   const char *store, uint32_t generation,
                                                   nsky_error *err);

#endif
