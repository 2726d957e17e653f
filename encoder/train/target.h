/* target.h (private) - labels as what a network is to say: a class, or which bin a number is in
 * (its estimate being the mean over the bins, as Hayat et al. 2021 take a redshift). Thread rule:
 * read-only once open; any thread. */
#ifndef NSKY_TRAIN_TARGET_H
#define NSKY_TRAIN_TARGET_H

#include "encoder/train/labels.h"

typedef struct nsky_target {
    nsky_train_labels labels;
    uint32_t *classes; /* [labels.count] */
    uint32_t class_count;
    const char **names; /* [class_count], sorted; NULL: bins */
    double *values;     /* [labels.count]; NULL: classes */
    double low, width;  /* of the first bin */
} nsky_target;

/*
 * bins 0: the column holds classes; else numbers, divided into so many equal bins from the least to
 * the largest. like: another target whose classes or bins are taken (for validation), or NULL.
 * NSKY_EINVAL  fewer than two classes, or no spread; a class that `like` has not
 * NSKY_EDATA   not a number, where numbers are asked for
 */
NSKY_MUST_CHECK nsky_status nsky_target_open(nsky_target **out, const char *path,
                                             const char *column, uint32_t bins,
                                             const nsky_target *like, nsky_loader *loader,
                                             nsky_error *err);
void nsky_target_close(nsky_target *target); /* NULL is a no-op */

/* The class of a row, which must have one. */
uint32_t nsky_target_class(const nsky_target *target, uint64_t row);
/* Mean of the bins' centres under shares [class_count]. */
double nsky_target_estimate(const nsky_target *target, const double *shares);

#endif
