/* survey.h - the catalogue and stamps of a survey on disk: rows go in once, in order, and stay.
 *
 * STORE/survey.json, catalogue.db (SQLite), stamps/NNNNNN.pack. The catalogue is the truth: a stamp
 * exists when its row is committed; bytes of a pack behind the last committed stamp are cut off
 * when a writer opens the store. Row numbers are dense from 0 in the order of nsky_survey_add,
 * never reused, and are the row numbers of vectors too. Thread rule: a handle belongs to one thread
 * at a time; open one for each worker. One writer at a time (a lock file; NSKY_EBUSY says who holds
 * it), any number of readers beside it.
 */
#ifndef NSKY_SURVEY_H
#define NSKY_SURVEY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/json.h"
#include "common/sky.h"
#include "image/stamp.h"

#define NSKY_NAME_BYTES 96
#define NSKY_SOURCE_BYTES 1024
#define NSKY_TYPE_BYTES 8

typedef struct nsky_survey nsky_survey;

/* One row of the catalogue. Unknown numbers are NaN, unknown text is "". */
typedef struct nsky_object {
    uint64_t id;  /* stable across rebuilds; see nsky_object_id_* */
    uint64_t row; /* set by the store */
    char name[NSKY_NAME_BYTES];
    double ra_deg, dec_deg; /* ICRS; NaN: position unknown */
    float mag_g, mag_r, mag_z;
    float z_phot, z_spec;
    float ebv;
    char type[NSKY_TYPE_BYTES];     /* PSF REX EXP DEV SER, or "" */
    char known[NSKY_NAME_BYTES];    /* name in a list of known lenses, or "" */
    char source[NSKY_SOURCE_BYTES]; /* file it came from, as given to ingest */
} nsky_object;

/* All unknown. */
void nsky_object_init(nsky_object *object);
/* release << 40 | brickid << 16 | objid, each in range (NSKY_EINVAL). */
NSKY_MUST_CHECK nsky_status nsky_object_id_legacy(uint64_t *out, int64_t release, int64_t brickid,
                                                  int64_t objid, nsky_error *err);
/* For everything else: bit 62 set, the rest a hash of the survey's and the object's name. */
uint64_t nsky_object_id_hashed(const char *survey_name, const char *source_name);

typedef enum nsky_survey_mode { NSKY_SURVEY_READ, NSKY_SURVEY_WRITE } nsky_survey_mode;

/* WRITE creates an empty store where there is none (never inside a folder that holds other things:
 * NSKY_EEXIST). READ of an absent one: NSKY_ENOTFOUND. Newer format version: NSKY_EMISMATCH. */
NSKY_MUST_CHECK nsky_status nsky_survey_open(nsky_survey **out, const char *path,
                                             nsky_survey_mode mode, nsky_error *err);
void nsky_survey_close(nsky_survey *survey); /* what was not committed is gone; NULL is a no-op */
const char *nsky_survey_path(const nsky_survey *survey);
uint64_t nsky_survey_rows(nsky_survey *survey); /* committed and pending */

typedef enum nsky_add_result {
    NSKY_ADDED,
    NSKY_ADD_SAME,     /* this id is there with these very pixels */
    NSKY_ADD_CONFLICT, /* this id is there with other pixels: nothing was changed */
} nsky_add_result;

/*
 * Appends a row and its stamp (pending until commit). Stamps are kept as zstd-compressed float16
 * where that loses at most 2^-11 of a pixel's value, else float32; lossless = true keeps float32.
 * Sets object->row and on SAME or CONFLICT object->row of the one that is there.
 */
NSKY_MUST_CHECK nsky_status nsky_survey_add(nsky_survey *survey, nsky_object *object,
                                            const nsky_stamp *stamp, bool lossless,
                                            nsky_add_result *result, nsky_error *err);
/* Appends a row without a picture, as a catalogue alone gives it. *result: SAME when this id is
 * there without one, CONFLICT when it has one. The first such row makes catalogue.db version 3. */
NSKY_MUST_CHECK nsky_status nsky_survey_add_bare(nsky_survey *survey, nsky_object *object,
                                                 nsky_add_result *result, nsky_error *err);
/* Durable when it returns. */
NSKY_MUST_CHECK nsky_status nsky_survey_commit(nsky_survey *survey, nsky_error *err);

/* --- sources: what ingest has been through, so that running it again is quick --- */
typedef struct nsky_source {
    char path[NSKY_SOURCE_BYTES];
    int64_t bytes, mtime_ns; /* of the file when it was read */
    uint64_t objects;        /* taken from it */
    char reason[512];        /* why it was refused, or a note; "" for none */
    bool refused;
} nsky_source;

