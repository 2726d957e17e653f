/* survey.c - opening, committing and closing a store.
 * Thread rule: a handle belongs to one thread at a time. */
#include <assert.h>
#include <string.h>

#include "common/file.h"
#include "common/memory.h"
#include "store/layout.h"
#include "store/survey_private.h"

static nsky_status open_catalogue(nsky_survey *survey, nsky_sql_mode mode, nsky_error *err)
{
    char *path = nsky_format(err, "%s/catalogue.db", survey->path);

    if (!path)
        return err->status;
    nsky_status status = nsky_sql_open(&survey->sql, path, mode, err);
    nsky_free(path);
    return status;
}

/* An interrupted creation is carried on: survey.json, written last, makes it a store. */
static nsky_status create(nsky_survey *survey, nsky_error *err)
{
    nsky_status status;

    if ((status = nsky_layout_make(survey->path, err)) != NSKY_OK ||
        (status = open_catalogue(survey, NSKY_SQL_CREATE, err)) != NSKY_OK)
        return status;
    nsky_sql_close(&survey->sql);
    if ((status = nsky_fsync_directory(survey->path, err)) != NSKY_OK)
        return status;
    return nsky_layout_finish(survey->path, err);
}

static nsky_status claim(nsky_survey *survey, nsky_error *err)
{
    nsky_status status;

    if ((status = nsky_layout_claim(survey->path, err)) != NSKY_OK ||
        (status = nsky_lock_take(&survey->lock, survey->path, err)) != NSKY_OK ||
        nsky_layout_is_store(survey->path))
        return status;
    return create(survey, err);
}

static nsky_status ask_rows(nsky_survey *survey, uint64_t *rows, nsky_error *err)
{
    sqlite3_stmt *statement = nsky_sql_get(&survey->sql, SQL_ROWS, err);
    bool row;
    nsky_status status;

    if (!statement)
        return err->status;
    if ((status = nsky_sql_step(&survey->sql, statement, SQLITE_OK, &row, err)) != NSKY_OK)
        return status;
    int64_t count = row ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    if (count < 0)
        return nsky_fail(err, NSKY_EDATA, "%s: a row number is negative; restore it from a copy",
                         survey->sql.path);
    *rows = (uint64_t)count;
    return NSKY_OK;
}

/* The last stamp whose row is there, or the place behind it. */
static nsky_status ask_last_place(nsky_survey *survey, nsky_stamp_row *last, bool *any,
                                  nsky_error *err)
{
    sqlite3_stmt *statement = nsky_sql_get(&survey->sql, SQL_LAST_PLACE, err);
    nsky_status status;

    *any = false;
    if (!statement)
        return err->status;
    if ((status = nsky_sql_step(&survey->sql, statement, SQLITE_OK, any, err)) != NSKY_OK || !*any)
        return status;
    status = nsky_stamp_row_from_sql(survey, statement, last, err);
    sqlite3_reset(statement);
    if (status == NSKY_OK && last->place.bytes == 0 && last->place.pack == 0 &&
        last->place.offset == NSKY_PACK_HEADER_BYTES)
        *any = false; /* no row so far has a picture */
    return status;
}

static nsky_status open_parts(nsky_survey *survey, nsky_error *err)
{
    nsky_stamp_row last;
    bool any, write = survey->mode == NSKY_SURVEY_WRITE;
    nsky_status status;

    if (write && (status = claim(survey, err)) != NSKY_OK)
        return status;
    if ((status = nsky_layout_check(survey->path, err)) != NSKY_OK ||
        (status = open_catalogue(survey, write ? NSKY_SQL_WRITE : NSKY_SQL_READ, err)) != NSKY_OK ||
        (status = ask_rows(survey, &survey->rows, err)) != NSKY_OK ||
        (status = nsky_pack_reader_init(&survey->reader, survey->path, err)) != NSKY_OK || !write)
        return status;
    if ((status = ask_last_place(survey, &last, &any, err)) != NSKY_OK)
        return status;
    return nsky_pack_writer_open(&survey->writer, survey->path, any ? &last.place : NULL, err);
}

