/* galaxy.h (private) - recipes that turn a draw of the population into components.
 * Thread rule: pure but for the generator given. */
#ifndef NSKY_SIM_GALAXY_H
#define NSKY_SIM_GALAXY_H

#include "common/rng.h"
#include "sim/object.h"
#include "sim/population.h"

/* Of an ordinary galaxy that is early or not. */
nsky_sim_class sim_draw_class(nsky_rng *rng, bool early);

/* A whole galaxy of this class (ELLIPTICAL to IRREGULAR) around the object's centre. Overwrites
 * everything in *out but x, y and role. */
void sim_make_galaxy(sim_object *out, nsky_rng *rng, nsky_sim_class class, double mag_z, double z);
/* A faint one without visible structure. */
void sim_make_small(sim_object *out, nsky_rng *rng, bool early, double mag_z, double z);

/* The pieces, appended to what is there. */
typedef struct sim_disc {
    double x, y, re, q, angle, z;
    double flux_z;
} sim_disc;

/* Patchy arms of `share` of the disc's light on a smooth disc; bluer by how much they are arms. */
void sim_add_spiral(sim_object *out, nsky_rng *rng, const sim_disc *disc, double share);
void sim_add_ring(sim_object *out, nsky_rng *rng, const sim_disc *disc, double radius,
                  double width);
void sim_add_edge_on(sim_object *out, nsky_rng *rng, const sim_disc *disc);

#endif
