/* ingest.h - files of galaxies into a store: everything is read, or listed with the reason. */
#ifndef NSKY_INGEST_H
#define NSKY_INGEST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "store/survey.h"

typedef struct nsky_ingest_options {
    const char *survey_name; /* part of hashed ids; NULL: the header's SURVEY, else "" */
    const char *catalogue;   /* CSV or FITS with ra, dec or name: adds columns; or NULL */
    bool lossless;           /* keep float32 pixels */
    double mag_z_max;        /* bricks: fainter entries are left out; 0: 20.5 */
    bool keep_stars;         /* bricks: entries of TYPE PSF and DUP too */
    uint32_t workers;        /* 0: one for each core */
    uint32_t batch;          /* objects between two commits; 0: 512 */
    const atomic_bool *stop; /* or NULL */
} nsky_ingest_options;

typedef struct nsky_ingest_report {
    uint64_t files, refused; /* sources looked at now; a set of bands or a brick is one */
    uint64_t unchanged;      /* sources skipped: read before and not changed since */
    uint64_t other;          /* files that are no images: tables, texts, masks, links */
    uint64_t added, already; /* objects */
    uint64_t matched;        /* objects that the catalogue knew */
    /* Entries of bricks read now that are no objects, each for the first that holds: not primary,
     * too faint, a star, no pixels in every band. */
    uint64_t secondary, faint, stars, bare;
    double seconds;
} nsky_ingest_report;

/*
 * Walks each path (file or folder, sorted; symbolic links are not followed), recognises what it
 * holds, and appends rows in that order whatever the number of workers. One bad file is one refused
 * source and one line of log; the rest goes on. Kill it and run it again: the same store.
 * Refused sources are looked at again on every run. Asked for more of a brick than it was read for
 * (fainter entries, stars), it is read again and the rest is added; asked for less, its rows stay,
 * which a line of log says. The report is filled on errors too.
 * NSKY_ENOTFOUND   a path is not there: nothing was done
 * NSKY_ECANCELLED  stopped by options->stop; what was finished is committed
 */
NSKY_MUST_CHECK nsky_status nsky_ingest_paths(const char *store, const char *const *paths,
                                              uint32_t path_count,
                                              const nsky_ingest_options *options,
                                              nsky_ingest_report *report, nsky_error *err);

#endif
