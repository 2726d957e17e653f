/* schema.c - the tables of catalogue.db, and every statement that touches them.
 *
 * paths holds each source file's name once for its thousands of objects. objects_by_zone answers
 * cones without visiting the table. kinds counts rows by sort, so that `info` need not read 76M.
 * 1314081625 is NSKY_SCHEMA_APPLICATION.
 */
#include "store/schema.h"

const char *const nsky_schema =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE IF NOT EXISTS paths ("
    " path_id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE IF NOT EXISTS objects ("
    " row INTEGER PRIMARY KEY, id INTEGER NOT NULL UNIQUE, name TEXT, ra REAL, dec REAL,"
    " zone INTEGER, mag_g REAL, mag_r REAL, mag_z REAL, z_phot REAL, z_spec REAL, ebv REAL,"
    " type TEXT, known TEXT, path_id INTEGER REFERENCES paths(path_id),"
    " pack INTEGER NOT NULL, offset INTEGER NOT NULL, bytes INTEGER NOT NULL,"
    " stamp_crc INTEGER NOT NULL, pixel_hash INTEGER NOT NULL, width INTEGER NOT NULL,"
    " height INTEGER NOT NULL, scale REAL NOT NULL, bands TEXT NOT NULL,"
    " flags INTEGER NOT NULL) STRICT;"
    "CREATE INDEX IF NOT EXISTS objects_by_zone ON objects(zone, ra, dec) WHERE zone IS NOT NULL;"
    "CREATE INDEX IF NOT EXISTS objects_by_name ON objects(name) WHERE name IS NOT NULL;"
    "CREATE TABLE IF NOT EXISTS kinds ("
    " bands TEXT NOT NULL, scale REAL NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,"
    " flags INTEGER NOT NULL, rows INTEGER NOT NULL, bytes INTEGER NOT NULL,"
    " PRIMARY KEY (bands, scale, width, height, flags)) STRICT, WITHOUT ROWID;"
    "CREATE TRIGGER IF NOT EXISTS objects_counted AFTER INSERT ON objects BEGIN"
    " INSERT INTO kinds VALUES (new.bands, round(new.scale, 4), new.width, new.height, new.flags,"
    "  1, new.bytes)"
    " ON CONFLICT DO UPDATE SET rows = rows + 1, bytes = bytes + excluded.bytes;"
    " END;"
    "CREATE TABLE IF NOT EXISTS sources ("
    " path TEXT PRIMARY KEY, bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,"
    " objects INTEGER NOT NULL, refused INTEGER NOT NULL, reason TEXT) STRICT, WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS sources_refused ON sources(path) WHERE refused;"
    "PRAGMA application_id = 1314081625;"
    "PRAGMA user_version = 1;"
    "COMMIT;";

/* A row without a picture has 0 bytes, at the place where the next stamp will lie: the last row
 * tells where packs end, whatever it is. Zeros and '' cost a byte each in SQLite's rows. The
 * trigger goes, for it costs every row a savepoint, which is a third of the time: SQL_COUNT_KIND
 * counts. */
const char *const nsky_schema_bare =
    "CREATE TABLE IF NOT EXISTS deleted (row INTEGER PRIMARY KEY REFERENCES objects(row)) STRICT;"
    "DROP TRIGGER IF EXISTS objects_counted;"
    "PRAGMA user_version = 3;";

#define OBJECT_COLUMNS                                                                      \
    "SELECT row, id, name, ra, dec, mag_g, mag_r, mag_z, z_phot, z_spec, ebv, type, known," \
    " (SELECT path FROM paths WHERE paths.path_id = objects.path_id) FROM objects "
#define PLACE_COLUMNS "SELECT row, id, pack, offset, bytes, stamp_crc, pixel_hash FROM objects "
#define SOURCE_COLUMNS "SELECT path, bytes, mtime_ns, objects, refused, reason FROM sources "

const char *const nsky_sql_texts[SQL_STATEMENTS] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_ROWS] = "SELECT coalesce(max(row), -1) + 1 FROM objects",
    [SQL_LAST_PLACE] = PLACE_COLUMNS "ORDER BY row DESC LIMIT 1",
    [SQL_SAME_ID] = "SELECT row, pixel_hash FROM objects WHERE id = ?",
    [SQL_ADD_PATH] = "INSERT INTO paths(path) VALUES (?)",
    [SQL_FIND_PATH] = "SELECT path_id FROM paths WHERE path = ?",
    [SQL_ADD_OBJECT] =
        "INSERT INTO objects VALUES"
        " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [SQL_ADD_BARE] = "INSERT INTO objects VALUES"
                     " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, 0, 0, '', 0)"
                     " ON CONFLICT (id) DO NOTHING",
    [SQL_COUNT_KIND] = "INSERT INTO kinds VALUES (?, round(?, 4), ?, ?, ?, 1, ?)"
                       " ON CONFLICT DO UPDATE SET rows = rows + 1, bytes = bytes + excluded.bytes",
    [SQL_BY_ROW] = OBJECT_COLUMNS "WHERE row = ?",
    [SQL_BY_ID] = OBJECT_COLUMNS "WHERE id = ?",
    [SQL_BY_NAME] = OBJECT_COLUMNS "WHERE name = ? ORDER BY row LIMIT 1",
    [SQL_FROM_ROW] = OBJECT_COLUMNS "WHERE row >= ? ORDER BY row LIMIT ?",
    [SQL_PLACE] = PLACE_COLUMNS "WHERE row = ?",
    [SQL_PLACES_FROM_ROW] = PLACE_COLUMNS "WHERE row >= ? ORDER BY row LIMIT ?",
    [SQL_ZONE] = "SELECT row, ra, dec FROM objects WHERE zone = ? AND ra BETWEEN ? AND ?",
    [SQL_MARK_KNOWN] = "UPDATE objects SET known = ? WHERE row = ?",
    [SQL_DELETE_ROW] = "INSERT OR IGNORE INTO deleted VALUES (?)",
    [SQL_UNDELETE_ROW] = "DELETE FROM deleted WHERE row = ?",
    [SQL_IS_DELETED] = "SELECT 1 FROM deleted WHERE row = ?",
    [SQL_DELETED] = "SELECT row FROM deleted WHERE row < ? ORDER BY row",
    [SQL_PUT_SOURCE] = "INSERT OR REPLACE INTO sources VALUES (?, ?, ?, ?, ?, ?)",
    [SQL_SOURCE] = SOURCE_COLUMNS "WHERE path = ?",
    [SQL_SOURCES_AFTER] = SOURCE_COLUMNS "WHERE path > ? ORDER BY path LIMIT ?",
    [SQL_REFUSED_AFTER] = SOURCE_COLUMNS "WHERE refused AND path > ? ORDER BY path LIMIT ?",
    [SQL_COUNT_SOURCES] = "SELECT count(*) FROM sources",
    [SQL_COUNT_REFUSED] = "SELECT count(*) FROM sources WHERE refused",
    [SQL_KINDS] = "SELECT bands, scale, width, height, flags, rows, bytes FROM kinds",
};
