/* nearby.h (private) - galaxies a hundred pixels across, as volunteers see them in pictures.
 * Thread rule: pure but for the generator given. */
#ifndef NSKY_SIM_NEARBY_H
#define NSKY_SIM_NEARBY_H

#include "common/rng.h"
#include "sim/object.h"

/* One of a class drawn here (ELLIPTICAL to IRREGULAR), with more of the structure that size shows
 * than sim_make_galaxy gives it. Overwrites everything in *out but x, y and role. */
void sim_make_nearby(sim_object *out, nsky_rng *rng, double mag_z, double z);

#endif
