/* sql.c - see sql.h. Thread rule: a connection belongs to one thread. */
#include "store/sql.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "store/schema.h"

sqlite3_stmt *nsky_sql_get(nsky_sql *sql, nsky_sql_id id, nsky_error *err)
{
    assert(sql && sql->db && id < SQL_STATEMENTS && err);
    if (!sql->statements[id] &&
        sqlite3_prepare_v3(sql->db, nsky_sql_texts[id], -1, SQLITE_PREPARE_PERSISTENT,
                           &sql->statements[id], NULL) != SQLITE_OK) {
        nsky_sql_fail(sql, err);
        return NULL;
    }
    sqlite3_reset(sql->statements[id]);
    return sql->statements[id];
}

static nsky_status status_of(int code)
{
    switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return NSKY_EBUSY;
    case SQLITE_NOMEM:
        return NSKY_ENOMEM;
    case SQLITE_TOOBIG:
        return NSKY_ELIMIT;
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return NSKY_EIO;
    default: /* SQLITE_CORRUPT, NOTADB, CONSTRAINT; ERROR: tables that are not ours */
        return NSKY_EDATA;
    }
}

nsky_status nsky_sql_fail(nsky_sql *sql, nsky_error *err)
{
    int code = sql->db ? sqlite3_errcode(sql->db) : SQLITE_NOMEM;
    nsky_status status = status_of(code);
    const char *remedy = status == NSKY_EDATA   ? "; run `nearsky verify`, restore it from a copy"
                         : status == NSKY_EBUSY ? "; try again"
                                                : "";

    return nsky_fail(err, status, "%s: %s%s", sql->path,
                     sql->db ? sqlite3_errmsg(sql->db) : "out of memory", remedy);
}

nsky_status nsky_sql_step(nsky_sql *sql, sqlite3_stmt *statement, int bound, bool *row,
                          nsky_error *err)
{
    assert(sql && statement && row && err);
    *row = false;
    int code = bound == SQLITE_OK ? sqlite3_step(statement) : bound;
    if (code == SQLITE_ROW) {
        *row = true;
        return NSKY_OK;
    }
    nsky_status status = code == SQLITE_DONE ? NSKY_OK : nsky_sql_fail(sql, err);
    sqlite3_reset(statement);
    return status;
}

nsky_status nsky_sql_run(nsky_sql *sql, sqlite3_stmt *statement, int bound, nsky_error *err)
{
    bool row;
    nsky_status status = nsky_sql_step(sql, statement, bound, &row, err);

    sqlite3_reset(statement);
    return status;
}

nsky_status nsky_sql_run_plain(nsky_sql *sql, nsky_sql_id id, nsky_error *err)
{
    sqlite3_stmt *statement = nsky_sql_get(sql, id, err);

    return statement ? nsky_sql_run(sql, statement, SQLITE_OK, err) : err->status;
}

int nsky_sql_bind_real(sqlite3_stmt *statement, int index, double number)
{
    return isfinite(number) ? sqlite3_bind_double(statement, index, number)
                            : sqlite3_bind_null(statement, index);
}

int nsky_sql_bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    return *text ? sqlite3_bind_text(statement, index, text, -1, SQLITE_TRANSIENT)
                 : sqlite3_bind_null(statement, index);
}

int nsky_sql_bind_id(sqlite3_stmt *statement, int index, uint64_t number)
{
    return sqlite3_bind_int64(statement, index, (int64_t)number);
}

double nsky_sql_real(sqlite3_stmt *statement, int column)
{
    return sqlite3_column_type(statement, column) == SQLITE_NULL
               ? NAN
               : sqlite3_column_double(statement, column);
}

bool nsky_sql_text(char *out, size_t bytes, sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    size_t length = text ? (size_t)sqlite3_column_bytes(statement, column) : 0;

    *out = '\0';
    if (length >= bytes || (length > 0 && memchr(text, '\0', length)))
        return false;
    if (length > 0)
        memcpy(out, text, length);
    out[length] = '\0';
    return true;
}
