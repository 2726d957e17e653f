/* filter.h - which rows may be hits: bounds on what the catalogue says of them, and places on the
 * sky. All that is given must hold at once.
 *
 * A row whose value is unknown fails every test of that value. Numbers are compared as float32,
 * which is what the catalogue keeps; positions are those of columns.h, right to 0.2 mas.
 * Thread rule: plain data; what it points to is borrowed and must outlive the search.
 */
#ifndef NSKY_FILTER_H
#define NSKY_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

#define NSKY_POLYGON_MAX 128        /* vertices */
#define NSKY_CELLS_MAX 100000       /* HEALPix cells */
#define NSKY_NSIDE_MAX (1u << 20)   /* 0.2 arcsec: cells much larger than positions are coarse */
#define NSKY_ONLY_ROWS_MAX 20000000 /* rows named one by one */

/* The catalogue's profile types, as bits of nsky_filter.types. */
typedef enum nsky_type {
    NSKY_TYPE_UNKNOWN, /* "" in the catalogue */
    NSKY_TYPE_PSF,
    NSKY_TYPE_REX,
    NSKY_TYPE_EXP,
    NSKY_TYPE_DEV,
    NSKY_TYPE_SER,
    NSKY_TYPE_COMP,
    NSKY_TYPE_SIMP,
    NSKY_TYPE_SIM,
    NSKY_TYPE_DUP,
    NSKY_TYPE_OTHER, /* any other word */
    NSKY_TYPES
} nsky_type;

/* Of a catalogue's word, trailing spaces apart: "SER" -> NSKY_TYPE_SER. */
nsky_type nsky_type_of(const char *word);
/* "SER,DEV" to bits; "unknown" and "other" are words too. NSKY_EINVAL lists the words there are. */
NSKY_MUST_CHECK nsky_status nsky_types_parse(uint32_t *out, const char *words, nsky_error *err);

typedef struct nsky_vertex {
    double ra_deg, dec_deg;
} nsky_vertex;

typedef struct nsky_filter {
    /* Inclusive; NaN = no bound. */
    double mag_min[3], mag_max[3]; /* g r z */
    double g_r_min, g_r_max;       /* g - r, mag; widened by the rounding of float32, 4e-6 */
    double r_z_min, r_z_max;
    double z_min, z_max;           /* photometric redshift */
    double z_spec_min, z_spec_max; /* spectroscopic */
    uint32_t types;                /* bits 1 << nsky_type; 0: any */
    bool hide_known, only_known;

    double cone_ra_deg, cone_dec_deg, cone_radius_deg; /* NaN radius: anywhere */
    /*
     * Vertices in order, either way round, the last joined to the first by great circles; convex or
     * not; where sides cross, the even-odd rule holds. It must fit into a hemisphere (every vertex
     * within 89 degrees of their mean direction), the side that does is the inside. 0: none.
     */
    uint32_t polygon_count;
    nsky_vertex polygon[NSKY_POLYGON_MAX];
    /* HEALPix cells of one nside (a power of two up to NSKY_NSIDE_MAX); any order. 0: none. */
    const uint64_t *cells;
    uint32_t cell_count, nside;
    bool nested; /* the numbering; else RING */

    const uint64_t *rows; /* [row_count] only these, any order; NULL: all */
    uint64_t row_count;
    const uint8_t *bitmap; /* only rows whose bit (row & 7 of byte row >> 3) is set; NULL: all */
} nsky_filter;

void nsky_filter_init(nsky_filter *filter); /* no bounds */
bool nsky_filter_is_empty(const nsky_filter *filter);
/* The same rows pass both. False where rows are named one by one or by a bitmap. */
bool nsky_filter_same(const nsky_filter *a, const nsky_filter *b);
/* Looks at the catalogue's values; without it a store needs no columns for it. */
bool nsky_filter_needs_columns(const nsky_filter *filter);
/* NSKY_EINVAL names what makes no sense (minimum above maximum, a cone off the sky). */
NSKY_MUST_CHECK nsky_status nsky_filter_check(const nsky_filter *filter, nsky_error *err);

#endif
