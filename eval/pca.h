/* pca.h - principal components: pixels to a few numbers, and vectors whitened.
 * Thread rule: read-only once made. */
#ifndef NSKY_EVAL_PCA_H
#define NSKY_EVAL_PCA_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "eval/features.h"

#define NSKY_PCA_ROWS_MAX 8192 /* to fit on; a sample of more rows than that */

typedef struct nsky_pca {
    uint32_t dim, components;
    double *mean;      /* [dim] */
    double *basis;     /* [dim, components], orthonormal columns, most variance first */
    double *deviation; /* [components], above 0 */
} nsky_pca;

/* components: as many as wished, at most; fewer where the rows span less. NSKY_EDATA: all rows are
 * alike. */
NSKY_MUST_CHECK nsky_status nsky_pca_fit(nsky_pca **out, const nsky_features *features,
                                         uint32_t components, uint64_t seed, nsky_error *err);
void nsky_pca_free(nsky_pca *pca); /* NULL is a no-op */

/* The features' components: white, each to deviation 1, or all by one factor that makes the first's
 * 1. name and about are copied. Rows of zeros (blank) stay zeros where keep_blank. */
NSKY_MUST_CHECK nsky_status nsky_pca_project(nsky_features **out, const nsky_pca *pca,
                                             const nsky_features *features, bool white,
                                             bool keep_blank, nsky_error *err);

#endif
