/* rows.c - reading rows and their stamps back. What the files say is checked, not believed.
 * Thread rule: a handle belongs to one thread at a time. */
#include <assert.h>
#include <inttypes.h>
#include <math.h>

#include "common/memory.h"
#include "store/survey_private.h"

#define ROWS_AT_ONCE 256 /* so that no reader holds a snapshot, and the log's growth, for long */

static bool plausible(const nsky_object *object)
{
    nsky_sky position = {object->ra_deg, object->dec_deg};

    return object->row <= INT64_MAX && object->id <= INT64_MAX && object->id != 0 &&
           ((isnan(object->ra_deg) && isnan(object->dec_deg)) || nsky_sky_valid(position));
}

nsky_status nsky_object_from_sql(nsky_survey *survey, sqlite3_stmt *s, nsky_object *out,
                                 nsky_error *err)
{
    out->row = (uint64_t)sqlite3_column_int64(s, 0);
    out->id = (uint64_t)sqlite3_column_int64(s, 1);
    out->ra_deg = nsky_sql_real(s, 3);
    out->dec_deg = nsky_sql_real(s, 4);
    out->mag_g = (float)nsky_sql_real(s, 5);
    out->mag_r = (float)nsky_sql_real(s, 6);
    out->mag_z = (float)nsky_sql_real(s, 7);
    out->z_phot = (float)nsky_sql_real(s, 8);
    out->z_spec = (float)nsky_sql_real(s, 9);
    out->ebv = (float)nsky_sql_real(s, 10);
    if (nsky_sql_text(out->name, sizeof out->name, s, 2) &&
        nsky_sql_text(out->type, sizeof out->type, s, 11) &&
        nsky_sql_text(out->known, sizeof out->known, s, 12) &&
        nsky_sql_text(out->source, sizeof out->source, s, 13) && plausible(out))
        return NSKY_OK;
    return nsky_fail(err, NSKY_EDATA, "%s: row %" PRIu64 " makes no sense; restore it from a copy",
                     survey->sql.path, out->row);
}

nsky_status nsky_stamp_row_from_sql(nsky_survey *survey, sqlite3_stmt *s, nsky_stamp_row *out,
                                    nsky_error *err)
{
    int64_t pack = sqlite3_column_int64(s, 2), offset = sqlite3_column_int64(s, 3);
    int64_t bytes = sqlite3_column_int64(s, 4);

    out->row = (uint64_t)sqlite3_column_int64(s, 0);
    out->id = (uint64_t)sqlite3_column_int64(s, 1);
    out->crc = (uint32_t)sqlite3_column_int64(s, 5);
    out->pixel_hash = (uint64_t)sqlite3_column_int64(s, 6);
    if (pack < 0 || pack >= NSKY_PACKS_MAX || offset < NSKY_PACK_HEADER_BYTES ||
        offset > INT64_MAX / 2 || bytes > NSKY_RECORD_BYTES_MAX ||
        (bytes < NSKY_RECORD_HEADER_BYTES && bytes != 0))
        return nsky_fail(err, NSKY_EDATA,
                         "%s: the place of the stamp of row %" PRIu64
                         " makes no sense; restore it from a copy",
                         survey->sql.path, out->row);
    out->place = (nsky_place){(uint64_t)offset, (uint32_t)pack, (uint32_t)bytes};
    return NSKY_OK;
}

/* One object by a statement whose parameters are bound; *there says whether it exists. */
static nsky_status fetch(nsky_survey *survey, sqlite3_stmt *statement, int bound, bool *there,
                         nsky_object *out, nsky_error *err)
{
    nsky_status status = nsky_sql_step(&survey->sql, statement, bound, there, err);

    if (status != NSKY_OK || !*there)
        return status;
    status = nsky_object_from_sql(survey, statement, out, err);
    sqlite3_reset(statement);
    return status;
}

