/* sql_open.c - opening catalogue.db: to write, to read beside a writer, and to read where nothing
 * may be written. Thread rule: a connection belongs to one thread. */
#include <assert.h>
#include <string.h>
#include <sys/stat.h>

#include "common/file.h"
#include "common/memory.h"
#include "store/schema.h"

#define BUSY_MS 10000

/* "file:PATH?immutable=1" with what means something in a URI escaped. */
static char *immutable_uri(const char *path, nsky_error *err)
{
    static const char digits[] = "0123456789ABCDEF";
    char *uri = nsky_alloc(3 * strlen(path) + 32, 1, err), *at = uri;

    if (!uri)
        return NULL;
    memcpy(at, "file:", 5);
    at += 5;
    for (; *path; path++) {
        if (!strchr("%?#", *path)) {
            *at++ = *path;
            continue;
        }
        *at++ = '%';
        *at++ = digits[(unsigned char)*path >> 4];
        *at++ = digits[(unsigned char)*path & 15];
    }
    memcpy(at, "?immutable=1", sizeof "?immutable=1");
    return uri;
}

static bool log_is_empty(const char *path, nsky_error *err)
{
    struct stat info;
    char *log = nsky_format(err, "%s-wal", path);
    bool empty = log && (stat(log, &info) != 0 || info.st_size == 0);

    nsky_free(log);
    return empty;
}

static nsky_status run_text(nsky_sql *sql, const char *text, nsky_error *err)
{
    return sqlite3_exec(sql->db, text, NULL, NULL, NULL) == SQLITE_OK ? NSKY_OK
                                                                      : nsky_sql_fail(sql, err);
}

/* The value of "PRAGMA ..."; the first touch of the file. */
static nsky_status ask(nsky_sql *sql, const char *text, int64_t *value, nsky_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = false;

    *value = 0;
    if (sqlite3_prepare_v2(sql->db, text, -1, &statement, NULL) != SQLITE_OK)
        return nsky_sql_fail(sql, err);
    nsky_status status = nsky_sql_step(sql, statement, SQLITE_OK, &row, err);
    if (status == NSKY_OK && row)
        *value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return status;
}

static nsky_status connect_to(nsky_sql *sql, const char *name, int flags, nsky_error *err)
{
    if (sqlite3_open_v2(name, &sql->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return nsky_sql_fail(sql, err);
    sqlite3_busy_timeout(sql->db, BUSY_MS);
    sqlite3_db_config(sql->db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
    sqlite3_db_config(sql->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)NULL);
    return run_text(sql, "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;", err);
}

/* Whoever may not write beside the file has no shared memory for the log. Where the log is empty
 * the file alone is the whole truth. */
static nsky_status connect_reader(nsky_sql *sql, nsky_error *err)
{
    int64_t version;
    nsky_status status = connect_to(sql, sql->path, SQLITE_OPEN_READONLY, err);

    if (status == NSKY_OK)
        status = ask(sql, "PRAGMA user_version", &version, err);
    if (status != NSKY_EIO || !nsky_file_exists(sql->path))
        return status;
    if (!log_is_empty(sql->path, err))
        return err->status == NSKY_ENOMEM
                   ? NSKY_ENOMEM
                   : nsky_fail(err, NSKY_EIO,
                               "%s-wal: an interrupted writer left its log here and it cannot be "
                               "read; open the store once where it may be written",
                               sql->path);
    char *uri = immutable_uri(sql->path, err);
    if (!uri)
        return err->status;
    sqlite3_close_v2(sql->db);
    sql->db = NULL;
    status = connect_to(sql, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, err);
    nsky_free(uri);
    return status;
}

static nsky_status check_version(nsky_sql *sql, nsky_error *err)
{
    int64_t application, version;
    nsky_status status;

    if ((status = ask(sql, "PRAGMA application_id", &application, err)) != NSKY_OK ||
        (status = ask(sql, "PRAGMA user_version", &version, err)) != NSKY_OK)
        return status;
    if (application != NSKY_SCHEMA_APPLICATION || version < 1)
        return nsky_fail(err, NSKY_EDATA, "%s: not a nearsky catalogue; restore it from a copy",
                         sql->path);
    sql->hides = sql->hid = version >= 2;
    sql->bare = sql->was_bare = version >= 3;
    if (version > NSKY_SCHEMA_VERSION)
        return nsky_fail(err, NSKY_EMISMATCH,
                         "%s: made by a newer nearsky (its tables are version %lld, this one knows "
                         "%d); update nearsky",
                         sql->path, (long long)version, NSKY_SCHEMA_VERSION);
    return NSKY_OK;
}

static nsky_status connect_writer(nsky_sql *sql, bool create, nsky_error *err)
{
    int flags = SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0);
    nsky_status status = connect_to(sql, sql->path, flags, err);

    if (status == NSKY_OK)
        status = run_text(sql,
                          "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                          "PRAGMA foreign_keys = ON; PRAGMA cache_size = -131072;",
                          err);
    if (status == NSKY_OK && create)
        status = run_text(sql, nsky_schema, err);
    return status;
}

nsky_status nsky_sql_open(nsky_sql *out, const char *path, nsky_sql_mode mode, nsky_error *err)
{
    assert(out && path && err);
    nsky_status status;

    memset(out, 0, sizeof *out);
    if (!(out->path = nsky_strdup(path, err)))
        return err->status;
    if (mode != NSKY_SQL_CREATE && !nsky_file_exists(path))
        status = nsky_fail(err, NSKY_EDATA, "%s: the catalogue is missing; restore it from a copy",
                           path);
    else if (mode == NSKY_SQL_READ)
        status = connect_reader(out, err);
    else
        status = connect_writer(out, mode == NSKY_SQL_CREATE, err);
    if (status == NSKY_OK)
        status = check_version(out, err);
    if (status != NSKY_OK)
        nsky_sql_close(out);
    return status;
}

void nsky_sql_close(nsky_sql *sql)
{
    if (!sql->path)
        return;
    for (int i = 0; i < SQL_STATEMENTS; i++)
        sqlite3_finalize(sql->statements[i]);
    int code = sqlite3_close(sql->db);
    assert(code == SQLITE_OK); /* every statement is finalized above */
    nsky_free(sql->path);
    memset(sql, 0, sizeof *sql);
}
