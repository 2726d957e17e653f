/* scoreboard.h - every task on every model, side by side. docs/eval.md says what the numbers mean.
 * Thread rule: one thread; adding blocks and uses as many as the task says. */
#ifndef NSKY_EVAL_SCOREBOARD_H
#define NSKY_EVAL_SCOREBOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

#include "common/json.h"
#include "eval/features.h"
#include "eval/scores.h"
#include "eval/task.h"

#define NSKY_BOARD_COLUMNS_MAX 64
#define NSKY_BOARD_NOTE_BYTES 256
#define NSKY_EVAL_FORMAT 1 /* of the JSON */

enum {
    NSKY_TASK_RETRIEVAL,
    NSKY_TASK_LENSES,
    NSKY_TASK_REDSHIFT,
    NSKY_TASK_MORPHOLOGY,
    NSKY_TASK_INVARIANCE,
    NSKY_TASKS
};
extern const char *const nsky_task_names[NSKY_TASKS]; /* "retrieval", "lenses", ... */

typedef struct nsky_board_column {
    char name[64], about[256];
    uint32_t dim, blank;
    double features_s, tasks_s; /* wall time */
    nsky_scores scores;
} nsky_board_column;

typedef struct nsky_board {
    nsky_board_column columns[NSKY_BOARD_COLUMNS_MAX];
    uint32_t count;
    char skipped[NSKY_TASKS][NSKY_BOARD_NOTE_BYTES]; /* why; "" for tasks that were done */
} nsky_board;

NSKY_MUST_CHECK nsky_status nsky_board_new(nsky_board **out, nsky_error *err);
void nsky_board_free(nsky_board *board); /* NULL is a no-op */

/* Runs the tasks (a set of 1 << NSKY_TASK_...) on the features, which stay the caller's. What the
 * labels lack is noted, not an error. stop: or NULL; true between two tasks: NSKY_ECANCELLED. */
NSKY_MUST_CHECK nsky_status nsky_board_add(nsky_board *board, const nsky_task *task, unsigned tasks,
                                           const nsky_features *features, const atomic_bool *stop,
                                           nsky_error *err);

/* At most 100 columns wide. false: the stream failed. everything: all numbers, not the chosen. */
bool nsky_board_print(const nsky_board *board, const nsky_task *task, bool everything,
                      FILE *stream);
/* labels: path, for the record. */
nsky_json *nsky_board_json(const nsky_board *board, const nsky_task *task, const char *store,
                           const char *labels);

#endif
