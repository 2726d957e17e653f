/* community.c - see community.h. Thread rule: a handle belongs to one thread at a time. */
#include "store/community.h"

#include <assert.h>
#include <string.h>
#include <time.h>

#include "common/file.h"
#include "common/memory.h"
#include "store/sql.h"

#define BUSY_MS 10000
#define VERSION 1

struct nsky_community {
    nsky_sql sql; /* connection and path; statements are prepared here as needed */
};

/* 1314079565 is "NSCM", this kind of file. */
static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS probes ("
    " name TEXT PRIMARY KEY, created_at TEXT NOT NULL, text TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "PRAGMA application_id = 1314079565;"
    "PRAGMA user_version = 1;"
    "COMMIT;";

static nsky_status run_text(nsky_community *c, const char *text, nsky_error *err)
{
    return sqlite3_exec(c->sql.db, text, NULL, NULL, NULL) == SQLITE_OK
               ? NSKY_OK
               : nsky_sql_fail(&c->sql, err);
}

static nsky_status prepare(nsky_community *c, const char *text, sqlite3_stmt **out, nsky_error *err)
{
    return sqlite3_prepare_v2(c->sql.db, text, -1, out, NULL) == SQLITE_OK
               ? NSKY_OK
               : nsky_sql_fail(&c->sql, err);
}

static nsky_status check_version(nsky_community *c, nsky_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = false;
    int version = 0;
    nsky_status status = prepare(c, "PRAGMA user_version", &statement, err);

    if (status == NSKY_OK)
        status = nsky_sql_step(&c->sql, statement, SQLITE_OK, &row, err);
    if (status == NSKY_OK && row)
        version = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    if (status == NSKY_OK && version > VERSION)
        status = nsky_fail(err, NSKY_EMISMATCH,
                           "%s: made by a newer nearsky (its tables are version %d, this one knows "
                           "%d); update nearsky",
                           c->sql.path, version, VERSION);
    return status;
}

static nsky_status connect_to(nsky_community *c, bool create, nsky_error *err)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (create ? SQLITE_OPEN_CREATE : 0);

    if (!create && !nsky_file_exists(c->sql.path))
        return nsky_fail(err, NSKY_ENOTFOUND, "%s: not there", c->sql.path);
    if (sqlite3_open_v2(c->sql.path, &c->sql.db, flags, NULL) != SQLITE_OK)
        return nsky_sql_fail(&c->sql, err);
    sqlite3_busy_timeout(c->sql.db, BUSY_MS);
    sqlite3_db_config(c->sql.db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
    sqlite3_db_config(c->sql.db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)NULL);
    nsky_status status = run_text(
        c, "PRAGMA cell_size_check = ON; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;",
        err);
    if (status == NSKY_OK)
        status = check_version(c, err);
    return status == NSKY_OK ? run_text(c, schema, err) : status;
}

nsky_status nsky_community_open(nsky_community **out, const char *store, bool create,
                                nsky_error *err)
{
    assert(out && store && err);
    nsky_community *c = nsky_alloc_zero(1, sizeof *c, err);

    *out = NULL;
    if (!c)
        return err->status;
    c->sql.path = nsky_format(err, "%s/community.db", store);
    nsky_status status = c->sql.path ? connect_to(c, create, err) : err->status;
    if (status == NSKY_OK)
        *out = c;
    else
        nsky_community_close(c);
    return status;
}

void nsky_community_close(nsky_community *community)
{
    if (!community)
        return;
    nsky_sql_close(&community->sql);
    nsky_free(community);
}

bool nsky_community_name_ok(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t length = strlen(name);

    return length >= 1 && length < NSKY_COMMUNITY_NAME_BYTES && strspn(name, letters) == length &&
           name[0] != '-' && name[0] != '_';
}

/* How many there are, and whether one is called so. */
static nsky_status look(nsky_community *c, const char *name, int *count, bool *there,
                        nsky_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = false;
    nsky_status status =
        prepare(c, "SELECT count(*), coalesce(sum(name = ?), 0) FROM probes", &statement, err);

    if (status == NSKY_OK)
        status =
            nsky_sql_step(&c->sql, statement, nsky_sql_bind_text(statement, 1, name), &row, err);
    if (status == NSKY_OK && row) {
        *count = sqlite3_column_int(statement, 0);
        *there = sqlite3_column_int(statement, 1) > 0;
    }
    sqlite3_finalize(statement);
    return status;
}

