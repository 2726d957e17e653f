/* train_loss.h (private) - the contrastive loss of train/loss.h on the card, in the compute stream.
 * Pointers are the device's. Thread rule: see train_network.h. */
#ifndef NSKY_CUDA_TRAIN_LOSS_H
#define NSKY_CUDA_TRAIN_LOSS_H

#include "encoder/cuda/device.h"

typedef struct nsky_card_loss nsky_card_loss;

/* As nsky_contrast_run has them. */
typedef struct nsky_card_loss_args {
    const float *queries, *keys; /* [samples, dim]; keys of unit length */
    const float *queue;          /* [queue, dim] of unit length */
    bool neighbours;
    double scale;
    float *d_queries; /* [samples, dim] */
    /* [samples]: the queries' lengths, their losses, whether their positives were nearest of all.
     * Whoever reads them knows whether the training has diverged. */
    double *lengths, *losses;
    uint32_t *correct;
} nsky_card_loss_args;

NSKY_MUST_CHECK nsky_status nsky_card_loss_new(nsky_card_loss **out, nsky_dev *dev,
                                               uint32_t samples, uint32_t dim, uint32_t queue,
                                               float temperature, nsky_error *err);
void nsky_card_loss_free(nsky_card_loss *loss); /* NULL is a no-op */
NSKY_MUST_CHECK nsky_status nsky_card_loss_run(nsky_card_loss *loss,
                                               const nsky_card_loss_args *args, nsky_error *err);

#endif
