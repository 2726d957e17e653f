/* sql.h (private) - one SQLite connection and its prepared statements, with errors that name the
 * file. Thread rule: a connection belongs to one thread. */
#ifndef NSKY_STORE_SQL_H
#define NSKY_STORE_SQL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

typedef enum nsky_sql_id {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_ROWS,
    SQL_LAST_PLACE,
    SQL_SAME_ID,
    SQL_ADD_PATH,
    SQL_FIND_PATH,
    SQL_ADD_OBJECT,
    SQL_ADD_BARE,
    SQL_COUNT_KIND,
    SQL_BY_ROW,
    SQL_BY_ID,
    SQL_BY_NAME,
    SQL_FROM_ROW,
    SQL_PLACE,
    SQL_PLACES_FROM_ROW,
    SQL_ZONE,
    SQL_MARK_KNOWN,
    SQL_DELETE_ROW,
    SQL_UNDELETE_ROW,
    SQL_IS_DELETED,
    SQL_DELETED,
    SQL_PUT_SOURCE,
    SQL_SOURCE,
    SQL_SOURCES_AFTER,
    SQL_REFUSED_AFTER,
    SQL_COUNT_SOURCES,
    SQL_COUNT_REFUSED,
    SQL_KINDS,
    SQL_STATEMENTS
} nsky_sql_id;

typedef struct nsky_sql {
    sqlite3 *db;
    sqlite3_stmt *statements[SQL_STATEMENTS]; /* prepared when first used */
    char *path;
    /* Has a table of deleted rows: version 2; knows rows without pictures: version 3. Now, and when
     * last committed. */
    bool hides, hid, bare, was_bare;
} nsky_sql;

typedef enum nsky_sql_mode { NSKY_SQL_READ, NSKY_SQL_WRITE, NSKY_SQL_CREATE } nsky_sql_mode;

/* CREATE makes the tables where they are not yet. NSKY_EMISMATCH: made by a newer version. */
NSKY_MUST_CHECK nsky_status nsky_sql_open(nsky_sql *out, const char *path, nsky_sql_mode mode,
                                          nsky_error *err);
void nsky_sql_close(nsky_sql *sql);

/* Ready for binding, or NULL. */
sqlite3_stmt *nsky_sql_get(nsky_sql *sql, nsky_sql_id id, nsky_error *err);
/* What SQLite says about the last call, as ours. */
nsky_status nsky_sql_fail(nsky_sql *sql, nsky_error *err);
/* bound: the codes of all binds or'ed. *row: there is one; otherwise the statement was reset. */
NSKY_MUST_CHECK nsky_status nsky_sql_step(nsky_sql *sql, sqlite3_stmt *statement, int bound,
                                          bool *row, nsky_error *err);
/* For what gives no rows; resets. */
NSKY_MUST_CHECK nsky_status nsky_sql_run(nsky_sql *sql, sqlite3_stmt *statement, int bound,
                                         nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_sql_run_plain(nsky_sql *sql, nsky_sql_id id, nsky_error *err);

/* NULL for a NaN or infinite number, and for "". */
int nsky_sql_bind_real(sqlite3_stmt *statement, int index, double number);
int nsky_sql_bind_text(sqlite3_stmt *statement, int index, const char *text);
int nsky_sql_bind_id(sqlite3_stmt *statement, int index, uint64_t number);

/* NaN for NULL. */
double nsky_sql_real(sqlite3_stmt *statement, int column);
/* "" for NULL; false when it does not fit or holds a NUL. */
bool nsky_sql_text(char *out, size_t bytes, sqlite3_stmt *statement, int column);

#endif
