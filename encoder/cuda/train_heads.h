/* train_heads.h (private) - what is learned from labels on the card, in the compute stream: several
 * heads on pooled features (train/heads.h), or one classifier whose outputs are the network's.
 * Pointers are the device's. Thread rule: see train_network.h. */
#ifndef NSKY_CUDA_TRAIN_HEADS_H
#define NSKY_CUDA_TRAIN_HEADS_H

#include "encoder/cuda/device.h"
#include "encoder/cuda/kernels_heads.h"
#include "encoder/train/heads.h"

typedef struct nsky_card_heads nsky_card_heads;

/* A sub-batch. */
typedef struct nsky_card_heads_args {
    const float *out; /* [samples, dim] of the network */
    const float *weight,
        *bias;               /* [outputs, dim], [outputs]; NULL: a classifier's, in the network */
    const uint32_t *classes; /* [samples, heads], or NSKY_NO_LABEL */
    const double *goals;     /* [samples, heads] of numbers, in units of their deviation */
    double scale;
    float *d_out;             /* [samples, dim] */
    float *d_weight, *d_bias; /* added to; NULL with a classifier */
    double *lengths;          /* [samples] of what the heads see; NULL with a classifier */
    double *losses;           /* [samples, heads], not weighted */
    uint32_t *judged;         /* [samples, heads] NSKY_JUDGED.. */
} nsky_card_heads_args;

/* heads NULL: a classifier of dim classes; else read here only. */
NSKY_MUST_CHECK nsky_status nsky_card_heads_new(nsky_card_heads **out, nsky_dev *dev,
                                                const nsky_heads *heads, uint32_t samples,
                                                uint32_t dim, nsky_error *err);
void nsky_card_heads_free(nsky_card_heads *loss); /* NULL is a no-op */
NSKY_MUST_CHECK nsky_status nsky_card_heads_run(nsky_card_heads *loss,
                                                const nsky_card_heads_args *args, nsky_error *err);

#endif
