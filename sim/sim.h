/* sim.h - a make-believe sky: galaxies, lenses and clutter as Legacy-Survey-shaped files with
 * truth.
 *
 * The physics is that of Stein et al. 2022 (arXiv:2110.00023) and of the lens simulations of
 * Collett 2015 (arXiv:1507.02657), as far as a ground-based g r z image shows it. Strong lenses and
 * look-alikes are made far more common than in the sky (1 in 10^4), and galaxies denser, so that a
 * small survey has enough of everything: scores measured on it are not scores on a real survey.
 *
 * Everything is a function of the seed: same options, same bytes, whatever the number of threads.
 */
#ifndef NSKY_SIM_H
#define NSKY_SIM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

#define NSKY_SIM_BRICKS_MAX 10000
#define NSKY_SIM_STAMPS_MAX 1000000
#define NSKY_SIM_BRICK_SIDE_MIN 320 /* pixels */
#define NSKY_SIM_BRICK_SIDE_MAX 4096
#define NSKY_SIM_BRICK_SIDE 1800 /* a real one has 3600 */
#define NSKY_SIM_STAMP_SIDE_MIN 32
#define NSKY_SIM_DENSITY_MIN 0.05
#define NSKY_SIM_DENSITY_MAX 12.0
/* In units of the real survey, 240 galaxies with z < 20 in a brick of 3600 x 3600 pixels. With the
 * default side a brick holds as many galaxies as a real one, on a quarter of the area. */
#define NSKY_SIM_DENSITY 4.0
#define NSKY_SIM_LENS_FRACTION 0.03
#define NSKY_SIM_LENS_FRACTION_MAX 0.3
#define NSKY_SIM_ARTEFACT_FRACTION 0.015
#define NSKY_SIM_THREADS_MAX 256

typedef enum nsky_sim_class {
    NSKY_SIM_ELLIPTICAL,
    NSKY_SIM_SPIRAL,
    NSKY_SIM_BARRED,
    NSKY_SIM_RING,
    NSKY_SIM_EDGE_ON,
    NSKY_SIM_MERGER,
    NSKY_SIM_IRREGULAR,
    NSKY_SIM_LENS,
    /* Look-alikes: each grows around a deflector drawn as a lens's would be. */
    NSKY_SIM_BARE_DEFLECTOR,   /* no source behind it */
    NSKY_SIM_BLUE_SATELLITE,   /* a blue companion where an image would be */
    NSKY_SIM_SPIRAL_MIMIC,     /* a red core in a faint face-on spiral */
    NSKY_SIM_RING_MIMIC,       /* a blue ring, but of stars */
    NSKY_SIM_TIDAL_ARC,        /* a curved stream */
    NSKY_SIM_CHANCE_NEIGHBOUR, /* a blue galaxy in front or behind, any angle */
    NSKY_SIM_TANGENTIAL_EDGE,  /* a blue edge-on disc that lies tangentially */
    NSKY_SIM_STAR,
    NSKY_SIM_CLASSES
} nsky_sim_class;

typedef enum nsky_sim_role {
    NSKY_SIM_PRIMARY, /* what the survey is about: z < 20 */
    NSKY_SIM_FIELD,   /* fainter galaxies and members of groups that happen to be near */
    NSKY_SIM_FOREGROUND,
} nsky_sim_role;

enum {
    NSKY_SIM_ARTEFACT_TRAIL = 1u << 0,      /* satellite, seen in one band */
    NSKY_SIM_ARTEFACT_GHOST = 1u << 1,      /* out-of-focus reflection: a faint annulus */
    NSKY_SIM_ARTEFACT_BLEED = 1u << 2,      /* saturated star: spike and halo */
    NSKY_SIM_ARTEFACT_NO_BAND = 1u << 3,    /* a band was not observed: zeros */
    NSKY_SIM_ARTEFACT_CHIP_EDGE = 1u << 4,  /* one side is missing in a band */
    NSKY_SIM_ARTEFACT_COSMIC_RAY = 1u << 5, /* sharp streaks in one band */
    NSKY_SIM_ARTEFACT_SKY_OFFSET = 1u << 6, /* background half a sigma off */
    NSKY_SIM_ARTEFACT_MISALIGNED = 1u << 7, /* bands shifted against each other */
};
#define NSKY_SIM_ARTEFACT_KINDS 8

const char *nsky_sim_class_name(nsky_sim_class class);     /* "elliptical", "blue-satellite" */
const char *nsky_sim_role_name(nsky_sim_role role);        /* "primary" */
const char *nsky_sim_artefact_name(uint32_t artefact_bit); /* "trail"; NULL: no such bit */

typedef struct nsky_sim_options {
    const char *out; /* folder; made when absent */
    uint32_t bricks; /* exactly one of bricks and stamps is above 0 */
    uint32_t stamps;
    uint64_t seed;
    uint32_t size;  /* pixels a side of brick or stamp; 0: NSKY_SIM_BRICK_SIDE, NSKY_STAMP_SIDE */
    double density; /* bricks: NSKY_SIM_DENSITY */
    double lens_fraction;     /* of primaries; twice as many are look-alikes */
    double artefact_fraction; /* of primaries have one made on purpose beside them */
    bool
        nearby; /* primaries that are no deflectors: z = 12.5 to 16.5 mag, some 100 pixels across */
    const char *sheet;       /* JPEG of examples by class; NULL: none */
    uint32_t threads;        /* 0: one for each core */
    const atomic_bool *stop; /* or NULL */
} nsky_sim_options;

void nsky_sim_options_init(nsky_sim_options *options); /* the defaults above, seed 1 */

typedef struct nsky_sim_report {
    uint32_t made, kept; /* bricks or stamps written now, and found finished */
    uint64_t primaries, lenses, lookalikes, field_galaxies, stars;
    double seconds;
} nsky_sim_report;

/*
 * Writes into options->out
 *   bricks: coadd/<AAA>/<brick>/legacysurvey-<brick>-image-<band>.fits.fz,
 * tractor/<AAA>/tractor-<brick>.fits stamps: stamps/<AAA>/<name>.fits truth.csv, one row for each
 * entry of a catalogue, and simulate.json, the options. Files are whole or absent; run again with
 * the same options it writes what is missing.
 *
 * NSKY_EINVAL     options out of range
 * NSKY_EMISMATCH  `out` holds a survey made with other options
 * NSKY_ECANCELLED *stop became true; what is finished stays
 */
NSKY_MUST_CHECK nsky_status nsky_sim_run(const nsky_sim_options *options, nsky_sim_report *report,
                                         nsky_error *err);

#endif
