/* add.c - rows go in once, with their stamps; known lenses are marked afterwards.
 * Thread rule: a handle belongs to one thread at a time. */
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/memory.h"
#include "store/schema.h"
#include "store/survey_private.h"

uint32_t nsky_zone_of(double dec_deg)
{
    const uint32_t last = NSKY_ZONES - 1;
    double zone = floor((dec_deg + 90) * (3600.0 / NSKY_ZONE_HEIGHT_ARCSEC));

    return zone < 0 ? 0 : zone > last ? last : (uint32_t)zone;
}

static bool has_position(const nsky_object *object)
{
    return !isnan(object->ra_deg) || !isnan(object->dec_deg);
}

static nsky_status check_object(const nsky_object *object, nsky_error *err)
{
    nsky_sky position = {object->ra_deg, object->dec_deg};

    if (object->id == 0 || object->id > INT64_MAX)
        return nsky_fail(err, NSKY_EINVAL,
                         "%s: id %" PRIu64 " is not between 1 and 2^63 - 1; see nsky_object_id_*",
                         object->name, object->id);
    if (has_position(object) && !nsky_sky_valid(position))
        return nsky_fail(err, NSKY_EINVAL,
                         "%s: RA %g, Dec %g is no position; leave both NaN when it is unknown",
                         object->name, object->ra_deg, object->dec_deg);
    return NSKY_OK;
}

static nsky_status check_stamp(const nsky_object *object, const nsky_stamp *stamp, nsky_error *err)
{
    if (!(stamp->scale_arcsec_px > 0 && stamp->scale_arcsec_px < INFINITY))
        return nsky_fail(err, NSKY_EINVAL, "%s: %g is no pixel scale", object->name,
                         (double)stamp->scale_arcsec_px);
    if (stamp->width == 0 || stamp->height == 0 || stamp->width > NSKY_STAMP_SIDE_MAX ||
        stamp->height > NSKY_STAMP_SIDE_MAX)
        return nsky_fail(err, NSKY_ELIMIT, "%s: a stamp of %ux%u pixels; sides go up to %d",
                         object->name, stamp->width, stamp->height, NSKY_STAMP_SIDE_MAX);
    return NSKY_OK;
}

/* Whether the id is there, with which pixels. */
static nsky_status find_same(nsky_survey *survey, nsky_object *object, uint64_t hash,
                             nsky_add_result *result, nsky_error *err)
{
    sqlite3_stmt *statement = nsky_sql_get(&survey->sql, SQL_SAME_ID, err);
    bool there;
    nsky_status status;

    *result = NSKY_ADDED;
    if (!statement)
        return err->status;
    status = nsky_sql_step(&survey->sql, statement, nsky_sql_bind_id(statement, 1, object->id),
                           &there, err);
    if (status != NSKY_OK || !there)
        return status;
    object->row = (uint64_t)sqlite3_column_int64(statement, 0);
    bool same = (uint64_t)sqlite3_column_int64(statement, 1) == hash;
    *result = same ? NSKY_ADD_SAME : NSKY_ADD_CONFLICT;
    sqlite3_reset(statement);
    return NSKY_OK;
}

/* The number of a source file's name. A name without objects does no harm. */
static nsky_status find_path(nsky_survey *survey, const char *path, int64_t *number,
                             nsky_error *err)
{
    sqlite3_stmt *statement = nsky_sql_get(&survey->sql, SQL_FIND_PATH, err);
    bool there;
    nsky_status status;

    if (!statement)
        return err->status;
    status =
        nsky_sql_step(&survey->sql, statement, nsky_sql_bind_text(statement, 1, path), &there, err);
    if (status != NSKY_OK)
        return status;
    if (there) {
        *number = sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
        return NSKY_OK;
    }
    if (!(statement = nsky_sql_get(&survey->sql, SQL_ADD_PATH, err)))
        return err->status;
    status = nsky_sql_run(&survey->sql, statement, nsky_sql_bind_text(statement, 1, path), err);
    *number = sqlite3_last_insert_rowid(survey->sql.db);
    return status;
}

