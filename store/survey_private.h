/* survey_private.h (private) - the handle, for the files that implement survey.h. */
#ifndef NSKY_STORE_SURVEY_PRIVATE_H
#define NSKY_STORE_SURVEY_PRIVATE_H

#include "store/codec.h"
#include "store/lock.h"
#include "store/pack.h"
#include "store/sql.h"
#include "store/survey.h"

#define NSKY_ZONE_HEIGHT_ARCSEC 30 /* 21600 zones; 76M rows: a 10" cone reads 2 of them */
#define NSKY_ZONES (180 * 3600 / NSKY_ZONE_HEIGHT_ARCSEC)

struct nsky_survey {
    char *path;
    nsky_survey_mode mode;
    nsky_lock lock;
    nsky_sql sql;
    nsky_codec codec;
    nsky_pack_reader reader;
    nsky_pack_writer writer; /* WRITE only */
    uint64_t rows;           /* WRITE: committed and pending; READ: when last asked */
    int64_t path_number;     /* WRITE: of `path_of_last`; 0: not known */
    char path_of_last[NSKY_SOURCE_BYTES];
    bool pending; /* a transaction is open */
    bool broken;  /* a failed commit could not be undone: reopen */
};

/* Where a row's stamp lies and what it must be. No picture: place.bytes 0, where the next one will
 * begin. */
typedef struct nsky_stamp_row {
    uint64_t row, id, pixel_hash;
    nsky_place place;
    uint32_t crc;
} nsky_stamp_row;

/* Opens the transaction of a change. */
NSKY_MUST_CHECK nsky_status nsky_survey_start(nsky_survey *survey, nsky_error *err);
/* The current row of a statement that selects OBJECT_COLUMNS; NSKY_EDATA names the row. */
NSKY_MUST_CHECK nsky_status nsky_object_from_sql(nsky_survey *survey, sqlite3_stmt *statement,
                                                 nsky_object *out, nsky_error *err);
/* The same for PLACE_COLUMNS. */
NSKY_MUST_CHECK nsky_status nsky_stamp_row_from_sql(nsky_survey *survey, sqlite3_stmt *statement,
                                                    nsky_stamp_row *out, nsky_error *err);
/* Reads and checks one record; errors name pack and row. */
NSKY_MUST_CHECK nsky_status nsky_survey_read_record(nsky_survey *survey, const nsky_stamp_row *row,
                                                    nsky_record_info *info, nsky_stamp **out,
                                                    nsky_error *err);
uint32_t nsky_zone_of(double dec_deg);

#endif
