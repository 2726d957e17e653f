/* sources.c - the files that ingest has been through.
 * Thread rule: a handle belongs to one thread at a time. */
#include <assert.h>
#include <string.h>

#include "common/memory.h"
#include "store/survey_private.h"

#define SOURCES_AT_ONCE 64

nsky_status nsky_survey_put_source(nsky_survey *survey, const nsky_source *source, nsky_error *err)
{
    assert(survey && source && err);
    assert(memchr(source->path, '\0', sizeof source->path) &&
           memchr(source->reason, '\0', sizeof source->reason));
    sqlite3_stmt *s;
    nsky_status status;

    if (source->path[0] == '\0' || source->objects > INT64_MAX)
        return nsky_fail(err, NSKY_EINVAL, "a source needs a path and a sensible count of objects");
    if ((status = nsky_survey_start(survey, err)) != NSKY_OK)
        return status;
    if (!(s = nsky_sql_get(&survey->sql, SQL_PUT_SOURCE, err)))
        return err->status;
    int bound = nsky_sql_bind_text(s, 1, source->path) | sqlite3_bind_int64(s, 2, source->bytes) |
                sqlite3_bind_int64(s, 3, source->mtime_ns) |
                nsky_sql_bind_id(s, 4, source->objects) | sqlite3_bind_int(s, 5, source->refused) |
                nsky_sql_bind_text(s, 6, source->reason);
    return nsky_sql_run(&survey->sql, s, bound, err);
}

static nsky_status from_sql(nsky_survey *survey, sqlite3_stmt *s, nsky_source *out, nsky_error *err)
{
    out->bytes = sqlite3_column_int64(s, 1);
    out->mtime_ns = sqlite3_column_int64(s, 2);
    out->objects = (uint64_t)sqlite3_column_int64(s, 3);
    out->refused = sqlite3_column_int(s, 4) != 0;
    if (nsky_sql_text(out->path, sizeof out->path, s, 0) &&
        nsky_sql_text(out->reason, sizeof out->reason, s, 5) && out->path[0] != '\0')
        return NSKY_OK;
    return nsky_fail(err, NSKY_EDATA,
                     "%s: the entry of source file \"%.200s\" makes no sense; restore it from a "
                     "copy",
                     survey->sql.path, out->path);
}

nsky_status nsky_survey_source(nsky_survey *survey, const char *path, nsky_source *out,
                               nsky_error *err)
{
    assert(survey && path && out && err);
    sqlite3_stmt *statement = nsky_sql_get(&survey->sql, SQL_SOURCE, err);
    bool there;
    nsky_status status;

    memset(out, 0, sizeof *out);
    if (!statement)
        return err->status;
    status =
        nsky_sql_step(&survey->sql, statement, nsky_sql_bind_text(statement, 1, path), &there, err);
    if (status != NSKY_OK)
        return status;
    if (!there)
        return nsky_fail(err, NSKY_ENOTFOUND, "%s: not yet ingested", path);
    status = from_sql(survey, statement, out, err);
    sqlite3_reset(statement);
    return status;
}

/* Up to SOURCES_AT_ONCE of them behind `after`. */
static nsky_status fetch_some(nsky_survey *survey, nsky_sql_id id, const char *after,
                              nsky_source *sources, uint32_t *count, nsky_error *err)
{
    sqlite3_stmt *statement = nsky_sql_get(&survey->sql, id, err);
    nsky_status status;
    bool row;

    *count = 0;
    if (!statement)
        return err->status;
    int bound = sqlite3_bind_text(statement, 1, after, -1, SQLITE_TRANSIENT) |
                sqlite3_bind_int(statement, 2, SOURCES_AT_ONCE);
    while ((status = nsky_sql_step(&survey->sql, statement, bound, &row, err)) == NSKY_OK && row &&
           *count < SOURCES_AT_ONCE &&
           (status = from_sql(survey, statement, sources + *count, err)) == NSKY_OK)
        ++*count;
    sqlite3_reset(statement);
    return status;
}

nsky_status nsky_survey_each_source(nsky_survey *survey, bool refused_only,
                                    bool (*each)(const nsky_source *, void *), void *payload,
                                    nsky_error *err)
{
    assert(survey && each && err);
    nsky_sql_id id = refused_only ? SQL_REFUSED_AFTER : SQL_SOURCES_AFTER;
    char after[NSKY_SOURCE_BYTES] = "";
    uint32_t count, i;
    nsky_status status;

    nsky_source *sources = nsky_alloc(SOURCES_AT_ONCE, sizeof *sources, err);
    if (!sources)
        return err->status;
    for (;;) {
        if ((status = fetch_some(survey, id, after, sources, &count, err)) != NSKY_OK || count == 0)
            break;
        for (i = 0; i < count && each(sources + i, payload); i++) {
        }
        if (i < count)
            break;
        memcpy(after, sources[count - 1].path, sizeof after);
    }
    nsky_free(sources);
    return status;
}
