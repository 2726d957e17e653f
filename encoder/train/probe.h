/* probe.h (private) - does it learn anything? Labelled objects among their nearest neighbours.
 * Thread rule: one thread. */
#ifndef NSKY_TRAIN_PROBE_H
#define NSKY_TRAIN_PROBE_H

#include "encoder/encoder.h"
#include "encoder/train/labels.h"
#include "encoder/train/loader.h"

#define NSKY_PROBE_ROWS_MAX 2000u /* more are thinned out evenly */

typedef struct nsky_probe nsky_probe;

typedef struct nsky_probe_result {
    uint32_t rows, classes;
    double knn_accuracy;    /* ten nearest others vote */
    double precision_at_10; /* share of the ten nearest that are of the class, mean of classes */
} nsky_probe_result;

/* Images are prepared once. NSKY_EINVAL: fewer than two classes, or than 11 objects. */
NSKY_MUST_CHECK nsky_status nsky_probe_new(nsky_probe **out, nsky_loader *loader,
                                           const nsky_labels *labels, nsky_error *err);
void nsky_probe_free(nsky_probe *probe); /* NULL is a no-op */

NSKY_MUST_CHECK nsky_status nsky_probe_run(nsky_probe *probe, const nsky_model *model,
                                           const nsky_encoder_options *how,
                                           nsky_probe_result *result, nsky_error *err);

#endif
