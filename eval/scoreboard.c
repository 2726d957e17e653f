/* scoreboard.c - see scoreboard.h. */
#include "eval/scoreboard.h"

#include <assert.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"

const char *const nsky_task_names[NSKY_TASKS] = {"retrieval", "lenses", "redshift", "morphology",
                                                 "invariance"};

static nsky_status (*const runners[NSKY_TASKS])(nsky_scores *, const nsky_task *,
                                                const nsky_features *, nsky_error *) = {
    nsky_task_retrieval, nsky_task_lenses, nsky_task_redshift, nsky_task_morphology,
    nsky_task_invariance};

nsky_status nsky_board_new(nsky_board **out, nsky_error *err)
{
    *out = nsky_alloc_zero(1, sizeof **out, err);
    return *out ? NSKY_OK : err->status;
}

void nsky_board_free(nsky_board *board)
{
    if (!board)
        return;
    for (uint32_t c = 0; c < board->count; c++)
        nsky_scores_clear(&board->columns[c].scores);
    nsky_free(board);
}

static nsky_status run(nsky_board *board, nsky_board_column *column, const nsky_task *task,
                       int which, const nsky_features *features, nsky_error *err)
{
    const double before = nsky_now_s();
    nsky_status status = runners[which](&column->scores, task, features, err);

    if (status == NSKY_ENOTFOUND) {
        if (board->skipped[which][0] == '\0')
            nsky_log_info("%s: skipped: %s", nsky_task_names[which], err->text);
        snprintf(board->skipped[which], NSKY_BOARD_NOTE_BYTES, "%.*s", NSKY_BOARD_NOTE_BYTES - 1,
                 err->text);
        status = NSKY_OK;
    } else if (status == NSKY_OK) {
        nsky_log_info("%s: %s: %.1f s", column->name, nsky_task_names[which],
                      nsky_now_s() - before);
    }
    return status;
}

nsky_status nsky_board_add(nsky_board *board, const nsky_task *task, unsigned tasks,
                           const nsky_features *features, const atomic_bool *stop, nsky_error *err)
{
    assert(board && task && features && err && features->n == task->truth->n);
    const double before = nsky_now_s();
    nsky_status status = NSKY_OK;

    if (board->count == NSKY_BOARD_COLUMNS_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "more than %d models to compare",
                         NSKY_BOARD_COLUMNS_MAX);
    nsky_board_column *column = &board->columns[board->count++];
    snprintf(column->name, sizeof column->name, "%s", features->name);
    snprintf(column->about, sizeof column->about, "%s", features->about);
    column->dim = features->dim;
    column->blank = features->blank;
    column->features_s = features->seconds;
    for (int which = 0; which < NSKY_TASKS && status == NSKY_OK; which++) {
        if (stop && atomic_load(stop))
            return nsky_fail(err, NSKY_ECANCELLED, "stopped");
        if (tasks & (1u << which))
            status = run(board, column, task, which, features, err);
    }
    column->tasks_s = nsky_now_s() - before;
    return status;
}