static nsky_status insert(nsky_community *c, const char *name, const char *text, const char *now,
                          nsky_error *err)
{
    sqlite3_stmt *statement = NULL;
    nsky_status status =
        prepare(c, "INSERT OR REPLACE INTO probes VALUES (?, ?, ?)", &statement, err);

    if (status == NSKY_OK)
        status = nsky_sql_run(&c->sql, statement,
                              nsky_sql_bind_text(statement, 1, name) |
                                  nsky_sql_bind_text(statement, 2, now) |
                                  nsky_sql_bind_text(statement, 3, text),
                              err);
    sqlite3_finalize(statement);
    return status;
}

static nsky_status put(nsky_community *c, const char *name, const char *text, bool replace,
                       const char *now, nsky_error *err)
{
    int count = 0;
    bool there = false;
    nsky_status status = look(c, name, &count, &there, err);

    if (status != NSKY_OK)
        return status;
    if (there && !replace)
        return nsky_fail(err, NSKY_EEXIST, "there is a probe called \"%s\" already", name);
    if (!there && count >= NSKY_COMMUNITY_PROBES_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "there are %d probes already; no more are kept", count);
    return insert(c, name, text, now, err);
}

nsky_status nsky_community_put_probe(nsky_community *community, const char *name, const char *text,
                                     bool replace, char created_at[NSKY_COMMUNITY_TIME_BYTES],
                                     nsky_error *err)
{
    assert(community && name && text && created_at && err);
    time_t now = time(NULL);
    struct tm utc;

    if (!nsky_community_name_ok(name))
        return nsky_fail(err, NSKY_EINVAL,
                         "a name is 1 to %d of a-z, 0-9, - and _, a letter or digit first",
                         NSKY_COMMUNITY_NAME_BYTES - 1);
    if (strlen(text) > NSKY_COMMUNITY_TEXT_BYTES_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "a probe of %zu bytes is larger than is kept",
                         strlen(text));
    strftime(created_at, NSKY_COMMUNITY_TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    nsky_status status = run_text(community, "BEGIN IMMEDIATE", err);
    if (status != NSKY_OK)
        return status;
    if ((status = put(community, name, text, replace, created_at, err)) == NSKY_OK)
        status = run_text(community, "COMMIT", err);
    if (status != NSKY_OK)
        sqlite3_exec(community->sql.db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

static nsky_status hand_over(nsky_community *c, sqlite3_stmt *statement,
                             nsky_status (*each)(const nsky_community_probe *, void *,
                                                 nsky_error *),
                             void *payload, nsky_error *err)
{
    nsky_community_probe probe = {.text = (const char *)sqlite3_column_text(statement, 2)};

    probe.bytes = probe.text ? (size_t)sqlite3_column_bytes(statement, 2) : 0;
    if (!nsky_sql_text(probe.name, sizeof probe.name, statement, 0) ||
        !nsky_sql_text(probe.created_at, sizeof probe.created_at, statement, 1) || !probe.text ||
        probe.bytes > NSKY_COMMUNITY_TEXT_BYTES_MAX || !nsky_community_name_ok(probe.name))
        return nsky_fail(err, NSKY_EDATA, "%s: a probe makes no sense; restore it from a copy",
                         c->sql.path);
    return each(&probe, payload, err);
}

nsky_status nsky_community_each_probe(nsky_community *community,
                                      nsky_status (*each)(const nsky_community_probe *probe,
                                                          void *payload, nsky_error *err),
                                      void *payload, nsky_error *err)
{
    assert(community && each && err);
    sqlite3_stmt *statement = NULL;
    bool row = true;
    nsky_status status =
        prepare(community, "SELECT name, created_at, text FROM probes ORDER BY name LIMIT 256",
                &statement, err);

    while (status == NSKY_OK && row) {
        status = nsky_sql_step(&community->sql, statement, SQLITE_OK, &row, err);
        if (status == NSKY_OK && row)
            status = hand_over(community, statement, each, payload, err);
    }
    sqlite3_finalize(statement);
    return status;
}
