/* deleted.c - survey.h: rows that are hidden. Catalogues that never hid any have no such table, and
 * stay readable by older versions; the first one that is hidden makes them version 2.
 * Thread rule: a handle belongs to one thread at a time. */
#include <assert.h>
#include <inttypes.h>

#include "common/memory.h"
#include "store/survey_private.h"

#define FIRST_ROOM 1024

static const char make_table[] =
    "CREATE TABLE IF NOT EXISTS deleted (row INTEGER PRIMARY KEY REFERENCES objects(row)) STRICT;"
    "PRAGMA user_version = 2;";

/* Within the transaction that is open. */
static nsky_status have_table(nsky_survey *survey, nsky_error *err)
{
    if (survey->sql.hides)
        return NSKY_OK;
    if (sqlite3_exec(survey->sql.db, make_table, NULL, NULL, NULL) != SQLITE_OK)
        return nsky_sql_fail(&survey->sql, err);
    survey->sql.hides = true;
    return NSKY_OK;
}

nsky_status nsky_survey_delete(nsky_survey *survey, uint64_t row, bool deleted, bool *changed,
                               nsky_error *err)
{
    assert(survey && survey->mode == NSKY_SURVEY_WRITE && changed && err);
    nsky_status status;

    *changed = false;
    if (row >= survey->rows)
        return nsky_fail(err, NSKY_ENOTFOUND, "%s: no row %" PRIu64 "; the last is %" PRId64,
                         survey->path, row, (int64_t)survey->rows - 1);
    if (!deleted && !survey->sql.hides)
        return NSKY_OK; /* none was ever hidden */
    if ((status = nsky_survey_start(survey, err)) != NSKY_OK ||
        (status = have_table(survey, err)) != NSKY_OK)
        return status;
    sqlite3_stmt *statement =
        nsky_sql_get(&survey->sql, deleted ? SQL_DELETE_ROW : SQL_UNDELETE_ROW, err);
    if (!statement)
        return err->status;
    status = nsky_sql_run(&survey->sql, statement, nsky_sql_bind_id(statement, 1, row), err);
    *changed = status == NSKY_OK && sqlite3_changes(survey->sql.db) > 0;
    return status;
}

nsky_status nsky_survey_is_deleted(nsky_survey *survey, uint64_t row, bool *deleted,
                                   nsky_error *err)
{
    assert(survey && deleted && err);
    *deleted = false;
    if (!survey->sql.hides || row > INT64_MAX)
        return NSKY_OK;
    sqlite3_stmt *statement = nsky_sql_get(&survey->sql, SQL_IS_DELETED, err);
    if (!statement)
        return err->status;
    nsky_status status =
        nsky_sql_step(&survey->sql, statement, nsky_sql_bind_id(statement, 1, row), deleted, err);
    sqlite3_reset(statement);
    return status;
}

nsky_status nsky_survey_deleted_rows(nsky_survey *survey, uint64_t below, uint64_t **out,
                                     uint64_t *count, nsky_error *err)
{
    assert(survey && out && count && err);
    uint64_t room = FIRST_ROOM;
    uint64_t *rows = nsky_alloc(room, sizeof *rows, err);
    nsky_status status = rows ? NSKY_OK : err->status;
    sqlite3_stmt *statement = NULL;
    bool row = false;

    *out = NULL;
    *count = 0;
    if (rows && survey->sql.hides && !(statement = nsky_sql_get(&survey->sql, SQL_DELETED, err)))
        status = err->status;
    int bound = statement ? nsky_sql_bind_id(statement, 1, below < INT64_MAX ? below : INT64_MAX)
                          : SQLITE_OK;
    while (statement && status == NSKY_OK &&
           (status = nsky_sql_step(&survey->sql, statement, bound, &row, err)) == NSKY_OK && row) {
        if (*count == room) {
            void *more = nsky_realloc(rows, 2 * room, sizeof *rows, err);
            if (!more) {
                status = err->status;
                break;
            }
            rows = more;
            room *= 2;
        }
        rows[(*count)++] = (uint64_t)sqlite3_column_int64(statement, 0);
    }
    if (statement)
        sqlite3_reset(statement);
    if (status == NSKY_OK)
        *out = rows;
    else
        nsky_free(rows);
    return status;
}
