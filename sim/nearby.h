/* nearby.h (private) - galaxies a hundred pixels across, as volunteers see them in pictures.
 * Thread rule: pure but for the generator given. */
#ifndef NSKY_SIM_NEARBY_H
#define NSKY_SIM_NEARBY_H

#include "common/rng.h"
#include "sim/object.h"

nsky_sim_class sim_draw_nearby_class(nsky_rng *rng); /* ELLIPTICAL to IRREGULAR */

/* As sim_make_galaxy, with more of the structure that size shows. */
void sim_make_nearby(sim_object *out, nsky_rng *rng, nsky_sim_class class, double mag_z, double z);

#endif