nsky_status nsky_survey_open(nsky_survey **out, const char *path, nsky_survey_mode mode,
                             nsky_error *err)
{
    assert(out && path && err);
    nsky_status status;

    *out = NULL;
    if (*path == '\0')
        return nsky_fail(err, NSKY_EINVAL, "an empty path names no store");
    nsky_survey *survey = nsky_alloc_zero(1, sizeof *survey, err);
    if (!survey)
        return err->status;
    survey->mode = mode;
    nsky_codec_init(&survey->codec);
    if ((survey->path = nsky_strdup(path, err))) {
        for (size_t end = strlen(path); end > 1 && survey->path[end - 1] == '/'; end--)
            survey->path[end - 1] = '\0';
        status = open_parts(survey, err);
    } else {
        status = err->status;
    }
    if (status != NSKY_OK) {
        nsky_survey_close(survey);
        return status;
    }
    *out = survey;
    return NSKY_OK;
}

/* Leaves the store as the last commit left it. */
static nsky_status roll_back(nsky_survey *survey, nsky_error *err)
{
    nsky_stamp_row last;
    bool any;
    nsky_status status = NSKY_OK;

    survey->pending = false;
    nsky_pack_reader_forget(&survey->reader);
    if (!sqlite3_get_autocommit(survey->sql.db)) /* some errors have rolled back by themselves */
        status = nsky_sql_run_plain(&survey->sql, SQL_ROLLBACK, err);
    survey->sql.hides = survey->sql.hid; /* the tables may have gone with the transaction */
    survey->sql.bare = survey->sql.was_bare;
    survey->path_number = 0;
    if (status == NSKY_OK && (status = ask_rows(survey, &survey->rows, err)) == NSKY_OK &&
        (status = ask_last_place(survey, &last, &any, err)) == NSKY_OK)
        status = nsky_pack_rewind(&survey->writer, any ? &last.place : NULL, err);
    survey->broken = status != NSKY_OK;
    return status;
}

nsky_status nsky_survey_start(nsky_survey *survey, nsky_error *err)
{
    assert(survey->mode == NSKY_SURVEY_WRITE);
    if (survey->broken)
        return nsky_fail(err, NSKY_EIO, "%s: a commit failed and could not be undone; run again",
                         survey->path);
    if (survey->pending)
        return NSKY_OK;
    nsky_status status = nsky_sql_run_plain(&survey->sql, SQL_BEGIN, err);
    survey->pending = status == NSKY_OK;
    return status;
}

nsky_status nsky_survey_commit(nsky_survey *survey, nsky_error *err)
{
    assert(survey && survey->mode == NSKY_SURVEY_WRITE && err);
    nsky_error ignored = NSKY_ERROR_INIT;
    nsky_status status;

    if (survey->broken)
        return nsky_survey_start(survey, err);
    if (!survey->pending)
        return NSKY_OK;
    if ((status = nsky_pack_sync(&survey->writer, err)) == NSKY_OK)
        status = nsky_sql_run_plain(&survey->sql, SQL_COMMIT, err);
    if (status == NSKY_OK) {
        survey->pending = false;
        survey->sql.hid = survey->sql.hides;
        survey->sql.was_bare = survey->sql.bare;
    } else if (roll_back(survey, &ignored) != NSKY_OK) { /* err says what went wrong first */
        survey->broken = true;
    }
    return status;
}

void nsky_survey_close(nsky_survey *survey)
{
    nsky_error ignored = NSKY_ERROR_INIT;

    if (!survey)
        return;
    if (survey->pending && roll_back(survey, &ignored) != NSKY_OK) {
        /* the next writer cuts off what is left */
    }
    nsky_pack_writer_close(&survey->writer);
    nsky_pack_reader_close(&survey->reader);
    nsky_codec_free(&survey->codec);
    nsky_sql_close(&survey->sql);
    nsky_lock_release(&survey->lock);
    nsky_free(survey->path);
    nsky_free(survey);
}

const char *nsky_survey_path(const nsky_survey *survey)
{
    assert(survey);
    return survey->path;
}

uint64_t nsky_survey_rows(nsky_survey *survey)
{
    assert(survey);
    nsky_error err = NSKY_ERROR_INIT;
    uint64_t rows = 0;

    if (survey->mode == NSKY_SURVEY_READ && ask_rows(survey, &rows, &err) == NSKY_OK)
        survey->rows = rows; /* otherwise what was there at the last look: rows never go away */
    return survey->rows;
}
