/* loss.h (private) - what is learned from: telling one's own other view from everybody else's.
 *
 * InfoNCE (van den Oord et al. 2018) against a queue of earlier keys, as MoCo (He et al. 2020) has
 * it: logits are cosines over a temperature, number 0 the positive. Thread rule: a contrast belongs
 * to one thread; what it reads may be shared.
 */
#ifndef NSKY_TRAIN_LOSS_H
#define NSKY_TRAIN_LOSS_H

#include "encoder/train/ops.h"

/* Of a vector whose length is %g. */
#define NSKY_DIVERGED_TEXT                                                                      \
    "the network gives vectors of length %g: the training has diverged; start it again with a " \
    "smaller --lr"

/* Of a loss of %g. */
#define NSKY_DIVERGED_LOSS_TEXT \
    "the loss is %g: the training has diverged; start it again with a smaller --lr"

/* Of gradients whose length is %g. */
#define NSKY_DIVERGED_GRADIENTS_TEXT \
    "the gradients' length is %g: the training has diverged; start it again with a smaller --lr"

typedef struct nsky_contrast {
    const nsky_train_ops *ops;
    uint32_t samples, dim, queue; /* a sub-batch's, and how many negatives there are */
    float temperature;
    float *unit, *logits, *d_unit; /* [samples, dim], [samples, queue], [samples, dim] */
    float *positives;              /* [samples, dim] */
    double *norms, *pull;          /* [samples]: lengths; the positives' weights */
} nsky_contrast;

typedef struct nsky_contrast_result {
    double loss;      /* summed over the samples */
    uint32_t correct; /* samples whose positive is nearest of all */
} nsky_contrast_result;

NSKY_MUST_CHECK nsky_status nsky_contrast_new(nsky_contrast **out, const nsky_train_ops *ops,
                                              uint32_t samples, uint32_t dim, uint32_t queue,
                                              float temperature, nsky_error *err);
void nsky_contrast_free(nsky_contrast *contrast); /* NULL is a no-op */

/*
 * queries [samples, dim] as the network gives them; keys [samples, dim] and queue [queue, dim] unit
 * length. neighbours: the positive is what is nearest to the key in the queue (Dwibedi et al. 2021)
 * rather than the key itself. d_queries [samples, dim]: derivative of scale times the summed loss.
 * NSKY_EDATA: a query that is zero or not finite: the training has diverged.
 */
NSKY_MUST_CHECK nsky_status nsky_contrast_run(nsky_contrast *contrast, const float *queries,
                                              const float *keys, const float *queue,
                                              bool neighbours, double scale, float *d_queries,
                                              nsky_contrast_result *result, nsky_error *err);

/* The length of a row [dim], which must be a sensible one. NSKY_EDATA as above. */
NSKY_MUST_CHECK nsky_status nsky_row_length(const float *row, uint32_t dim, double *out,
                                            nsky_error *err);

/* [samples, dim] to unit length, in place. NSKY_EDATA as above. */
NSKY_MUST_CHECK nsky_status nsky_unit_rows(float *rows, uint32_t samples, uint32_t dim,
                                           nsky_error *err);

/* Cross-entropy of logits [samples, classes] against labels; d_logits: derivative of scale times
 * the summed loss. Counts samples whose label has the largest logit. */
void nsky_cross_entropy(const float *logits, const uint32_t *labels, uint32_t samples,
                        uint32_t classes, double scale, float *d_logits,
                        nsky_contrast_result *result);

#endif
