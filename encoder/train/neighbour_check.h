/* neighbour_check.h (private) - does it learn anything? Labelled objects among their nearest
 * neighbours. Thread rule: one thread. */
#ifndef NSKY_TRAIN_NEIGHBOUR_CHECK_H
#define NSKY_TRAIN_NEIGHBOUR_CHECK_H

#include "encoder/encoder.h"
#include "encoder/train/labels.h"
#include "encoder/train/loader.h"

#define NSKY_CHECK_ROWS_MAX 2000u /* more are thinned out evenly */

typedef struct nsky_neighbour_check nsky_neighbour_check;

typedef struct nsky_neighbour_check_result {
    uint32_t rows, classes;
    double knn_accuracy;    /* ten nearest others vote */
    double precision_at_10; /* share of the ten nearest that are of the class, mean of classes */
} nsky_neighbour_check_result;

/* Images are prepared once. NSKY_EINVAL: fewer than two classes, or than 11 objects. */
NSKY_MUST_CHECK nsky_status nsky_neighbour_check_new(nsky_neighbour_check **out,
                                                     nsky_loader *loader,
                                                     const nsky_train_labels *labels,
                                                     nsky_error *err);
void nsky_neighbour_check_free(nsky_neighbour_check *probe); /* NULL is a no-op */

NSKY_MUST_CHECK nsky_status nsky_neighbour_check_run(nsky_neighbour_check *probe,
                                                     const nsky_model *model,
                                                     const nsky_encoder_options *how,
                                                     nsky_neighbour_check_result *result,
                                                     nsky_error *err);

#endif
