/* verify_catalogue.c - SQLite's own check, and what must hold between the tables.
 * Thread rule: one thread. */
#include <assert.h>
#include <inttypes.h>

#include "store/verify.h"

#define MESSAGES_MAX 20

/* Each must give no row; a row's first column says where. */
static const struct {
    const char *sql, *wrong;
} checks[] = {
    {"SELECT count(*) FROM objects HAVING count(*) <> coalesce(max(row) + 1, 0)"
     " OR coalesce(min(row), 0) <> 0",
     "the row numbers have gaps: rows there are"},
    {"SELECT row FROM objects WHERE path_id IS NOT NULL"
     " AND path_id NOT IN (SELECT path_id FROM paths)",
     "the source file is unknown of row"},
    {"SELECT row FROM objects WHERE (ra IS NULL) <> (dec IS NULL)"
     " OR (ra IS NULL) <> (zone IS NULL) OR ra < 0 OR ra >= 360 OR dec < -90 OR dec > 90"
     " OR zone <> min(max(CAST(floor((dec + 90) * 120.0) AS INTEGER), 0), 21599)",
     "position and zone do not fit of row"},
    {"SELECT sum(rows) FROM kinds HAVING coalesce(sum(rows), 0) <> "
     "(SELECT count(*) FROM objects WHERE bytes > 0) OR coalesce(sum(bytes), 0) <> (SELECT "
     "coalesce(sum(bytes), 0) FROM objects)",
     "the table of kinds counts rows wrongly: it says"},
};

_Static_assert(NSKY_ZONE_HEIGHT_ARCSEC == 30 && NSKY_ZONES == 21600, "the check above says so");

static nsky_status run_check(nsky_verify *verify, nsky_survey *survey, const char *sql,
                             const char *wrong, nsky_error *err)
{
    sqlite3_stmt *statement = NULL;
    nsky_status status = NSKY_OK;
    bool row = true;

    if (sqlite3_prepare_v2(survey->sql.db, sql, -1, &statement, NULL) != SQLITE_OK)
        return nsky_verify_note(verify, nsky_sql_fail(&survey->sql, err), err);
    for (int i = 0; i < MESSAGES_MAX && row && status == NSKY_OK; i++) {
        status = nsky_sql_step(&survey->sql, statement, SQLITE_OK, &row, err);
        if (status == NSKY_OK && row)
            nsky_verify_say(verify, "%s: %s %lld; restore it from a copy", survey->sql.path, wrong,
                            (long long)sqlite3_column_int64(statement, 0));
    }
    sqlite3_finalize(statement);
    return nsky_verify_note(verify, status, err);
}

static nsky_status check_integrity(nsky_verify *verify, nsky_survey *survey, nsky_error *err)
{
    sqlite3_stmt *statement = NULL;
    nsky_status status = NSKY_OK;
    bool row = true;

    if (sqlite3_prepare_v2(survey->sql.db, "PRAGMA integrity_check(20)", -1, &statement, NULL) !=
        SQLITE_OK)
        return nsky_verify_note(verify, nsky_sql_fail(&survey->sql, err), err);
    while (row && status == NSKY_OK) {
        char text[512];
        status = nsky_sql_step(&survey->sql, statement, SQLITE_OK, &row, err);
        if (status != NSKY_OK || !row)
            break;
        if (!nsky_sql_text(text, sizeof text, statement, 0))
            nsky_verify_say(verify, "%s: damaged; restore it from a copy", survey->sql.path);
        else if (sqlite3_stricmp(text, "ok") != 0)
            nsky_verify_say(verify, "%s: %s; restore it from a copy", survey->sql.path, text);
    }
    sqlite3_finalize(statement);
    return nsky_verify_note(verify, status, err);
}

nsky_status nsky_verify_catalogue(nsky_verify *verify, nsky_survey *survey, nsky_error *err)
{
    assert(verify && survey && err);
    nsky_status status = check_integrity(verify, survey, err);

    for (size_t i = 0; i < sizeof checks / sizeof *checks && status == NSKY_OK; i++)
        status = run_check(verify, survey, checks[i].sql, checks[i].wrong, err);
    return status;
}
