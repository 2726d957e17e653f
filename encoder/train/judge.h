/* judge.h (private) - a supervised network on plain images: how right it is, and what it says of
 * every row. Thread rule: one thread. */
#ifndef NSKY_TRAIN_JUDGE_H
#define NSKY_TRAIN_JUDGE_H

#include "encoder/backend.h"
#include "encoder/train/target.h"

typedef struct nsky_judge nsky_judge;

/* Linear. All it points to is borrowed until close. */
typedef struct nsky_judge_head {
    const nsky_target *target;
    const float *weight, *bias; /* [classes, dim], [classes] */
    const char *column;         /* what it learned, of several heads; NULL: it is the only one */
} nsky_judge_head;

typedef struct nsky_judge_result {
    uint64_t rows;
    double accuracy;                  /* classes, flags */
    double sigma_mad, bias, outliers; /* bins: of (estimate - value) / (1 + value), a number: of
                                         estimate - value; outliers: the share beyond 0.15 */
} nsky_judge_result;

/* heads [count], up to NSKY_HEADS_MAX, copied; scaled: of features scaled to NSKY_HEADS_LENGTH,
 * else of features as they are pooled. All else is borrowed until close. */
NSKY_MUST_CHECK nsky_status nsky_judge_open(nsky_judge **out, const nsky_model *model,
                                            const nsky_encoder_options *how, nsky_loader *loader,
                                            const nsky_judge_head *heads, uint32_t count,
                                            bool scaled, nsky_error *err);
void nsky_judge_close(nsky_judge *judge); /* NULL is a no-op */

/* Of the first head. */
NSKY_MUST_CHECK nsky_status nsky_judge_measure(nsky_judge *judge, const nsky_target *truth,
                                               nsky_judge_result *result, nsky_error *err);
/* A CSV of every row of the stores, replaced atomically: id, name, then of the only head `class`
 * and a share `p_CLASS` of each class, or `estimate` and `sigma`; of each of several, as
 * docs/training.md has it, `class_COLUMN` and its share `p_class_COLUMN`, or `p_flag_COLUMN`, or
 * `binsN_COLUMN` and its `sigma_binsN_COLUMN`, or `number_COLUMN`. */
NSKY_MUST_CHECK nsky_status nsky_judge_write(nsky_judge *judge, const char *path, nsky_error *err);

#endif
