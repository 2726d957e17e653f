/* split.h - a few objects to learn from, the others to be judged on, none on both sides.
 * Thread rule: pure functions. */
#ifndef NSKY_EVAL_SPLIT_H
#define NSKY_EVAL_SPLIT_H

#include <stdint.h>

#include "common/error.h"
#include "eval/features.h"
#include "eval/truth.h"
#include "probe/classifier.h"

#define NSKY_SPLIT_LEAVE UINT32_MAX /* a kind: takes no part */

/* Indices of objects, ascending. */
typedef struct nsky_split {
    uint32_t *train, *test;
    uint32_t train_count, test_count;
} nsky_split;

/* The others to be judged by: all that are not trained on, or what shares no group with the half of
 * each kind that labels are drawn from, the same whatever the quota: the mean of F1 over kinds
 * depends on how many there are of each, and budgets of labels are to be compared. */
typedef enum nsky_split_test { NSKY_TEST_OTHERS, NSKY_TEST_HALF } nsky_split_test;

/*
 * kind [truth->n] below kinds, or NSKY_SPLIT_LEAVE. Trains on quota[k] objects of each kind, drawn
 * by (seed, draw), but never on more than half of a kind; tests on others that take part and share
 * no group with one trained on. NSKY_ENOTFOUND: nothing is left on one side.
 */
NSKY_MUST_CHECK nsky_status nsky_split_draw(nsky_split *out, const nsky_truth *truth,
                                            const uint32_t *kind, uint32_t kinds,
                                            const uint32_t *quota, nsky_split_test test,
                                            uint64_t seed, uint32_t draw, nsky_error *err);
/* fold [truth->n] in 0..folds-1: whole groups, drawn by seed. */
NSKY_MUST_CHECK nsky_status nsky_split_folds(uint32_t *fold, const nsky_truth *truth,
                                             uint32_t folds, uint64_t seed, nsky_error *err);
void nsky_split_clear(nsky_split *split);

/* rows [count, dim]: the objects' features; the caller frees it. NULL: out of memory. */
float *nsky_split_rows(const float *x, uint32_t dim, const uint32_t *objects, uint32_t count,
                       nsky_error *err);

/* A classifier of the objects to train on: label [features->n] below classes. */
NSKY_MUST_CHECK nsky_status nsky_split_fit(nsky_classifier **out, const nsky_split *split,
                                           const nsky_features *features, const uint32_t *label,
                                           uint32_t classes, uint64_t seed, nsky_error *err);

#endif
