/* region.h - private: the places of a filter (cone, polygon, HEALPix cells) made quick to test.
 *
 * The sky in 512 x 256 fields of 0.7 degrees, each marked as outside, inside or on the edge of all
 * that is asked for: most rows need one look at their field, only those on an edge any geometry.
 * Small stores go without. Thread rule: read-only once made.
 */
#ifndef NSKY_REGION_H
#define NSKY_REGION_H

#include "index/columns.h"
#include "index/polygon.h"

typedef struct nsky_region {
    bool everywhere; /* nothing is asked for; the rest is unset */
    bool has_cone, has_polygon, has_cells;
    double cone_centre[3], cone_radius_deg;
    double cone_chord; /* square of the chord of the radius */
    nsky_polygon polygon;
    uint64_t *cells; /* [cell_count] ascending, owned */
    uint32_t cell_count, nside;
    bool nested;
    uint8_t *fields;            /* [NSKY_FIELDS], owned; NULL: look at every row */
    uint32_t dec_low, dec_span; /* rows outside of [low, low + span] (columns.h) are outside */
} nsky_region;

#define NSKY_FIELDS (512 * 256)

/* filter is good by nsky_filter_check. Fields are made for so many rows that they pay. */
NSKY_MUST_CHECK nsky_status nsky_region_make(nsky_region *out, const nsky_filter *filter,
                                             uint64_t rows, nsky_error *err);
void nsky_region_clear(nsky_region *region);
/* A position as columns.h has it. */
/* Clears the bits of rows (row & 7 of byte row >> 3) outside; count is a multiple of 8. */
void nsky_region_test(const nsky_region *region, const uint32_t *ra, const uint32_t *dec,
                      uint64_t count, uint8_t *bits);
bool nsky_region_holds(const nsky_region *region, uint32_t ra, uint32_t dec);

#endif