nsky_status nsky_survey_by_row(nsky_survey *survey, uint64_t row, nsky_object *out, nsky_error *err)
{
    assert(survey && out && err);
    sqlite3_stmt *statement = nsky_sql_get(&survey->sql, SQL_BY_ROW, err);
    bool there = false;
    nsky_status status = NSKY_OK;

    nsky_object_init(out);
    if (!statement)
        return err->status;
    if (row <= INT64_MAX)
        status = fetch(survey, statement, nsky_sql_bind_id(statement, 1, row), &there, out, err);
    if (status == NSKY_OK && !there)
        status = nsky_fail(err, NSKY_ENOTFOUND, "%s: no row %" PRIu64 "; the last is %" PRId64,
                           survey->path, row, (int64_t)nsky_survey_rows(survey) - 1);
    return status;
}

static nsky_status refuse_deleted(nsky_survey *survey, const nsky_object *object, nsky_error *err)
{
    bool deleted;
    nsky_status status = nsky_survey_is_deleted(survey, object->row, &deleted, err);

    if (status == NSKY_OK && deleted)
        return nsky_fail(err, NSKY_ENOTFOUND,
                         "%s: object %" PRIu64 " was deleted; `nearsky delete --undo` shows it "
                         "again",
                         survey->path, object->id);
    return status;
}

nsky_status nsky_survey_by_id(nsky_survey *survey, uint64_t id, nsky_object *out, nsky_error *err)
{
    assert(survey && out && err);
    sqlite3_stmt *statement = nsky_sql_get(&survey->sql, SQL_BY_ID, err);
    bool there = false;
    nsky_status status = NSKY_OK;

    nsky_object_init(out);
    if (!statement)
        return err->status;
    if (id <= INT64_MAX)
        status = fetch(survey, statement, nsky_sql_bind_id(statement, 1, id), &there, out, err);
    if (status == NSKY_OK && !there)
        status = nsky_fail(err, NSKY_ENOTFOUND, "%s: no object has id %" PRIu64, survey->path, id);
    return status == NSKY_OK ? refuse_deleted(survey, out, err) : status;
}

nsky_status nsky_survey_row_of_id(nsky_survey *survey, uint64_t id, uint64_t *row, nsky_error *err)
{
    assert(survey && row && err);
    sqlite3_stmt *statement = nsky_sql_get(&survey->sql, SQL_SAME_ID, err);
    bool there = false;
    nsky_status status = NSKY_OK;

    if (!statement)
        return err->status;
    if (id <= INT64_MAX)
        status =
            nsky_sql_step(&survey->sql, statement, nsky_sql_bind_id(statement, 1, id), &there, err);
    if (status == NSKY_OK && there)
        *row = (uint64_t)sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    if (status == NSKY_OK && !there)
        status = nsky_fail(err, NSKY_ENOTFOUND, "%s: no object has id %" PRIu64, survey->path, id);
    return status;
}

nsky_status nsky_survey_by_name(nsky_survey *survey, const char *name, nsky_object *out,
                                nsky_error *err)
{
    assert(survey && name && out && err);
    sqlite3_stmt *statement = nsky_sql_get(&survey->sql, SQL_BY_NAME, err);
    bool there = false;

    nsky_object_init(out);
    if (!statement)
        return err->status;
    nsky_status status =
        fetch(survey, statement, nsky_sql_bind_text(statement, 1, name), &there, out, err);
    if (status == NSKY_OK && !there)
        status =
            nsky_fail(err, NSKY_ENOTFOUND, "%s: no object is named \"%.200s\"", survey->path, name);
    return status == NSKY_OK ? refuse_deleted(survey, out, err) : status;
}

/* Up to ROWS_AT_ONCE objects from `first` on. */
static nsky_status fetch_some(nsky_survey *survey, uint64_t first, nsky_object *objects,
                              uint32_t *count, nsky_error *err)
{
    sqlite3_stmt *statement = nsky_sql_get(&survey->sql, SQL_FROM_ROW, err);
    nsky_status status;
    bool row;

    *count = 0;
    if (!statement)
        return err->status;
    int bound =
        nsky_sql_bind_id(statement, 1, first) | sqlite3_bind_int(statement, 2, ROWS_AT_ONCE);
    while ((status = nsky_sql_step(&survey->sql, statement, bound, &row, err)) == NSKY_OK && row &&
           *count < ROWS_AT_ONCE &&
           (status = nsky_object_from_sql(survey, statement, objects + *count, err)) == NSKY_OK)
        ++*count;
    sqlite3_reset(statement);
    return status;
}

