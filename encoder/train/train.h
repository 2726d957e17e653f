/* train.h - unlabelled stamps in, a model file out: contrastive training that survives being
 * killed.
 *
 * MoCo v2 (Chen et al. 2020) as Stein et al. (2021) use it, with what has been learned since as
 * options; or, as a yardstick and as a second stage, from labels. Beside the model, in
 * MODEL.train/, lie a checkpoint (whole or absent; replaced every few minutes) and log.jsonl, one
 * line a step. The same options, stores and back end give the same bits whatever the threads and
 * however often it was stopped; with several ranks, see `rank`. Thread rule: one training a process
 * thread; it has threads of its own.
 */
#ifndef NSKY_TRAIN_H
#define NSKY_TRAIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "encoder/encoder.h"
#include "encoder/train/augment.h"

typedef struct nsky_train_options {
    /* the network */
    nsky_arch arch;
    nsky_stem stem;
    nsky_preprocess preprocess;
    uint32_t hidden, projection; /* of the head: 512, 128 */
    /* what it sees */
    nsky_augment augment;
    uint32_t batch, sub_batch; /* objects a step; images that share a batch norm's statistics */
    uint32_t epochs;
    uint64_t seed;
    /* how it learns */
    double rate; /* peak, for a batch of 256; scaled with the batch */
    double warm_epochs, momentum, decay;
    double keep; /* of the momentum encoder at the start; rises to 1 */
    float temperature;
    uint32_t queue;
    bool symmetric, predictor, neighbours;
    const char *init; /* a model whose trunk it begins with, or NULL */
    /* from labels, instead of pairs */
    const char *labels, *label_column; /* CSV of labelled objects: only they are trained on */
    uint32_t bins;                     /* numbers in so many bins; 0: classes */
    const char *heads;                 /* several columns at once (heads.h), instead of these two;
                                          or NULL */
    double clip;                       /* length that gradients are cut down to; 0: none */
    const char *validate;              /* CSV with the same column, never trained on, or NULL */
    const char *predict;               /* CSV to write of all rows of the stores, or NULL */
    /* how it is run */
    const char *device; /* "auto", "cuda", "cpu", "ref" */
    nsky_precision precision;
    uint32_t threads;        /* 0: as many as there are cores; with a card, one */
    uint32_t loader_threads; /* 0: likewise */
    uint64_t memory_bytes;   /* for stamps; 0: the loader's choice */
    bool host_views;         /* with a card, too, views are made here */
    /* Several processes, a card each, learn together: this is rank 0 to ranks - 1 of them. ranks 0
     * or 1: alone. Each makes its part of every batch; rank 0 keeps checkpoints, log and model. The
     * steps are those of one card but for the order in which gradients are summed, which is NCCL's:
     * the same bits are promised for the same cards and NCCL only as far as it promises them. */
    uint32_t rank, ranks;
    double checkpoint_s; /* seconds between checkpoints; one at every epoch's end too */
    bool fresh;          /* forget what an earlier run left in MODEL.train */
    bool half;           /* convolutions as float16 in the file */
    bool snapshots;      /* the file is written at every checkpoint, as it stands */
    bool slow;           /* the file holds the momentum encoder: an average of late weights,
                            which a training from labels keeps as well */
    const char *name;    /* of the model; NULL: the file's */
    const char *probe_labels, *probe_column; /* CSV of labelled objects, or NULL; its column */
    uint32_t probe_epochs;                   /* between measurements */
    const char *plot;                        /* SVG of the curves, or NULL */
    const atomic_bool *stop; /* or NULL; true: finish the step, keep the work, NSKY_ECANCELLED */
} nsky_train_options;

typedef struct nsky_train_report {
    uint64_t rows, steps;
    double loss, accuracy; /* of the last epoch, on average */
    double seconds, pairs_per_s;
    double knn_accuracy, precision_at_10; /* of the last probe; NaN: none */
    double validation;                    /* accuracy, or with bins sigma_MAD; NaN: none */
} nsky_train_report;

nsky_train_options nsky_train_defaults(void);

/*
 * NSKY_EINVAL     options that make no sense, together or with the stores
 * NSKY_EMISMATCH  MODEL.train holds another training: the text names the first option that differs
 * NSKY_EDATA      a damaged checkpoint or stamp; a training that diverged
 * NSKY_ECANCELLED stopped; running it again goes on
 * NSKY_EDEVICE    a card is lost, or another rank: running it again goes on; and NSKY_EBUSY: a rank
 *                 did not come
 */
NSKY_MUST_CHECK nsky_status nsky_train_survey(const char *const *stores, uint32_t store_count,
                                              const char *path, const nsky_train_options *options,
                                              nsky_train_report *report, nsky_error *err);

#endif
