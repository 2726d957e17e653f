/* hit_table.h - private: hits as people and programs read them. */
#ifndef NSKY_HIT_TABLE_H
#define NSKY_HIT_TABLE_H

#include <stdbool.h>

#include "index/search.h"
#include "store/survey.h"

bool nsky_hit_format_known(const char *format); /* "table", "csv", "json", "votable", "fits" */

typedef struct nsky_hit_request {
    const char *store;
    const char *format;
    const char *out;     /* file to replace; NULL: standard output */
    const char *query;   /* what was asked, in words */
    uint32_t k;          /* hits to show, or groups of them */
    double group_arcsec; /* hits closer together are one group; 0: none */
} nsky_hit_request;

/* Columns rank, id, name, ra, dec, similarity, mag_g, mag_r, mag_z, z_phot, known, artefact, and
 * group_of where hits are grouped: those of a group follow its best, with the same rank. The
 * answer may hold more hits than are shown.
 * NSKY_EINVAL: a binary format to a terminal. */
NSKY_MUST_CHECK nsky_status nsky_hit_table_print(const nsky_hit_request *request,
                                                 const nsky_search *search, nsky_survey *survey,
                                                 const nsky_answer *answer, nsky_error *err);

#endif