nsky_status nsky_survey_each(nsky_survey *survey, uint64_t first,
                             bool (*each)(const nsky_object *, void *payload), void *payload,
                             nsky_error *err)
{
    assert(survey && each && err);
    uint32_t count = 0, i = 0;
    nsky_status status;

    if (first > INT64_MAX)
        return NSKY_OK;
    nsky_object *objects = nsky_alloc(ROWS_AT_ONCE, sizeof *objects, err);
    if (!objects)
        return err->status;
    for (;;) {
        if ((status = fetch_some(survey, first, objects, &count, err)) != NSKY_OK || count == 0)
            break;
        for (i = 0; i < count && each(objects + i, payload); i++) {
        }
        if (i < count || objects[count - 1].row == INT64_MAX)
            break;
        first = objects[count - 1].row + 1;
    }
    nsky_free(objects);
    return status;
}

/* The record must be the one that the row was given. */
static const char *check_record(const nsky_stamp_row *row, const nsky_record_info *info)
{
    if (info->row != row->row || info->id != row->id)
        return "it is another object's";
    if (info->crc != row->crc || info->pixel_hash != row->pixel_hash)
        return "it is not the stamp that the catalogue knows";
    return NULL;
}

nsky_status nsky_survey_read_record(nsky_survey *survey, const nsky_stamp_row *row,
                                    nsky_record_info *info, nsky_stamp **out, nsky_error *err)
{
    char path[NSKY_PACK_PATH_BYTES];
    uint8_t *record;
    const char *wrong;
    nsky_status status;

    *out = NULL;
    if ((status = nsky_record_room(&survey->codec, row->place.bytes, &record, err)) != NSKY_OK ||
        (status = nsky_pack_read(&survey->reader, &row->place, record, err)) != NSKY_OK)
        return status;
    status = nsky_record_decode(&survey->codec, record, row->place.bytes, info, out, err);
    if (status == NSKY_OK && (wrong = check_record(row, info))) {
        status = nsky_fail(err, NSKY_EDATA, "%s", wrong);
        nsky_stamp_free(*out);
        *out = NULL;
    }
    if (status != NSKY_EDATA)
        return status;
    nsky_error why = *err;
    nsky_pack_path(path, survey->reader.directory, row->place.pack);
    return nsky_fail(err, NSKY_EDATA,
                     "%s: the stamp of row %" PRIu64 " at byte %" PRIu64
                     " is damaged (%.200s); restore the pack from a copy",
                     path, row->row, row->place.offset, why.text);
}

nsky_status nsky_survey_stamp(nsky_survey *survey, uint64_t row, nsky_stamp **out, nsky_error *err)
{
    assert(survey && out && err);
    sqlite3_stmt *statement = nsky_sql_get(&survey->sql, SQL_PLACE, err);
    nsky_record_info info;
    nsky_stamp_row found;
    bool there = false;
    nsky_status status = NSKY_OK;

    *out = NULL;
    if (!statement)
        return err->status;
    if (row <= INT64_MAX)
        status = nsky_sql_step(&survey->sql, statement, nsky_sql_bind_id(statement, 1, row), &there,
                               err);
    if (status != NSKY_OK)
        return status;
    if (!there)
        return nsky_fail(err, NSKY_ENOTFOUND, "%s: no row %" PRIu64 "; the last is %" PRId64,
                         survey->path, row, (int64_t)nsky_survey_rows(survey) - 1);
    status = nsky_stamp_row_from_sql(survey, statement, &found, err);
    sqlite3_reset(statement);
    if (status == NSKY_OK && found.place.bytes == 0)
        return nsky_fail(err, NSKY_ENOTFOUND,
                         "%s: the store has no picture of object %" PRIu64 " (row %" PRIu64 ")",
                         survey->path, found.id, row);
    return status == NSKY_OK ? nsky_survey_read_record(survey, &found, &info, out, err) : status;
}