/* Pending until commit; replaces an entry of the same path. */
NSKY_MUST_CHECK nsky_status nsky_survey_put_source(nsky_survey *survey, const nsky_source *source,
                                                   nsky_error *err);
/* NSKY_ENOTFOUND when it was never seen. */
NSKY_MUST_CHECK nsky_status nsky_survey_source(nsky_survey *survey, const char *path,
                                               nsky_source *out, nsky_error *err);
/* Calls `each` in path order until it returns false. */
NSKY_MUST_CHECK nsky_status nsky_survey_each_source(nsky_survey *survey, bool refused_only,
                                                    bool (*each)(const nsky_source *, void *),
                                                    void *payload, nsky_error *err);

/* --- reading. NSKY_ENOTFOUND says what was not there. By row everything is found, deleted or not;
 * by id, name and position only what is not deleted --- */
NSKY_MUST_CHECK nsky_status nsky_survey_by_row(nsky_survey *survey, uint64_t row, nsky_object *out,
                                               nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_survey_by_id(nsky_survey *survey, uint64_t id, nsky_object *out,
                                              nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_survey_by_name(nsky_survey *survey, const char *name,
                                                nsky_object *out, nsky_error *err);
/* Rows from first in order, until `each` returns false. */
NSKY_MUST_CHECK nsky_status nsky_survey_each(nsky_survey *survey, uint64_t first,
                                             bool (*each)(const nsky_object *, void *payload),
                                             void *payload, nsky_error *err);
/* Nearest first, at most max (<= 10000) of them; *count may be 0. Zones algorithm: quick at 76M. */
typedef struct nsky_cone_hit {
    nsky_object object;
    double separation_arcsec;
} nsky_cone_hit;
NSKY_MUST_CHECK nsky_status nsky_survey_cone(nsky_survey *survey, nsky_sky centre,
                                             double radius_arcsec, uint32_t max, nsky_cone_hit *out,
                                             uint32_t *count, nsky_error *err);
/* NSKY_ENOTFOUND too where the row has no picture. */
NSKY_MUST_CHECK nsky_status nsky_survey_stamp(nsky_survey *survey, uint64_t row, nsky_stamp **out,
                                              nsky_error *err);
/* Sets `known` of the rows within radius of a position; pending until commit. */
NSKY_MUST_CHECK nsky_status nsky_survey_mark_known(nsky_survey *survey, nsky_sky position,
                                                   double radius_arcsec, const char *known,
                                                   uint32_t *marked, nsky_error *err);

/* --- deleting: the row, its stamp and its vector stay, for row numbers are for ever, but it is no
 * longer found by id, name or position, and generations published from then on hide it --- */
/* Hides a row or, deleted false, shows it again; pending until commit. *changed: it was not so. */
NSKY_MUST_CHECK nsky_status nsky_survey_delete(nsky_survey *survey, uint64_t row, bool deleted,
                                               bool *changed, nsky_error *err);
NSKY_MUST_CHECK nsky_status nsky_survey_is_deleted(nsky_survey *survey, uint64_t row, bool *deleted,
                                                   nsky_error *err);
/* Those below a row number, ascending; the caller frees with nsky_free. */
NSKY_MUST_CHECK nsky_status nsky_survey_deleted_rows(nsky_survey *survey, uint64_t below,
                                                     uint64_t **out, uint64_t *count,
                                                     nsky_error *err);
/* As nsky_survey_by_id, deleted or not. */
NSKY_MUST_CHECK nsky_status nsky_survey_row_of_id(nsky_survey *survey, uint64_t id, uint64_t *row,
                                                  nsky_error *err);

/*
 * What `nearsky info` prints, without scanning anything: path, format, rows, stamp_bytes,
 * bands {"grz": rows}, scale_arcsec_px {min, max}, kinds [{bands, scale_arcsec_px, width, height,
 * notes, rows, bytes}], sources {count, refused, first_refused [{path, reason}]}, generations
 * [{number, live, model {name, sha256}, rows, dim, bytes, recall_at_10, index (as in its manifest),
 * created_by} or {number, error}],
 * current (or null), rows_not_embedded, rows_deleted.
 */
NSKY_MUST_CHECK nsky_status nsky_survey_describe(nsky_survey *survey, nsky_json **out,
                                                 nsky_error *err);
/* Every checksum and cross-reference of the whole store, generations included. Calls `problem` for
 * each thing wrong (its text names the file and the remedy) and goes on; *problems counts them. */
NSKY_MUST_CHECK nsky_status nsky_survey_verify(const char *path,
                                               void (*problem)(const char *text, void *payload),
                                               void *payload, uint64_t *problems, nsky_error *err);

#endif
