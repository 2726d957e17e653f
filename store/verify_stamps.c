/* verify_stamps.c - every stamp read and decoded; each in its place behind the one before.
 * Thread rule: one thread. */
#include <assert.h>
#include <inttypes.h>
#include <unistd.h>

#include "common/memory.h"
#include "store/verify.h"

#define ROWS_AT_ONCE 1024
#define PROBLEMS_OF_A_PACK_MAX 20 /* a lost pack holds thousands of stamps */

/* How far the walk has come. */
typedef struct stamp_walk {
    nsky_verify *verify;
    nsky_survey *survey;
    nsky_stamp_row *rows;
    uint64_t end; /* where the next stamp of `pack` begins */
    uint32_t pack;
    uint64_t problems_here;
    bool begun;
} stamp_walk;

static void say_place(stamp_walk *walk, const nsky_stamp_row *row)
{
    nsky_verify_say(walk->verify,
                    "%s: the stamp of row %" PRIu64 " does not lie behind that of the row before "
                    "(pack %" PRIu32 ", byte %" PRIu64 "); restore it from a copy",
                    walk->survey->sql.path, row->row, row->place.pack, row->place.offset);
}

/* Packs follow one another, and stamps within them, without gaps. */
static void check_place(stamp_walk *walk, const nsky_stamp_row *row)
{
    bool next_pack = walk->begun ? row->place.pack == walk->pack + 1 : row->place.pack == 0;

    if (next_pack) {
        if (row->place.offset != NSKY_PACK_HEADER_BYTES)
            say_place(walk, row);
        walk->problems_here = 0;
    } else if (!walk->begun || row->place.pack != walk->pack || row->place.offset != walk->end) {
        say_place(walk, row);
        walk->problems_here++;
    }
    walk->begun = true;
    walk->pack = row->place.pack;
    walk->end = row->place.offset + row->place.bytes;
}

static nsky_status check_stamp(stamp_walk *walk, const nsky_stamp_row *row, nsky_error *err)
{
    nsky_record_info info;
    nsky_stamp *stamp;

    check_place(walk, row);
    if (walk->problems_here >= PROBLEMS_OF_A_PACK_MAX || row->place.bytes == 0)
        return NSKY_OK;
    nsky_status status = nsky_survey_read_record(walk->survey, row, &info, &stamp, err);
    if (status == NSKY_OK && info.lossless && nsky_stamp_hash(stamp) != info.pixel_hash)
        status = nsky_fail(err, NSKY_EDATA,
                           "%s: the stamp of row %" PRIu64
                           " does not have the pixels that went in; ingest its source anew",
                           walk->survey->reader.directory, row->row);
    nsky_stamp_free(stamp);
    if (status == NSKY_OK)
        return NSKY_OK;
    if (++walk->problems_here == PROBLEMS_OF_A_PACK_MAX)
        nsky_verify_say(walk->verify, "%s/%06" PRIu32 ".pack: more stamps may be damaged",
                        walk->survey->reader.directory, row->place.pack);
    return nsky_verify_note(walk->verify, status, err);
}

static nsky_status fetch_some(stamp_walk *walk, uint64_t first, uint32_t *count, nsky_error *err)
{
    sqlite3_stmt *statement = nsky_sql_get(&walk->survey->sql, SQL_PLACES_FROM_ROW, err);
    nsky_status status;
    bool row;

    *count = 0;
    if (!statement)
        return err->status;
    int bound =
        nsky_sql_bind_id(statement, 1, first) | sqlite3_bind_int(statement, 2, ROWS_AT_ONCE);
    while ((status = nsky_sql_step(&walk->survey->sql, statement, bound, &row, err)) == NSKY_OK &&
           row && *count < ROWS_AT_ONCE &&
           (status = nsky_stamp_row_from_sql(walk->survey, statement, walk->rows + *count, err)) ==
               NSKY_OK)
        ++*count;
    sqlite3_reset(statement);
    return status;
}

static nsky_status walk_rows(stamp_walk *walk, nsky_error *err)
{
    uint64_t first = 0;
    uint32_t count = 0;
    nsky_status status = NSKY_OK;

    do {
        if ((status = fetch_some(walk, first, &count, err)) != NSKY_OK)
            return nsky_verify_note(walk->verify, status, err); /* the rest cannot be found */
        for (uint32_t i = 0; i < count && status == NSKY_OK; i++)
            status = check_stamp(walk, walk->rows + i, err);
        if (count > 0)
            first = walk->rows[count - 1].row + 1;
    } while (status == NSKY_OK && count == ROWS_AT_ONCE);
    return status;
}

nsky_status nsky_verify_stamps(nsky_verify *verify, nsky_survey *survey, nsky_error *err)
{
    assert(verify && survey && err);
    stamp_walk walk = {.verify = verify, .survey = survey};

    if (!(walk.rows = nsky_alloc(ROWS_AT_ONCE, sizeof *walk.rows, err)))
        return err->status;
    nsky_status status = walk_rows(&walk, err);
    nsky_free(walk.rows);
    return status;
}
