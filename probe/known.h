/* known.h - lists of known objects matched to a survey by position, both ways told.
 * Thread rule: one thread. */
#ifndef NSKY_PROBE_KNOWN_H
#define NSKY_PROBE_KNOWN_H

#include "store/survey.h"

#define NSKY_KNOWN_ENTRIES_MAX (1u << 24)

/* One line of the list and the object nearest to it. */
typedef struct nsky_known_match {
    uint64_t line;
    char name[NSKY_NAME_BYTES]; /* the list's; where it has none, from the position */
    nsky_sky position;
    bool matched;
    uint64_t row, id;
    double separation_arcsec;
    uint32_t objects; /* of the survey within the radius: above 1, the nearest was taken */
    uint32_t
        entries; /* of the list whose nearest is this object: above 1, the nearest has its name */
} nsky_known_match;

typedef struct nsky_known {
    nsky_known_match *matches; /* [count], in the order of the list */
    uint32_t count;
    uint32_t matched;         /* entries with an object */
    uint32_t objects;         /* objects with an entry */
    uint32_t outside;         /* entries with nothing within half a degree: off the footprint */
    uint32_t several_objects; /* entries with more than one object within the radius */
    uint32_t several_entries; /* objects with more than one entry */
} nsky_known;

/* A list is CSV, TSV, a FITS table or a VOTable with ra and dec, and name (or id) where it has
 * names. NSKY_EDATA names the lines whose position is none. */
NSKY_MUST_CHECK nsky_status nsky_known_match_list(nsky_known **out, const char *path,
                                                  nsky_survey *survey, double radius_arcsec,
                                                  nsky_error *err);
void nsky_known_free(nsky_known *known); /* NULL is a no-op */

/* Sets `known` of the matched objects to the name of the nearest entry; survey open for
 * writing; commits. *changed counts objects that were not called so before. */
NSKY_MUST_CHECK nsky_status nsky_known_mark(const nsky_known *known, nsky_survey *survey,
                                            uint32_t *changed, nsky_error *err);

#endif