/* The same, 0 for "". A file's objects come one after another. */
static nsky_status path_number(nsky_survey *survey, const char *path, int64_t *number,
                               nsky_error *err)
{
    const size_t bytes = strnlen(path, sizeof survey->path_of_last - 1);

    *number = 0;
    if (*path == '\0')
        return NSKY_OK;
    if (survey->path_number > 0 && strcmp(survey->path_of_last, path) == 0) {
        *number = survey->path_number;
        return NSKY_OK;
    }
    survey->path_number = 0;
    nsky_status status = find_path(survey, path, number, err);
    if (status == NSKY_OK && path[bytes] == '\0') {
        memcpy(survey->path_of_last, path, bytes + 1);
        survey->path_number = *number;
    }
    return status;
}

static int bind_object(sqlite3_stmt *s, const nsky_object *object, int64_t path)
{
    int zone = has_position(object) ? (int)nsky_zone_of(object->dec_deg) : -1;

    return nsky_sql_bind_id(s, 1, object->row) | nsky_sql_bind_id(s, 2, object->id) |
           nsky_sql_bind_text(s, 3, object->name) | nsky_sql_bind_real(s, 4, object->ra_deg) |
           nsky_sql_bind_real(s, 5, object->dec_deg) |
           (zone < 0 ? sqlite3_bind_null(s, 6) : sqlite3_bind_int(s, 6, zone)) |
           nsky_sql_bind_real(s, 7, object->mag_g) | nsky_sql_bind_real(s, 8, object->mag_r) |
           nsky_sql_bind_real(s, 9, object->mag_z) | nsky_sql_bind_real(s, 10, object->z_phot) |
           nsky_sql_bind_real(s, 11, object->z_spec) | nsky_sql_bind_real(s, 12, object->ebv) |
           nsky_sql_bind_text(s, 13, object->type) | nsky_sql_bind_text(s, 14, object->known) |
           (path ? sqlite3_bind_int64(s, 15, path) : sqlite3_bind_null(s, 15));
}

static int bind_stamp(sqlite3_stmt *s, const nsky_stamp *stamp, const nsky_stamp_row *row)
{
    return sqlite3_bind_int64(s, 16, row->place.pack) | nsky_sql_bind_id(s, 17, row->place.offset) |
           sqlite3_bind_int64(s, 18, row->place.bytes) | sqlite3_bind_int64(s, 19, row->crc) |
           nsky_sql_bind_id(s, 20, row->pixel_hash) | sqlite3_bind_int64(s, 21, stamp->width) |
           sqlite3_bind_int64(s, 22, stamp->height) |
           sqlite3_bind_double(s, 23, stamp->scale_arcsec_px) |
           sqlite3_bind_text(s, 24, stamp->bands, -1, SQLITE_TRANSIENT) |
           sqlite3_bind_int64(s, 25, stamp->flags);
}

/* What a trigger does where every row has a picture. */
static nsky_status count_kind(nsky_survey *survey, const nsky_stamp *stamp,
                              const nsky_stamp_row *row, nsky_error *err)
{
    sqlite3_stmt *s = nsky_sql_get(&survey->sql, SQL_COUNT_KIND, err);

    if (!s)
        return err->status;
    int bound = sqlite3_bind_text(s, 1, stamp->bands, -1, SQLITE_TRANSIENT) |
                sqlite3_bind_double(s, 2, stamp->scale_arcsec_px) |
                sqlite3_bind_int64(s, 3, stamp->width) | sqlite3_bind_int64(s, 4, stamp->height) |
                sqlite3_bind_int64(s, 5, stamp->flags) | sqlite3_bind_int64(s, 6, row->place.bytes);
    return nsky_sql_run(&survey->sql, s, bound, err);
}

static nsky_status insert(nsky_survey *survey, const nsky_object *object, const nsky_stamp *stamp,
                          const nsky_stamp_row *row, nsky_error *err)
{
    sqlite3_stmt *statement;
    int64_t path;
    nsky_status status = path_number(survey, object->source, &path, err);

    if (status != NSKY_OK)
        return status;
    if (!(statement = nsky_sql_get(&survey->sql, SQL_ADD_OBJECT, err)))
        return err->status;
    int bound = bind_object(statement, object, path) | bind_stamp(statement, stamp, row);
    status = nsky_sql_run(&survey->sql, statement, bound, err);
    return status == NSKY_OK && survey->sql.bare ? count_kind(survey, stamp, row, err) : status;
}

