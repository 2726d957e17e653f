/* target.h (private) - labels as what a network is to say: a class, a flag, a number, or which bin
 * a number is in (its estimate being the mean over the bins, as Hayat et al. 2021 take a redshift).
 * Thread rule: read-only once open; any thread. */
#ifndef NSKY_TRAIN_TARGET_H
#define NSKY_TRAIN_TARGET_H

#include "common/json.h"
#include "encoder/train/labels.h"

typedef enum nsky_target_kind {
    NSKY_TARGET_CLASSES,
    NSKY_TARGET_BINS,
    NSKY_TARGET_NUMBER,
    NSKY_TARGET_FLAG, /* a text, or none (or "0"): two classes, "no" and "yes" */
} nsky_target_kind;

typedef struct nsky_target {
    nsky_train_labels labels;
    nsky_target_kind kind;
    uint32_t *classes;    /* [labels.count]; NULL: a number */
    uint32_t class_count; /* outputs: 1 for a number */
    const char **names;   /* [class_count], sorted; NULL: bins, a number */
    double *values;       /* [labels.count]; NULL: classes, a flag */
    double low, width;    /* of the first bin; a number's mean and deviation */
} nsky_target;

typedef struct nsky_target_how {
    const char *column;
    nsky_target_kind kind;
    uint32_t bins;           /* of bins */
    const nsky_target *like; /* whose classes, bins or scale are taken (for validation); or NULL */
} nsky_target_how;

/*
 * Bins are equal, from the least number to the largest.
 * NSKY_EINVAL  fewer than two classes, or no spread; a class that `like` has not
 * NSKY_EDATA   not a number, where numbers are asked for
 */
NSKY_MUST_CHECK nsky_status nsky_target_open(nsky_target **out, const char *path,
                                             const nsky_target_how *how, nsky_loader *loader,
                                             nsky_error *err);
void nsky_target_close(nsky_target *target); /* NULL is a no-op */

/* Where among the labels a row's is; false: it has none. */
bool nsky_target_find(const nsky_target *target, uint64_t row, uint64_t *at);
/* The class of a row, which must have one. */
uint32_t nsky_target_class(const nsky_target *target, uint64_t row);
/* Mean of the bins' centres under shares [class_count]; of a number, what [1] output means. */
double nsky_target_estimate(const nsky_target *target, const double *shares);
/* What the outputs mean: "classes"; "bins", "low", "width"; or "mean", "deviation". */
nsky_json *nsky_target_describe(const nsky_target *target);

#endif
