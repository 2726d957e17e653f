/* plan.h (private) - the whole survey as arithmetic on its seed: which object is what, where bricks
 * lie. Thread rule: pure. */
#ifndef NSKY_SIM_PLAN_H
#define NSKY_SIM_PLAN_H

#include "common/sky.h"
#include "sim/object.h"

/* No data release has this number, so that ids never name an object of the real survey. */
#define SIM_RELEASE 9900
#define SIM_BRICK_NAME_BYTES 16

typedef struct sim_plan {
    uint64_t seed;
    uint32_t fields; /* bricks or stamps */
    bool stamps;
    uint32_t side;      /* pixels */
    uint32_t primaries; /* of each field */
    double lens_fraction, artefact_fraction;
    bool nearby;
} sim_plan;

/* options have been checked. */
sim_plan sim_plan_of(const nsky_sim_options *options);

/* What a primary is to be: ordinary, a lens, or a look-alike; deflector 0: ordinary. */
typedef struct sim_part {
    nsky_sim_class class; /* LENS, a look-alike, or ELLIPTICAL for ordinary */
    uint32_t deflector;   /* from 1 */
} sim_part;

/*
 * Exactly a third of the special ones are lenses, and each lens shares its deflector with the two
 * look-alikes that follow it. Which primaries are special is shuffled over the survey.
 */
sim_part sim_plan_part(const sim_plan *plan, uint32_t field, uint32_t primary);

/* A permutation of [0, count). */
uint64_t sim_shuffle(uint64_t seed, uint64_t count, uint64_t index);

typedef struct sim_brick {
    char name[SIM_BRICK_NAME_BYTES]; /* "1498p017" */
    uint32_t id;
    nsky_sky centre;
} sim_brick;

/* Bricks of the real grid, a quarter of a degree apart, in a block whose place the seed decides. */
sim_brick sim_plan_brick(const sim_plan *plan, uint32_t index);
/* Centre of a stamp: spread over the footprint. */
nsky_sky sim_plan_stamp(const sim_plan *plan, uint32_t index);
/* Pixel of a tangent-plane image, north up, east left, `centre` in its middle, to the sky. */
nsky_sky sim_pixel_to_sky(nsky_sky centre, uint32_t side, double x, double y);

#endif