nsky_status nsky_survey_add(nsky_survey *survey, nsky_object *object, const nsky_stamp *stamp,
                            bool lossless, nsky_add_result *result, nsky_error *err)
{
    assert(survey && object && stamp && stamp->pixels && result && err);
    assert(strnlen(stamp->bands, sizeof stamp->bands) == NSKY_STAMP_BANDS);
    nsky_stamp_row row = {.id = object->id};
    const uint8_t *record;
    uint32_t bytes;
    nsky_status status;

    if ((status = check_object(object, err)) != NSKY_OK ||
        (status = check_stamp(object, stamp, err)) != NSKY_OK)
        return status;
    row.pixel_hash = nsky_stamp_hash(stamp);
    if ((status = nsky_survey_start(survey, err)) != NSKY_OK ||
        (status = find_same(survey, object, row.pixel_hash, result, err)) != NSKY_OK ||
        *result != NSKY_ADDED)
        return status;
    object->row = row.row = survey->rows;
    nsky_record_info info = {row.row, row.id, row.pixel_hash, 0, lossless};
    if ((status = nsky_record_encode(&survey->codec, stamp, lossless, &info, &record, &bytes,
                                     &row.crc, err)) != NSKY_OK ||
        (status = nsky_pack_append(&survey->writer, record, bytes, &row.place, err)) != NSKY_OK)
        return status;
    if ((status = insert(survey, object, stamp, &row, err)) != NSKY_OK) {
        nsky_pack_take_back(&survey->writer, &row.place);
        return status;
    }
    survey->rows++;
    return NSKY_OK;
}

/* Within the transaction that is open. */
static nsky_status know_bare(nsky_survey *survey, nsky_error *err)
{
    if (survey->sql.bare)
        return NSKY_OK;
    if (sqlite3_exec(survey->sql.db, nsky_schema_bare, NULL, NULL, NULL) != SQLITE_OK)
        return nsky_sql_fail(&survey->sql, err);
    survey->sql.bare = survey->sql.hides = true;
    return NSKY_OK;
}

nsky_status nsky_survey_add_bare(nsky_survey *survey, nsky_object *object, nsky_add_result *result,
                                 nsky_error *err)
{
    assert(survey && object && result && err);
    const nsky_pack_writer *packs = &survey->writer;
    const uint64_t next = packs->fd < 0 ? NSKY_PACK_HEADER_BYTES : packs->end;
    int64_t path;
    sqlite3_stmt *s;
    nsky_status status;

    *result = NSKY_ADDED;
    if ((status = check_object(object, err)) != NSKY_OK ||
        (status = nsky_survey_start(survey, err)) != NSKY_OK ||
        (status = know_bare(survey, err)) != NSKY_OK ||
        (status = path_number(survey, object->source, &path, err)) != NSKY_OK)
        return status;
    object->row = survey->rows;
    if (!(s = nsky_sql_get(&survey->sql, SQL_ADD_BARE, err)))
        return err->status;
    int bound = bind_object(s, object, path) | sqlite3_bind_int64(s, 16, packs->number) |
                nsky_sql_bind_id(s, 17, next);
    if ((status = nsky_sql_run(&survey->sql, s, bound, err)) != NSKY_OK)
        return status;
    if (sqlite3_changes(survey->sql.db) == 0)
        return find_same(survey, object, 0, result, err);
    survey->rows++;
    return NSKY_OK;
}

nsky_status nsky_survey_mark_known(nsky_survey *survey, nsky_sky position, double radius_arcsec,
                                   const char *known, uint32_t *marked, nsky_error *err)
{
    enum { HITS = 256 }; /* beyond that it is no match but a mistake */
    assert(survey && known && marked && err && strlen(known) < NSKY_NAME_BYTES);
    nsky_status status;
    uint32_t count = 0;

    *marked = 0;
    nsky_cone_hit *hits = nsky_alloc(HITS, sizeof *hits, err);
    if (!hits)
        return err->status;
    if ((status = nsky_survey_start(survey, err)) == NSKY_OK)
        status = nsky_survey_cone(survey, position, radius_arcsec, HITS, hits, &count, err);
    for (uint32_t i = 0; i < count && status == NSKY_OK; i++) {
        sqlite3_stmt *statement = nsky_sql_get(&survey->sql, SQL_MARK_KNOWN, err);
        if (!statement) {
            status = err->status;
            break;
        }
        int bound = nsky_sql_bind_text(statement, 1, known) |
                    nsky_sql_bind_id(statement, 2, hits[i].object.row);
        status = nsky_sql_run(&survey->sql, statement, bound, err);
        *marked += status == NSKY_OK;
    }
    nsky_free(hits);
    return status;
}
