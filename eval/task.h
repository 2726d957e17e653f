/* task.h - what the scoreboard asks of a feature matrix. Every task adds its numbers to `scores`
 * under the keys of docs/eval.md.
 *
 * NSKY_ENOTFOUND: the labels lack what the task needs (the text says what); then nothing was added.
 * Same input, same numbers, for any number of threads. Thread rule: blocks; one call at a time.
 */
#ifndef NSKY_EVAL_TASK_H
#define NSKY_EVAL_TASK_H

#include "eval/bootstrap.h"
#include "eval/features.h"
#include "eval/scores.h"
#include "eval/truth.h"

#define NSKY_EVAL_DRAWS_MAX 100
#define NSKY_EVAL_CLASSES_MAX 32
#define NSKY_EVAL_BUDGETS_MAX 8

typedef struct nsky_task {
    const nsky_truth *truth;
    const nsky_bootstrap *bootstrap;
    uint64_t seed;
    uint32_t threads; /* 0: one for each core */
    uint32_t draws;   /* of lens labels, 1..NSKY_EVAL_DRAWS_MAX */
    uint32_t morphology_draws;
    uint32_t neighbours;                        /* that estimate a redshift */
    uint32_t queries;                           /* of each class; 0: all of it */
    const char *classes[NSKY_EVAL_CLASSES_MAX]; /* the morphologies */
    uint32_t class_count;
    uint32_t lens_labels[NSKY_EVAL_BUDGETS_MAX]; /* ascending */
    uint32_t lens_budgets;
    uint32_t morphology_labels[NSKY_EVAL_BUDGETS_MAX];
    uint32_t morphology_budgets;
} nsky_task;

/* The defaults that `nsky eval` has; truth and bootstrap are the caller's. */
nsky_task nsky_task_defaults(void);

/* retrieval.*: what the nearest by cosine are, of queries from every class, and from a lens. */
NSKY_MUST_CHECK nsky_status nsky_task_retrieval(nsky_scores *scores, const nsky_task *task,
                                                const nsky_features *features, nsky_error *err);
/* lens.*: a linear probe for lenses; completeness.*: which of them it finds. */
NSKY_MUST_CHECK nsky_status nsky_task_lenses(nsky_scores *scores, const nsky_task *task,
                                             const nsky_features *features, nsky_error *err);
/* redshift.*: by ridge regression and by neighbours, of galaxies left out. */
NSKY_MUST_CHECK nsky_status nsky_task_redshift(nsky_scores *scores, const nsky_task *task,
                                               const nsky_features *features, nsky_error *err);
/* morphology.*: a linear probe for the classes. */
NSKY_MUST_CHECK nsky_status nsky_task_morphology(nsky_scores *scores, const nsky_task *task,
                                                 const nsky_features *features, nsky_error *err);
/* invariance.*: whether a changed stamp still finds itself. Of features that nobody changed nothing
 * is said. */
NSKY_MUST_CHECK nsky_status nsky_task_invariance(nsky_scores *scores, const nsky_task *task,
                                                 const nsky_features *features, nsky_error *err);

#endif
