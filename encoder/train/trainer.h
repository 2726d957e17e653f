/* trainer.h (private) - a training under way, and the parts it is made of. Thread rule: one thread.
 */
#ifndef NSKY_TRAINER_H
#define NSKY_TRAINER_H

#include "common/json.h"
#include "common/progress.h"
#include "encoder/train/heads.h"
#include "encoder/train/learner.h"
#include "encoder/train/loader.h"
#include "encoder/train/neighbour_check.h"
#include "encoder/train/target.h"
#include "encoder/train/train.h"

typedef struct nsky_trainer {
    nsky_train_options options;
    const char *const *stores;
    uint32_t store_count;
    const char *path;
    char *folder, *checkpoint, *log; /* MODEL.train and what lies there */
    const nsky_train_ops *ops;
    nsky_packing packing; /* of a card that makes the views; how.size 0: the loader does */
    nsky_train_graph query, key;
    nsky_learner *learner;
    nsky_loader *loader;
    bool staged;                             /* the next step's batch is with the card */
    nsky_error not_staged;                   /* or why not: for when that step begins */
    nsky_neighbour_check *probe;             /* NULL: none */
    nsky_target *target, *validation;        /* of a supervised training; NULL: none */
    nsky_heads heads, heads_validation;      /* of one from several columns; count 0: none */
    uint32_t *classes;                       /* [batch] or [batch, heads]; NULL: not supervised */
    char init_sha256[NSKY_SHA256_HEX_BYTES]; /* \"\": begun from nothing */
    char *identity;                          /* JSON of every option that changes the bits */
    uint64_t step, steps, epoch_steps;
    double seconds_before; /* of earlier runs */
    double start_s;
    bool told_to_stop; /* with several ranks: one of them was asked to, and all know */
    double epoch_loss, epoch_accuracy; /* sums of this epoch's steps */
    nsky_train_report report;
} nsky_trainer;

double nsky_trainer_seconds(const nsky_trainer *trainer); /* all runs together */
/* The batch behind the step under way to the card, while it works. */
void nsky_trainer_stage(void *trainer);

/* --- train_setup.c --- */
NSKY_MUST_CHECK nsky_status nsky_trainer_set_up(nsky_trainer *trainer, nsky_error *err);

/* --- ranks.c --- */
/* This process writes checkpoints, log and model: with several ranks the first does. */
bool nsky_trainer_leads(const nsky_trainer *trainer);
/* What is wrong with the ranks asked for, or NULL. */
const char *nsky_trainer_ranks_wrong(const nsky_train_options *options);
/* NSKY_EINVAL: not with what was chosen to train on. */
NSKY_MUST_CHECK nsky_status nsky_trainer_ranks_possible(const nsky_trainer *trainer,
                                                        nsky_error *err);
/* Behind the checkpoint: waits for the other ranks, if there are to be any. */
NSKY_MUST_CHECK nsky_status nsky_trainer_meet(nsky_trainer *trainer, nsky_error *err);

/* --- supervised.c --- */
NSKY_MUST_CHECK nsky_status nsky_supervised_open(nsky_trainer *trainer, nsky_error *err);
/* Labels of the next step. */
void nsky_supervised_labels(nsky_trainer *trainer, const uint64_t *rows);
/* "validation" into the line of the log. */
NSKY_MUST_CHECK nsky_status nsky_supervised_measure(nsky_trainer *trainer, const nsky_model *model,
                                                    nsky_json *line, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_supervised_predict(nsky_trainer *trainer, const nsky_model *model,
                                                    nsky_error *err);

/* --- checkpoint.c --- */
NSKY_MUST_CHECK nsky_status nsky_checkpoint_write(const nsky_trainer *trainer, nsky_error *err);
/* NSKY_ENOTFOUND: there is none. */
NSKY_MUST_CHECK nsky_status nsky_checkpoint_read(nsky_trainer *trainer, nsky_error *err);

/* --- identity.c: JSON the caller frees --- */
char *nsky_trainer_identity(const nsky_trainer *trainer, nsky_error *err);
/* NSKY_EMISMATCH names the first option that differs. */
NSKY_MUST_CHECK nsky_status nsky_trainer_same(const nsky_trainer *trainer, const char *identity,
                                              nsky_error *err);

/* --- log.c --- */
/* Drops lines past the trainer's step: what was not kept did not happen. */
NSKY_MUST_CHECK nsky_status nsky_train_log_rewind(const nsky_trainer *trainer, nsky_error *err);
/* Takes line. */
NSKY_MUST_CHECK nsky_status nsky_train_log_add(const nsky_trainer *trainer, nsky_json *line,
                                               nsky_error *err);

/* --- export.c --- */
/* Of a projection, a predictor or a classifier: no part of the trunk. */
bool nsky_trainer_is_head(const char *name);
/* The file as it would be written now; the caller frees it with nsky_free. */
NSKY_MUST_CHECK nsky_status nsky_trainer_image(const nsky_trainer *trainer, bool half, void **image,
                                               size_t *bytes, nsky_error *err);

#endif
