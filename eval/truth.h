/* truth.h - what is known of a survey's objects: a table of labels, matched to rows of a store.
 *
 * Columns are found by name; those that are not there leave their value unknown:
 *   id | name | ra, dec (degrees)   which object, the first of these that the file has
 *   class | label                   text; with `class` present, `label` is not read
 *   is_lens                         0 or 1; without it the class "lens" says so
 *   deflector                       number of the galaxy that objects share
 *   theta_e (arcsec), arc_snr, grade, z_spec, mag_g, mag_r, mag_z
 * Thread rule: read-only once read; any thread.
 */
#ifndef NSKY_EVAL_TRUTH_H
#define NSKY_EVAL_TRUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

#define NSKY_TRUTH_OBJECTS_MAX (1u << 20)
#define NSKY_TRUTH_CLASSES_MAX 64
#define NSKY_TRUTH_CLASS_BYTES 48
#define NSKY_TRUTH_MATCH_ARCSEC 1.5 /* for ra, dec */
#define NSKY_TRUTH_NONE UINT32_MAX  /* no class */

typedef enum nsky_truth_lens { NSKY_NOT_LENS, NSKY_IS_LENS, NSKY_LENS_UNKNOWN } nsky_truth_lens;

typedef struct nsky_truth_object {
    uint64_t row;           /* of the store; ascending */
    double ra_deg, dec_deg; /* the catalogue's; NaN: unknown */
    uint32_t class;         /* of nsky_truth.classes, or NSKY_TRUTH_NONE */
    uint32_t group;         /* objects of one group must not be on both sides of a split */
    nsky_truth_lens lens;
    bool
        lookalike; /* no lens, but made to resemble one: it has a deflector, or its class says so */
    char grade;    /* 'A', 'B', ..., or '\0' */
    int64_t deflector; /* -1: none */
    float theta_e_arcsec, arc_snr, z_spec;
    float mag[3]; /* g r z: the table's, else the catalogue's; NaN: unknown */
} nsky_truth_object;

typedef struct nsky_truth {
    nsky_truth_object *objects; /* [n], by row */
    uint32_t n, groups;
    char classes[NSKY_TRUTH_CLASSES_MAX][NSKY_TRUTH_CLASS_BYTES]; /* sorted */
    uint32_t class_count;
    uint32_t lines;     /* rows of the table */
    uint32_t unmatched; /* of them without an object in the store */
} nsky_truth;

/*
 * rows: objects at or behind this row count as not in the store (they have no vector).
 * NSKY_EDATA      no column says which object, a value is none (the line is named), an object twice
 * NSKY_ENOTFOUND  no file, or nothing in it is in the store
 * NSKY_ELIMIT     more objects or classes than there may be
 */
NSKY_MUST_CHECK nsky_status nsky_truth_read(nsky_truth **out, const char *path, const char *store,
                                            uint64_t rows, nsky_error *err);
void nsky_truth_free(nsky_truth *truth); /* NULL is a no-op */

/* NSKY_TRUTH_NONE: no such class. */
uint32_t nsky_truth_class(const nsky_truth *truth, const char *name);

/* Sets group of every object, and groups: those that share a deflector, or lie within
 * NSKY_GROUP_ARCSEC of each other, directly or by way of others. */
#define NSKY_GROUP_ARCSEC 5.0
NSKY_MUST_CHECK nsky_status nsky_truth_group(nsky_truth *truth, nsky_error *err);

#endif
